"""What ``doctor`` says of something that it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stedi_cli.errors import quantity

REBUILD = "Run `stedi jobs run --all`: it rebuilds what depends on it."
"""What to do about a table that is not as the jobs left it."""
NO_USE = "is not as a run leaves it, or lines are judged otherwise by now"
"""What ``doctor`` says of a typed copy whose files are whole, and that cannot be used."""


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

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {"what": self.what, "found": self.found, "ok": self.ok, "todo": self.todo}


def kept_aside(size: int) -> Finding:
    """Return what is said of landing files that a run has read and did not commit.

    Args:
        size: Bytes of their rows.
    """
    found = f"{size / 1e6:,.1f} MB of landing files, read by a run that did not end"
    return Finding("kept aside", f"{found}; the next run takes or removes them")


def in_no_folder(number: int, place: str) -> Finding:
    """Return what is said of files in the landing zone that no table's folder holds."""
    found = f"{quantity(number, 'file')} right in {place}, where no table looks"
    return Finding("landing files", found, "Move them into their tables' folders, or remove them.")
