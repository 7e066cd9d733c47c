"""``stedi preview``: the first rows of a table."""

from __future__ import annotations

from typing import Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.rows import MOST, show_rows
from stedi_cli.cli.session import session
from stedi_cli.sql import identifier


def preview(
    ctx: typer.Context,
    table: Annotated[str, typer.Argument(help="Name of the table.")],
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, max=MOST, help="Rows to show.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the first rows of a table.

    Example: stedi preview customer_trusted --rows 5
    """
    with session(ctx) as opened:
        name = opened.lakehouse.table(table).name
        answer = opened.lake.questions.ask(f"SELECT * FROM {identifier(name)} LIMIT {rows}")
        if as_json:
            render.emit_rows(answer.columns, answer.rows)
        else:
            show_rows(answer.columns, list(answer.rows))
        render.show_cost(opened.query_cost)
