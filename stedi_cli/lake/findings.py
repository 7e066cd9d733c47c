"""What ``doctor`` says of something that it looked at."""

from __future__ import annotations

from dataclasses import dataclass

REBUILD = "Run `stedi jobs run --all`: it rebuilds what depends on it."
"""What to do about a table that is not as the jobs left it."""


@dataclass(frozen=True)
class Finding:
    """Something looked at by ``doctor``.

    Args:
        what: What was looked at.
        found: What was found.
        todo: What to do about it; empty where nothing is wrong.
    """

    what: str
    found: str
    todo: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.todo
