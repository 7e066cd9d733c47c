"""A lakehouse at a fixed place, put back after each try, with something foreign beside it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from small import write_lake

from fire.launcher import Ended, Launcher, Started
from fire.state import listing

Result = TypeVar("Result")
GIVEN_UP = 60
"""Seconds after which what is waited for is given up."""


@dataclass
class Arena:
    """A lakehouse at a fixed place.

    What is foreign has `mine` in its name, or lies outside.

    Args:
        launcher: Starts its commands.
        root: Where it lives.
        saved: Where a copy of it is kept.
        data: Landing files of the small lake.
    """

    launcher: Launcher
    root: Path
    saved: Path
    data: Path

    def run(self, *words: str | Path, **how: Any) -> Ended:
        """Run a command on it."""
        return self.launcher.run("--root", self.root, *words, **how)

    def start(self, *words: str | Path, **how: Any) -> Started:
        """Start a command on it."""
        return self.launcher.start("--root", self.root, *words, **how)

    def stopped(self, words: str, match: str, at: int = 1, **how: Any) -> Started:
        """Start a command on it that stops before a change."""
        started = self.start(*words.split(), action="stop", match=match, at=at, **how)
        return started.until_stopped()

    def counts(self) -> dict[str, int]:
        """Count each table's rows; `validate` must find that everything is right."""
        report = self.done("validate", "--json").json()
        return {table["table"]: table["rows"] for table in report["tables"]}

    def done(self, *words: str | Path) -> Ended:
        """Run a command on it that has to succeed."""
        ended = self.run(*words)
        assert ended.code == 0, ended
        return ended

    def save(self) -> None:
        """Keep it as it is."""
        shutil.rmtree(self.saved, ignore_errors=True)
        if self.root.exists():
            shutil.copytree(self.root, self.saved, symlinks=True)

    def restore(self) -> None:
        """Put it back as it was kept."""
        shutil.rmtree(self.root, ignore_errors=True)
        if self.saved.exists():
            shutil.copytree(self.saved, self.root, symlinks=True)

    def foreign(self) -> dict[str, bytes | str | None]:
        """Return everything that is not the lakehouse's."""
        everything = listing(self.root.parent)
        inside = f"{self.root.name}/"
        return {
            name: content
            for name, content in everything.items()
            if not f"{name}/".startswith(inside) or "mine" in name
        }

    def inside(self) -> set[str]:
        """Return the names of what is foreign below the root."""
        return {name for name in self.foreign() if name.startswith(f"{self.root.name}/")}


def build(arena: Arena) -> Arena:
    """Build the small lake's lakehouse."""
    arena.done("infra", "up", "--data", arena.data)
    arena.done("jobs", "run", "--all")
    arena.save()
    return arena


def make_arena(launcher: Launcher, folder: Path) -> Arena:
    """Make an arena in a new folder."""
    ground = folder / "ground"
    (ground / "neighbour").mkdir(parents=True)
    (ground / "neighbour" / "catalog.db").write_bytes(b"mine")
    (ground / "lake.txt").write_bytes(b"mine")
    return Arena(launcher, ground / "lake", folder / "saved", write_lake(folder / "data"))


def assert_refused(ended: Ended) -> None:
    """One line that says what is wrong, one that says what to do."""
    assert ended.code in (1, 2), ended
    told = ended.told()
    assert len(told) == 2, ended
    assert told[0].startswith("Error: ")
    assert all(line.isprintable() for line in told), told


def until(condition: Callable[[], Result]) -> Result:
    """Wait until something is so, and return it."""
    deadline = time.monotonic() + GIVEN_UP
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def used_seconds(process: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
