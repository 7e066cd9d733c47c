"""What is told of an upload while it goes on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Uploading:
    """How far an upload has come, in bytes."""

    done: int
    total: int


@dataclass(frozen=True)
class Uploaded:
    """A landing file and what an upload did with it.

    Args:
        table: Its landing table.
        file: Its name.
        state: ``new``, ``changed``, ``unchanged``, ``removed``, or ``mixed`` for a file in the
            landing zone that is not in the uploaded folder.
        unknown: Keys in it that the table does not know, which are ignored.
    """

    table: str
    file: str
    state: str
    unknown: frozenset[str] = frozenset()
