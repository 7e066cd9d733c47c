"""The one place where SQL identifiers and literals are quoted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

FILE = "_file"
"""The column that names a row's file: none of the model is called so, which begin with a letter."""


def identifier(name: str) -> str:
    """Quote a table or column name for DuckDB and Trino."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for DuckDB and Trino."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    """Quote texts as a DuckDB list."""
    return "[" + ", ".join(literal(text) for text in texts) + "]"


def parquet(files: Iterable[Path], *, named: bool = False) -> str:
    """Return DuckDB's reading of Parquet files.

    Args:
        files: The files, at least one.
        named: Whether each row's file comes along, as the column ``_file``.
    """
    # Or a folder called column=value anywhere above would give every row that value.
    options = f"hive_partitioning = false, filename = {literal(FILE) if named else 'false'}"
    return f"read_parquet({literals(map(str, files))}, {options})"


def hive_identifier(name: str) -> str:
    """Quote a name for the DDL of Hive and Athena."""
    return "`" + name.replace("`", "``") + "`"


def hive_literal(text: str) -> str:
    """Quote a text for the DDL of Hive and Athena, where two quotes are the seam of two texts."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
