"""Of which known data set most landing files are, and what of it is missing, differs or is twice.

What is said is certain: a data set is known by its files' digests and by sums over its rows, so
that of lines that are others nobody can tell more than how many they are at least.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stedi_cli.checks.expected import DataSet, is_called
from stedi_cli.checks.observed import Observed
from stedi_cli.errors import quantity
from stedi_cli.landing.files import LandingState, same_content
from stedi_cli.landing.names import shown
from stedi_cli.project.lakehouse import Lakehouse, Table

_MOST_NAMED = 3
_NEAR = 100
"""A count is near another from which it differs by no more than one row in so many."""


@dataclass(frozen=True)
class Candidate:
    """A data set that the landing files are not.

    Args:
        found: The data set.
        unlike: Those of its landing tables whose rows are not known to be the same.
        unsure: Those of these whose rows nobody compared.
        by_number: Whether tables of which only the number of rows is near may speak for it.
    """

    found: DataSet
    unlike: frozenset[str]
    unsure: frozenset[str]
    by_number: bool


@dataclass(frozen=True)
class Nearest:
    """The nearest data set.

    Args:
        share: How much of it is there for certain, and how much may be.
        lacks: What of it is missing, differs or is there twice, in words; empty where nothing.
        beside: What is said where all of it is there, and other files too.
    """

    share: tuple[float, float] = (0, 0)
    lacks: str = ""
    beside: str = ""


def nearest(lakehouse: Lakehouse, candidates: Iterable[Candidate], observed: Observed) -> Nearest:
    """Return the data set of which most is there: at least half of its files, or of its tables.

    Args:
        lakehouse: The model.
        candidates: The data sets that may be it.
        observed: What is there.
    """
    best = Nearest()
    for candidate in candidates:
        near = _Near(lakehouse, candidate, observed)
        told = near.by_files() or near.by_tables() or best
        if told.share > best.share:
            best = told
    return best


class _Near:
    """How near the landing files are to one data set."""

    def __init__(self, lakehouse: Lakehouse, candidate: Candidate, observed: Observed) -> None:
        self._found = found = candidate.found
        self._candidate = candidate
        self._observed = observed
        self._tables = found.tables(lakehouse.landing.values())
        self._unlike = [table for table in self._tables if table.name in candidate.unlike]
        self._there = {
            table.name: found.files_there(table, observed.landing[table.name])
            for table in self._tables
        }

    def by_files(self) -> Nearest | None:
        """Return what is said where at least half of its files are there."""
        whole = sum(len(self._found.files_of(table)) for table in self._tables)
        if not whole or 2 * sum(map(len, self._there.values())) < whole:
            return None
        # What has the same rows has the same files, in whatever form.
        number = whole - sum(len(self._missed(table)) for table in self._unlike)
        share, source = number / whole, self._found.source
        lacks = self._missing()
        for table in self._unlike:
            lacks += _twice(self._state(table), self._there[table.name])
        if not lacks:
            said = f"All {whole} files of {source} are there, and others beside them."
            return Nearest((share, share), beside=said)
        begin = f"{number} of {whole} files are {source}'s"
        if number == whole:
            begin = f"All {whole} files of {source} are there"
        return Nearest((share, share), lacks=f"{begin}; {', '.join(lacks)}.")

    def by_tables(self) -> Nearest | None:
        """Return what is said where at least half of its tables are there, or all are near."""
        whole, number = len(self._tables), len(self._tables) - len(self._unlike)
        near = [table for table in self._unlike if self._is_near(table.name)]
        if 2 * (number + len(near)) < whole or not (number or len(near) == whole):
            return None
        parts: list[str] = []
        for table in self._unlike:
            parts.append(self._table_said(table.name))
            parts += _twice(self._state(table), None)
        source = self._found.source
        are = "is" if number == 1 else "are"
        begin = f"{number} of {whole} landing tables {are} {source}'s"
        if not number:
            begin = f"All {whole} landing tables are nearly {source}'s"
        share = number / whole, (number + len(near)) / whole
        return Nearest(share, lacks=f"{begin}; {'; '.join(parts)}.")

    def _state(self, table: Table) -> LandingState:
        return self._observed.landing[table.name]

    def _is_near(self, table: str) -> bool:
        wanted, rows = self._found.rows(table), self._observed.rows.get(table)
        if not wanted or not rows or table in self._candidate.unsure:
            return False
        return self._candidate.by_number and _NEAR * abs(rows - wanted) <= wanted

    def _table_said(self, table: str) -> str:
        wanted, rows = self._found.rows(table), self._observed.rows.get(table)
        if wanted is None or rows is None or rows == wanted:
            unsure = table in self._candidate.unsure
            return f"{table} {'was not compared row by row' if unsure else 'differs'}"
        return f"{table} has {rows:,} rows, not {wanted:,}"

    def _missed(self, table: Table) -> list[str]:
        there = self._there[table.name]
        return [path for path in self._found.files_of(table) if path not in there]

    def _missing(self) -> list[str]:
        """Return in words which files of the data set are missing, and which differ."""
        parts: list[str] = []
        left = 0
        for table in self._unlike:
            missed = self._missed(table)
            others = _others(self._state(table), self._there[table.name])
            unnamed = [n for n in others if not any(is_called(n, path) for path in missed)]
            for path in missed:
                if len(parts) == _MOST_NAMED:
                    left += 1
                    continue
                name = path.rsplit("/", 1)[-1]
                own = next((n for n in others if is_called(n, path)), None)
                if own is not None:
                    apart = self._lines_apart(table, own) if len(missed) == 1 else 0
                    lines = f" in {quantity(apart, 'line')} at least" if apart else ""
                    parts.append(f"{name} differs{lines}")
                elif unnamed:
                    parts.append(f"{name} is missing, or differs under another name")
                else:
                    parts.append(f"{name} is missing")
        if left:
            parts.append(
                quantity(left, "other is missing or differs", "others are missing or differ")
            )
        return parts

    def _lines_apart(self, table: Table, file: str) -> int:
        """Return how many lines a file has too many or too few; 0 where that is not known.

        It has the name of the one file of its table that is not there.
        """
        rows = self._found.rows(table.name)
        if rows is None:
            return 0
        files = self._state(table).files
        lines = sum(files[name].lines for name in self._there[table.name].values())
        return abs(lines + files[file].lines - rows - self._found.unusable(table.name))


def _others(state: LandingState, there: Mapping[str, str]) -> list[str]:
    """Return the landing files that are no file of a data set, and no copy of one."""
    own = {*there.values()}
    copies = {name for names in same_content(state.files) if own & {*names} for name in names}
    return [n for n, facts in state.files.items() if facts.lines and n not in own | copies]


def _twice(state: LandingState, there: Mapping[str, str] | None) -> list[str]:
    """Return in words which files are there several times.

    Args:
        state: The landing files of a table.
        there: The files that a data set has in it, of which copies are looked for; None for all.
    """
    said: list[str] = []
    for names in same_content(state.files):
        own = [name for name in there.values() if name in names] if there is not None else names[:1]
        copies = [shown(name) for name in names if name not in own]
        if own and copies:
            times = "twice" if len(names) == 2 else f"{len(names)} times"
            said.append(f"{shown(own[0])} is there {times}, also as {' and '.join(copies)}")
    return said
