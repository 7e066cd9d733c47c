"""The one place where SQL identifiers and literals are quoted, and looked for."""

from __future__ import annotations

import re
from collections.abc import Iterable


def identifier(name: str) -> str:
    """Quote a table or column name for DuckDB and Trino."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for DuckDB and Trino."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    """Quote texts as a DuckDB list."""
    return "[" + ", ".join(literal(text) for text in texts) + "]"


def mentions(sql: str, table: str) -> bool:
    """Tell whether a query names a table, in any case."""
    return re.search(rf"\b{re.escape(table)}\b", sql, re.IGNORECASE) is not None
