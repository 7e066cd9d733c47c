"""Dates, times and intervals as the texts that DuckDB writes.

Python has no word for an endless date or a month, and needs another package for a time zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stedi_cli.sql import identifier

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

_NESTED = ("array", "list", "map", "struct", "tuple", "union")


def with_times_as_text(sql: str, types: Sequence[DuckDBPyType]) -> str:
    """Return a query that gives texts wherever another one would give times.

    Args:
        sql: The other query.
        types: The types of its columns.
    """
    if not any(map(_holds_times, types)):
        return sql
    names = [f"c{number}" for number in range(len(types))]
    columns = ", ".join(
        f"CAST({name} AS {_as_text(kind)})" if _holds_times(kind) else name
        for name, kind in zip(names, types, strict=True)
    )
    return f"SELECT {columns} FROM ({sql}\n) AS asked({', '.join(names)})"


def _holds_times(kind: DuckDBPyType) -> bool:
    if kind.id in _NESTED:
        return any(_holds_times(part) for _, part in _parts(kind) if not isinstance(part, int))
    # What a variant holds is known only when it is read.
    return kind.id.startswith(("date", "time", "interval", "variant"))


def _parts(kind: DuckDBPyType) -> list[tuple[str, Any]]:
    """Return the types that a type is made of, and an array's length."""
    return kind.children


def _as_text(kind: DuckDBPyType) -> str:
    """Return a type with texts in the place of times; a text where that cannot be."""
    if not _holds_times(kind):
        return str(kind)
    parts = dict(_parts(kind)) if kind.id in _NESTED else {}
    if kind.id == "list":
        return f"{_as_text(parts['child'])}[]"
    if kind.id == "array":
        return f"{_as_text(parts['child'])}[{parts['size']}]"
    if kind.id == "map":
        return f"MAP({_as_text(parts['key'])}, {_as_text(parts['value'])})"
    if kind.id == "struct":
        return f"STRUCT({', '.join(f'{identifier(n)} {_as_text(t)}' for n, t in parts.items())})"
    return "VARCHAR"
