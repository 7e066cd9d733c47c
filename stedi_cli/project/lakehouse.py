"""What the lakehouse is: tables, columns, jobs, policies and checks, read from a project."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stedi_cli.errors import UsageError
from stedi_cli.project.check import Check, key_check, taken_names
from stedi_cli.project.folder import MODEL
from stedi_cli.project.personal import misplaced

if TYPE_CHECKING:
    from stedi_cli.project.model_file import ModelFile

STRICT = "strict"
QUARANTINE = "quarantine"
_NOT_POLICIES = ("checks", "notes", "__pycache__")


@dataclass(frozen=True)
class Column:
    """A column: its name, type (``string``, ``long``, ``double``), and what it means."""

    name: str
    type: str
    doc: str
    required: bool = False
    personal: bool = False


@dataclass(frozen=True)
class Table:
    """A table of the lakehouse.

    Args:
        name: Its name in every catalog.
        zone: ``landing``, ``trusted``, ``curated`` or ``quarantine``.
        doc: One line on what it holds.
        columns: Its columns in their order.
        folder: Name of the folder with its files, for a landing table.
        key: Columns that no two rows share.
        personal: Whether it may hold personal data.
    """

    name: str
    zone: str
    doc: str
    columns: tuple[Column, ...]
    folder: str | None = None
    key: tuple[str, ...] = ()
    personal: bool = True

    @cached_property
    def contract_sha256(self) -> str:
        """Digest of what a landing line is held to: the columns' names, types, and requirement."""
        text = "\n".join(f"{c.name} {c.type} {c.required}" for c in self.columns)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def columns_sha256(self) -> str:
        """Digest of the columns' names and types, which a change of the model changes."""
        text = "\n".join(f"{c.name} {c.type} {c.required} {c.personal}" for c in self.columns)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Job:
    """A job: one SQL text that reads tables and replaces one table."""

    name: str
    doc: str
    reads: tuple[str, ...]
    writes: str


@dataclass(frozen=True)
class Policy:
    """A set of rules; ``breaks`` names the checks that it breaks on purpose."""

    name: str
    doc: str
    breaks: frozenset[str] = frozenset()


@dataclass(frozen=True)
class JobText:
    """The SQL of a job under a policy, and its SHA-256."""

    sql: str
    sha256: str


@dataclass(frozen=True)
class Lakehouse:
    """The model of a project.

    Args:
        folder: The project's folder.
        tables: Tables by name, in the model's order.
        jobs: Jobs by name, in the order in which they run.
        policies: Policies by name.
    """

    folder: Path
    tables: dict[str, Table]
    jobs: dict[str, Job]
    policies: dict[str, Policy]

    def table(self, name: str) -> Table:
        """Return a table by name, in any case; raise UsageError where there is none."""
        found = self.tables.get(name) or self.tables.get(name.lower())
        if found is None:
            raise UsageError(
                f"There is no table {name!r}.", hint=f"Tables: {', '.join(self.tables)}."
            )
        return found

    def job(self, name: str) -> Job:
        """Return a job by name; raise UsageError where there is none."""
        found = self.jobs.get(name)
        if found is None:
            raise UsageError(f"There is no job {name!r}.", hint=f"Jobs: {', '.join(self.jobs)}.")
        return found

    def policy(self, name: str) -> Policy:
        """Return a policy by name; raise UsageError where there is none."""
        found = self.policies.get(name)
        if found is None:
            raise UsageError(
                f"There is no policy {name!r}.",
                hint=f"Policies: {', '.join(self.policies)}. A folder under jobs/ adds one.",
            )
        return found

    @cached_property
    def landing(self) -> dict[str, Table]:
        """The landing tables by name."""
        return {name: t for name, t in self.tables.items() if t.zone == "landing"}

    @cached_property
    def writers(self) -> dict[str, Job]:
        """Each job by the table that it writes."""
        return {job.writes: job for job in self.jobs.values()}

    def answers_for(self, job: Job) -> list[str]:
        """Return the landing tables that this job is the first to read, so that it answers for."""
        earlier: set[str] = set()
        for other in self.jobs.values():
            if other.name == job.name:
                break
            earlier |= set(other.reads)
        return [name for name in job.reads if name in self.landing and name not in earlier]

    def job_text(self, job: Job, policy: str) -> JobText:
        """Read the SQL of a job: the policy's file where it has one, else the strict one.

        Args:
            job: The job.
            policy: Name of the policy.

        Returns:
            The SQL text and its digest.

        Raises:
            UsageError: If the file is missing or cannot be read as text.
        """
        folder = self.folder / "jobs"
        own = folder / policy / f"{job.name}.sql"
        path = own if policy != STRICT and own.is_file() else folder / f"{job.name}.sql"
        sql = _read(path)
        return JobText(sql, hashlib.sha256(sql.encode()).hexdigest())

    @cached_property
    def checks(self) -> list[Check]:
        """The checks of the project, and one of each table's key, by name."""
        keys = [key_check(table) for table in self.tables.values() if table.key]
        return sorted([*keys, *self._texts("checks")], key=lambda check: check.name)

    @cached_property
    def notes(self) -> list[Check]:
        """Queries that explain what the jobs left out: a reason and a number a row."""
        return self._texts("notes")

    def _texts(self, folder: str) -> list[Check]:
        found = sorted((self.folder / "jobs" / folder).glob("*.sql"))
        return [Check(path.stem, _read(path), path) for path in found]


def load(folder: Path) -> Lakehouse:
    """Load the model of a project.

    Args:
        folder: The project's folder.

    Returns:
        The model. A folder of SQL files under ``jobs/`` is a policy, whether the model
        describes it or not.

    Raises:
        UsageError: If ``configs/lakehouse.yaml`` is missing, malformed, or contradicts itself, or
            a check's file has the name of one that follows from the model.
    """
    from stedi_cli.project.model_file import ModelFile
    from stedi_cli.project.yaml_file import load_model

    path = folder / MODEL
    model = load_model(path, ModelFile)
    tables: dict[str, Table] = {}
    for name in model.tables:
        tables[name] = _table(name, model, tables, path)
    jobs = {
        name: Job(name, job.doc, tuple(job.reads), job.writes) for name, job in model.jobs.items()
    }
    policies = {
        name: Policy(name, policy.doc, frozenset(policy.breaks))
        for name, policy in model.policies.items()
    }
    for found in sorted((folder / "jobs").glob("*/")):
        if found.name not in _NOT_POLICIES:
            policies.setdefault(found.name, Policy(found.name, f"Rules of jobs/{found.name}/"))
    policies.setdefault(STRICT, Policy(STRICT, "Rules of jobs/"))
    lakehouse = Lakehouse(folder, tables, jobs, policies)
    for place, what in misplaced(tables, model.tables):
        _refuse(path, place, what)
    _refuse_contradictions(lakehouse, path)
    return lakehouse


def _table(name: str, model: ModelFile, known: dict[str, Table], path: Path) -> Table:
    entry = model.tables[name]
    columns: list[Column] = []
    if entry.columns_of is not None:
        columns += _known(entry.columns_of, known, path, f"tables.{name}.columns_of").columns
    for position, column in enumerate(entry.columns):
        if isinstance(column, str):
            place = f"tables.{name}.columns.{position}"
            table_name, _, column_name = column.partition(".")
            source = _known(table_name, known, path, place)
            columns += [c for c in source.columns if c.name == column_name] or _refuse(
                path, place, f"{table_name} has no column {column_name!r}"
            )
        else:
            columns.append(Column(**column.model_dump()))
    return Table(
        name, entry.zone, entry.doc, tuple(columns), entry.folder, tuple(entry.key), entry.personal
    )


def _known(name: str, known: dict[str, Table], path: Path, place: str) -> Table:
    return known.get(name) or _refuse(path, place, f"there is no table {name!r} above")


def _refuse_contradictions(lakehouse: Lakehouse, path: Path) -> None:
    written: set[str] = set()
    for job in lakehouse.jobs.values():
        for name in (*job.reads, job.writes):
            if name not in lakehouse.tables:
                _refuse(path, f"jobs.{job.name}", f"there is no table {name!r}")
        for name in job.reads:
            if name not in lakehouse.landing and name not in written:
                _refuse(path, f"jobs.{job.name}.reads", f"no job above writes {name!r}")
        if job.writes in lakehouse.landing or job.writes in written:
            _refuse(path, f"jobs.{job.name}.writes", f"{job.writes!r} is written already")
        written.add(job.writes)
    for policy in lakehouse.policies.values():
        _refuse_policy(lakehouse, policy, path)
    _refuse_tables(lakehouse, path)
    taken = taken_names(lakehouse.tables.values())
    for check in lakehouse.checks:
        if check.file is not None and check.name in taken:
            raise UsageError(
                f"{check.file}: the model has a check of that name already.",
                hint="Give the file another name.",
            )


def _refuse_tables(lakehouse: Lakehouse, path: Path) -> None:
    folders = [table.folder for table in lakehouse.landing.values()]
    if len(set(folders)) != len(folders):
        _refuse(path, "tables", "two landing tables have the same folder")
    for table in lakehouse.tables.values():
        if (table.zone == "landing") != (table.folder is not None):
            _refuse(path, f"tables.{table.name}", "folder goes with zone landing")
        if not set(table.key) <= {column.name for column in table.columns}:
            _refuse(path, f"tables.{table.name}.key", "names a column that is not there")
        if len({c.name.lower() for c in table.columns}) != len(table.columns):
            _refuse(path, f"tables.{table.name}.columns", "a column is there twice")
    if QUARANTINE not in lakehouse.tables:
        _refuse(path, "tables", f"there is no table {QUARANTINE!r}")


def _refuse_policy(lakehouse: Lakehouse, policy: Policy, path: Path) -> None:
    if policy.name != STRICT and not (lakehouse.folder / "jobs" / policy.name).is_dir():
        _refuse(path, f"policies.{policy.name}", f"there is no folder jobs/{policy.name}")
    known = {check.name for check in lakehouse.checks}
    for name in sorted(policy.breaks - known):
        _refuse(path, f"policies.{policy.name}.breaks", f"there is no check {name!r}")


def _refuse(path: Path, place: str, what: str) -> Any:
    raise UsageError(f"{path}: {place}: {what}.", hint="Mend the model and try again.")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise UsageError(
            f"Cannot read {path}: {reason}.", hint="`stedi init DIR` copies out a whole project."
        ) from error
