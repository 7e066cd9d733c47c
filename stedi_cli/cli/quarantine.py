"""``stedi quarantine``: the landing lines that cannot be used."""

from __future__ import annotations

from typing import Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.session import session
from stedi_cli.errors import UsageError
from stedi_cli.lakehouse import QUARANTINE
from stedi_cli.sql import literal


def quarantine(
    ctx: typer.Context,
    table: Annotated[str | None, typer.Argument(help="One landing table [default: all].")] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Show the lines themselves, read from the files now.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how many landing lines cannot be used, by reason; with --show, the lines.

    Example: stedi quarantine accelerometer_landing --show
    """
    with session(ctx) as opened:
        if table is not None and opened.lakehouse.table(table).name not in opened.lakehouse.landing:
            raise UsageError(
                f"{table} is no landing table.",
                hint=f"Landing tables: {', '.join(opened.lakehouse.landing)}.",
            )
        only = f' WHERE "table" = {literal(opened.lakehouse.table(table).name)}' if table else ""
        if show:
            answer = opened.target.query(
                f'SELECT "table", file, line, reason FROM {QUARANTINE}{only} ORDER BY ALL'
            )
            rows = list(answer.rows)
            lines = opened.target.landing_lines([(row[0], row[1], row[2]) for row in rows])
            columns = ["table", "file", "line", "reason", "content"]
            records = [(*row, text) for row, text in zip(rows, lines, strict=True)]
        else:
            columns = ["table", "reason", "lines"]
            records = list(
                opened.target.query(
                    f'SELECT "table", reason, count(*) AS lines FROM {QUARANTINE}{only}'
                    ' GROUP BY "table", reason ORDER BY ALL'
                ).rows
            )
        if as_json:
            render.emit_rows(columns, records)
        elif not records:
            render.say("No landing line is in quarantine.")
        elif show:
            for where, file, line, reason, text in records:
                render.say(f"{where} {file}:{line} {reason}\n  {render.plain(text)}")
        else:
            render.show(render.table(["table", "reason", ">lines"], records))
