"""Compares row counts with those that are known of the landing files."""

from __future__ import annotations

from collections.abc import Mapping

from stedi_cli.checks import expected
from stedi_cli.checks.expected import DataSet
from stedi_cli.checks.verdict import TableCount
from stedi_cli.lake.parts import Lake
from stedi_cli.landing.files import LandingState
from stedi_cli.project.lakehouse import QUARANTINE, Lakehouse


def data_set_of(
    lakehouse: Lakehouse, lake: Lake, landing: Mapping[str, LandingState]
) -> DataSet | None:
    """Return the known data set that the landing files are.

    Args:
        lakehouse: The model.
        lake: Its parts.
        landing: The landing files.
    """
    tables = list(lakehouse.landing.values())
    right = lake.kept.right if lake.kept else None
    known = expected.shipped(lakehouse.folder, right)
    own = lake.landing.expected_file()
    if own is not None:
        known.append(expected.uploaded(own, right))
    return next((d for d in known if d.fits(landing, tables)), None)


def compared(
    lakehouse: Lakehouse,
    rows: Mapping[str, int],
    policy: str,
    data_set: DataSet | None,
    stale: Mapping[str, str],
) -> list[TableCount]:
    """Return each table's rows beside those that are expected of it.

    Args:
        lakehouse: The model.
        rows: Rows by table.
        policy: The policy that they are compared under.
        data_set: The data set that the landing files are, if it is known.
        stale: Why tables are stale.
    """
    counts = data_set.counts.get(policy, {}) if data_set else {}
    published = data_set.counts.get("published", {}) if data_set and data_set.course else {}
    return [
        TableCount(
            name,
            table.zone,
            rows.get(name),
            counts.get(name),
            published.get(name),
            stale.get(name),
        )
        for name, table in lakehouse.tables.items()
        if name != QUARANTINE
    ]


def explained(tables: list[TableCount], policy: str, data_set: DataSet | None) -> list[str]:
    """Return in words what counts are that were not expected.

    Args:
        tables: The counts.
        policy: The policy that they are compared under.
        data_set: The data set that the landing files are, if it is known.
    """
    if data_set is None:
        return ["These landing files are no known data set, so no counts are expected."]
    notes: list[str] = []
    for table in tables:
        if table.rows is None or table.expected in (None, table.rows):
            continue
        others = [
            f"what policy {name} gives"
            for name, counts in data_set.counts.items()
            if name != policy and counts.get(table.table) == table.rows
        ]
        others += [m for t, r, m in data_set.figures if (t, r) == (table.table, table.rows)]
        notes += [f"{table.table}: {table.rows:,} is {other}." for other in others]
    return notes
