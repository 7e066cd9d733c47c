"""What the lakehouse is: tables, columns, jobs, policies and checks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stedi_cli.errors import UsageError
from stedi_cli.project.check import Check, by_name, checks_without_sql, key_check
from stedi_cli.project.folder import read_text
from stedi_cli.project.naming import meant
from stedi_cli.project.traced_columns import HeldBack

STRICT = "strict"
QUARANTINE = "quarantine"
HELD_BACK = "held_back"
"""The table of what can be made out of lines in quarantine: whose they are, and of when."""
LANDING_FILE = "landing_file"
"""The column of a typed copy that names the file which a row was read from."""


@dataclass(frozen=True)
class Column:
    """A column: its name, type (``string``, ``long``, ``double``), and what it means.

    Args:
        plausible: The epoch milliseconds that an instant may be; None for what is no instant.
    """

    name: str
    type: str
    doc: str
    required: bool = False
    personal: bool = False
    plausible: range | None = None


@dataclass(frozen=True)
class Table:
    """A table of the lakehouse.

    Args:
        name: Its name in every catalog.
        zone: ``landing``, ``trusted``, ``curated`` or ``quarantine``; ``typed`` for the copy of a
            landing table.
        doc: One line on what it holds.
        columns: Its columns in their order.
        folder: Name of the folder with its files, for a landing table.
        key: Columns that no two rows share.
        personal: Whether it may hold personal data.
        held_back: What is looked for in its unusable lines, for a landing table; None for nothing.
    """

    name: str
    zone: str
    doc: str
    columns: tuple[Column, ...]
    folder: str | None = None
    key: tuple[str, ...] = ()
    personal: bool = True
    held_back: HeldBack | None = None

    @cached_property
    def typed(self) -> Table:
        """The Iceberg table that holds a landing table's usable lines, as they were read."""
        column = Column(LANDING_FILE, "string", "Name of the landing file that the row is of.")
        doc = f"The usable lines of {self.name}."
        return Table(f"{self.name}_typed", "typed", doc, (*self.columns, column))

    @cached_property
    def contract_sha256(self) -> str:
        """Digest of what a landing line is held to, column by column."""
        text = "\n".join(
            f"{c.name} {c.type} {c.required}{f' {c.plausible}' if c.plausible else ''}"
            for c in self.columns
        )
        text += f"\naddress {self.held_back.email}" if self.held_back else ""
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def columns_sha256(self) -> str:
        """Digest of the columns' names and types, which a change of the model changes."""
        text = "\n".join(f"{c.name} {c.type} {c.required} {c.personal}" for c in self.columns)
        text += f"\n{self.held_back}" if self.held_back else ""
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
                f"There is no table {name!r}.",
                hint=meant(name, self.tables, f"Tables: {', '.join(self.tables)}."),
            )
        return found

    def job(self, name: str) -> Job:
        """Return a job by name; raise UsageError where there is none."""
        found = self.jobs.get(name)
        if found is None:
            raise UsageError(
                f"There is no job {name!r}.",
                hint=meant(name, self.jobs, f"Jobs: {', '.join(self.jobs)}."),
            )
        return found

    def policy(self, name: str) -> Policy:
        """Return a policy by name; raise UsageError where there is none."""
        found = self.policies.get(name)
        if found is None:
            raise UsageError(
                f"There is no policy {name!r}.",
                hint=meant(
                    name,
                    self.policies,
                    f"Policies: {', '.join(self.policies)}. A folder under jobs/ adds one.",
                ),
            )
        return found

    @cached_property
    def landing(self) -> dict[str, Table]:
        """The landing tables by name."""
        return {name: t for name, t in self.tables.items() if t.zone == "landing"}

    @cached_property
    def traced(self) -> dict[str, Table]:
        """The landing tables by name of whose unusable lines ``held_back`` tells."""
        return {name: table for name, table in self.landing.items() if table.held_back}

    @cached_property
    def customers(self) -> Table | None:
        """The landing table of customers; None where the model does not say which it is."""
        traced = self.traced.values()
        return next((t for t in traced if t.held_back and t.held_back.serial), None)

    @cached_property
    def beside(self) -> list[Table]:
        """The tables of lines that cannot be used, in the order in which they are written."""
        return [self.tables[name] for name in (QUARANTINE, HELD_BACK) if name in self.tables]

    @cached_property
    def typed(self) -> dict[str, Table]:
        """The typed copies of the landing tables by their names."""
        return {table.typed.name: table.typed for table in self.landing.values()}

    @cached_property
    def stored(self) -> frozenset[str]:
        """The names of all tables of its own that a catalog may hold."""
        return frozenset({*self.tables, *self.typed})

    @cached_property
    def writers(self) -> dict[str, Job]:
        """Each job by the table that it writes."""
        return {job.writes: job for job in self.jobs.values()}

    def inputs(self, job: Job) -> list[str]:
        """Return the tables that a job's table is made of.

        What ``held_back`` says of landing files follows from the files, which the job reads too.
        """
        return [name for name in job.reads if name != HELD_BACK]

    def holds_back(self, job: Job) -> list[str]:
        """Return the landing tables of whose unusable lines ``held_back`` tells a job."""
        return [name for name in job.reads if name in self.traced and HELD_BACK in job.reads]

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
        sql = read_text(path)
        return JobText(sql, hashlib.sha256(sql.encode()).hexdigest())

    def account(self, job: Job, policy: str) -> Check | None:
        """Return the query that says why rows of a job's input are not in its table.

        Args:
            job: The job.
            policy: Name of the policy.

        Returns:
            The account: of a policy that has SQL of its own for the job, only that policy's own.
            None where there is none.
        """
        folder = self.folder / "jobs"
        if policy != STRICT and (folder / policy / f"{job.name}.sql").is_file():
            folder /= policy
        path = folder / "accounts" / f"{job.name}.sql"
        return Check(job.name, read_text(path), path) if path.is_file() else None

    def persons(self, table: Table, policy: str) -> Check | None:
        """Return the SQL that says whose each row of a table is; None where there is none.

        It gives the rows that the table has under a policy, and before them the person.
        """
        jobs = self.folder / "jobs"
        folders = (
            [jobs / "folds"] if policy == STRICT else [jobs / policy / "folds", jobs / "folds"]
        )
        paths = (folder / f"{table.name}.sql" for folder in folders)
        path = next((path for path in paths if path.is_file()), None)
        return Check(table.name, read_text(path), path) if path else None

    @property
    def checks(self) -> list[Check]:
        """The checks of the project, and one of each table's key, by name."""
        return self._checks[STRICT]

    def checks_under(self, policy: str) -> list[Check]:
        """Return the checks under a policy: those in its folder too, or for their namesakes."""
        return self._checks.get(policy) or self.checks

    @cached_property
    def _checks(self) -> dict[str, list[Check]]:
        keys = [key_check(table) for table in self.tables.values() if table.key]
        shared = [*keys, *self._texts("checks")]
        own = {name: self._texts(f"{name}/checks") for name in self.policies if name != STRICT}
        return {name: by_name([*shared, *own.get(name, [])]) for name in self.policies}

    @cached_property
    def rules(self) -> dict[str, Check]:
        """All that is checked under any policy, by name, also what no query is asked for."""
        named = [check for p in (*self.policies, STRICT) for check in self.checks_under(p)]
        return {c.name: c for c in (*named, *checks_without_sql(self.tables.values()))}

    def rule(self, name: str) -> Check:
        """Return a check by name; raise UsageError where there is none."""
        found = self.rules.get(name)
        if found is None:
            raise UsageError(
                f"There is no check {name!r}.",
                hint=meant(name, self.rules, "`stedi validate` lists the checks."),
            )
        return found

    @cached_property
    def notes(self) -> list[Check]:
        """Queries that explain what the jobs left out: a reason and a number a row."""
        return self._texts("notes")

    @cached_property
    def plots(self) -> list[Check]:
        """Queries whose answers the report draws, by the names of the plots."""
        return self._texts("plots")

    def variants(self, table: str) -> list[Check]:
        """Return queries for a table that hold a known mistake each, which their comment names."""
        return self._texts(f"variants/{table}")

    def _texts(self, folder: str) -> list[Check]:
        found = sorted((self.folder / "jobs" / folder).glob("*.sql"))
        return [Check(path.stem, read_text(path), path) for path in found]
