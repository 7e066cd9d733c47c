"""Where a value begins and ends, so that it is not taken for a part of another."""

from __future__ import annotations

import re
import unicodedata

ALNUM = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789")
"""Small letters and digits."""


# A text of Python's begins so: bytes and others.
_QUOTED = re.compile(rb"(?:^|[^a-z0-9_.+-])[burf]'$")


def is_apart(lowered: bytes, start: int, end: int, word: frozenset[int]) -> bool:
    """Tell whether an address begins and ends at places, as far as its pattern does not tell."""
    before = lowered[start - 1] if start else 0
    # An apostrophe inside a word, as in o'neil, is none that quotes.
    inside = before == 0x27 and start > 1 and lowered[start - 2] in ALNUM
    inside = inside and not _QUOTED.search(lowered[max(0, start - 3) : start])
    if before in word or inside or _letter_before(lowered, start):
        return False
    return not _letter_after(lowered, end + (lowered[end : end + 1] == b"."))


def stands_apart(lowered: bytes, start: int, end: int) -> bool:
    """Tell whether neither letter nor digit stands beside a value."""
    around = lowered[max(0, start - 1) : start] + lowered[end : end + 1]
    if not ALNUM.isdisjoint(around):
        return False
    return not (_letter_before(lowered, start) or _letter_after(lowered, end))


def is_token(lowered: bytes, start: int, end: int) -> bool:
    """Tell the same where a hyphen or underscore between letters or digits joins them."""
    before, after = lowered[max(0, start - 2) : start], lowered[end : end + 2]
    joined = any(
        len(beside) == 2 and beside[0] in b"-_" and beside[1] in ALNUM
        for beside in (before[::-1], after)
    )
    return stands_apart(lowered, start, end) and not joined


def _letter_before(data: bytes, place: int) -> bool:
    """Tell whether a letter beyond ASCII ends at a place; anything else there is no word."""
    return any(_is_letter(data[max(0, place - size) : place]) for size in (2, 3, 4))


def _letter_after(data: bytes, place: int) -> bool:
    return any(_is_letter(data[place : place + size]) for size in (2, 3, 4))


def _is_letter(encoded: bytes) -> bool:
    if not encoded or encoded[0] < 0xC2:
        return False
    try:
        character = encoded.decode()
    except UnicodeDecodeError:
        return False
    return len(character) == 1 and unicodedata.category(character)[0] in "LMN"
