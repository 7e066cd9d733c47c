"""``stedi quarantine``: the landing lines that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from stedi_cli.cli import render
from stedi_cli.cli.session import session
from stedi_cli.errors import UsageError
from stedi_cli.sql import literal

if TYPE_CHECKING:
    from stedi_cli.lake.parts import Lake


def quarantine(
    ctx: typer.Context,
    table: Annotated[str | None, typer.Argument(help="One landing table [default: all].")] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Show the lines themselves, read from the files now.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how many landing lines cannot be used, by reason.

    With --show, the lines themselves.

    Example: stedi quarantine accelerometer_landing --show
    """
    with session(ctx) as opened:
        only = ""
        if table is not None:
            name = opened.lakehouse.table(table).name
            if name not in opened.lakehouse.landing:
                raise UsageError(
                    f"{table} is no landing table.",
                    hint=f"Landing tables: {', '.join(opened.lakehouse.landing)}.",
                )
            only = f' WHERE "table" = {literal(name)}'
        columns, records = (_lines if show else _reasons)(opened.lake, only)
        if as_json:
            render.emit_rows(columns, records)
        elif not records:
            render.say("No landing line is in quarantine.")
        elif show:
            for where, file, line, reason, text in records:
                render.say(f"{where} {file}:{line} {reason}\n  {render.plain(text)}")
        else:
            render.show(render.table(["table", "reason", ">lines"], records))
        render.show_cost(opened.query_cost)


def _lines(lake: Lake, only: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    rows = _rows(lake, '"table", file, line, reason', f"{only} ORDER BY 1, 2, 3, 4")
    texts = lake.landing.lines([(row[0], row[1], row[2]) for row in rows])
    records = [(*row, text) for row, text in zip(rows, texts, strict=True)]
    return ["table", "file", "line", "reason", "content"], records


def _reasons(lake: Lake, only: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    rest = f'{only} GROUP BY "table", reason ORDER BY 1, 2, 3'
    return ["table", "reason", "lines"], _rows(lake, '"table", reason, count(*) AS lines', rest)


def _rows(lake: Lake, columns: str, rest: str) -> list[tuple[Any, ...]]:
    from stedi_cli.project.lakehouse import QUARANTINE

    # Before the first run there may be no such table.
    if QUARANTINE not in lake.tables.states():
        return []
    return list(lake.questions.ask(f"SELECT {columns} FROM {QUARANTINE}{rest}").rows)
