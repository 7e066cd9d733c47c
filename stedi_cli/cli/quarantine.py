"""``stedi quarantine``: the landing lines that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from stedi_cli.cli import completion, render
from stedi_cli.cli.session import session
from stedi_cli.errors import UsageError
from stedi_cli.sql import literal

if TYPE_CHECKING:
    from stedi_cli.lake.parts import Lake

    _Place = tuple[str, str, int]
    _Found = tuple[list[str], list[tuple[Any, ...]], list[str]]


def quarantine(
    ctx: typer.Context,
    table: Annotated[
        str | None,
        typer.Argument(
            help="One landing table [default: all].", autocompletion=completion.landing_tables
        ),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Show the lines themselves, read from the files now.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how many landing lines cannot be used, by reason.

    With --show, the lines themselves, unless the landing files changed since they were judged.

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
        columns, records, changed = (_lines if show else _reasons)(opened.lake, only)
        if as_json:
            render.emit_rows(columns, records)
        elif not records:
            render.say("No landing line is in quarantine.")
        elif show:
            _show_lines(records)
        else:
            render.show(render.table(["table", "reason", ">lines"], records))
        if changed:
            render.note(
                f"The landing files of {', '.join(changed)} changed since the run that judged them."
                " Run `stedi jobs run --all`."
            )
        render.show_cost(opened.query_cost)


def _show_lines(records: list[tuple[Any, ...]]) -> None:
    for table, file, line, reason, text, delivered in records:
        source = "" if delivered is None else f" (line {delivered} as it was delivered)"
        where = f"{table} {file}:{line} {reason}{source}"
        render.entry(where, *([] if text is None else [text]))


def _lines(lake: Lake, only: str) -> _Found:
    rows = _rows(lake, '"table", file, line, reason', f"{only} ORDER BY 1, 2, 3, 4")
    changed = _changed(lake, rows)
    # Another line, and so another person's, may stand in its place now.
    places = [(row[0], row[1], row[2]) for row in rows if row[0] not in changed]
    texts = dict(zip(places, lake.landing.lines(places), strict=True))
    delivered = _delivered(lake, places)
    records = [(*row, texts.get(row[:3]), delivered.get(row[:3])) for row in rows]
    columns = ["table", "file", "line", "reason", "content", "delivered_line"]
    return columns, records, changed


def _delivered(lake: Lake, places: list[_Place]) -> dict[_Place, int]:
    """Return on which lines of the delivered files lines of converted ones stood."""
    files: dict[tuple[str, str], set[int]] = {}
    for table, file, line in places:
        files.setdefault((table, file), set()).add(line)
    return {
        (*at, number): line
        for at, numbers in files.items()
        if (origin := lake.landing.origin(*at)) is not None
        for number, line in origin.lines_of(numbers).items()
    }


def _reasons(lake: Lake, only: str) -> _Found:
    rest = f'{only} GROUP BY "table", reason ORDER BY 1, 2, 3'
    rows = _rows(lake, '"table", reason, count(*) AS lines', rest)
    return ["table", "reason", "lines"], rows, _changed(lake, rows)


def _changed(lake: Lake, rows: list[tuple[Any, ...]]) -> list[str]:
    from stedi_cli.tables.drift import judged_otherwise

    if not rows:
        return []
    changed = judged_otherwise(lake.tables.states(), lake.landing.states())
    return sorted({row[0] for row in rows}.intersection(changed))


def _rows(lake: Lake, columns: str, rest: str) -> list[tuple[Any, ...]]:
    from stedi_cli.project.lakehouse import QUARANTINE

    # Before the first run there may be no such table.
    if QUARANTINE not in lake.tables.states():
        return []
    return list(lake.questions.ask(f"SELECT {columns} FROM {QUARANTINE}{rest}").rows)
