"""Which columns identify a person, and in which tables they may not stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stedi_cli.addresses import MASK, is_address

if TYPE_CHECKING:
    from stedi_cli.project.lakehouse import Table
    from stedi_cli.project.model_file import TableEntry


def personal_names(tables: Iterable[Table]) -> set[str]:
    """Return the names, in lower case, under which some table holds what identifies a person."""
    return {c.name.lower() for table in tables for c in table.columns if c.personal}


def masked_rows(
    table: Table, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Return rows of a table without what identifies a person.

    Args:
        table: The table.
        columns: Names of the rows' columns.
        rows: The rows.
    """
    personal = personal_names([table])
    hidden = [name.lower() in personal for name in columns]
    return [
        tuple(
            MASK
            if value is not None and (hide or (isinstance(value, str) and is_address(value)))
            else value
            for value, hide in zip(row, hidden, strict=True)
        )
        for row in rows
    ]


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
