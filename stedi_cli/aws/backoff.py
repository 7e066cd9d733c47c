"""How to wait for something far away: longer and longer, never in step with others."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_FIRST_WAIT, _LONGEST_WAIT, _GROWTH = 1.0, 20.0, 1.5


@dataclass(frozen=True)
class Backoff:
    """How waiting is done, so that a test need not wait.

    Args:
        sleep: Sleeps for so many seconds.
        random: Returns a number from 0 to 1.
        clock: Returns seconds that only grow.
    """

    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic

    def pauses(self) -> Iterator[float]:
        """Sleep longer and longer, with jitter; yield the seconds since the start after each."""
        begun, pause = self.clock(), _FIRST_WAIT
        while True:
            self.sleep(pause * (0.5 + self.random() / 2))
            yield self.clock() - begun
            pause = min(pause * _GROWTH, _LONGEST_WAIT)
