"""Which known data set the landing files are, whatever the form and files they came in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from stedi_cli.checks import expected
from stedi_cli.checks.acceptance import SOURCE as ACCEPTED
from stedi_cli.checks.expected import DataSet
from stedi_cli.checks.nearest import Candidate, nearest
from stedi_cli.checks.observed import Observed
from stedi_cli.lake.parts import Lake
from stedi_cli.project.lakehouse import Lakehouse

MOST_ROWS = 1_000_000
"""Rows of a landing table beyond which it is known by its files alone."""


@dataclass(frozen=True)
class Recognised:
    """What the landing files are.

    Args:
        sets: The known data sets that they are; the first says what they are called.
        nearest: Of which known data set most of them are, and what of it is missing, differs or is
            there twice; also where they are those of an `expected.yaml` that came with them.
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
    right = lake.kept.right
    own = lake.landing.expected_file()
    shipped = expected.shipped(lakehouse.folder, right)
    return KnownSets(shipped, expected.uploaded(own, right) if own else None)


def recognised(
    lakehouse: Lakehouse,
    known: Sequence[DataSet],
    observed: Observed,
    sums: Callable[[Collection[str]], Mapping[str, str]],
    own: DataSet | None = None,
) -> Recognised:
    """Look for the landing files among known data sets.

    Args:
        lakehouse: The model.
        known: The data sets.
        observed: What is there.
        sums: Returns the sum over the rows of landing tables, which takes some time.
        own: That of these which came with the data, and does not speak for the project.
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
    unlike: list[frozenset[str]] = []
    for found, names in zip(of_ours, others, strict=True):
        unlike.append(frozenset(n for n in names if added.get(n) != found.sums.get(n, "none")))
    fitting = [found for found, names in zip(of_ours, unlike, strict=True) if not names]
    if any(found is not own for found in fitting):
        return Recognised(fitting)
    # What somebody generates has as many rows as the public data by design.
    by_number = not fitting or fitting[0].source == ACCEPTED
    candidates = [
        Candidate(found, names, _unsure(found, names, observed, added), by_number)
        for found, names in zip(of_ours, unlike, strict=True)
        if names
    ]
    near = nearest(lakehouse, candidates, observed)
    return Recognised(fitting, near.lacks, near.beside)


def _may_be(found: DataSet, table: str, observed: Observed) -> bool:
    few = observed.rows.get(table, 0) <= MOST_ROWS
    return few and table in found.sums and _has_as_many(found, table, observed)


def _unsure(
    found: DataSet, unlike: Collection[str], observed: Observed, added: Collection[str]
) -> frozenset[str]:
    """Return the tables that may be the data set's, but of which no rows were compared."""
    compared = {name for name in added if name in found.sums}
    return frozenset(n for n in unlike if n not in compared and _has_as_many(found, n, observed))


def _has_as_many(found: DataSet, table: str, observed: Observed) -> bool:
    rows, quarantined = observed.rows.get(table), observed.quarantined.get(table, 0)
    return found.has_as_many(table, rows, quarantined)
