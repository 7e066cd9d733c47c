"""Which columns tell what a landing line is about that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HeldBack:
    """The columns that tell whose a landing table's unusable line is, and of when.

    Args:
        email: Its person.
        instant: When it was written, or taken.
        serial: The device that its person holds; of the customers' table alone.
    """

    email: str
    instant: str
    serial: str | None = None
