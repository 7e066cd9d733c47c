"""Compares row counts with those that are known of the landing files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stedi_cli.checks.expected import DataSet
from stedi_cli.checks.verdict import TableCount
from stedi_cli.project.lakehouse import Lakehouse

Counts = dict[str, dict[str, int]]
"""Rows by table, by policy."""


def counts_of(lakehouse: Lakehouse, sets: Sequence[DataSet], policy: str) -> Counts:
    """Return the counts that are known of data sets, also of a policy that none of them names.

    A table that the policy makes by the same SQL as another one, and of the same tables, has the
    count that is known under that.

    Args:
        lakehouse: The model.
        sets: The data sets; where several tell, the first one does.
        policy: The policy.
    """
    counts: Counts = {}
    for found in sets:
        for name, known in found.counts.items():
            counts[name] = known | counts.get(name, {})
    own = counts.setdefault(policy, {})
    for name in lakehouse.policies:
        for table, rows in counts.get(name, {}).items():
            if table not in own and _is_made_alike(lakehouse, table, policy, name):
                own[table] = rows
    return counts


def _is_made_alike(lakehouse: Lakehouse, table: str, one: str, other: str) -> bool:
    """Tell whether two policies make a table by the same SQL, of tables of which that is so."""
    job = lakehouse.writers.get(table)
    if job is None:
        return True
    same = lakehouse.job_text(job, one).sha256 == lakehouse.job_text(job, other).sha256
    return same and all(_is_made_alike(lakehouse, name, one, other) for name in job.reads)


def compared(
    lakehouse: Lakehouse,
    rows: Mapping[str, int],
    counts: Counts,
    policy: str,
    stale: Mapping[str, str],
    *,
    course: bool,
) -> list[TableCount]:
    """Return each table's rows beside those that are expected of it.

    Args:
        lakehouse: The model.
        rows: Rows by table.
        counts: The counts that are known.
        policy: The policy that they are compared under.
        stale: Why tables are stale.
        course: Whether the course's published counts stand beside.
    """
    published = counts.get("published", {}) if course else {}
    return [
        TableCount(
            name,
            table.zone,
            rows.get(name),
            counts.get(policy, {}).get(name),
            published.get(name),
            stale.get(name),
        )
        for name, table in lakehouse.tables.items()
        if table not in lakehouse.beside
    ]


def explained(
    tables: list[TableCount], counts: Counts, policy: str, sets: Sequence[DataSet]
) -> list[str]:
    """Return in words what counts are that were not expected.

    Args:
        tables: The counts.
        counts: The counts that are known.
        policy: The policy that they are compared under.
        sets: The data sets that the landing files are.
    """
    figures = [figure for found in sets for figure in found.figures]
    notes: list[str] = []
    for table in tables:
        if table.rows is None or table.expected in (None, table.rows):
            continue
        others = [
            f"what policy {name} gives"
            for name, known in counts.items()
            if name != policy and known.get(table.table) == table.rows
        ]
        others += [m for t, r, m in figures if (t, r) == (table.table, table.rows)]
        notes += [f"{table.table}: {table.rows:,} is {other}." for other in others]
    return notes
