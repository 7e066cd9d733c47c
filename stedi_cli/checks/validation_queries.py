"""What a validation asks, in the SQL that DuckDB and Trino share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from stedi_cli.project.lakehouse import QUARANTINE, Lakehouse
from stedi_cli.questions.statement import tables_named
from stedi_cli.sql import identifier, literal

_QUARANTINED = f'SELECT "table", count(*) AS lines FROM {QUARANTINE} GROUP BY "table"'


@dataclass(frozen=True)
class Queries:
    """The queries of a validation.

    Args:
        counts: Rows of every table, or None where there is nothing to count.
        checks: Rows that break each rule, or None where no table is built. Where landing tables
            are read through other SELECTs, also the rows of each of these.
        quarantined: Lines in quarantine of every landing table, or None without one.
        notes: What was left out and why, by the name of the query.
        alone: The query of each check and note that a file holds, by the file.
    """

    counts: str | None
    checks: str | None
    quarantined: str | None
    notes: dict[str, str]
    alone: dict[Path, str]

    def texts(self) -> list[str]:
        """Return all of them."""
        texts = (self.counts, self.checks, self.quarantined, *self.notes.values())
        return [text.strip() for text in texts if text]


def queries(lakehouse: Lakehouse, built: Collection[str], usable: Mapping[str, str]) -> Queries:
    """Return the queries of a validation.

    Args:
        lakehouse: The model.
        built: Names of the tables that are there beside the landing tables.
        usable: By landing table, a SELECT of its usable lines that takes its place; such a table
            is not counted, since the runs tell its rows.
    """
    counted = [
        name
        for name, table in lakehouse.tables.items()
        if (name in built and name != QUARANTINE)
        or (table.zone == "landing" and name not in usable)
    ]
    askable = [
        check
        for check in lakehouse.checks
        if tables_named(check.sql, (*lakehouse.writers, QUARANTINE)) <= set(built)
    ]
    alone = {check: check_query({check.name: check.sql}) for check in askable}
    alone |= {note: note.sql.strip() for note in lakehouse.notes}
    checks = {check.name: check.sql for check in askable}
    if checks:
        texts = [*checks.values(), *(note.sql for note in lakehouse.notes)]
        read = frozenset().union(*(tables_named(text, usable) for text in texts))
        checks |= {
            name: f"SELECT 1 AS line FROM {identifier(name)}" for name in usable if name in read
        }
    return Queries(
        counts=count_query(counted) if counted else None,
        checks=_reading(usable, check_query(checks)) if checks else None,
        quarantined=_QUARANTINED if QUARANTINE in built else None,
        notes={note.name: _reading(usable, note.sql) for note in lakehouse.notes},
        alone={rule.file: _reading(usable, sql) for rule, sql in alone.items() if rule.file},
    )


def count_query(tables: list[str]) -> str:
    """Return one query that counts the rows of all tables."""
    return "\nUNION ALL\n".join(
        f"SELECT {literal(name)} AS table_name, count(*) AS table_rows FROM {identifier(name)}"
        for name in tables
    )


def check_query(checks: Mapping[str, str]) -> str:
    """Return one query that counts the rows breaking each rule.

    Args:
        checks: SQL by the check's name.
    """
    return "\nUNION ALL\n".join(
        f"SELECT {literal(name)} AS check_name, count(*) AS violations\n"
        f"FROM (\n{sql.strip()}\n) rule"
        for name, sql in checks.items()
    )


def _reading(usable: Mapping[str, str], sql: str) -> str:
    """Put SELECTs in the place of the landing tables that a query names."""
    found = tables_named(sql, usable)
    named = [f"{identifier(n)} AS (\n{text}\n)" for n, text in usable.items() if n in found]
    if not named:
        return sql
    # Inside, so that the query keeps a WITH of its own; no order is lost that matters.
    return f"WITH {', '.join(named)}\nSELECT * FROM (\n{sql.strip()}\n) asked"
