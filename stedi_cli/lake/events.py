"""What is told of an upload while it goes on, and what it comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any


@dataclass(frozen=True)
class Uploading:
    """How far an upload has come, in bytes."""

    done: int
    total: int


class Reading:
    """Adds up how much of a delivery was read, in any number of threads, and tells it.

    Args:
        total: How many bytes there are to read.
        tell: Takes how many were read, and of how many.
    """

    def __init__(self, total: int, tell: Callable[[int, int], None]) -> None:
        self._total = total
        self._tell = tell
        self._done = 0
        self._lock = Lock()

    def add(self, size: int) -> None:
        """Take in that more was read; less than nothing, that it has to be read again."""
        with self._lock:
            self._done += size
            self._tell(min(self._done, self._total), self._total)


STATES = ("new", "changed", "unchanged", "removed", "mixed")
"""What may become of a landing file."""


@dataclass(frozen=True)
class Uploaded:
    """A landing file and what an upload did with it.

    Args:
        table: Its landing table.
        file: Its name.
        state: One of ``STATES``; ``mixed`` for a file in the landing zone that is not in the
            uploaded folder.
        unknown: Keys in it that the table does not know, which are ignored.
        converted: What it was before it was converted to JSON lines, and how many records it held.
    """

    table: str
    file: str
    state: str
    unknown: frozenset[str] = frozenset()
    converted: tuple[str, int] | None = None


@dataclass
class UploadCount:
    """What an upload did with the files of a landing table.

    Args:
        table: The landing table.
        files: How many files there are of each state.
        unknown: Keys in them that the table does not know.
        converted: The files that were converted: what each was, and how many records it held.
    """

    table: str
    files: Counter[str] = field(default_factory=Counter)
    unknown: set[str] = field(default_factory=set)
    converted: dict[str, tuple[str, int]] = field(default_factory=dict)

    def add(self, file: Uploaded) -> None:
        """Count a file."""
        self.files[file.state] += 1
        self.unknown |= file.unknown
        if file.converted is not None:
            self.converted[file.file] = file.converted

    @property
    def there(self) -> int:
        """How many landing files the table has then."""
        return self.files.total() - self.files["removed"]

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        record = {"table": self.table, **{state: self.files[state] for state in STATES}}
        converted = [
            {"file": file, "shape": shape, "records": records}
            for file, (shape, records) in self.converted.items()
        ]
        return record | ({"converted": converted} if converted else {})
