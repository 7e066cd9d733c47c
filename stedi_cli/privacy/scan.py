"""Looks for people in every byte of a lakehouse, whatever catalog and tables say of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from stedi_cli.errors import UsageError
from stedi_cli.privacy.escapes import decoded
from stedi_cli.privacy.known import Known, Sought
from stedi_cli.privacy.look import Look
from stedi_cli.privacy.needles import Needles
from stedi_cli.privacy.people import Person
from stedi_cli.privacy.source import LANDING, PARTS, Entry, Open, Source
from stedi_cli.privacy.unreadable import UnreadableError

HIDDEN = "…"
"""What stands for a name in a path that holds what was sought, or an address."""
# The view of what could not be read at all.
_WHOLE = "file"


@dataclass(frozen=True)
class Hit:
    """What was found in one place, in one view.

    Args:
        part: The part of the lakehouse.
        place: Where it lies; a name that holds what was sought is not told.
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
        place: Where it lies.
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
        unreached: What may hold something of people, and no scan of this place looks at.
        files: How many files, or versions of objects, were looked at.
        bytes: How large they are.
        looked_at: How many names of each kind were looked at.
        found: What was found.
        unread: What could not be read.
    """

    sought: Sought
    unreached: tuple[str, ...] = ()
    files: int = 0
    bytes: int = 0
    looked_at: Counter[str] = field(default_factory=Counter)
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
            "looked_at": dict(self.looked_at),
            "found": [hit.as_json() for hit in self.found],
            "unread": [unread.as_json() for unread in self.unread],
            "unreached": list(self.unreached),
            "ok": not self.wrong and not self.doubtful,
        }


def scan(
    source: Source,
    people: Iterable[Person],
    *,
    allowed: Collection[str] = (),
    now: Callable[[str], None] = lambda place: None,
) -> Scan:
    """Look for people in a lakehouse.

    Args:
        source: Where it lies.
        people: The people.
        allowed: The parts in which they may be found.
        now: Takes each place as it was looked at.

    Raises:
        UsageError: If there is no such part.
    """
    if unknown := set(allowed) - PARTS.keys():
        raise UsageError(
            f"A lakehouse has no part {', '.join(sorted(unknown))}.",
            hint=f"Parts: {', '.join(PARTS)}.",
        )
    entries = list(source.entries())
    known = Known(entries, people)
    sought = known.sought()
    scanner = _Scanner(Needles(sought.values), Scan(sought, source.unreached), allowed)
    scanner.look_at(entries, source.at_once, now)
    scanner.doubt(known.unread, "it could not be read for what is theirs, which was not sought")
    # What came, went or became another meanwhile was looked at by nobody.
    changed = set(entries) ^ set(source.entries())
    scanner.doubt(changed, "it came or went while the scan was at work")
    return scanner.result


class _Scanner:
    def __init__(self, needles: Needles, result: Scan, allowed: Collection[str]) -> None:
        self.result = result
        self._needles = needles
        self._allowed = allowed

    def look_at(self, entries: list[Entry], at_once: int, now: Callable[[str], None]) -> None:
        """Look at entries, some of them side by side, and take what was found in their order."""
        with _mapping(at_once) as each:
            for entry, look in zip(entries, each(self._look_at, entries), strict=True):
                now(self._shown(entry))
                self._take(entry, look)

    def doubt(self, entries: Iterable[Entry], why: str) -> None:
        """Take entries that nobody knows whether they were looked at, unless that was told."""
        told = {unread.place for unread in self.result.unread}
        by_place = {self._shown(entry): entry for entry in entries}
        for _, entry in sorted((place, by_place[place]) for place in by_place.keys() - told):
            look = Look(self._needles, 0)
            look.unread.append((_WHOLE, why))
            self._take(entry, look)

    def _look_at(self, entry: Entry) -> Look:
        look = Look(self._needles, 0)
        if entry.open is not None:
            look = self._look_into(entry, entry.open)
        for name in (entry.place.rpartition("/")[2], *entry.leads.split("/")):
            look.name(os.fsencode(name))
        if entry.odd:
            look.unread.append((_WHOLE, entry.odd))
        return look

    def _look_into(self, entry: Entry, open_: Open) -> Look:
        look = Look(self._needles, 0)
        try:
            with open_() as opened:
                file = opened.file
                look = Look(self._needles, opened.size)
                look.at(lambda: _rewound(file), entry.place.rpartition("/")[2])
                for view, text in opened.beside:
                    look.beside(view, text)
                look.unread += opened.unread
        except UnreadableError as error:
            look.unread.append((_WHOLE, str(error)))
        except OSError as error:
            look.unread.append((_WHOLE, (error.strerror or "it cannot be read").lower()))
        return look

    def _take(self, entry: Entry, look: Look) -> None:
        place, part, result = self._shown(entry), entry.part, self.result
        allowed = part in self._allowed
        if entry.kind and not any(view == _WHOLE for view, _ in look.unread):
            result.looked_at[entry.kind] += 1
            result.files += entry.open is not None
            result.bytes += look.size
        result.found += [
            Hit(part, place, view, kind, number, allowed)
            for (view, kind), number in sorted(look.found.items())
            if number
        ]
        result.unread += [
            # What is a person's is taken from landing files: unread, it is not sought elsewhere.
            Unread(part, place, view, why, allowed and part != LANDING)
            for view, why in look.unread
        ]

    def _shown(self, entry: Entry) -> str:
        names = entry.place.split("/")
        before, after = entry.around
        shown = "/".join(HIDDEN if self._is_hidden(name) else name for name in names)
        return f"{before}{shown}{after}"

    def _is_hidden(self, name: str) -> bool:
        # Another person's address is nobody's business either.
        texts = (text for _, text in decoded(os.fsencode(name)))
        if any(b"@" in text for text in (os.fsencode(name), *texts)):
            return True
        return bool(self._needles.kinds(os.fsencode(name), name=True))


@contextmanager
def _mapping(at_once: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """Yield what calls a function for each of many, so many at a time, and keeps their order."""
    if at_once == 1:
        yield map
        return
    pool = ThreadPoolExecutor(at_once)
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def _rewound(file: BinaryIO) -> Any:
    file.seek(0)
    return file
