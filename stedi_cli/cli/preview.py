"""``stedi preview``: the first rows of a table, on the terminal or as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stedi_cli.cli import completion, render
from stedi_cli.cli.interrupts import if_interrupted
from stedi_cli.cli.rows import MOST, show_rows
from stedi_cli.cli.session import session
from stedi_cli.errors import UsageError
from stedi_cli.sql import identifier


def preview(
    ctx: typer.Context,
    table: Annotated[
        str, typer.Argument(help="Name of the table.", autocompletion=completion.tables)
    ],
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, max=MOST, help="Rows to show.")] = 10,
    save: Annotated[
        Path | None,
        typer.Option("--save", help="Write a picture, ending in .png, .svg or .html, instead."),
    ] = None,
    unmasked: Annotated[
        bool, typer.Option("--unmasked", help="With --save: also what identifies a person.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing picture.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the first rows of a table, or write a picture of them.

    Example: stedi preview customer_trusted --rows 5
    """
    if save is None and (unmasked or force):
        raise UsageError("--unmasked and --force are about a picture.", hint="Give --save too.")
    if save is not None and as_json:
        raise UsageError("--save and --json exclude each other.", hint="Give one of them.")
    with session(ctx) as opened:
        found = opened.lakehouse.table(table)
        if save is not None:
            from stedi_cli.cli.picture import refuse_picture, save_table

            refuse_picture(save, force=force)
            with (
                render.busy(f"Drawing {save}"),
                if_interrupted("the picture is as before or whole"),
            ):
                save_table(opened, "preview --save", found, save, rows, unmasked=unmasked)
            render.say(f"A picture of {found.name} written to {save}.")
        else:
            sql = f"SELECT * FROM {identifier(found.name)} LIMIT {rows}"
            answer = opened.lake.questions.ask(sql)
            if as_json:
                render.emit_rows(answer.columns, answer.rows)
            else:
                show_rows(answer.columns, list(answer.rows))
            for note in answer.notes:
                render.note(note)
        render.show_cost(opened.query_cost)
