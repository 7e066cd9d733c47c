"""What a target can do, and how a command opens one: the same for one machine and for AWS."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stedi_cli.errors import UsageError
from stedi_cli.lakehouse import Job, JobText, Lakehouse
from stedi_cli.landing import LandingState
from stedi_cli.provenance import Provenance, TableState
from stedi_cli.settings import Settings


@dataclass(frozen=True)
class JobOutcome:
    """What a job did.

    Args:
        rows: Rows of its table.
        quarantined: Unusable lines of the landing tables that no earlier job reads.
        seconds: How long it took.
        snapshot: Id of the snapshot it committed.
    """

    rows: int
    quarantined: int
    seconds: float
    snapshot: int


@dataclass(frozen=True)
class Work:
    """A job that is to be run.

    Args:
        job: The job.
        text: Its SQL.
        made: Its provenance, but for what is known only when it runs: the snapshots of the
            tables that it reads, how landing lines were used, and its data files.
        landing: The landing files that it reads, by table.
    """

    job: Job
    text: JobText
    made: Provenance
    landing: dict[str, LandingState]


@dataclass(frozen=True)
class Answer:
    """The answer to a query: column names, their types, and rows as they are asked for."""

    columns: list[str]
    types: list[str]
    rows: Iterator[tuple[Any, ...]]


@dataclass(frozen=True)
class Resource:
    """A part of the infrastructure and what was done, or is to be done, with it.

    Args:
        kind: Such as ``folder``, ``catalog``, ``landing zone``.
        name: Its path or name.
        state: Such as ``made``, ``there``, ``missing``, ``removed``, ``left``.
        note: Why, where that needs saying.
    """

    kind: str
    name: str
    state: str
    note: str = ""


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


class Runner(Protocol):
    """Runs jobs; opened by a target, which holds its lock meanwhile."""

    name: str

    def run(self, works: list[Work]) -> Generator[JobOutcome]:
        """Run jobs in their order, each in one commit; yield an outcome as each ends."""


class Target(Protocol):
    """A place where the lakehouse lives."""

    @property
    def title(self) -> str:
        """Target and place, as the first line of every command shows them."""

    def up(self) -> Iterator[Resource]:
        """Make what is missing; a second time, nothing."""

    def status(self) -> list[Resource]:
        """Return what is there and what is missing."""

    def down(self) -> Iterator[Resource]:
        """Remove what this tool made."""

    def upload(self, folder: Path, *, replace: bool, wait: bool) -> Iterator[Uploaded]:
        """Bring landing files in."""

    def landing(self) -> dict[str, LandingState]:
        """Return the landing files by table."""

    def expected_file(self) -> Path | None:
        """Return the expected counts that came with the uploaded data, where any did."""

    def tables(self) -> dict[str, TableState]:
        """Return the tables' states by name."""

    def is_whole(self, table: str) -> bool:
        """Tell whether a table's current data files are all there."""

    def runner(self, engine: str, *, wait: bool) -> AbstractContextManager[Runner]:
        """Lock the lakehouse for a run, and mend what a run that died left."""

    def tidy(self) -> None:
        """Remove what a run that died left, unless another one is at work."""

    def query(self, sql: str) -> Answer:
        """Run one SELECT over all tables."""

    def export(self, table: str, file: Path) -> int:
        """Write a table to a Parquet or CSV file and return its rows."""

    def landing_lines(self, places: Sequence[tuple[str, str, int]]) -> list[str]:
        """Return landing lines by table, file and line number, read now."""

    def diagnose(self) -> Iterator[Finding]:
        """Look for what may be wrong, changing nothing."""

    def close(self) -> None:
        """Release what it holds open."""


def open_target(settings: Settings, lakehouse: Lakehouse) -> Target:
    """Open the target that the settings name.

    Args:
        settings: The settings.
        lakehouse: The model.

    Returns:
        The target; nothing is made or changed yet.

    Raises:
        UsageError: If there is no such target.
    """
    if settings.target == "local":
        from stedi_cli.local.target import LocalTarget

        return LocalTarget(settings, lakehouse)
    raise UsageError(f"There is no target {settings.target!r}.", hint="Targets: local.")
