"""Whom, which serial number and when a line that cannot be used may be about.

It may be a withdrawal, or the reading that says whose another one is. What is made out here is
held against everybody whom it may concern, so whatever is in doubt is left open: None.
Plain standard library beside the contract, since AWS Glue runs it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

if __package__:
    from stedi_cli.landing.contract import (
        BLANKS,
        LONGEST_LINE,
        Field,
        Pairs,
        Unusable,
        bare_address,
        parsed,
        value_of,
    )
    from stedi_cli.landing.seams import is_in_one_piece, is_rest_of_one
else:  # On Spark these files lie side by side.
    from contract import (  # type: ignore[import-not-found, no-redef]
        BLANKS,
        LONGEST_LINE,
        Field,
        Pairs,
        Unusable,
        bare_address,
        parsed,
        value_of,
    )
    from seams import (  # type: ignore[import-not-found, no-redef]
        is_in_one_piece,
        is_rest_of_one,
    )

LONGEST_EMAIL, LONGEST_SERIAL = 320, 200
"""Characters of what is taken for an e-mail address, and for a serial number."""


class Trace(NamedTuple):
    """What is made out of a line; None stands for any that there may be."""

    email: str | None
    serial_number: str | None
    instant: int | None


@dataclass(frozen=True)
class Traced:
    """The columns of a landing table that are made out.

    Args:
        email: Whose the line is.
        serial: The serial number that it says is theirs; None where lines hold none. Then it is
            at their instants that they contend, so that each of them counts, not the latest.
        instant: When it was.
    """

    email: str
    serial: str | None
    instant: str


_DOUBT = Trace(None, None, None)
_BLANK = "[ \t\r\v\f]*+"
# An escape has six characters, and some characters have two.
_LONGEST = 12 * LONGEST_EMAIL
# Of two lines in one a quote may close what it is not to close: something else stands beside it
# then. A number that nothing ends may have lost digits.
_BESIDE = ' \t\r\v\f{}[],"'
_VALUE = (
    rf'"(?:[^"\\\x00-\x1f]|\\.){{0,{_LONGEST}}}+"(?={_BLANK}(?:[,}}\]"]|\Z))'
    rf"|[-+.\w]++(?={_BLANK}[,}}\]])"
)
_LOST = re.compile("[\ud800-\udfff\ufffd]")
_NO_EMAIL = re.compile(r'[\x00-\x20\x7f-\xa0{}\[\],:"\\]')
# What stands behind an object, up to the next one.
_TAIL = re.compile(r"\}([^{]*)")
_ALNUM = re.compile("[0-9A-Za-z]")
_NO_SERIAL = re.compile(r'[\x00-\x1f\x7f-\x9f{}\[\]"\\]')


def traces(
    line: bytes, fields: Sequence[Field], traced: Traced, *, first: bool = False
) -> tuple[Trace, ...]:
    """Make out of a line that the contract refuses what it may be about.

    Args:
        line: The line without its line feed, not blank.
        fields: The table's columns.
        traced: Which of them are made out.
        first: Whether it is the first line of its file, where a byte order mark is allowed.

    Returns:
        At least one trace, each different. Of a landing table with serial numbers, a trace lacks
        the e-mail address or the serial number where either could not be made out for certain.
    """
    # Whoever reads a line that is too long may have less of it than others have.
    text = line[:LONGEST_LINE].decode(errors="replace")
    if first:
        text = text.removeprefix("\ufeff")
    text = text.strip(BLANKS.decode())
    reader = _Reader(fields, traced)
    if len(line) > LONGEST_LINE:
        found = [*reader.broken(text), _DOUBT]
    else:
        try:
            value = parsed(text)
        except Unusable:
            value = None
        found = reader.whole(value, text) if isinstance(value, Pairs) else reader.broken(text)
    return tuple(dict.fromkeys(found))


@dataclass
class _Told:
    """What an object says, each value once; `doubted` are keys with a value that says nothing."""

    emails: dict[str, None] = field(default_factory=dict)
    serials: dict[str, None] = field(default_factory=dict)
    instants: list[int] = field(default_factory=list)
    doubted: set[str] = field(default_factory=set)
    repeats: bool = False


class _Reader:
    """Makes out the traced columns of a landing table."""

    def __init__(self, fields: Sequence[Field], traced: Traced) -> None:
        self._traced = traced
        self._columns = {f.name: f for f in fields}
        self._asked = {traced.email, traced.serial, traced.instant} - {None}
        names = "|".join(re.escape(f.name) for f in fields)
        self._member = re.compile(
            rf'(?<!\\)"(?P<key>{names})"{_BLANK}:{_BLANK}(?P<value>{_VALUE})?', re.ASCII
        )

    def whole(self, members: Pairs, text: str) -> list[Trace]:
        """Return the traces of an object, from its own members; deeper ones are held in doubt."""
        told = _Told()
        for key, value in members:
            self._take(told, key, value, picked=False)
        found = list(self._of(told))
        if self._traced.serial and not (told.emails and told.serials):
            deeper = self._told(text)
            found += (Trace(e, None, None) for e in deeper.emails if not told.emails)
            found += (Trace(None, s, None) for s in deeper.serials if not told.serials)
        return found

    def broken(self, text: str) -> list[Trace]:
        """Return the traces of a line that is no object: cut, or several, or otherwise wrong."""
        objects = text.count("{")
        head = text.partition("{")[0] if objects else ""
        tails = (found[1] for found in _TAIL.finditer(text))
        fragments = _is_fragment(head) or any(map(_is_fragment, tails))
        bodies = text.split("{")[min(1, objects) :]
        whole = all(map(is_in_one_piece, bodies)) if objects else is_rest_of_one(text)
        sure = whole and not fragments
        # Some object says nothing where there are fewer keys, however many braces there are.
        if sure and objects <= max(1, text.count(f'"{self._traced.email}"')):
            told = [self._told(body) for body in bodies]
            if self._are_objects(told):
                return [trace for one in told for trace in self._of(one)]
        return self._doubted(self._told(text), objects, sure)

    def _are_objects(self, told: list[_Told]) -> bool:
        """Tell whether each of several objects says once and for certain what it is about."""
        if any(one.repeats for one in told):
            return False
        asked = (self._traced.email, self._traced.serial or self._traced.instant)
        return len(told) == 1 or all(
            one.emails
            and (one.serials if self._traced.serial else one.instants)
            and one.doubted.isdisjoint(asked)
            for one in told
        )

    def _doubted(self, told: _Told, objects: int, sure: bool) -> list[Trace]:
        if self._traced.serial:
            emails = [Trace(email, None, None) for email in told.emails]
            return [*emails, *(Trace(None, serial, None) for serial in told.serials), _DOUBT]
        found = [Trace(None, None, instant) for instant in told.instants]
        unplaced = not sure or told.doubted or len(found) < max(objects, 1)
        return [*found, _DOUBT] if unplaced else found

    def _of(self, told: _Told) -> Iterator[Trace]:
        """Yield the traces of one object."""
        traced = self._traced
        emails: list[str | None] = [*told.emails] or [None]
        serials: list[str | None] = [*told.serials] or [None]
        read = [key for key in self._asked if key not in told.doubted]
        if traced.serial is None:
            email = emails[0] if len(emails) == 1 and traced.email in read else None
            yield from (Trace(email, None, instant) for instant in told.instants)
            if not told.instants or traced.instant not in read:
                yield Trace(email, None, None)
            return
        instant = max(told.instants) if told.instants and traced.instant in read else None
        if len(emails) > 1 and len(serials) > 1:
            yield from (Trace(email, None, instant) for email in emails)
            yield from (Trace(None, serial, instant) for serial in serials)
        else:
            yield from (Trace(e, serial, instant) for e in emails for serial in serials)
        told_twice = len(emails) > 1 or len(serials) > 1
        half_told = (told.emails and traced.email not in read) or (
            told.serials and traced.serial not in read
        )
        if told_twice or half_told:
            yield _DOUBT

    def _told(self, text: str) -> _Told:
        """Return what a text says that is no object for certain."""
        told = _Told()
        seen = set()
        for member in self._member.finditer(text):
            key, value = member["key"], member["value"]
            told.repeats |= key in seen
            seen.add(key)
            if key in self._asked:
                apart = member.start() == 0 or text[member.start() - 1] in _BESIDE
                self._take(told, key, _given(value) if apart else None, picked=True)
        return told

    def _take(self, told: _Told, key: str, given: Any, *, picked: bool) -> None:
        """Note what a member says; stricter where it is picked out of what is no object."""
        traced = self._traced
        if key not in self._asked:
            return
        value: Any = None
        if given is not None:
            # What stands around an address does not hide whose it is.
            odd = key == traced.email and not picked and type(given) is str
            with suppress(Unusable):
                value = value_of(bare_address(given) if odd else given, self._columns[key])
        if key == traced.email and _is_text(value, LONGEST_EMAIL, _NO_EMAIL if picked else _LOST):
            told.emails[value.strip(" ")] = None
        elif key == traced.serial and _is_text(
            value, LONGEST_SERIAL, _NO_SERIAL if picked else _LOST
        ):
            told.serials[value] = None
        elif key == traced.instant and value is not None:
            told.instants.append(value)
        else:
            told.doubted.add(key)


def _given(value: str | None) -> Any:
    """Return what stands behind a key, None for what is no value."""
    if value is None:
        return None
    if value[0] == '"' and "\\" not in value:
        return value[1:-1]
    try:
        return parsed(value)
    except Unusable:
        return None


def _is_text(value: str | None, longest: int, not_in: re.Pattern[str]) -> bool:
    return (
        value is not None
        and len(value) <= longest
        and bool(value.strip())
        and not not_in.search(value.strip(" "))
        and not _LOST.search(value)
    )


def _is_fragment(text: str) -> bool:
    """Tell whether what stands outside of an object may be what is left of another one."""
    return '"' in text or ("}" in text and _ALNUM.search(text) is not None)
