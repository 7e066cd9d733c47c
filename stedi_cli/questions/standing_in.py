"""A query in which SELECTs stand in for tables, by a WITH in front of it."""

from __future__ import annotations

from collections.abc import Mapping

from stedi_cli.questions.sql_text import TOKEN
from stedi_cli.questions.statement import names_given, tables_named
from stedi_cli.sql import identifier


def standing_in(sql: str, selects: Mapping[str, str]) -> str:
    """Return a query that reads SELECTs where it names tables.

    Args:
        sql: The query, one SELECT.
        selects: The SELECTs by the table that each stands in for.
    """
    named = tables_named(sql, selects)
    if not named:
        return sql
    parts = ", ".join(
        f"{identifier(name)} AS (\n{text}\n)" for name, text in selects.items() if name in named
    )
    words = [found for found in TOKEN.finditer(sql) if not found["comment"]]
    if not words or words[0][0].upper() != "WITH":
        return f"WITH {parts}\n{sql}"
    if named & names_given(sql):
        # Inside, its own WITH wins over this one.
        return f"WITH {parts}\nSELECT * FROM (\n{sql}\n) asked"
    # A name may be that word, too.
    recursive = words[1][0].upper() == "RECURSIVE" and words[2][0].upper() not in ("AS", "(")
    end = words[1 if recursive else 0].end()
    return f"{sql[:end]} {parts},{sql[end:]}"
