"""Runs jobs on Spark on this machine: one subprocess, one session, the script that Glue runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from stedi_cli.durable import make_folder
from stedi_cli.errors import StediError
from stedi_cli.lake.job_run import JobOutcome
from stedi_cli.lake.records import Task
from stedi_cli.landing.answered import answered_in
from stedi_cli.local import spark_submit
from stedi_cli.local.access import private
from stedi_cli.local.catalog_file import CATALOG
from stedi_cli.local.kept_aside import KeptAside
from stedi_cli.local.layout import to_uri
from stedi_cli.local.lock import name_holder
from stedi_cli.local.place import Place
from stedi_cli.local.spark_log import SparkLog
from stedi_cli.local.typed_copies import TypedCopies
from stedi_cli.runs import spark_model, spark_request
from stedi_cli.runs.bad_rows import verdict_of
from stedi_cli.tables.history import RefRemoved

_MARK = "STEDI "


class SparkRunner:
    """Runs jobs one after another in one Spark session.

    Args:
        place: The lakehouse, locked by the caller.
        lock: Descriptor of the lakehouse's lock. Spark inherits it, so that no one else writes
            while it still commits after this process was killed.
        reread: Whether to read all landing files anew.
    """

    name = "spark"

    def __init__(
        self,
        place: Place,
        *,
        lock: int,
        reread: bool = False,
    ) -> None:
        what = spark_submit.missing()
        if what is not None:
            raise StediError(f"Spark cannot run here. {what}", hint="Or leave out --engine spark.")
        spark_model.refuse_other_script(place.lakehouse.folder)
        self._place = place
        self._layout = place.layout
        self._lakehouse = place.lakehouse
        self._zone = place.zone
        self._tables = place.tables
        self._lock = lock
        self._reread = reread
        self._copies = TypedCopies(place)
        self._temp = place.layout.temp / uuid.uuid4().hex
        self.swept: set[str] = set()
        self._removed: list[RefRemoved] = []

    def close(self) -> None:
        """Remove intermediate files."""
        shutil.rmtree(self._temp, ignore_errors=True)

    @private
    def run(self, tasks: list[Task]) -> Generator[JobOutcome | RefRemoved]:
        """Run jobs in their order.

        Args:
            tasks: The jobs with their SQL and provenance.

        Yields:
            The outcome of each job as it ends, after the tags and branches removed.

        Raises:
            StediError: If a job fails; Spark's own words are in the log file that it names.
            TooManyBadLines: If a landing table has more unusable lines than allowed.
        """
        self._mend_times()
        request = self._write(tasks)
        try:
            with SparkLog(self._layout.spark_log) as self._log:
                yield from self._events(request, tasks)
        finally:
            self._keep_unchanged(tasks)

    def _write(self, tasks: list[Task]) -> Path:
        """Write what Spark is told, and return the request."""
        self._temp.mkdir(parents=True)
        make_folder(self._layout.ledgers)
        make_folder(self._layout.aside)
        request = self._temp / "request.json"
        request.write_text(json.dumps(self._request(tasks)), encoding="utf-8")
        for task in tasks:
            self._sql(task).write_bytes(task.text.sql.encode())
        model = spark_model.model(
            self._lakehouse,
            location=self._layout.table_location,
            keep=self._place.settings.keep_snapshots,
        )
        self._model.write_text(json.dumps(model), encoding="utf-8")
        return request

    def _events(self, request: Path, tasks: list[Task]) -> Iterator[JobOutcome | RefRemoved]:
        # The last two would win over the settings.
        environment = {
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": "127.0.0.1",
            **dict.fromkeys(("SPARK_LOCAL_DIRS", "TMPDIR"), str(self._temp)),
        }
        with subprocess.Popen(  # noqa: S603
            spark_submit.command(self._place, self._model, request, self._size(tasks)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            start_new_session=True,
            pass_fds=(self._lock,),
        ) as process:
            assert process.stderr is not None
            try:
                # It holds the lock on if this process is killed.
                name_holder(self._lock, process.pid)
                self._log.follow(process.stderr)
                yield from self._outcomes(_reports(process, self._log), tasks)
            finally:
                # What is done is committed; what is not is swept.
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                self._log.finish()
                name_holder(self._lock, os.getpid())

    def _mend_times(self) -> None:
        """Let Spark read and write what was written while the clock was ahead, or set back."""
        from stedi_cli.tables.iceberg import NAMESPACE

        catalog = self._place.catalog
        now_ms = time.time_ns() // 1_000_000
        for name in self._tables.states():
            if catalog.mend_times(f"{NAMESPACE}.{name}", now_ms):
                self.swept.add(name)
        self._tables.forget()

    def _outcomes(
        self, reports: Iterator[dict[str, Any]], tasks: list[Task]
    ) -> Iterator[JobOutcome | RefRemoved]:
        for task in tasks:
            outcome = next(reports, None)
            if outcome is None:
                raise StediError(
                    f"Job {task.job.name} failed on Spark: {self._reason()}.",
                    hint=f"Spark's log is {self._layout.spark_log}.",
                )
            self._tables.forget()
            if "bad_data" in outcome:
                verdict = verdict_of(outcome["bad_data"])
                raise verdict or StediError(f"Job {task.job.name} stopped on Spark.")
            self._refuse_changed(task)
            self._removed = []
            self._expire(task)
            yield from self._removed
            yield JobOutcome(
                outcome["rows"], outcome["quarantined"], outcome["seconds"], outcome["snapshot"]
            )

    def _refuse_changed(self, task: Task) -> None:
        try:
            for name, state in task.landing.items():
                self._zone.refuse_changed(name, state)
        except StediError:
            # The copies may hold other rows than their ledgers say.
            self._copies.drop(self._lakehouse.tables[name].typed for name in task.landing)
            raise

    def _keep_unchanged(self, tasks: list[Task]) -> None:
        """Keep nothing aside of files that changed while they were read."""
        for name, state in {n: s for task in tasks for n, s in task.landing.items()}.items():
            try:
                self._zone.refuse_changed(name, state)
            except StediError:
                KeptAside(self._layout).drop(self._lakehouse.tables[name])

    def _reason(self) -> str:
        self._log.finish()
        log = self._layout.spark_log.read_text(encoding="utf-8", errors="replace")
        errors = [line for line in log.splitlines() if re.match(r"[\w.]+(Error|Exception)\b", line)]
        return errors[-1][:300].rstrip(".") if errors else "it ended without a word"

    def _expire(self, task: Task) -> None:
        from stedi_cli.tables.iceberg import NAMESPACE, expire

        catalog = self._place.catalog
        copies = [self._lakehouse.tables[name].typed for name in task.landing]
        beside = [table.name for table in self._lakehouse.beside]
        self._copies.sync(copies)
        for name in task.landing:
            KeptAside(self._layout).drop(self._lakehouse.tables[name])
        for name in (*(copy.name for copy in copies), task.job.writes, *beside):
            if name not in self._tables.states():
                continue
            # Java syncs nothing. Until here a power failure can take what Spark has committed.
            catalog.sync(f"{NAMESPACE}.{name}")
            expired = expire(catalog, name, self._place.settings.keep_snapshots)
            if expired.snapshots:
                self.swept.add(name)
            self._removed += expired.refs
        self._tables.forget()

    @property
    def _model(self) -> Path:
        return self._temp / "lakehouse.json"

    def _sql(self, task: Task) -> Path:
        return self._temp / f"{task.job.name}.sql"

    def _request(self, tasks: list[Task]) -> dict[str, Any]:
        from stedi_cli.tables.iceberg import NAMESPACE

        return spark_request.request(
            tasks,
            self._lakehouse,
            self._tables.states(),
            engine=self.name,
            catalog=CATALOG,
            namespace=NAMESPACE,
            limits=self._place.settings.limits,
            # Expired after the run, by what also sweeps the files.
            keep=None,
            ledgers=to_uri(self._layout.ledgers),
            aside=to_uri(self._layout.aside),
            reread=self._reread,
            folder=lambda name: to_uri(self._zone.folder(name)),
            sql=lambda task: to_uri(self._sql(task)),
            ledger=lambda table: None if self._reread else self._copies.ledger(table),
            is_whole=self._tables.is_whole,
            answered=answered_in(self._layout.read_answered()),
        )

    def _size(self, tasks: list[Task]) -> int:
        """Return the bytes of the landing files and tables that jobs read."""
        landing = {name: state for task in tasks for name, state in task.landing.items()}
        read = {name for task in tasks for name in task.job.reads}
        sizes = [facts.size for state in landing.values() for facts in state.files.values()]
        for name, state in self._tables.states().items():
            if name in read and state.current:
                sizes += state.current.files.values()
        return sum(sizes)


def _reports(process: subprocess.Popen[bytes], log: SparkLog) -> Iterator[dict[str, Any]]:
    """Yield what the script says of its jobs; the rest goes to the log."""
    assert process.stdout is not None
    for line in process.stdout:
        text = line.decode(errors="replace")
        if text.startswith(_MARK):
            yield json.loads(text.removeprefix(_MARK))
        else:
            log.say(line)
