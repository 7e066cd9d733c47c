"""What a scan reads, wherever a lakehouse lies: names, each with its part and its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

LANDING = "landing"
OTHERS = "others"
PARTS = {
    LANDING: "landing files",
    "typed": "the typed copies of landing tables",
    "tables": "the other tables",
    "quarantine": "the table of lines that cannot be used",
    "held_back": "the table of people who are held back",
    "ledgers": "which files each typed copy holds",
    "aside": "what a run that stopped had read",
    "temp": "intermediate files",
    "catalog": "the catalog of tables",
    "index": "facts of landing files",
    "results": "what Athena answered",
    "log": "what Spark said",
    "notes": "files for the command's own use",
    OTHERS: "everything else",
}
"""The parts of a lakehouse, and what each is."""


@dataclass(frozen=True)
class Opened:
    """What an entry holds.

    Args:
        file: Its bytes, from their start.
        size: How many they are.
        beside: What else is kept with it, each with its view.
        unread: What of that cannot be read: view, and why.
    """

    file: BinaryIO
    size: int
    beside: tuple[tuple[str, bytes], ...] = ()
    unread: tuple[tuple[str, str], ...] = ()


Open = Callable[[], AbstractContextManager[Opened]]


@dataclass(frozen=True)
class Entry:
    """A name in a lakehouse. Two of them differ where what they name does.

    Args:
        place: A path, of names between slashes.
        part: The part of the lakehouse.
        kind: What is counted as looked at; empty for what is not counted.
        open: Opens its bytes, raising UnreadableError where they cannot be read, also afterwards
            if they changed meanwhile; None where it has none.
        odd: Why it cannot be read, although it may hold something; else empty.
        around: What is shown before and after the path.
        leads: Where a link leads.
        mark: What changes where its bytes do.
    """

    place: str
    part: str
    kind: str = field(default="", compare=False)
    open: Open | None = field(default=None, compare=False)
    odd: str = ""
    around: tuple[str, str] = ("", "")
    leads: str = ""
    mark: str = ""


class Source(Protocol):
    """Where a lakehouse lies."""

    @property
    def title(self) -> str:
        """What is looked at, as a command says it."""

    @property
    def unreached(self) -> tuple[str, ...]:
        """What may hold something of people and is never looked at there."""

    @property
    def at_once(self) -> int:
        """How many entries are best read side by side."""

    def entries(self) -> Iterable[Entry]:
        """Return every name, each folder before what is in it."""


def part_of_table(name: str) -> str:
    """Return the part that the files of a table belong to."""
    if name in ("quarantine", "held_back"):
        return name
    return "typed" if name.endswith("_typed") else "tables"
