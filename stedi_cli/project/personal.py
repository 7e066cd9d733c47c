"""Which columns identify a person, and in which tables they may not stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stedi_cli.project.lakehouse import Table
    from stedi_cli.project.model_file import TableEntry


def personal_names(tables: Iterable[Table]) -> set[str]:
    """Return the names, in lower case, under which some table holds what identifies a person."""
    return {c.name.lower() for table in tables for c in table.columns if c.personal}


def misplaced(
    tables: Mapping[str, Table], entries: Mapping[str, TableEntry]
) -> Iterator[tuple[str, str]]:
    """Find personal columns in tables that are marked ``personal: false``.

    Args:
        tables: The tables by name.
        entries: The same tables as the model's file describes them.

    Yields:
        The key path of each such column, and what is wrong with it.
    """
    personal = personal_names(tables.values())
    for name, table in tables.items():
        # What columns_of takes over stands before the table's own columns.
        first_own = len(table.columns) - len(entries[name].columns)
        for position, column in enumerate(table.columns, start=-first_own):
            if table.personal or column.name.lower() not in personal:
                continue
            key = f"columns.{position}" if position >= 0 else "columns_of"
            what = f"column {column.name!r} is personal, and the table is marked personal: false"
            yield f"tables.{name}.{key}", what
