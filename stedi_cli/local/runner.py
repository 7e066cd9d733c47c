"""Runs jobs on DuckDB and commits what they give to Iceberg."""

from __future__ import annotations

import dataclasses
import time
import uuid
from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from stedi_cli.durable import make_folder
from stedi_cli.errors import StediError, UsageError
from stedi_cli.lake.job_run import JobOutcome
from stedi_cli.lake.records import Task
from stedi_cli.local.access import private
from stedi_cli.local.engine import Engine
from stedi_cli.local.ingestion import Ingestion
from stedi_cli.local.layout import to_uri
from stedi_cli.local.lost_rows import Comparison
from stedi_cli.local.place import Place
from stedi_cli.project.lakehouse import HELD_BACK, STRICT, Job, JobText, Table
from stedi_cli.questions.statement import first_line, one_select
from stedi_cli.sql import identifier, literal, parquet
from stedi_cli.tables.history import RefRemoved, inputs_forgot
from stedi_cli.tables.provenance import LandingAccount, Provenance, Snapshot
from stedi_cli.tables.summary import files_to_summary
from stedi_cli.tables.types import TYPES

if TYPE_CHECKING:
    from stedi_cli.tables.expiry import Expired


class DuckRunner:
    """Runs jobs one after another in one engine.

    Args:
        place: The lakehouse, locked by the caller.
        reread: Whether to read all landing files anew.
    """

    name = "duckdb"

    def __init__(self, place: Place, *, reread: bool = False) -> None:
        self._place = place
        self._layout = place.layout
        self._lakehouse = place.lakehouse
        self._zone = place.zone
        self._tables = place.tables
        # The engine opens no folder that is made later.
        make_folder(place.layout.aside)
        self._engine = Engine(
            place.layout,
            place.settings,
            [place.layout.landing, place.layout.warehouse, place.layout.aside],
            place.settings.memory_limit,
        ).open()
        self._engine.beside_next_copy(self._import_iceberg)
        self._ingestion = Ingestion(place, self._engine, reread=reread)
        self._accounts: dict[str, LandingAccount] = {}
        # Tables that this run made anew of the same rows, with the snapshots that had these.
        self._same: dict[str, str] = {}
        self.swept: set[str] = set()
        self._removed: list[RefRemoved] = []

    def _import_iceberg(self) -> None:
        """Have at hand what commits: half a second in which the engine works."""
        import_module("stedi_cli.tables.iceberg")
        self._place.catalog  # noqa: B018 - opened here, not at the first commit

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()

    @private
    def run(self, tasks: list[Task]) -> Generator[JobOutcome | RefRemoved]:
        """Read what is new of the landing files; run jobs in their order and commit their tables.

        Args:
            tasks: The jobs with their SQL and provenance.

        Yields:
            Rows, quarantined lines and seconds of each, after the tags and branches removed.

        Raises:
            StediError: If its SQL cannot be run or the table not be written.
            BadDataError: If a landing table has more unusable lines than allowed.
        """
        landing = {name: state for task in tasks for name, state in task.landing.items()}
        try:
            self._removed = []
            policy = next((task.provenance.policy for task in tasks), STRICT)
            self._accounts = self._ingestion.run(landing, policy)
            for name, expired in self._ingestion.expired.items():
                self._note(name, expired)
            yield from self._removed
            for task in tasks:
                self._removed = []
                outcome = self._run(task)
                yield from self._removed
                yield outcome
        except (StediError, OSError):
            for name, state in landing.items():
                self._zone.refuse_changed(name, state)
            raise

    def _run(self, task: Task) -> JobOutcome:
        started = time.perf_counter()
        job = task.job
        table = self._lakehouse.tables[job.writes]
        self._define_inputs(job)
        provenance = dataclasses.replace(
            task.provenance,
            inputs={name: self._input(name, task) for name in self._lakehouse.inputs(job)},
        )
        path = self._layout.warehouse / table.name / "data" / f"{uuid.uuid4().hex}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Where this fails the file is swept: it may be committed all the same.
        rows = self._write(job, task.text, table, path)
        accounts = {name: self._accounts[name] for name in task.landing}
        snapshot = self._commit(task, table, path, rows, provenance, accounts)
        quarantined = sum(accounts[n].quarantined for n in self._lakehouse.answers_for(job))
        return JobOutcome(rows, quarantined, time.perf_counter() - started, snapshot)

    def _input(self, name: str, task: Task) -> str:
        state = self._tables.states().get(name)
        snapshot = str(state.current.id) if state and state.current else ""
        return task.provenance.inputs.get(name, snapshot)

    def _define_inputs(self, job: Job) -> None:
        for name in job.reads:
            table = self._lakehouse.tables[name]
            stored = table.typed.name if name in self._lakehouse.landing else name
            if (files := self._tables.files(stored)) is not None:
                self._engine.define_files(table, files)
        if HELD_BACK in job.reads:
            self._define_held_back(job)
        self._engine.show_only(job.reads)

    def _define_held_back(self, job: Job) -> None:
        """Show a job what is held back of the landing tables that it reads, and of no others.

        Others may change without that it has to run again.
        """
        state = self._tables.states().get(HELD_BACK)
        lines = (state.current.lines if state and state.current else None) or {}
        table = self._lakehouse.tables[HELD_BACK]
        names = [name for name in self._lakehouse.holds_back(job) if lines.get(name)]
        if not names:
            # Known to be empty it costs the job nothing.
            self._engine.define_files(table, [])
            return
        files = self._tables.files(HELD_BACK) or []
        shown = (
            f'SELECT * FROM {parquet(files)} WHERE "table" IN ({", ".join(map(literal, names))})'
        )
        self._engine.define(HELD_BACK, shown)

    def _write(self, job: Job, text: JobText, table: Table, path: Path) -> int:
        """Write the job's result and return its number of rows."""
        try:
            return self._engine.copy(self._select(job, text, table), path)
        except duckdb.Error as error:
            raise job_error(job, error) from error

    def _select(self, job: Job, text: JobText, table: Table) -> str:
        try:
            sql = one_select(text.sql, job.reads).text
            given = self._engine.columns_of(sql)
        except (duckdb.Error, UsageError) as error:
            raise job_error(job, error) from error
        wanted = [column.name for column in table.columns]
        if given != wanted:
            raise UsageError(
                f"Job {job.name} gives the columns {', '.join(given)};"
                f" {table.name} has {', '.join(wanted)}.",
                hint="Make its SQL and configs/lakehouse.yaml agree.",
            )
        columns = ", ".join(
            f"CAST({identifier(c.name)} AS {TYPES[c.type].duckdb}) AS {identifier(c.name)}"
            for c in table.columns
        )
        return f"SELECT {columns} FROM ({sql}\n)"

    def _commit(
        self,
        task: Task,
        table: Table,
        path: Path,
        rows: int,
        provenance: Provenance,
        accounts: dict[str, LandingAccount],
    ) -> int:
        from stedi_cli.tables import iceberg

        record = dataclasses.replace(provenance, landing=accounts)
        done = iceberg.replace(
            self._place.catalog,
            table,
            {to_uri(path): path},
            record.to_summary() | files_to_summary({path.name: path.stat().st_size}),
            keep=self._place.settings.keep_snapshots,
            forget=self._forgets(task, table, path, rows),
        )
        self._tables.forget()
        self._note(table.name, done.expired)
        return done.snapshot

    def _forgets(self, task: Task, table: Table, path: Path, rows: int) -> bool:
        """Tell whether a table's older snapshots would give back what it must not hold any more."""
        states = self._tables.states()
        before = states.get(table.name)
        if before is None or not before.snapshots:
            return False
        earlier = before.current.provenance if before.current else None
        if before.current is None or earlier is None or not self._tables.is_whole(table.name):
            return True
        policies = {s.provenance.policy for s in before.snapshots if s.provenance is not None}
        if policies != {task.provenance.policy} or inputs_forgot(earlier, states):
            return True
        if before.current.rows is None or before.current.rows > rows:
            return True
        compared = Comparison(self._engine, table, self._tables.files(table.name) or [], path)
        if self._is_given_the_same(task, before.current, earlier) or compared.is_same():
            self._same[table.name] = str(before.current.id)
            return False
        return compared.loses_rows()

    def _is_given_the_same(self, task: Task, made: Snapshot, by: Provenance) -> bool:
        """Tell whether a job makes its table of what it was made of, by the same SQL and engine.

        What was committed after the table may be other rows of the same landing files: by one
        clock, and who has set it back has them compared.

        Args:
            task: The job.
            made: The table's current snapshot.
            by: What made it.
        """
        if not task.gives_the_same or by.engine != task.provenance.engine:
            return False
        states, tables = self._tables.states(), self._lakehouse.tables
        for name in task.job.reads:
            is_copy = name in self._lakehouse.landing
            state = states.get(tables[name].typed.name if is_copy else name)
            read = state.current if state else None
            if read is None:
                # Of lines that could all be used nothing is held back.
                held = self._lakehouse.holds_back(task.job)
                same = name == HELD_BACK and by.used_all_lines(held)
            elif is_copy or name == HELD_BACK:
                same = read.committed_ms < made.committed_ms
            else:
                same = by.inputs.get(name) == self._same.get(name, str(read.id))
            if not same:
                return False
        return True

    def _note(self, table: str, expired: Expired | None) -> None:
        """Remember what is to be swept, and what is to be said."""
        if expired is not None and expired.snapshots:
            self.swept.add(table)
            self._removed += expired.refs


def job_error(job: Job, error: Exception) -> StediError:
    """Turn an engine's error into one line that names the job."""
    first = first_line(error)
    if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException):
        return StediError(
            f"Job {job.name} failed: {first}",
            hint="Look at free disk space and at memory_limit and temp_limit in the config.",
        )
    return StediError(f"Job {job.name} failed: {first}", hint=f"See jobs/{job.name}.sql.")
