"""Where a lakehouse may live, as commands see it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conftest import Ask, Result


class Place(ABC):
    """Where a lakehouse may live. Commands run in this process."""

    def __init__(self, invoke: Ask, *words: str | Path) -> None:
        self._invoke = invoke
        self._words = words

    def ask(self, *words: str | Path) -> Result:
        """Run a command on it."""
        return self._invoke(*self._words, *words)

    def done(self, *words: str | Path) -> Result:
        """Run a command on it that has to succeed."""
        told = self.ask(*words)
        assert told.code == 0, told.err + told.out
        return told

    def run(self, *words: str) -> dict[str, str]:
        """Run all jobs, or those named; return what became of each."""
        jobs = words if words and not words[0].startswith("-") else ("--all", *words)
        told = self.done("jobs", "run", *jobs, "--json")
        return {job["job"]: job["status"] for job in told.json()["jobs"]}

    @abstractmethod
    def validate(self, *words: str, counts: Mapping[str, int] | None = None) -> Result:
        """Validate it; elsewhere queries find these counts, where there is nobody who counts."""

    @abstractmethod
    def everything(self) -> Any:
        """All that is there, the lakehouse's or not."""

    @abstractmethod
    def landed(self) -> list[str]:
        """The names of files in the landing zone."""

    @abstractmethod
    def lose_ledgers(self) -> None:
        """Remove the ledgers of the typed copies."""

    @abstractmethod
    def occupy(self) -> None:
        """Put something of others where the lakehouse is to be."""


class Here(Place):
    """A folder."""

    # Who held the lock last, when landing files were read last, what was asked and found right.
    _PASSING = ("lock", "landing-index.json", "validation.json", "checked")

    def __init__(self, invoke: Ask, folder: Path) -> None:
        super().__init__(invoke, "--root", folder / "lake")
        folder.mkdir()
        self._folder = folder

    def validate(self, *words: str, counts: Mapping[str, int] | None = None) -> Result:
        return self.ask("validate", *words)

    def everything(self) -> Any:
        paths = [p for p in self._folder.rglob("*") if p.name not in self._PASSING]
        return {p: p.read_bytes() if p.is_file() else None for p in paths}

    def landed(self) -> list[str]:
        return sorted(p.name for p in (self._folder / "lake" / "landing").rglob("*.*"))

    def lose_ledgers(self) -> None:
        for path in (self._folder / "lake" / "ledgers").iterdir():
            path.unlink()

    def occupy(self) -> None:
        (self._folder / "lake").mkdir()
        (self._folder / "lake" / "notes.txt").write_text("mine")
