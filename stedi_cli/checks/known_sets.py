"""Which known data set the landing files are, whatever the form and files they came in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from stedi_cli.checks import expected
from stedi_cli.checks.expected import DataSet
from stedi_cli.checks.observed import Observed
from stedi_cli.lake.parts import Lake
from stedi_cli.project.lakehouse import Lakehouse

MOST_ROWS = 1_000_000
"""Rows of a landing table beyond which it is known by its files alone."""
_MOST_NAMED = 3


@dataclass(frozen=True)
class Recognised:
    """What the landing files are.

    Args:
        sets: The known data sets that they are; the first says what they are called.
        nearest: Of which known data set most of them are, and what of it is missing or differs.
        beside: Of which known data set they are, with others beside them.
    """

    sets: Sequence[DataSet]
    nearest: str = ""
    beside: str = ""


@dataclass(frozen=True)
class KnownSets:
    """The data sets whose counts are known: those of the project, and what came with the data."""

    of_project: Sequence[DataSet]
    own: DataSet | None

    @property
    def all(self) -> list[DataSet]:
        """All of them, the project's first."""
        return [*self.of_project, *([self.own] if self.own else [])]


def known_sets(lakehouse: Lakehouse, lake: Lake) -> KnownSets:
    """Return the data sets whose counts are known.

    Args:
        lakehouse: The model.
        lake: Its parts.
    """
    right = lake.kept.right if lake.kept else None
    own = lake.landing.expected_file()
    shipped = expected.shipped(lakehouse.folder, right)
    return KnownSets(shipped, expected.uploaded(own, right) if own else None)


def recognised(
    lakehouse: Lakehouse,
    known: Sequence[DataSet],
    observed: Observed,
    sums: Callable[[Collection[str]], Mapping[str, str]],
) -> Recognised:
    """Look for the landing files among known data sets.

    Args:
        lakehouse: The model.
        known: The data sets.
        observed: What is there.
        sums: Returns the sum over the rows of landing tables, which takes some time.
    """
    landing = list(lakehouse.landing.values())
    of_ours = [found for found in known if found.tables(landing)]
    others = [found.other_files(observed.landing, landing) for found in of_ours]
    alike = [
        {name for name in names if _may_be(found, name, observed)}
        for found, names in zip(of_ours, others, strict=True)
    ]
    wanted = set().union(*alike)
    added = sums(sorted(wanted)) if wanted else {}
    unlike: list[set[str]] = []
    for found, names in zip(of_ours, others, strict=True):
        unlike.append({name for name in names if added.get(name) != found.sums.get(name, "none")})
    fitting = [found for found, names in zip(of_ours, unlike, strict=True) if not names]
    if fitting:
        return Recognised(fitting)
    return _nearest(lakehouse, of_ours, unlike, observed)


def _may_be(found: DataSet, table: str, observed: Observed) -> bool:
    rows, quarantined = observed.rows.get(table), observed.quarantined.get(table, 0)
    return found.may_be(table, rows, quarantined) and (rows or 0) <= MOST_ROWS


def _nearest(
    lakehouse: Lakehouse, known: list[DataSet], unlike: list[set[str]], observed: Observed
) -> Recognised:
    """Return the data set that at least half of whose files, or tables, are there."""
    landing = list(lakehouse.landing.values())
    best, most = Recognised(()), 0.0
    for found, names in zip(known, unlike, strict=True):
        tables = found.tables(landing)
        missed = found.missed(observed.landing, landing)
        share = 1 - len(missed) / max(len(found.files), 1)
        if missed and share < 0.5:
            share = 1 - len(names) / len(tables)
        if share < 0.5 or share <= most:
            continue
        most, number, whole = share, len(found.files) - len(missed), len(found.files)
        if not missed:
            said = f"All {whole} files of {found.source} are there, and others beside them."
            best = Recognised((), beside=said)
        elif 2 * number >= whole:
            what = _missing(found, missed, lakehouse, observed)
            best = Recognised((), f"{number} of {whole} files are {found.source}'s; {what}.")
        else:
            number = len(tables) - len(names)
            tables_said = "; ".join(_rows_said(found, name, observed) for name in sorted(names))
            said = f"{number} of {len(tables)} landing tables are {found.source}'s; {tables_said}."
            best = Recognised((), said)
    return best


def _missing(
    found: DataSet, missed: Sequence[str], lakehouse: Lakehouse, observed: Observed
) -> str:
    """Return in words which files of a data set are missing, and which differ."""
    folders = {str(table.folder): name for name, table in lakehouse.landing.items()}
    parts: list[str] = []
    for path in missed[:_MOST_NAMED]:
        name, table = path.rsplit("/", 1)[-1], folders[path.split("/")[0]]
        there = {
            file.rsplit("/", 1)[-1].removesuffix(".gz") for file in observed.landing[table].files
        }
        if name.removesuffix(".gz") not in there:
            parts.append(f"{name} is missing")
            continue
        alone = sum(folders[other.split("/")[0]] == table for other in missed) == 1
        number = _rows_apart(found, table, observed) if alone else 0
        lines = f" in {number:,} line{'s' if number != 1 else ''}" if number else ""
        parts.append(f"{name} differs{lines}")
    left = len(missed) - len(parts)
    return ", ".join([*parts, *([f"{left:,} others are missing or differ"] if left else [])])


def _rows_apart(found: DataSet, table: str, observed: Observed) -> int:
    """Return how many lines a landing table has too many or too few; 0 where that is not known."""
    expected_rows = next((c[table] for c in found.counts.values() if table in c), None)
    if expected_rows is None:
        return 0
    lines = expected_rows + sum(found.quarantine.get(table, {}).values())
    return abs(observed.landing[table].lines - lines)


def _rows_said(found: DataSet, table: str, observed: Observed) -> str:
    wanted = next((c[table] for c in found.counts.values() if table in c), None)
    rows = observed.rows.get(table)
    if wanted is None or rows is None or rows == wanted:
        return f"{table} differs"
    return f"{table} has {rows:,} rows, not {wanted:,}"
