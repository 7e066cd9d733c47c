"""A sum over a landing table's rows: the same in whatever files, form and order they came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

_DIGITS, _PART = 36, 9
_MODULUS = 10**_DIGITS


def row_sum(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return the sum over typed rows.

    Args:
        columns: The columns in the model's order.
        rows: Their values.
    """
    return said(sum(text_number(row_text(columns, row)) for row in rows))


def row_text(columns: Sequence[str], row: Sequence[Any]) -> str:
    """Return the one text of a row: JSON without blanks, and without what is not given."""
    given = {name: value for name, value in zip(columns, row, strict=True) if value is not None}
    return json.dumps(given, separators=(",", ":"))


def text_number(text: str) -> int:
    """Return the number that a row's text adds to the sum."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:15])


def said(total: int) -> str:
    """Return a sum as it is written down."""
    return f"{total % _MODULUS:0{_DIGITS}d}"


def parts_of(text: str) -> list[int]:
    """Return a sum in parts, none of them larger than a count may be."""
    return [int(text[place : place + _PART]) for place in range(0, _DIGITS, _PART)]


def of_parts(parts: Sequence[int]) -> str:
    """Return the sum that these are the parts of."""
    return "".join(f"{part:0{_PART}d}" for part in parts)
