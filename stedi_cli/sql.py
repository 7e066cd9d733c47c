"""The one place where SQL identifiers and literals are quoted."""

from __future__ import annotations

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


def hive_identifier(name: str) -> str:
    """Quote a name for the DDL of Hive and Athena."""
    return "`" + name.replace("`", "``") + "`"


def hive_literal(text: str) -> str:
    """Quote a text for the DDL of Hive and Athena, where two quotes are the seam of two texts."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
