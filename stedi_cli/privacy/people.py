"""Whom a scan is about, as people are named on its input."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from stedi_cli.errors import UsageError
from stedi_cli.privacy.needles import is_instant

_KEYS = {"email", "serialNumber", "instants"}
_HOW = (
    "Give one e-mail address a line, or a JSON object such as"
    ' {"email": "…", "serialNumber": "…", "instants": [1655564444103]}.'
)
# Quotes, commas and the like are around an address, as in CSV, or between several. One that has
# them itself, or ends with a mark, is given in an object.
_ADDRESS = re.compile(r"""[^@\s"<>(),;:\\\[\]]+@[^@\s"<>(),;:\\\[\]]+""")


@dataclass(frozen=True)
class Person:
    """A person, and what was said to be theirs.

    Args:
        email: The address as the jobs compare it: in lower case, without blanks around it.
        serials: Serial numbers, besides those that landing lines tell.
        instants: Epoch milliseconds, besides those that landing lines tell.
        given: The address as it was given.
        line: The line on which it was given, from 1.
    """

    email: str
    serials: tuple[str, ...] = ()
    instants: tuple[int, ...] = ()
    given: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)


def folded(email: str) -> str:
    """Return an address as the jobs compare it."""
    return email.strip().lower()


def read_people(content: bytes, place: str, *, any_name: bool = False) -> list[Person]:
    """Read people, one a line.

    Args:
        content: The lines.
        place: Where they were given.
        any_name: Whether an object may name who has no address, but any text in its place.

    Raises:
        UsageError: If a line names nobody, or no line does. It repeats nothing of the line.
    """
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"{place} is not UTF-8 text.", hint=_HOW) from error
    people = list(_read(lines, place, any_name))
    if not people:
        raise UsageError(f"{place} names nobody.", hint=_HOW)
    return people


def _read(lines: list[str], place: str, any_name: bool) -> Iterable[Person]:
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        is_object = text.startswith("{")
        person = _from_object(text) if is_object else Person(folded(text), given=text)
        named = bool(_ADDRESS.fullmatch(text))
        if is_object and person is not None:
            named = bool(person.email) and (any_name or "@" in person.email[1:-1])
        elif named:
            named = not _has_more_around(text)
        if person is None or not named:
            raise UsageError(f"{place}: line {number} names nobody.", hint=_HOW)
        if not all(map(is_instant, person.instants)):
            raise UsageError(
                f"{place}: line {number} holds what is no instant.",
                hint="Instants are epoch milliseconds, such as 1655564444103.",
            )
        yield replace(person, line=number)


def _has_more_around(text: str) -> bool:
    """Tell whether more than an address stands there: what is not seen, or marks around it."""
    kinds = [unicodedata.category(character) for character in text]
    if any(kind[0] in "CZ" for kind in kinds):
        return True
    return kinds[-1][0] not in "LMN" or (kinds[0][0] not in "LMN" and not text[0].isascii())


def _from_object(text: str) -> Person | None:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict) or given.keys() - _KEYS:
        return None
    email, serials, instants = (given.get(key) for key in ("email", "serialNumber", "instants"))
    numbers = _listed(serials)
    times = _listed(instants)
    whole = all(isinstance(time, int) and not isinstance(time, bool) for time in times)
    if not isinstance(email, str) or not whole or not all(isinstance(n, str) for n in numbers):
        return None
    known = tuple(number for number in numbers if number.strip())
    return Person(folded(email), known, tuple(times), given=email)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
