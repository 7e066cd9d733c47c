"""Random numbers that are the same on every Python version and platform."""

from __future__ import annotations

import random
from typing import Any


class Dice:
    """A source of random numbers, built on ``random()`` alone.

    Python promises the sequence of ``random()`` for a seed across versions, not what ``choice``,
    ``sample`` or ``shuffle`` make of it; the sample has to come out byte for byte everywhere.

    Args:
        seed: Any text; the same text gives the same numbers.
    """

    def __init__(self, seed: str) -> None:
        self.roll = random.Random(seed).random  # noqa: S311 - test data, nothing secret

    def below(self, limit: int) -> int:
        """A whole number from 0 to ``limit - 1``."""
        return int(self.roll() * limit)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.roll() < probability

    def shuffle(self, items: list[Any]) -> None:
        """Bring a list into random order, in place."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]


def share_of(first: int, last: int, share: float, offset: float = 0.5) -> int:
    """How many of the items numbered ``first`` to ``last - 1`` belong to an evenly spread share.

    The numbers of adjoining ranges add up to that of the whole, wherever it is cut.
    """
    return int(last * share + offset) - int(first * share + offset)
