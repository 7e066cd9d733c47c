"""The counts that there are, written down so that later ones are compared with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, fields, replace
from typing import Any

from stedi_cli.checks.expected_file import DataSetEntry
from stedi_cli.checks.observed import Observed
from stedi_cli.checks.verdict import EMPTY, OK, UNKNOWN, WRONG, Report
from stedi_cli.errors import BadDataError, UsageError
from stedi_cli.project.lakehouse import Lakehouse

SOURCE = "the accepted data set"
_HEADER = """\
# What the tables held when `stedi validate --accept` was run on these files: what was, not what has
# to be. Beside the landing files it comes along with `stedi upload`.
"""


def refuse(report: Report, known: Mapping[str, int], source: str | None) -> None:
    """Raise an error where the counts that there are cannot be the expected ones.

    Args:
        report: What a validation found.
        known: The counts that the project knows of these landing files, which stay.
        source: What the project calls them.
    """
    words = {table.verdict for table in report.tables} - {OK, UNKNOWN, WRONG}
    words |= {check.verdict for check in report.checks if not check.ok}
    if words or report.problems or report.errors:
        # Of problems alone the summary knows no more than that there are some.
        why = report.summary if words or report.errors else " ".join(report.problems)
        raise BadDataError(
            f"No counts are accepted. {why}",
            hint="Mend that first: see `stedi validate`."
            if words != {EMPTY} or report.problems
            else "Where 0 rows are right, write so into an expected.yaml beside the landing files.",
        )
    differing = [t.table for t in report.tables if known.get(t.table, t.rows) != t.rows]
    if differing:
        raise BadDataError(
            f"The project knows other counts of {', '.join(differing)} for {source}.",
            hint="These stay; see `stedi validate`.",
        )
    if all(table.table in known for table in report.tables):
        raise UsageError(
            f"The project knows these counts already, of {source}.",
            hint="There is nothing to accept.",
        )


def written(
    lakehouse: Lakehouse,
    observed: Observed,
    report: Report,
    own: DataSetEntry | None,
    sums: Mapping[str, str],
    reasons: Sequence[tuple[str, str, int]],
) -> bytes:
    """Return the content of an ``expected.yaml`` by which everything is as expected.

    Args:
        lakehouse: The model.
        observed: What is there.
        report: What a validation made of it.
        own: The counts that are expected of the same landing files already, under other policies.
        sums: The sums over the rows of landing tables.
        reasons: Landing table, reason and number of its unusable lines.
    """
    import yaml

    quarantine: dict[str, dict[str, int]] = {}
    for table, reason, number in reasons:
        quarantine.setdefault(table, {})[reason] = number
    counts = {table.table: table.rows for table in report.tables if table.rows is not None}
    files = {
        f"{lakehouse.tables[name].folder}/{file}": facts.sha256
        for name, state in observed.landing.items()
        for file, facts in sorted(state.files.items())
    }
    entry = own or DataSetEntry(source=SOURCE, files=files, counts={})
    entry = replace(
        entry,
        files=files,
        sums=dict(sums),
        quarantine=quarantine,
        counts={**entry.counts, report.policy: counts},
    )
    text = yaml.safe_dump(_told(entry), sort_keys=False, width=200, allow_unicode=True)
    return (_HEADER + text).encode()


def _told(entry: DataSetEntry) -> dict[str, Any]:
    """Return the keys of an entry that say something."""
    defaults = {
        f.name: f.default if f.default_factory is MISSING else f.default_factory()
        for f in fields(entry)
    }
    return {name: value for name, value in asdict(entry).items() if value != defaults[name]}
