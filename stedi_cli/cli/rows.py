"""Rows of an answer on a terminal: as a table where they fit, else one below the other."""

from __future__ import annotations

from stedi_cli.cli import render
from stedi_cli.errors import quantity
from stedi_cli.printable import cell, one_line

MOST = 1000
"""Most rows that are shown."""


# A table of ten columns, half of them instants, is one of 120 columns of a terminal.
_LEAST = 8


def show_rows(columns: list[str], rows: list[tuple[object, ...]]) -> None:
    """Print rows, and how many they are."""
    columns = [one_line(name) for name in columns]
    numeric = [
        all(isinstance(row[i], int | float) and not isinstance(row[i], bool) for row in rows)
        for i in range(len(columns))
    ]
    heads = [f"{'>' if right else '<'}{n}" for n, right in zip(columns, numeric, strict=True)]
    cells = [[cell(value) for value in row] for row in rows]
    render.show(render.table(heads, cells, least=_LEAST))
    render.note(quantity(len(rows), "row"))
