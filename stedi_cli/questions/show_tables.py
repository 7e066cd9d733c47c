"""``SHOW TABLES``, which each engine would answer in its own way, or not at all."""

from __future__ import annotations

from collections.abc import Iterable

from stedi_cli.questions.sql_text import TOKEN
from stedi_cli.sql import literal


def without_show_tables(sql: str, tables: Iterable[str]) -> str:
    """Return a query as it is; a SELECT of the tables' names where it is ``SHOW TABLES``.

    Args:
        sql: The query.
        tables: The names of the lakehouse's tables.
    """
    tokens = [token[0].upper() for token in TOKEN.finditer(sql) if not token["comment"]]
    if tokens not in (["SHOW", "TABLES"], ["SHOW", "TABLES", ";"]):
        return sql
    values = ", ".join(f"({literal(name)})" for name in tables)
    return f"SELECT name FROM (VALUES {values}) AS tables (name)"
