"""Runs jobs on AWS Glue and reads what they did from the tables that they left."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from typing import Any

from stedi_cli.aws.account import aws_errors
from stedi_cli.aws.hints import LAKE_FORMATION
from stedi_cli.aws.model import CATALOG
from stedi_cli.aws.place import Place
from stedi_cli.aws.run import SUCCEEDED, Run
from stedi_cli.aws.run_log import last_lines
from stedi_cli.errors import BusyError, StediError
from stedi_cli.lake.job_run import GoesOnError, JobOutcome, RunDetached, RunEvent, RunFailed
from stedi_cli.lake.records import RunOptions, Task
from stedi_cli.landing.answered import answered_in
from stedi_cli.landing.files import LandingState
from stedi_cli.masking import masked
from stedi_cli.project.lakehouse import Job
from stedi_cli.runs import spark_request
from stedi_cli.runs.bad_rows import verdict_of
from stedi_cli.tables.history import RefRemoved
from stedi_cli.tables.provenance import Snapshot

SPARED_MS = 3_600_000
"""How long a query on AWS may read a snapshot after another has taken its place."""
_HINTS = {
    "TIMEOUT": "Raise timeout_minutes or workers in the config, then `stedi infra up`.",
    "STOPPED": "It was stopped; run it again. Every table is as before or as after.",
    "EXPIRED": "It got no capacity in time; run it again, or set flex to false.",
    "ERROR": "Glue itself failed; run it again.",
}
_ROLE = "The jobs' role lacks a permission: `stedi infra status` shows what differs."
_KEY = "Set kms_key to that key, then `stedi infra up`; its own policy has to allow the role too."
_CAUSES = (
    (
        "S3 endpoint",
        "The jobs' VPC has no way to S3: set s3_endpoint: true, then `stedi infra up`.",
    ),
    ("Insufficient Lake Formation permission", LAKE_FORMATION),
    ("AccessDenied", _ROLE),
    ("Access Denied", _ROLE),
    ("not authorized", _ROLE),
    ("Status Code: 403", _ROLE),
    ("s3:DeleteObject", _ROLE),
    ("changed since the run", "Run the job again."),
    *(
        (said, "S3 was too busy: run the job again.")
        for said in ("SlowDown", "reduce your request rate", "Status Code: 503")
    ),
    *(
        (
            said,
            "It was too much for its workers: raise workers or worker_type, then `stedi infra up`.",
        )
        for said in ("OutOfMemory", "heap space", "memory limits", "No space left on device")
    ),
    *(
        (said, "Look at the subnet and the security groups of vpc_connection.")
        for said in ("security group", "free addresses")
    ),
)
# What denies it to the role, where that is no permission of its own.
_FORBIDDEN = (
    ("control policy", "Your organization forbids it: ask who looks after its control policies."),
    ("permissions boundary", "The boundary of the jobs' role has to allow it: ask who put it."),
    (
        "VPC endpoint policy",
        "The policy of the VPC's S3 endpoint has to allow it: ask whose it is.",
    ),
    ("explicit deny", "A policy forbids it, and no permission overrules that: ask who wrote it."),
)
_DENIED = re.compile(r"not authorized to perform: ([\w:]+)(?: on resource: \"?([^\s\")]+))?")


class GlueRunner:
    """Runs jobs one after another, each in a run of its own or all in one.

    Args:
        place: The lakehouse.
        options: How jobs are run: all in one run, with one start-up, unless told otherwise.
    """

    name = "glue"

    def __init__(self, place: Place, options: RunOptions) -> None:
        self._layout = place.layout
        self._zone = place.zone
        self._tables = place.tables
        self._copies = place.copies
        self._reread = options.reread
        self._runs = place.runs
        self._writer = place.writer
        self._separate = options.separate
        self._wait = options.wait
        self._detach = options.detach

    def run(self, tasks: list[Task]) -> Generator[RunEvent]:
        """Run jobs in their order; the first run is started by the call itself.

        Args:
            tasks: The jobs with their SQL and provenance.

        Returns:
            How each run stands, and the outcome of each job as its run ends.

        Raises:
            BusyError: If another run is at work by now.
            StediError: If a run fails; its last log lines were yielded before.
            TooManyBadLines: If a landing table has more unusable lines than allowed.
        """
        first = tasks[:1] if self._separate else tasks
        return self._follow(tasks, first, self._start(first) if first else None)

    def _follow(
        self, tasks: list[Task], batch: list[Task], started: Run | None
    ) -> Generator[RunEvent]:
        while started is not None:
            yield started.as_job_run(0.0)
            if self._detach:
                yield RunDetached(started.as_job_run(0.0))
                return
            tasks = tasks[len(batch) :]
            yield from self._finish(batch, started)
            batch = tasks[:1]
            started = self._start_later(batch) if batch else None

    def _start_later(self, tasks: list[Task]) -> Run:
        """Start a run after others of this command, between which somebody else's may begin."""
        while True:
            self._runs.refuse_active(wait=self._wait)
            # Whoever took the lock over is not waited for: nobody gives it back.
            self._writer.assure()
            self._tables.forget()
            self._zone.forget()
            try:
                return self._start(tasks)
            except BusyError:
                if not self._wait:
                    raise

    def _start(self, tasks: list[Task]) -> Run:
        alone = tasks[0].job.name if len(tasks) == 1 else "all"
        key = self._layout.request(tasks[0].provenance.run, alone)
        # What is replaced from here on is younger than the request.
        self._refuse_changed(tasks)
        content = json.dumps(self._request(tasks)).encode()
        with aws_errors(f"s3:PutObject {key}"):
            storage = self._zone.storage
            storage.s3.put_object(
                **storage.place(key), Body=content, ContentType="application/json"
            )
        self._writer.assure()
        return self._runs.start(self._layout.job(alone), self._layout.uri(key))

    def _request(self, tasks: list[Task]) -> dict[str, Any]:
        layout = self._layout
        tables, zone = layout.lakehouse.tables, layout.landing_folder
        return spark_request.request(
            tasks,
            layout.lakehouse,
            self._tables.states(),
            engine=self.name,
            catalog=CATALOG,
            namespace=layout.database,
            limits=layout.settings.limits,
            keep=layout.settings.keep_snapshots,
            spare_ms=SPARED_MS,
            ledgers=layout.uri(layout.ledgers),
            aside=layout.uri(layout.aside),
            reread=self._reread,
            folder=lambda name: layout.uri(zone(tables[name])),
            sql=lambda task: layout.uri(layout.sql(task.provenance.policy, task.job.name)),
            ledger=lambda table: None if self._reread else self._copies.ledger(table),
            is_whole=self._tables.is_whole,
            answered=answered_in(self._zone.storage.read_if_there(layout.answered)),
            by_time=True,
        )

    def _finish(self, tasks: list[Task], started: Run) -> Iterator[RunEvent]:
        run, refs = started, self._refs()
        try:
            for now, seconds in self._runs.follow(started):
                run = now
                if run.active:
                    yield run.as_job_run(seconds)
        except StediError as error:
            raise _goes_on(run, error) from error
        # Each table is read again, since others may have been replaced too.
        self._tables.forget()
        yield from (RefRemoved(*ref) for ref in refs if ref not in self._refs())
        if run.state == SUCCEEDED:
            self._refuse_changed(tasks)
            yield from self._outcomes(tasks, run)
            return
        done = [task for task in tasks if self._committed(task) is not None]
        done = done[: len(tasks) - 1]
        yield from self._outcomes(done, run)
        failed = tasks[len(done)].job
        log = last_lines(self._layout, run.id)
        yield RunFailed(run.as_job_run(), self._where(run), log, failed)
        raise self._failure(failed, run)

    def _refs(self) -> list[tuple[str, str, str]]:
        """Return table, kind and name of every tag and branch."""
        states = self._tables.states()
        return [(t, kind, name) for t, s in states.items() for name, kind in s.refs.items()]

    def _refuse_changed(self, tasks: list[Task]) -> None:
        landing: dict[str, LandingState] = {}
        for task in tasks:
            landing |= task.landing
        self._zone.refuse_changed(landing)

    def _outcomes(self, tasks: list[Task], run: Run) -> Iterator[JobOutcome]:
        before = run.started.timestamp() * 1000 if run.started else None
        for position, task in enumerate(tasks):
            snapshot = self._committed(task)
            if snapshot is None:
                raise StediError(
                    f"Run {run.id} of {run.job} succeeded, but {task.job.writes} is not its.",
                    hint="Another writer may have been at work; run the job again.",
                )
            shared = len(tasks) > 1 and before is not None
            seconds = (snapshot.committed_ms - (before or 0)) / 1000 if shared else run.seconds
            before = snapshot.committed_ms
            provenance = snapshot.provenance
            accounts = provenance.landing if provenance else {}
            answers_for = self._layout.lakehouse.answers_for(task.job)
            yield JobOutcome(
                snapshot.rows or 0,
                sum(accounts[name].quarantined for name in answers_for if name in accounts),
                max(0.0, seconds),
                snapshot.id,
                run.usage if position == len(tasks) - 1 else None,
            )

    def _committed(self, task: Task) -> Snapshot | None:
        """Return the snapshot that this run made of a job's table, if it is the current one."""
        state = self._tables.states().get(task.job.writes)
        if state is None or state.current is None or state.current.provenance is None:
            return None
        found, wanted = state.current.provenance, task.provenance
        return state.current if (found.run, found.job) == (wanted.run, task.job.name) else None

    def _failure(self, job: Job, run: Run) -> StediError:
        verdict = verdict_of(run.error)
        if verdict is not None:
            return verdict
        said = masked(run.error).rstrip(".") or f"Glue says {run.state} and no more"
        denied = _DENIED.search(run.error)
        if denied:
            # Within what Java says around it, it would be lost.
            on = f" on {denied[2]}" if denied[2] else ""
            what = f"role {self._layout.role} may not {denied[1]}{on}"
            lacking = _KEY if denied[1].startswith("kms:") else _ROLE
            hint = next((hint for by, hint in _FORBIDDEN if by in run.error), lacking)
            return StediError(f"Job {job.name} failed on Glue, {run.state}: {what}.", hint=hint)
        known = next((hint for part, hint in _CAUSES if part in run.error), None)
        return StediError(
            f"Job {job.name} failed on Glue, {run.state}: {said[:500]}.",
            hint=known or _HINTS.get(run.state, f"Look at {self._where(run)}."),
        )

    def _where(self, run: Run) -> str:
        prefix = self._layout.log_prefix
        return f"CloudWatch log groups {prefix}/output and /error, log stream {run.id}"


def _goes_on(run: Run, error: StediError) -> GoesOnError:
    return GoesOnError(
        f"{error.message.rstrip('.')}. Run {run.id} of {run.job} goes on without us.",
        hint=error.hint or "See `stedi jobs status`.",
    )
