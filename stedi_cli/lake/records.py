"""What the parts of a lake are asked to do, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stedi_cli.errors import UsageError
from stedi_cli.landing.files import LandingState
from stedi_cli.project.lakehouse import Job, JobText
from stedi_cli.tables.provenance import Provenance


@dataclass(frozen=True)
class RunOptions:
    """How jobs are run.

    Args:
        engine: Engine to run on.
        force: Whether to run also what is up to date.
        reread: Whether to read all landing files anew, also those that were read already.
        wait: Whether to wait for another writer.
        separate: Whether each job has a session of its own where all would share one.
        detach: Whether to start the jobs without waiting for their end.
    """

    engine: str
    force: bool = False
    reread: bool = False
    wait: bool = False
    separate: bool = False
    detach: bool = False


@dataclass(frozen=True)
class Task:
    """A job that is to be run.

    Args:
        job: The job.
        text: Its SQL.
        provenance: Its provenance, but for what is known only when it runs: the snapshots of the
            tables that it reads, how landing lines were used, and its data files.
        landing: The landing files that it reads, by table.
        gives_the_same: Whether its SQL is that which made its table, and gives the same rows for
            the same; whether it is given the same is told where it runs.
    """

    job: Job
    text: JobText
    provenance: Provenance
    landing: dict[str, LandingState]
    gives_the_same: bool = False


def _unheard() -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Question:
    """A SELECT of the project's own, and the file that holds it, where one does.

    Args:
        sql: The SELECT.
        file: The file.
        begun: Called, from any thread, when it begins to be answered.
    """

    sql: str
    file: Path | None = None
    begun: Callable[[], None] = field(default=_unheard, repr=False, compare=False)

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Name the file in what is raised because the SQL cannot be run."""
        try:
            yield
        except UsageError as error:
            if self.file is None:
                raise
            hint = error.hint or f"Mend the SQL of {self.file}."
            raise UsageError(f"{self.file}: {error.message}", hint=hint) from error


@dataclass(frozen=True)
class Answer:
    """The answer to a query.

    Args:
        columns: Their names.
        types: Their types.
        rows: The rows, as they are asked for.
        notes: What is to be known of the tables that were read.
    """

    columns: list[str]
    types: list[str]
    rows: Iterator[tuple[Any, ...]]
    notes: tuple[str, ...] = ()


def answered(found: Answer | UsageError) -> Answer:
    """Return an answer; raise what stands in its place where the SQL cannot be run."""
    if isinstance(found, UsageError):
        raise found
    return found


@dataclass(frozen=True)
class QueryCost:
    """What the queries asked so far cost.

    Args:
        queries: How many there were.
        scanned: Bytes that they scanned.
        dollars: US dollars, as the configured price says.
    """

    queries: int
    scanned: int
    dollars: float

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {"scanned_bytes": self.scanned, "usd": round(self.dollars, 6)}


WAITING = "waiting"
"""State of a part of the infrastructure that is asked for again in a while."""


@dataclass(frozen=True)
class Resource:
    """A part of the infrastructure and what was done, or is to be done, with it.

    Args:
        kind: Such as ``folder``, ``catalog``, ``landing zone``.
        name: Its path or name.
        state: Such as ``made``, ``there``, ``missing``, ``removed``, ``left``.
        note: Why, where that needs saying.
        ours: Whether this tool made it, or would.
    """

    kind: str
    name: str
    state: str
    note: str = ""
    ours: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {"kind": self.kind, "name": self.name, "state": self.state}


@dataclass(frozen=True)
class Change:
    """What ``infra up`` would do with a part of the infrastructure.

    Args:
        kind: Such as ``bucket``, ``role``, ``job``.
        name: Its name or path.
        action: ``create``, ``change``, ``replace`` (cannot be changed in place), ``remove`` (an
            earlier version made it, or it is no longer asked for), ``keep``, ``lack`` (it is not
            ours, is used, and lacks something), ``refuse`` (it is there, in the way and not ours),
            or ``leave`` (not in the way, or not wanted).
        fields: Field, what is there, and what is wanted, for each that differs.
        note: Why, where that needs saying.
        ours: Whether this tool made it, or would.
    """

    kind: str
    name: str
    action: str
    fields: tuple[tuple[str, str, str], ...] = ()
    note: str = ""
    ours: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        fields = [dict(zip(("field", "there", "wanted"), f, strict=True)) for f in self.fields]
        record = {"kind": self.kind, "name": self.name, "action": self.action}
        return {**record, "fields": fields, "note": self.note}


@dataclass(frozen=True)
class Plan:
    """What ``infra up`` will do, found by one look and carried out without another.

    Args:
        changes: What with each part, in the order in which it is done.
    """

    changes: tuple[Change, ...]

    @property
    def refused(self) -> int:
        """How many parts are in the way, so that nothing of it can be done."""
        return sum(change.action == "refuse" for change in self.changes)

    @property
    def todo(self) -> int:
        """How many parts are to be made, changed or removed."""
        done = ("create", "change", "replace", "remove")
        return sum(change.action in done for change in self.changes)

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {"changes": [change.as_json() for change in self.changes]}


@dataclass(frozen=True)
class TableEntry:
    """A table in the list of tables.

    Args:
        table: Its name.
        zone: Its zone; None where it left the model.
        rows: Its rows; None where it is not built, or a landing table.
        lines: Its lines, usable or not; None where it is no landing table.
        doc: What it holds.
    """

    table: str
    zone: str | None
    rows: int | None
    lines: int | None
    doc: str

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        record = {"table": self.table, "zone": self.zone, "rows": self.rows}
        return {**record, "lines": self.lines, "doc": self.doc}


@dataclass(frozen=True)
class Exported:
    """A table that was written to a file.

    Args:
        table: Its name, as it was asked for.
        file: The file.
        rows: How many rows it holds.
        left: What else holds the rows and could not be removed, in words; mostly nothing.
    """

    table: str
    file: Path
    rows: int
    left: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {"table": self.table, "file": str(self.file), "rows": self.rows}


@dataclass(frozen=True)
class Fold:
    """A fold of a table.

    Args:
        file: The name of its file.
        rows: How many rows it holds.
        people: How many people these are of.
    """

    file: str
    rows: int
    people: int


@dataclass(frozen=True)
class Folded:
    """A table that was written in folds.

    Args:
        table: Its name, as it was asked for.
        folder: The folder of the folds.
        seed: What the folds follow from, beside the people.
        folds: The folds.
    """

    table: str
    folder: Path
    seed: int
    folds: tuple[Fold, ...]

    @property
    def rows(self) -> int:
        """How many rows all folds hold."""
        return sum(fold.rows for fold in self.folds)

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        folds = [asdict(fold) for fold in self.folds]
        return {"table": self.table, "folder": str(self.folder), "seed": self.seed, "folds": folds}
