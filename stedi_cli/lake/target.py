"""What a target can do, and how a command opens one: the same for one machine and for AWS."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stedi_cli.lake.events import Uploaded, Uploading
from stedi_cli.lake.findings import Finding
from stedi_cli.lake.job_run import JobRun, RunEvent
from stedi_cli.lake.records import Answer, Change, QueryCost, Resource, Work
from stedi_cli.landing.files import LandingState
from stedi_cli.project.lakehouse import Lakehouse, Table
from stedi_cli.project.settings import Settings
from stedi_cli.tables.provenance import TableState

if TYPE_CHECKING:
    from stedi_cli.lake.strangers import Stranger


class Runner(Protocol):
    """Runs jobs; opened by a target, which holds its lock meanwhile."""

    name: str

    def run(self, works: list[Work]) -> Generator[RunEvent]:
        """Run jobs in their order, each in one commit; yield an outcome as each ends."""


class Target(Protocol):
    """A place where the lakehouse lives."""

    @property
    def title(self) -> str:
        """Target and place, as the first line of every command shows them."""

    @property
    def default_engine(self) -> str:
        """The engine that jobs run on where none is named."""

    def plan(self) -> list[Change]:
        """Return what ``up`` would do, changing nothing."""

    def up(self, *, replace: bool = False) -> Iterator[Resource]:
        """Make what is missing; a second time, nothing.

        Args:
            replace: Whether what cannot be changed in place is removed and made again.
        """

    def status(self) -> list[Resource]:
        """Return what is there, and what is missing or differs from what ``up`` makes."""

    def costs(self) -> list[str]:
        """Return what a run and a query will cost, a line each; nothing where they are free."""

    def caller_policy(self) -> dict[str, Any] | None:
        """Return the permissions that whoever runs commands needs, or None for none."""

    def down(self, *, keep_data: bool = False) -> Iterator[Resource]:
        """Remove what this tool made.

        Args:
            keep_data: Whether landing files and tables stay.
        """

    def upload(self, folder: Path, *, replace: bool, wait: bool) -> Iterator[Uploaded | Uploading]:
        """Bring landing files in."""

    def landing(self) -> dict[str, LandingState]:
        """Return the landing files by table."""

    def expected_file(self) -> Path | None:
        """Return the expected counts that came with the uploaded data, where any did."""

    def tables(self) -> dict[str, TableState]:
        """Return the tables' states by name."""

    def strangers(self) -> list[Stranger]:
        """Return the tables that the model does not have: those that left it, and of others."""

    def drop(self, name: str) -> Iterator[Resource]:
        """Remove a table that left the model, and all its files.

        Raises:
            UsageError: If it is in the model, not there, or not ours.
        """

    def is_whole(self, table: str) -> bool:
        """Tell whether a table's current data files are all there."""

    @property
    def max_bad_rows(self) -> float | int:
        """Most unusable lines of a landing table that jobs take: a share (float) or a number."""

    def refuse_options(self, engine: str, *, detach: bool) -> None:
        """Raise UsageError for options of a run that this target cannot follow.

        Args:
            engine: Engine to run on.
            detach: Whether to start the jobs without waiting for their end.
        """

    def runner(
        self, engine: str, *, wait: bool, one_session: bool = False, detach: bool = False
    ) -> AbstractContextManager[Runner]:
        """Lock the lakehouse for a run, and mend what a run that died left.

        Args:
            engine: Engine to run on.
            wait: Whether to wait for another writer.
            one_session: Whether all jobs share one session where each would have its own.
            detach: Whether to start the jobs without waiting for their end.
        """

    def runs(self) -> list[JobRun]:
        """Return the latest runs elsewhere, one or more a job, latest first."""

    def stop(self, run: JobRun) -> None:
        """Stop a run."""

    def tidy(self) -> None:
        """Remove what a run that died left, unless another one is at work."""

    def query(self, sql: str) -> Answer:
        """Run one SELECT over all tables."""

    def queries(self, texts: Sequence[str]) -> list[Answer]:
        """Run several SELECTs, side by side where that is faster; answers in their order."""

    def query_here(self, sql: str) -> Answer | None:
        """Run a check on this machine, over landing files read line by line.

        Returns:
            The answer, or None where that would have to read too much.
        """

    def query_cost(self) -> QueryCost | None:
        """Return what queries cost so far; None where they cost nothing."""

    def usable_lines(self) -> dict[str, str]:
        """Return, by landing table, a SELECT of its usable lines for checks to read instead.

        Empty where a landing table holds just these when asked for by its name.
        """

    def export(self, table: str, file: Path) -> int:
        """Write a table to a Parquet or CSV file and return its rows."""

    def location(self, table: Table) -> str:
        """Return the URI of a table's folder on AWS, ``BUCKET`` in it where none is known."""

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
    """
    if settings.target == "local":
        from stedi_cli.local.target import LocalTarget

        return LocalTarget(settings, lakehouse)
    from stedi_cli.aws.target import AwsTarget

    return AwsTarget(settings, lakehouse)
