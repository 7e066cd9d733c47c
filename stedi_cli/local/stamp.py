"""Whether a file may have changed since it was read, by its time stamps alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

# A file changed within the resolution of its time stamps may look unchanged: git's racy rule.
# A kernel's clock for time stamps ticks every 10 ms at the slowest.
TICK_NS = 20_000_000
# File systems that keep no finer time than 10 ms may keep 2 s (FAT).
_COARSE_NS = 10_000_000
_COARSE_TICK_NS = 2_000_000_000


def stamp_of(path: Path | str) -> list[int]:
    """Return what a change of a file changes; raises OSError."""
    return stamp_in(os.stat(path))  # noqa: PTH116 - of a text it takes a third of the time


def stamp_in(status: os.stat_result) -> list[int]:
    """Return what a change of a file changes, of its status."""
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def is_settled(stamp: Sequence[int], read_ns: int) -> bool:
    """Tell whether a file was read so late that any later change has another stamp."""
    changed_ns = stamp[2]
    tick = TICK_NS if changed_ns % _COARSE_NS else _COARSE_TICK_NS
    return changed_ns + tick <= read_ns
