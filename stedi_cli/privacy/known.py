"""What landing lines say of people: which values are theirs, and nobody else's."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from stedi_cli.privacy import gzip_members
from stedi_cli.privacy.forms import bounds_of, digits_of, spelled
from stedi_cli.privacy.gzip_members import Limit, Members, Readable
from stedi_cli.privacy.needles import Needles, Values, is_instant
from stedi_cli.privacy.people import Person, folded
from stedi_cli.privacy.source import LANDING, Entry
from stedi_cli.privacy.unreadable import UnreadableError

_PIECE = 1 << 22
_LONGEST_LINE = 1 << 24
_IDENTITY = {"email", "user"}
_SERIAL = "serialnumber"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NUMBER = re.compile(r"(?<![\d.])\d{12,13}(?!\d)")
_ADDRESS = re.compile(r"""[^\s"',:;{}\[\]<>]+@[^\s"',:;{}\[\]<>]*""")
_ONE_ADDRESS = re.compile(r"[^\s@]+@[^\s@]*")
_BROKEN_SERIAL = re.compile(r'"serialNumber"\s*:\s*"?([^",}\s]+)')
_QUOTED = re.compile(rb'"([^"@\n]{0,320}@[^"\n]{0,320})"')


@dataclass(frozen=True)
class Sought:
    """What is sought of people, and how much of it could be made out.

    Args:
        values: The values.
        people: How many people.
        unknown: How many of them no landing line names and no value was given of.
        shared: How many of their values others have too, so that they tell nothing.
    """

    values: Values
    people: int
    unknown: int
    shared: int


@dataclass
class _Line:
    """What a line says, whichever keys it uses for it."""

    people: set[str] = field(default_factory=set)
    serials: set[str] = field(default_factory=set)
    instants: set[int] = field(default_factory=set)
    days: set[str] = field(default_factory=set)
    is_broken: bool = False

    @property
    def is_nobodys(self) -> bool:
        """Whether it is no JSON and names nobody, so that no table can hold it."""
        return self.is_broken and not (self.people or self.serials)

    def take(self, key: str, value: Any) -> None:
        """Take a value that stands under a key."""
        if isinstance(value, _Pairs):
            for inner, deeper in value.pairs:
                self.take(inner, deeper)
        elif isinstance(value, list):
            for deeper in value:
                self.take(key, deeper)
        elif not isinstance(value, bool) and value is not None:
            self._take_plain(re.sub("[-_ ]", "", key.lower()), value)

    def _take_plain(self, key: str, value: str | int | float) -> None:
        text = str(value)
        if key == _SERIAL and text.strip():
            self.serials.add(text)
        elif (key in _IDENTITY and text.strip()) or _ONE_ADDRESS.fullmatch(text.strip()):
            self.people.add(folded(text))
        elif _DAY.fullmatch(text):
            self.days.add(text)
        else:
            number = _whole(value)
            if number is not None and is_instant(number):
                self.instants.add(number)


class _Pairs:
    """An object of JSON with all its keys, also those that are there twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


class Known:
    """Reads what landing lines say of people.

    Args:
        entries: What there is.
        people: The people.
    """

    def __init__(self, entries: Iterable[Entry], people: Iterable[Person]) -> None:
        self._landing = [entry for entry in entries if entry.part == LANDING]
        self.unread: set[Entry] = set()
        """What could not be read while it was asked what is theirs."""
        self._people = list(people)
        self._emails = frozenset(person.email for person in self._people)
        self._named: set[str] = set()
        self._serials = {serial for person in self._people for serial in person.serials}
        self._instants = {time for person in self._people for time in person.instants}
        self._days: set[str] = set()
        self._shared: set[object] = set()
        self._bounds = {bound for email in self._emails for bound in bounds_of(email)}

    def sought(self) -> Sought:
        """Return what is sought of them."""
        self._read_their_lines()
        self._read_their_serials()
        self._leave_out_what_others_have()
        # Others that begin with as many digits of the same are not to be expected.
        digits = (digits for serial in self._serials if (digits := digits_of(serial)))
        bounds = {bound for each in digits for text in spelled(each) for bound in bounds_of(text)}
        given = {p.email for p in self._people if p.serials or p.instants}
        values = Values(
            self._emails,
            frozenset(self._bounds | bounds),
            frozenset(self._serials),
            frozenset(self._instants),
            frozenset(self._days),
        )
        unknown = len(self._emails - self._named - given)
        return Sought(values, len(self._emails), unknown, len(self._shared))

    def _read_their_lines(self) -> None:
        """Take what lines say that name them, and from their bounds what others' may be."""
        needles = Needles(Values(emails=self._emails))
        starts = {bound[:8] for bound in self._bounds}
        for lines in self._lines():
            for line in _parsed(lines, (place for place, _ in needles.hits(lines))):
                theirs = line.people & self._emails
                self._named |= theirs
                if theirs:
                    self._serials |= line.serials
                    self._instants |= line.instants
                    self._days |= line.days
            for found in _QUOTED.finditer(lines) if starts else ():
                other = folded(found[1].decode("utf-8", "replace"))
                if other[:8] in starts and other not in self._emails:
                    self._bounds -= bounds_of(other)

    def _read_their_serials(self) -> None:
        """Take what lines say that name nobody but a serial number that is theirs alone."""
        needles = Needles(Values(serials=frozenset(self._serials)))
        held = self._held()
        shared: set[str] = set()
        told: dict[str, set[int]] = defaultdict(set)
        for lines in self._lines() if held else ():
            for line in _parsed(lines, (place for place, _ in needles.hits(lines))):
                serials = {s for s in line.serials if s.lower() in held}
                if line.people - self._emails:
                    shared |= {s.lower() for s in serials}
                elif not line.people:
                    for serial in serials:
                        told[serial.lower()] |= line.instants
        for serial, instants in told.items():
            if serial not in shared:
                self._instants |= instants
        self._leave_out({s for s in self._serials if s.lower() in shared}, self._serials)
        self._candidates = held

    def _held(self) -> set[str]:
        return {serial.lower() for serial in self._serials}

    def _leave_out_what_others_have(self) -> None:
        values = Values(instants=frozenset(self._instants), dates=frozenset(self._days))
        needles = Needles(values)
        for lines in self._lines() if self._instants or self._days else ():
            for line in _parsed(lines, (place for place, _ in needles.hits(lines))):
                others = line.people - self._emails
                held = {serial.lower() for serial in line.serials} & self._candidates
                if others or not (line.people or held or line.is_nobodys):
                    self._leave_out(line.instants & self._instants, self._instants)
                    self._leave_out(line.days & self._days, self._days)

    def _leave_out(self, shared: Collection[Any], of: set[Any]) -> None:
        self._shared |= set(shared)
        of -= set(shared)

    def _lines(self) -> Iterator[bytes]:
        """Yield all landing lines, many at a time."""
        for entry in self._landing:
            if entry.open is None:
                continue
            try:
                with entry.open() as opened:
                    file = opened.file
                    packed = file.read(2) == gzip_members.MAGIC
                    file.seek(0)
                    stream: Readable = file
                    if packed:
                        stream = Members(file, lambda _: None, Limit(opened.size).spend)
                    yield from _whole_lines(stream)
            except (UnreadableError, OSError):
                self.unread.add(entry)


def _whole_lines(stream: Readable) -> Iterator[bytes]:
    rest = b""
    while piece := stream.read(_PIECE):
        lines, end, tail = (rest + piece).rpartition(b"\n")
        rest = tail
        if end:
            yield lines
        elif len(rest) > _LONGEST_LINE:
            # No line of the contract is as long.
            yield rest
            rest = b""
    if rest:
        yield rest


def _parsed(lines: bytes, places: Iterable[int]) -> Iterator[_Line]:
    """Yield what lines say in which something was found, or that hold an escape."""
    after = -1
    for place in sorted({*places, *(found.start() for found in re.finditer(rb"\\", lines))}):
        if place < after:
            continue
        start = lines.rfind(b"\n", 0, place) + 1
        end = lines.find(b"\n", place)
        after = end if end >= 0 else len(lines)
        yield _line(lines[start:after].decode("utf-8", "replace"))


def _line(text: str) -> _Line:
    line = _Line()
    try:
        line.take("", json.loads(text.lstrip("\ufeff"), object_pairs_hook=_Pairs, strict=False))
        return line
    except (ValueError, RecursionError):
        line = _Line({folded(found) for found in _ADDRESS.findall(text)}, is_broken=True)
        line.serials = set(_BROKEN_SERIAL.findall(text))
        line.instants = {n for n in map(int, _NUMBER.findall(text)) if is_instant(n)}
        return line


def _whole(value: str | int | float) -> int | None:
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() and abs(number) < 1 << 53 else None
