"""Glue's listing of jobs by tag, which lags behind what is made and deleted."""

from __future__ import annotations

import time


class JobListing:
    """What ListJobs by tag shows.

    Attributes:
        lag: Seconds for which it has no job that was made, and still has one that was deleted.
    """

    def __init__(self) -> None:
        self.lag = 0.0
        self._made: dict[str, float] = {}
        self._deleted: list[tuple[str, dict[str, str], float]] = []

    def reset(self) -> None:
        """Lag no more, and forget."""
        self.__init__()  # type: ignore[misc]

    def note(self, job: str) -> None:
        """Remember that a job is made now."""
        self._made[job] = time.monotonic()

    def forget(self, job: str, tags: dict[str, str]) -> None:
        """Remember that a job is deleted now."""
        self._deleted.append((job, tags, time.monotonic()))

    def of(self, found: list[str], tags: dict[str, str] | None) -> list[str]:
        """Return what is shown where these are there; without tags, they are."""
        if not tags or not self.lag:
            return found
        since = time.monotonic() - self.lag
        kept = [
            name
            for name, its, when in self._deleted
            if when > since and tags.items() <= its.items()
        ]
        return [*(name for name in found if self._made.get(name, since) <= since), *kept]
