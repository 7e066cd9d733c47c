"""``stedi quarantine``: the landing lines that cannot be used."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from stedi_cli.cli import render
from stedi_cli.cli.session import session
from stedi_cli.errors import UsageError
from stedi_cli.lakehouse import QUARANTINE
from stedi_cli.sql import literal
from stedi_cli.target import Target


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
        columns, records = (_lines if show else _reasons)(opened.target, only)
        if as_json:
            render.emit_rows(columns, records)
        elif not records:
            render.say("No landing line is in quarantine.")
        elif show:
            for where, file, line, reason, text in records:
                render.say(f"{where} {file}:{line} {reason}\n  {render.plain(text)}")
        else:
            render.show(render.table(["table", "reason", ">lines"], records))
        render.show_cost(opened.target.query_cost())


def _lines(target: Target, only: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    rows = _rows(
        target, f'SELECT "table", file, line, reason FROM {QUARANTINE}{only} ORDER BY 1, 2, 3, 4'
    )
    texts = target.landing_lines([(row[0], row[1], row[2]) for row in rows])
    records = [(*row, text) for row, text in zip(rows, texts, strict=True)]
    return ["table", "file", "line", "reason", "content"], records


def _reasons(target: Target, only: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    rows = _rows(
        target,
        f'SELECT "table", reason, count(*) AS lines FROM {QUARANTINE}{only}'
        ' GROUP BY "table", reason ORDER BY 1, 2, 3',
    )
    return ["table", "reason", "lines"], rows


def _rows(target: Target, sql: str) -> list[tuple[Any, ...]]:
    # Before the first run there may be no such table.
    return list(target.query(sql).rows) if QUARANTINE in target.tables() else []
