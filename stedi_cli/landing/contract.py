"""What a usable landing line is, and why a line is not.

An engine reads landing files with its own fast, typed reader and asks here only about the lines
that this reader cannot vouch for. The cases are documented in ``docs/landing-contract.md``.
Plain standard library, since AWS Glue runs it too.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST_LINE = 16 * 1024 * 1024
"""Longest usable line, in bytes: what DuckDB's reader takes as one object by default."""

BOM = b"\xef\xbb\xbf"
"""A byte order mark, which the first line of a file may begin with."""

BLANKS = b" \t\r\v\f"
"""A line of nothing but these is blank: numbered, but neither used nor quarantined."""

IMPLAUSIBLE = "implausible-instant"
"""The reason of a line whose instant can be none."""

NUMBER = r"\s*((?:(?:0|[1-9][0-9]*|-[0-9]+)(?:\.[0-9]*)?|-?\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
"""A text that DuckDB's strict reader takes for a number, as Python and Trino read it."""

_INTEGER = re.compile("-?[0-9]+")
_LONG = range(-(2**63), 2**63)
_LONGEST_LONG = 19
_NUMBER_TEXT = re.compile(NUMBER, re.ASCII)
# Not JSON, but taken by DuckDB's reader: bare words for numbers in any case, a comma too many.
# Texts come first, so that nothing inside one is touched; one that is not closed is no JSON anyway.
_LENIENT = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*+"?)|(?P<word>-?\b(?:nan|inf(?:inity)?)\b)|(?<=["\]}\w])\s*,(?P<end>\s*[}\]])""",
    re.IGNORECASE,
)
# White space, and characters that show nothing.
_UNSEEN = "".join(
    chr(code)
    for first, last in (
        *((0x00, 0x20), (0x7F, 0xA0), (0xAD, 0xAD), (0x1680, 0x1680), (0x180E, 0x180E)),
        *((0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x206F), (0x3000, 0x3000)),
        (0xFEFF, 0xFEFF),
    )
    for code in range(first, last + 1)
)
_BEFORE_ADDRESS = re.compile(rf"(?:mailto:|[{_UNSEEN}])*+", re.IGNORECASE | re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Field:
    """A column as the contract sees it.

    Args:
        name: Key in the landing JSON, in its exact spelling.
        type: ``string``, ``long`` (64-bit integer) or ``double`` (64-bit float).
        required: Whether a line without it is unusable.
        plausible: The epoch milliseconds that an instant may be; None for what is no instant.
        address: Whether it is an e-mail address, which tells whose a line is.
    """

    name: str
    type: str
    required: bool
    plausible: range | None = None
    address: bool = False


_DIGITS = "-?(?:0|[1-9][0-9]{0,17})"
# One by one, not as a range: Java looks single characters up in a table, three times as fast.
_CONTROL = "".join(rf"\x{code:02x}" for code in range(0x20))
# U+FFFD is left to the judge, since Java shows it where a byte is no UTF-8.
_TEXT = rf'"\\{_CONTROL}\x{{FFFD}}'
# Of a required text the first character shows that it is not blank; the judge looks at the rest.
_GIVEN = r"[!#-Z\]-z|}~]"
# Of an address the last one too, and no colon, as a link has it.
_ADDRESS = rf'"[!#-9;-Z\]-z|}}~](?:[^:{_TEXT}]*[!#-9;-\[\]-~])?"'
_CANONICAL = {
    "string": rf'"(?:[^{{\[{_TEXT}][^{_TEXT}]*)?"',
    "long": _DIGITS,
    "double": rf"{_DIGITS}(?:\.[0-9]{{1,17}})?",
}


def canonical(fields: Sequence[Field]) -> str:
    """Return a pattern that only usable lines match, so that the others alone need judging.

    Args:
        fields: The columns, in the order in which their keys stand in a line. One that is not
            required may be null, or missing unless it is the first.

    Returns:
        A regular expression for a whole line, as both RE2 and Java read it.
    """
    members = [f'"{re.escape(field.name)}" ?: ?{_canonical(field)}' for field in fields]
    others = zip(members[1:], fields[1:], strict=True)
    tail = "".join(f"(?:, ?{member}){'' if f.required else '?'}" for member, f in others)
    return rf"\{{ ?{members[0]}{tail} ?\}}"


def _canonical(field: Field) -> str:
    value = _CANONICAL[field.type]
    if field.type == "string" and field.required:
        value = f'"{_GIVEN}[^{_TEXT}]*"'
    if field.address:
        value = _ADDRESS
    if field.plausible is not None:
        value = _plausible(field.plausible) + ("" if field.required else "|0")
    return value if field.required else f"(?:{value}|null)"


def _plausible(instants: range) -> str:
    """Return a pattern of numbers in a range: as many as share their first digits."""
    length = len(str(instants.stop - 1))
    for rest in range(length - 1, 0, -1):
        block = 10**rest
        least = max(-(-instants.start // block), 10 ** (length - 1 - rest))
        if first := range(least, instants.stop // block):
            return f"(?:{'|'.join(map(str, first))})[0-9]{{{rest}}}"
    raise ValueError(f"{instants} is no range of days")


class Unusable(Exception):  # noqa: N818 - a verdict, not an error of the program
    """Raised for a line that cannot be used; its text is the reason."""


class _Number(str):
    """A JSON number as it was written, so that no digit is lost before its column is known."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """The members of a JSON object in their order, duplicates included."""


_DECODER = json.JSONDecoder(
    object_pairs_hook=Pairs, parse_int=_Number, parse_float=_Number, parse_constant=_Number
)


def is_blank(line: bytes, *, first: bool = False) -> bool:
    """Tell whether a landing line is blank: numbered, but neither used nor quarantined.

    Args:
        line: The line without its line feed.
        first: Whether it is the first line of its file, where a byte order mark is allowed.
    """
    return not (line.removeprefix(BOM) if first else line).strip(BLANKS)


def judge(line: bytes, fields: Sequence[Field], *, first: bool = False) -> dict[str, Any]:
    """Read one landing line.

    Args:
        line: The line without its line feed, not blank.
        fields: The table's columns.
        first: Whether it is the first line of its file, where a byte order mark is allowed.

    Returns:
        The value of every column by name, ``None`` where an optional one is not given.

    Raises:
        Unusable: With the reason, ``<code>`` or ``<code>:<column>``.
    """
    members = _members(line, first)
    known = {field.name for field in fields}
    given: dict[str, Any] = {}
    for key, value in members:
        if key in given:
            raise Unusable("duplicate-key")
        if key in known:
            given[key] = value
    return {field.name: value_of(given.get(field.name), field) for field in fields}


def keys_of(line: bytes) -> list[str]:
    """Return the keys of a landing line; raise Unusable for one that is no object."""
    return [key for key, _ in _members(line, first=False)]


def _members(line: bytes, first: bool) -> Pairs:
    if len(line) > LONGEST_LINE:
        raise Unusable("too-long")
    if first:
        line = line.removeprefix(BOM)
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Unusable("not-utf8") from None
    value = parsed(text.strip(BLANKS.decode()))
    if not isinstance(value, Pairs):
        raise Unusable("not-an-object")
    if "\\u" in text and _has_lone_surrogate(value):
        raise Unusable("lone-surrogate")
    return value


def parsed(text: str) -> Any:
    """Return a JSON value as the contract reads it; raise Unusable for what is none."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        lenient = _LENIENT.sub(_as_json, text)
    try:
        return _DECODER.decode(lenient)
    except (ValueError, RecursionError):
        raise Unusable("not-json") from None


def _as_json(found: re.Match[str]) -> str:
    word = found["word"]
    if not word:
        return found["text"] or found["end"]
    if word[-1] in "nN":
        return "NaN"
    return "-Infinity" if word[0] == "-" else "Infinity"


def _has_lone_surrogate(value: object) -> bool:
    # A stack, since the nesting may be deeper than Python's own.
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if _SURROGATE.search(item):
                return True
        elif isinstance(item, Iterable):
            waiting.extend(item)
    return False


def value_of(given: Any, field: Field) -> Any:
    """Return the value of a column; raise Unusable where what is given is none."""
    if given is None:
        if field.required:
            raise Unusable(f"missing:{field.name}")
        return None
    if field.type == "string":
        text = _text(given, field)
        if field.required and not text.strip():
            raise Unusable(f"missing:{field.name}")
        # Whose it is would be somebody else than without it.
        if field.address and bare_address(text) != text.strip(" "):
            raise Unusable(f"odd-address:{field.name}")
        return text
    return _whole(given, field) if field.type == "long" else _finite(given, field)


def bare_address(text: str) -> str:
    """Return an e-mail address without what may stand around it: what is not seen, ``mailto:``."""
    start = _BEFORE_ADDRESS.match(text)
    return text[start.end() if start else 0 :].rstrip(_UNSEEN)


def _text(given: Any, field: Field) -> str:
    if isinstance(given, list):
        raise Unusable(f"not-text:{field.name}")
    if isinstance(given, bool):
        return "true" if given else "false"
    if given == "-0" and isinstance(given, _Number):
        return "0"
    if isinstance(given, _Number) and not _INTEGER.fullmatch(given):
        value = float(given)
        return repr(value) if math.isfinite(value) else str(given)
    return str(given)


def _number(given: Any, field: Field) -> str:
    if isinstance(given, _Number):
        return given
    found = _NUMBER_TEXT.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise Unusable(f"not-a-number:{field.name}")
    return found[1]


def _finite(given: Any, field: Field) -> float:
    # The fast readers read plain digits as an integer, which has no sign at zero.
    plain = isinstance(given, _Number) and given == "-0"
    value = 0.0 if plain else float(_number(given, field))
    if not math.isfinite(value):
        raise Unusable(f"not-finite:{field.name}")
    return value


def _whole(given: Any, field: Field) -> int | None:
    number = _integer(given, field)
    if field.plausible is None or number in field.plausible:
        return number
    # Many systems write 0 where nothing is given.
    if number == 0 and not field.required:
        return None
    raise Unusable(f"{IMPLAUSIBLE}:{field.name}")


def _integer(given: Any, field: Field) -> int:
    digits = _number(given, field)
    # Written with a fraction or an exponent, a number is a 64-bit float (RFC 8259, section 6).
    if not _INTEGER.fullmatch(digits):
        value = _finite(given, field)
        if not value.is_integer():
            raise Unusable(f"not-whole:{field.name}")
        digits = str(int(value))
    if len(digits.lstrip("-0")) > _LONGEST_LONG or int(digits) not in _LONG:
        raise Unusable(f"out-of-range:{field.name}")
    return int(digits)
