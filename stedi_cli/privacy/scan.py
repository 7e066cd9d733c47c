"""Looks for people in every byte below a root, whatever catalog and tables say of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from stedi_cli.errors import UsageError
from stedi_cli.privacy.known import Known, Sought
from stedi_cli.privacy.look import Look
from stedi_cli.privacy.needles import Needles
from stedi_cli.privacy.people import Person
from stedi_cli.privacy.tree import (
    LANDING,
    PARTS,
    Entry,
    entries,
    open_file,
    part_of,
    require_lakehouse,
    state_of,
)
from stedi_cli.privacy.unreadable import UnreadableError

HIDDEN = "…"
"""What stands for a name in a path that holds what was sought, or an address."""


@dataclass(frozen=True)
class Hit:
    """What was found in one place, in one view.

    Args:
        part: The part of the lakehouse.
        place: The path below the root; a name that holds what was sought is not told.
        view: How the bytes were read.
        kind: What was found.
        count: How often.
        allowed: Whether it may be there.
    """

    part: str
    place: str
    view: str
    kind: str
    count: int
    allowed: bool

    def as_json(self) -> dict[str, object]:
        """Return it for a JSON document."""
        return dict(vars(self))


@dataclass(frozen=True)
class Unread:
    """What could not be read, so that nobody knows what it holds.

    Args:
        part: The part of the lakehouse.
        place: The path below the root.
        view: As what it could not be read.
        why: Why not.
        allowed: Whether it may hold anything.
    """

    part: str
    place: str
    view: str
    why: str
    allowed: bool

    def as_json(self) -> dict[str, object]:
        """Return it for a JSON document."""
        return dict(vars(self))


@dataclass
class Scan:
    """What a scan found.

    Args:
        sought: What was sought.
        files: How many files were looked at.
        bytes: How large they are.
        found: What was found.
        unread: What could not be read.
    """

    sought: Sought
    files: int = 0
    bytes: int = 0
    found: list[Hit] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)

    @property
    def wrong(self) -> list[Hit]:
        """What was found where it must not be."""
        return [hit for hit in self.found if not hit.allowed]

    @property
    def doubtful(self) -> list[Unread]:
        """What could not be read and must hold nothing."""
        return [unread for unread in self.unread if not unread.allowed]

    def as_json(self) -> dict[str, object]:
        """Return it for a JSON document."""
        values = self.sought.values
        return {
            "people": self.sought.people,
            "unknown": self.sought.unknown,
            "sought": {
                "emails": len(values.emails),
                "serials": len(values.serials),
                "instants": len(values.instants),
                "dates": len(values.dates),
                "shared": self.sought.shared,
            },
            "files": self.files,
            "bytes": self.bytes,
            "found": [hit.as_json() for hit in self.found],
            "unread": [unread.as_json() for unread in self.unread],
            "ok": not self.wrong and not self.doubtful,
        }


def scan(
    root: str,
    people: Iterable[Person],
    *,
    allowed: Collection[str] = (),
    now: Callable[[str], None] = lambda place: None,
) -> Scan:
    """Look for people below a root.

    Args:
        root: Root of the lakehouse.
        people: The people.
        allowed: The parts in which they may be found.
        now: Takes each place as it is looked at.

    Raises:
        UsageError: If there is no lakehouse, or no such part.
    """
    if unknown := set(allowed) - PARTS.keys():
        raise UsageError(
            f"A lakehouse has no part {', '.join(sorted(unknown))}.",
            hint=f"Parts: {', '.join(PARTS)}.",
        )
    require_lakehouse(root)
    sought = Known(root, people).sought()
    return _Scanner(root, Needles(sought.values), Scan(sought), allowed).run(now)


class _Scanner:
    def __init__(self, root: str, needles: Needles, result: Scan, allowed: Collection[str]) -> None:
        self._root = root
        self._needles = needles
        self._result = result
        self._allowed = allowed

    def run(self, now: Callable[[str], None]) -> Scan:
        seen = []
        for entry in entries(self._root):
            seen.append(entry)
            place = self._shown(entry.place)
            now(place)
            look = Look(self._needles, 0)
            if entry.is_file:
                look = self._look_at(entry)
            look.name(os.fsencode(entry.place.rpartition("/")[2]))
            if entry.odd:
                look.unread.append(("file", entry.odd))
                self._look_at_link(entry, look)
            self._take(entry, place, look)
        # What came, went or became another meanwhile was looked at by nobody.
        for entry in sorted(set(seen) ^ set(entries(self._root)), key=lambda entry: entry.place):
            look = Look(self._needles, 0)
            look.unread.append(("file", "it came or went while the scan was at work"))
            self._take(entry, self._shown(entry.place), look)
        return self._result

    def _look_at(self, entry: Entry) -> Look:
        look = Look(self._needles, 0)
        try:
            with closing(open_file(self._root, entry.place)) as file:
                before = state_of(file)
                size = before[2]
                look = Look(self._needles, size)
                look.at(lambda: _rewound(file), entry.place.rpartition("/")[2])
                if state_of(file) != before:
                    look.unread.append(("file", "it changed while it was read"))
                self._result.files += 1
                self._result.bytes += size
        except UnreadableError as error:
            look.unread.append(("file", str(error)))
        except OSError as error:
            look.unread.append(("file", (error.strerror or "it cannot be read").lower()))
        return look

    def _look_at_link(self, entry: Entry, look: Look) -> None:
        try:
            target = str(Path(self._root, entry.place).readlink())
        except OSError:
            return
        for name in target.split("/"):
            look.name(os.fsencode(name))

    def _take(self, entry: Entry, place: str, look: Look) -> None:
        part = part_of(entry.place)
        allowed = part in self._allowed
        self._result.found += [
            Hit(part, place, view, kind, number, allowed)
            for (view, kind), number in sorted(look.found.items())
            if number
        ]
        self._result.unread += [
            # What is a person's is taken from landing files: unread, it is not sought elsewhere.
            Unread(part, place, view, why, allowed and part != LANDING)
            for view, why in look.unread
        ]

    def _shown(self, place: str) -> str:
        names = place.split("/")
        return "/".join(HIDDEN if self._is_hidden(name) else name for name in names)

    def _is_hidden(self, name: str) -> bool:
        # Another person's address is nobody's business either.
        if "@" in name or "%40" in name:
            return True
        return bool(self._needles.kinds(os.fsencode(name), name=True))


def _rewound(file: BinaryIO) -> Any:
    file.seek(0)
    return file
