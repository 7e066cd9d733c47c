"""``stedi export``: a table as a Parquet or CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.session import session
from stedi_cli.errors import UsageError


def export(
    ctx: typer.Context,
    table: Annotated[str, typer.Argument(help="Name of the table.")],
    file: Annotated[Path, typer.Argument(help="File to make, ending in .parquet or .csv.")],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a table to a Parquet or CSV file.

    Example: stedi export machine_learning_curated steps.parquet
    """
    from stedi_cli.cli.ledger import enter
    from stedi_cli.questions.export_file import is_taken

    with session(ctx) as opened:
        if is_taken(file) and not force:
            raise UsageError(f"{file} exists.", hint="Add --force to replace it.")
        found = opened.lakehouse.table(table)
        with render.busy(f"Writing {file}"):
            exported = opened.lake.questions.export(
                table, file, lambda done: enter(opened, "export", found, done.file, done.rows)
            )
        cost = opened.query_cost
        if as_json:
            render.emit(exported.as_json() | render.cost_record(cost))
        else:
            render.say(f"{exported.rows:,} row(s) of {table} written to {file}.")
            render.show_cost(cost)
