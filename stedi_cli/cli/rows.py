"""Rows of an answer on a terminal: as a table where they fit, else one below the other."""

from __future__ import annotations

from stedi_cli.cli import render
from stedi_cli.errors import quantity
from stedi_cli.printable import cell, one_line

MOST = 1000
"""Most rows that are shown."""


def show_rows(columns: list[str], rows: list[tuple[object, ...]]) -> None:
    """Print rows, and how many they are."""
    from rich.cells import cell_len

    columns = [one_line(name) for name in columns]
    numeric = [
        all(isinstance(row[i], int | float) and not isinstance(row[i], bool) for row in rows)
        for i in range(len(columns))
    ]
    heads = [f"{'>' if right else '<'}{n}" for n, right in zip(columns, numeric, strict=True)]
    rows = [tuple(cell(value) for value in row) for row in rows]
    wide = sum(
        max([cell_len(c), *(cell_len(str(r[i])) + 2 for r in rows)]) for i, c in enumerate(columns)
    )
    if wide + 2 * len(columns) <= render.console().width:
        render.show(render.table(heads, rows))
    else:
        for row in rows:
            render.show(render.table(["column", "value"], list(zip(columns, row, strict=True))))
            render.say()
    render.note(quantity(len(rows), "row"))
