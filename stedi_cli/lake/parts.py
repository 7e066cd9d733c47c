"""The parts that a lakehouse is made of, wherever it lives."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stedi_cli.errors import UsageError
from stedi_cli.lake.consent_part import Consent
from stedi_cli.lake.events import Uploaded, Uploading
from stedi_cli.lake.export_parts import ExportLedger, Folds
from stedi_cli.lake.findings import Finding
from stedi_cli.lake.job_run import JobRun, RunEvent
from stedi_cli.lake.kept_part import Kept
from stedi_cli.lake.records import (
    Answer,
    Exported,
    Plan,
    QueryCost,
    Question,
    Resource,
    RunOptions,
    Task,
)
from stedi_cli.lake.strangers import Stranger
from stedi_cli.landing.files import LandingState
from stedi_cli.project.lakehouse import Table
from stedi_cli.project.settings import Limits
from stedi_cli.tables.history import RefRemoved
from stedi_cli.tables.provenance import TableState

if TYPE_CHECKING:
    from stedi_cli.landing.delivery import Delivery
    from stedi_cli.landing.origin import Origin
    from stedi_cli.landing.text_shapes import Shape


class Infrastructure(Protocol):
    """What has to be there before anything else can."""

    def plan(self) -> Plan:
        """Return what ``up`` would do, changing nothing."""

    def up(self, plan: Plan | None = None, *, replace: bool = False) -> Iterator[Resource]:
        """Make what is missing; a second time, nothing.

        Args:
            plan: What is carried out; None for what a look finds now.
            replace: Whether what cannot be changed in place is removed and made again.
        """

    def status(self) -> list[Resource]:
        """Return what is there, and what is missing or differs from what ``up`` makes."""

    def down(self, *, keep_data: bool = False) -> Iterator[Resource]:
        """Remove what this tool made; with ``keep_data``, landing files and tables stay."""


class Landing(Protocol):
    """The landing files."""

    def find(self, folder: Path) -> Delivery:
        """Return what can be brought in of a folder, changing nothing.

        Raises:
            UsageError: If it cannot be used, or the expected counts in it cannot.
        """

    def replaced_by(self, delivery: Delivery) -> dict[str, list[str]]:
        """Return the names of landing files, by table, in whose place a delivery can be put.

        They are not in it, and may have been stored by an upload; of tables that it has no file
        of, there are none.
        """

    def upload(
        self,
        delivery: Delivery,
        *,
        remove: Mapping[str, Collection[str]],
        wait: bool,
        convert: bool = False,
        tell: Callable[[int, int], None] | None = None,
    ) -> Iterator[Uploaded | Uploading]:
        """Bring a delivery's files in.

        Args:
            delivery: What was found.
            remove: The names of landing files, by table, that go unless they are in it.
            wait: Whether to wait for another writer.
            convert: Whether JSON lines are written of what is none, and can be read for sure.
            tell: Takes how many bytes were read, and of how many, before any file is there; called
                from any thread.
        """

    def same_content(self) -> dict[str, list[list[str]]]:
        """Return, by table, the names of files of one content, as far as no file has to be read."""

    def states(self) -> dict[str, LandingState]:
        """Return the files by table."""

    def lines(self, places: Sequence[tuple[str, str, int]]) -> list[str]:
        """Return lines by table, file and line number, read now."""

    def origin(self, table: str, file: str) -> Origin | None:
        """Return what a landing file was converted from; None where it was not, or is unknown."""

    def shapes(self, table: str, files: Sequence[str]) -> dict[str, Shape]:
        """Return what those of a table's files are that are no JSON lines, by their first bytes."""

    def expected_file(self) -> Path | None:
        """Return the expected counts that came with the uploaded data, where any did."""

    def expect(self, content: bytes) -> str:
        """Let these be the expected counts that came with the data, and say where they are."""


class Tables(Protocol):
    """The Iceberg tables."""

    def states(self) -> dict[str, TableState]:
        """Return the tables' states by name."""

    def read_again(self) -> bool:
        """Read all files of the tables again, where nothing else tells that their bytes changed.

        Returns:
            Whether that was so.
        """

    def is_whole(self, table: str) -> bool:
        """Tell whether a table's current data files are all there."""

    def strangers(self) -> list[Stranger]:
        """Return the tables that the model does not have: those that left it, and of others."""

    def drop(self, name: str) -> Iterator[Resource]:
        """Remove a table that left the model, and all its files.

        Raises:
            UsageError: If it is in the model, not there, or not ours.
        """

    def location(self, table: Table) -> str:
        """Return the URI of a table's folder on AWS, ``BUCKET`` in it where none is known."""


class Questions(Protocol):
    """SELECTs over all tables by name."""

    def ask(self, sql: str) -> Answer:
        """Run one SELECT of a user's."""

    def ask_unkept(self, sql: str) -> Answer:
        """Run one SELECT about people, of whose answer nothing is left once its rows are read."""

    def ask_all(self, questions: Sequence[Question]) -> list[Answer | UsageError]:
        """Run SELECTs of the project's own: one at a time where they share a memory.

        Returns:
            The answers, in the order of the questions; in the place of each whose SQL cannot be
            run, the error, which names the file that holds it.
        """

    def sent(self, sql: str) -> str:
        """Return the text by which a SELECT is asked here."""

    def unread(self) -> frozenset[str]:
        """Return the landing tables of which no rule can be checked before a run has read them."""

    def miscounted(self) -> dict[str, int]:
        """Return by landing table the lines of one file that are counted for another.

        Of each file as many lines have to be in the table's copy, and as many in quarantine, as the
        copy's ledger says; nothing is told where there is no copy. Where questions read the copy
        alone, lines of files that it does not hold as they are count too.
        """

    def export(
        self, table: str, file: Path, tell: Callable[[Exported], object] | None = None
    ) -> Exported:
        """Write a table to a file.

        Args:
            table: The table.
            file: The file to make; its ending tells the format.
            tell: Called when all is read, before the file is in its place; where it raises, no
                file is made.

        Raises:
            UsageError: If the ending is neither ``.parquet`` nor ``.csv``, the table is not built,
                or the file's place is none for it.
            StediError: If it cannot be read.
        """


class Runner(Protocol):
    """Runs jobs, while nobody else writes."""

    name: str

    def run(self, tasks: list[Task]) -> Generator[RunEvent]:
        """Run jobs in their order, each in one commit; yield an outcome as each ends.

        Raises:
            BusyError: If somebody else began at the same instant, and was first; from the call
                itself, before anything is yielded.
        """


class Jobs(Protocol):
    """Where and within which limits jobs run.

    Attributes:
        default_engine: The engine that they run on where none is named.
        limits: How much of the landing lines they take that cannot be used.
    """

    default_engine: str
    limits: Limits

    def refuse_options(self, options: RunOptions) -> None:
        """Raise UsageError for options of a run that cannot be followed here."""

    def runner(self, options: RunOptions) -> AbstractContextManager[Runner]:
        """Lock the lakehouse for a run, and mend what a run that died left."""


class Account(Protocol):
    """An account that is paid for, in which jobs run on without us."""

    def costs(self) -> list[str]:
        """Return what a run and a query will cost, a line each."""

    def queries_cost(self, number: int) -> str:
        """Return what so many queries will cost at least and at most, in a line."""

    def query_cost(self) -> QueryCost:
        """Return what queries cost so far."""

    def caller_policy(self) -> dict[str, Any]:
        """Return the permissions that whoever runs commands needs."""

    def caller_policies(self) -> list[dict[str, Any]]:
        """Return the same in documents that are each short enough for an inline policy."""

    def runs(self) -> list[JobRun]:
        """Return the latest runs, one or more a job, latest first."""

    def stop(self, run: JobRun) -> None:
        """Stop a run."""


@dataclass(frozen=True)
class Lake:
    """A lakehouse in the place where it lives; each part sees for itself that it is there.

    Args:
        title: Place and name, as the first line of every command shows them.
        name: The same for what is given away: without a path, which may name its user.
        infrastructure: What it stands on.
        landing: Its landing files.
        tables: Its tables.
        questions: Asks about them.
        jobs: Runs its jobs.
        exports: Tells what was written out of it.
        kept: What validations leave for the next one.
        consent: Changes people's consent.
        diagnose: Looks for what may be wrong, changing nothing.
        close: Releases what the parts hold open.
        has_copy: Tells, without reading data, whether a landing table's typed copy can be used.
        tidy: Removes what a command that died left, unless another is at work; None if nothing is.
        removed: Returns the tags and branches that had to go, those not returned before.
        account: The account that pays for it; None where all is free.
        folds: Writes tables in folds; None where that is not done.
    """

    title: str
    name: str
    infrastructure: Infrastructure
    landing: Landing
    tables: Tables
    questions: Questions
    jobs: Jobs
    exports: ExportLedger
    kept: Kept
    consent: Consent
    has_copy: Callable[[Table], bool]
    diagnose: Callable[[], Iterator[Finding]]
    close: Callable[[], None]
    tidy: Callable[[], None] | None = None
    removed: Callable[[], list[RefRemoved]] = list
    account: Account | None = None
    folds: Folds | None = None
