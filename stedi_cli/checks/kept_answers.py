"""Answers of earlier validations, each taken for as long as all that it depends on is the same.

What is kept are numbers, and words that the project itself says: never a value of a row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stedi_cli import __version__
from stedi_cli.checks.pairs import MOST_ROWS_COUNTED, Pairs, own_words
from stedi_cli.durable import body_in, with_digest
from stedi_cli.lake.kept_part import Kept
from stedi_cli.landing.files import LandingState
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.questions.determinism import is_repeatable
from stedi_cli.questions.statement import tables_named

FORM = 3
"""How questions are put, and what is kept of them: to be raised where that changes."""


@dataclass(frozen=True)
class _Entry:
    """A kept answer, with a digest of all that it depends on and the tables that it is about."""

    basis: str
    reads: list[str]
    pairs: Pairs


class KeptAnswers:
    """The answers that are kept beside a lakehouse.

    Args:
        lakehouse: The model.
        place: Where they are kept, and what tells that they still hold.
    """

    def __init__(self, lakehouse: Lakehouse, place: Kept) -> None:
        self._names = set(lakehouse.tables)
        self._place = place
        self._there: Mapping[str, str] = {}
        self._holding: dict[str, _Entry] = {}

    def look(self, landing: Mapping[str, LandingState]) -> None:
        """See what the tables are now, before anything is taken or asked.

        Args:
            landing: The landing files.
        """
        self._there = self._place.basis(landing)

    def taken(self, subjects: Mapping[str, str]) -> dict[str, Pairs]:
        """Return the answers that hold, by title.

        Args:
            subjects: What is asked now: its text by title.
        """
        kept = self._read(subjects)
        self._holding = {
            title: entry
            for title, entry in kept.items()
            if entry.basis == self._basis(title, subjects[title], entry.reads)
        }
        return {title: entry.pairs for title, entry in self._holding.items()}

    def keep(
        self,
        subjects: Mapping[str, str],
        answers: Mapping[str, Pairs],
        landing: Mapping[str, LandingState],
    ) -> None:
        """Keep answers for the next validation, unless what they are about changed meanwhile.

        Args:
            subjects: What was asked: its text by title.
            answers: What was found since the last look, by title.
            landing: The landing files, read again.
        """
        now = self._place.basis(landing)
        self._there = {name: said for name, said in self._there.items() if now.get(name) == said}
        for title, pairs in answers.items():
            text = subjects[title]
            reads = sorted(tables_named(text, self._names))
            basis = self._basis(title, text, reads)
            fits = is_repeatable(text) and self._may_stand(title, text, pairs)
            if basis is not None and fits:
                self._holding[title] = _Entry(basis, reads, pairs)
        record = {title: [e.basis, e.reads, e.pairs] for title, e in self._holding.items()}
        body = json.dumps(record, sort_keys=True).encode()
        self._place.write(with_digest(body))

    def _basis(self, title: str, text: str, reads: list[str]) -> str | None:
        """Return a digest of all that an answer depends on; None where that cannot be told."""
        if not set(reads) <= self._there.keys():
            return None
        tables = {name: self._there[name] for name in reads}
        depends = [FORM, __version__, title, text, tables]
        return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()

    def _may_stand(self, title: str, text: str, pairs: Pairs) -> bool:
        """Tell whether an answer holds no word but those of the project, and counts."""
        known = own_words(self._names, text) | {title.partition(" ")[2]}
        return all(word in known and abs(number) <= MOST_ROWS_COUNTED for word, number in pairs)

    def _read(self, subjects: Mapping[str, str]) -> dict[str, _Entry]:
        """Return what is kept of what is asked now; nothing where it is not as it was written."""
        try:
            record = json.loads(body_in(self._place.read()))
            kept = {title: _entry(found) for title, found in record.items()}
        except (ValueError, TypeError, AttributeError, RecursionError):
            return {}
        return {
            title: entry
            for title, entry in kept.items()
            if title in subjects and self._may_stand(title, subjects[title], entry.pairs)
        }


def _entry(found: Any) -> _Entry:
    """Read an entry; raise ValueError or TypeError where it is none."""
    basis, reads, pairs = found
    entry = _Entry(basis, list(reads), [(word, number) for word, number in pairs])
    words = [basis, *entry.reads, *(word for word, _ in entry.pairs)]
    numbers = [number for _, number in entry.pairs]
    if any(type(word) is not str for word in words) or any(type(n) is not int for n in numbers):
        raise TypeError
    return entry
