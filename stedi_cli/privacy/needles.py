"""Where values of people stand in bytes, in each of the forms that they may have there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from stedi_cli.privacy.escapes import decoded
from stedi_cli.privacy.forms import BOUND_LENGTH, digits_of, is_length, spelled
from stedi_cli.privacy.words import ALNUM, is_apart, is_token, stands_apart

EMAIL, BOUND, SERIAL, INSTANT, DATE = "e-mail", "bound", "serial number", "instant", "date"
# Fewer bytes stand in compressed data by chance.
_LEAST_IN_BINARY = 6
_WORD = ALNUM | frozenset(b"_.+-")
# In a name, what stands beside these may be about the person as well.
_WORD_OF_NAME = _WORD - frozenset(b"_-")
_SUFFIXES = (
    rb"(?:jsonl?|ndjson|gz|csv|tsv|txt|parquet|avro|orc|log|part|tmp|bak|kept|crc|db|ya?ml|xml"
    rb"|html?|zip|zst|bz2|xz|tar|snappy|done|old|pdf|png|jpe?g|svg|xlsx?|docx?|pptx?|sql|pkl|pickle"
    rb"|feather|arrow|eml|vcf|swp|lock|dat|bin|ipynb|\d+)(?![a-z0-9])"
)
_DOTTED = rb"(?!\.(?!" + _SUFFIXES + rb")[a-z0-9])"
_AFTER = rb"(?![a-z0-9_@]|-[a-z0-9])" + _DOTTED
_AFTER_NAME = rb"(?![a-z0-9@])" + _DOTTED
_UUID = re.compile(
    rb"(?<![0-9a-f])[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}(?![0-9a-f])"
)
# Runs of digits once each: those that are too long are left out later.
_MILLISECONDS = re.compile(rb"\d{12,}+")
_AS_FLOAT = re.compile(rb"(?<![\d.])\d\.\d{1,12}[eE]\+?1[12](?!\d)")
_CLOCK = re.compile(rb"-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?")
_EXPONENTS = (b"e11", b"e12", b"E11", b"E12", b"+11", b"+12")
_DAY = re.compile(rb"-\d\d-\d\d(?![\dT-])")
_EARLIEST, _LATEST = 946_684_800_000, 4_102_444_800_000

Hit = tuple[int, str]


@dataclass(frozen=True)
class Values:
    """What is sought.

    Args:
        emails: Addresses, as the jobs compare them.
        bounds: What is left of long ones and of serial numbers as bounds, in lower case.
        serials: Serial numbers.
        instants: Epoch milliseconds.
        dates: Days, as text.
    """

    emails: frozenset[str] = frozenset()
    bounds: frozenset[str] = frozenset()
    serials: frozenset[str] = frozenset()
    instants: frozenset[int] = frozenset()
    dates: frozenset[str] = frozenset()


def is_instant(number: int) -> bool:
    """Tell whether a number may be epoch milliseconds of this century."""
    return _EARLIEST <= number < _LATEST


@dataclass
class Needles:
    """Finds values of people."""

    values: Values
    _at: re.Pattern[bytes] | None = None
    _at_name: re.Pattern[bytes] | None = None
    _locals: dict[bytes, dict[int, set[bytes]]] = field(default_factory=dict)
    _spelled: re.Pattern[bytes] | None = None
    _hex: frozenset[bytes] = frozenset()
    _raw_serials: tuple[bytes, ...] = ()
    _ascii_raw_serials: tuple[bytes, ...] = ()
    _serials: tuple[bytes, ...] = ()
    _days: frozenset[bytes] = frozenset()
    _little: frozenset[bytes] = frozenset()
    _little_at: re.Pattern[bytes] | None = None

    def __post_init__(self) -> None:
        values = self.values
        self._take_emails(values.emails)
        hexes = {s: digits_of(s) for s in values.serials}
        uuids = {digits for digits in hexes.values() if digits}
        self._hex = frozenset(h.encode() for h in uuids)
        self._raw_serials = tuple(bytes.fromhex(h) for h in sorted(uuids))
        self._ascii_raw_serials = tuple(raw for raw in self._raw_serials if raw.isascii())
        self._serials = tuple(
            sorted(s.strip().lower().encode() for s, digits in hexes.items() if not digits)
        )
        self._days = frozenset(day.encode() for day in values.dates)
        self._little = frozenset(i.to_bytes(8, "little") for i in values.instants)
        # The sixth byte is one of few, and the two behind it are nothing.
        sixth = {little[5] for little in self._little}
        if sixth:
            among = b"".join(re.escape(bytes([byte])) for byte in sorted(sixth))
            self._little_at = re.compile(b"[" + among + rb"](?=\x00\x00)")

    def _take_emails(self, emails: Collection[str]) -> None:
        others = []
        for email in sorted(emails):
            local, _, domain = email.rpartition("@")
            if email.isascii() and local and domain:
                by_length = self._locals.setdefault(domain.encode(), {})
                by_length.setdefault(len(local.encode()), set()).add(local.encode())
            else:
                others.append(email)
        if self._locals:
            # The longest first: of one that begins with another.
            known = sorted(self._locals, key=lambda domain: (-len(domain), domain))
            at = b"@(" + b"|".join(map(re.escape, known)) + b")"
            self._at, self._at_name = re.compile(at + _AFTER), re.compile(at + _AFTER_NAME)
        if others:
            self._spelled = re.compile(b"(?:" + b"|".join(map(_any_case, others)) + b")" + _AFTER)

    def hits(self, data: bytes, *, binary: bool = False, name: bool = False) -> Iterator[Hit]:
        """Yield where values begin, each with its kind.

        Args:
            data: The bytes.
            binary: Whether they may hold anything, so that very short values are no evidence.
            name: Whether they are a file's name, in which a value stands beside other words.
        """
        if name:
            # What hides a file is no part of a value.
            data = data.removeprefix(b".")
        lowered = data.lower()
        least = _LEAST_IN_BINARY if binary else 0
        yield from self._emails(lowered, least, name=name)
        yield from self._serial_numbers(data, lowered, least, name=name)
        yield from self._instants(data)
        if self._days:
            yield from self._dates(data)

    def after_lengths(self, data: bytes) -> Iterator[Hit]:
        """Yield the texts of which a length before them tells where they end, and `hits` do not.

        What follows them may be a letter that means something else.
        """
        lowered, told = data.lower(), {place for place, _ in self.hits(data, binary=True)}
        for text, kind in self._texts:
            for place in _places(lowered, text):
                if place not in told and is_length(data[max(0, place - 4) : place], len(text)):
                    yield place, kind

    def kinds(self, data: bytes, *, binary: bool = False, name: bool = False) -> Counter[str]:
        """Count the values in bytes by kind, as they are and with escapes read."""
        found = Counter(kind for _, kind in self.hits(data, binary=binary, name=name))
        if not found and not binary:
            for _, text in decoded(data):
                found.update(kind for _, kind in self.hits(text, name=name))
                if found:
                    break
        return found

    def is_bound(self, value: bytes) -> bool:
        """Tell whether a decoded value is what a bound keeps of an address."""
        text = value.decode("utf-8", "replace")
        return len(text) == BOUND_LENGTH and text.lstrip().lower() in self.values.bounds

    def bounds(self, values: Iterable[bytes]) -> Counter[str]:
        """Count the decoded values that are bounds."""
        number = sum(map(self.is_bound, values)) if self.values.bounds else 0
        return Counter({BOUND: number} if number else {})

    @property
    def _texts(self) -> Iterator[tuple[bytes, str]]:
        yield from ((email.encode(), EMAIL) for email in self.values.emails)
        yield from (
            (text.encode(), SERIAL) for known in self._hex for text in spelled(known.decode())
        )
        yield from ((s, SERIAL) for s in self._serials if len(s) >= _LEAST_IN_BINARY)

    def literals(self) -> Iterator[tuple[bytes, str]]:
        """Yield all forms of all values, in lower case, with their kinds."""
        yield from self._texts
        yield from ((serial.lower(), SERIAL) for serial in self._raw_serials)
        for instant in self.values.instants:
            yield str(instant).encode(), INSTANT
            yield instant.to_bytes(8, "little").lower(), INSTANT
            # As SQLite keeps it.
            yield instant.to_bytes(6, "big").lower(), INSTANT
        yield from ((day, DATE) for day in self._days)

    def _emails(self, lowered: bytes, least: int, *, name: bool) -> Iterator[Hit]:
        word = _WORD_OF_NAME if name else _WORD
        at = self._at_name if name else self._at
        for found in at.finditer(lowered) if at else ():
            at_sign, end = found.span()
            for length, locals_ in self._locals[found[1]].items():
                start = at_sign - length
                if (
                    start >= 0
                    and lowered[start:at_sign] in locals_
                    and end - start >= least
                    and is_apart(lowered, start, end, word)
                ):
                    yield start, EMAIL
        for found in self._spelled.finditer(lowered) if self._spelled else ():
            if len(found[0]) >= least and is_apart(lowered, *found.span(), word):
                yield found.start(), EMAIL

    def _serial_numbers(
        self, data: bytes, lowered: bytes, least: int, *, name: bool
    ) -> Iterator[Hit]:
        if self._hex:
            for found in _UUID.finditer(lowered):
                if found[0].replace(b"-", b"") in self._hex:
                    yield found.start(), SERIAL
        # What is text alone is soon passed over.
        for raw in self._ascii_raw_serials if data.isascii() else self._raw_serials:
            yield from ((place, SERIAL) for place in _places(data, raw))
        apart = stands_apart if name else is_token
        for serial in self._serials:
            if len(serial) >= least:
                yield from (
                    (place, SERIAL)
                    for place in _places(lowered, serial)
                    if apart(lowered, place, place + len(serial))
                )

    def _instants(self, data: bytes) -> Iterator[Hit]:
        known = self.values.instants
        if not known or self._little_at is None:
            return
        for found in _MILLISECONDS.finditer(data):
            place, end = found.span()
            if end - place < 14 and int(found[0]) in known and not _is_fraction(data, place):
                yield place, INSTANT
        for found in _CLOCK.finditer(data):
            place = max(0, found.start() - 4)
            if _milliseconds(data[place : found.end()]) in known:
                yield place, INSTANT
        if any(exponent in data for exponent in _EXPONENTS):
            for found in _AS_FLOAT.finditer(data):
                if float(found[0]) in known:
                    yield found.start(), INSTANT
        for found in self._little_at.finditer(data) if b"\0\0" in data else ():
            start = found.start() - 5
            if start >= 0 and data[start : start + 8] in self._little:
                yield start, INSTANT

    def _dates(self, data: bytes) -> Iterator[Hit]:
        for found in _DAY.finditer(data):
            start = found.start() - 4
            if start >= 0 and data[start : found.end()] in self._days:
                before = data[start - 1] if start else 0
                if before not in b"0123456789-":
                    yield start, DATE


def _milliseconds(told: bytes) -> int | None:
    """Return the instant that is told as date and time, which are taken for UTC."""
    day, _, fraction = told.replace(b",", b".").partition(b".")
    try:
        at = datetime.strptime(day.decode().replace("T", " "), "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None
    return int(at.replace(tzinfo=UTC).timestamp()) * 1000 + int(fraction[:3].ljust(3, b"0"))


def _is_fraction(data: bytes, place: int) -> bool:
    """Tell whether digits follow a point that follows a digit."""
    return place > 1 and data[place - 1] == 0x2E and data[place - 2] in b"0123456789"


def _any_case(email: str) -> bytes:
    """Return a pattern of an address in any case, for bytes whose ASCII letters are small."""
    return b"".join(
        re.escape(c.encode())
        if c.isascii()
        else b"(?:" + b"|".join(re.escape(s.encode()) for s in _spellings(c)) + b")"
        for c in email
    )


def _spellings(character: str) -> list[str]:
    found = {character, character.upper(), character.title(), character.swapcase()}
    same = {other for other in found if other.lower() == character}
    return sorted(same | (set("\u03c2\u03c3\u03a3") if character in "\u03c2\u03c3" else set()))


def _places(data: bytes, value: bytes) -> Iterator[int]:
    place = data.find(value)
    while place >= 0:
        yield place
        place = data.find(value, place + 1)
