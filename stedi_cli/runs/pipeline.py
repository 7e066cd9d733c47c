"""Runs jobs: in order, each only where something it depends on changed, with provenance."""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from stedi_cli.errors import BadDataError, BusyError, UsageError
from stedi_cli.lake.job_run import (
    JobDone,
    JobOutcome,
    JobRun,
    JobsPlanned,
    JobStarted,
    RunDetached,
    RunEvent,
    RunFailed,
)
from stedi_cli.lake.parts import Lake
from stedi_cli.lake.records import RunOptions, Task
from stedi_cli.landing.files import LandingState
from stedi_cli.project.lakehouse import Job, Lakehouse
from stedi_cli.runs.bad_rows import (
    TooManyBadLines,
    refuse_other_shapes,
    refuse_unreadable,
    refuse_unusable,
)
from stedi_cli.runs.job_reads import refuse_undeclared
from stedi_cli.tables.history import RefRemoved
from stedi_cli.tables.provenance import LandingAccount, TableState
from stedi_cli.tables.staleness import FORCED, Staleness


@dataclass(frozen=True)
class JobPlan:
    """What is to be done with a job.

    Args:
        job: The job.
        stale: Why it has to run, or None where its table is up to date.
    """

    job: Job
    stale: str | None

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {
            "job": self.job.name,
            "reads": self.job.reads,
            "writes": self.job.writes,
            "up_to_date": self.stale is None,
            "why": self.stale,
        }


Event = JobsPlanned | JobStarted | JobDone | JobRun | RunFailed | RunDetached | RefRemoved


class Pipeline:
    """The jobs of a lakehouse under a policy.

    Args:
        lakehouse: The model.
        lake: Its parts.
        policy: The policy.
    """

    def __init__(self, lakehouse: Lakehouse, lake: Lake, policy: str) -> None:
        self._lakehouse = lakehouse
        self._lake = lake
        self.policy = lakehouse.policy(policy).name
        self._landing: dict[str, LandingState] = {}
        self._tables: dict[str, TableState] = {}
        self._stale = Staleness(lakehouse, self.policy, lake.tables.is_whole, lake.has_copy)

    def plan(self, jobs: Sequence[str] = (), *, force: bool = False) -> list[JobPlan]:
        """Tell what has to run.

        Args:
            jobs: Names of jobs, or nothing for all.
            force: Whether these are run in any case, so that no costly reason is looked for.

        Returns:
            The jobs in their order, each with the reason why it has to run.

        Raises:
            UsageError: If there is no such job, or a job is asked for whose inputs are stale.
        """
        wanted = {self._lakehouse.job(name).name for name in jobs} or set(self._lakehouse.jobs)
        self._landing = self._lake.landing.states()
        self._tables = self._lake.tables.states()
        self._stale.see(self._landing, self._tables)
        plans: list[JobPlan] = []
        rebuilt: dict[str, str] = {}
        for job in self._lakehouse.jobs.values():
            forced = force and job.name in wanted
            stale = next(self._stale.reasons(job, rebuilt, forced=forced), None)
            if job.name in wanted:
                self._refuse_stale_inputs(job, rebuilt, plans)
                plans.append(JobPlan(job, stale))
            if stale and stale != FORCED:
                rebuilt[job.writes] = stale
        return plans

    def _refuse_stale_inputs(
        self, job: Job, rebuilt: Mapping[str, str], plans: list[JobPlan]
    ) -> None:
        planned = {plan.job.writes for plan in plans}
        waiting = [name for name in job.reads if name in rebuilt and name not in planned]
        if waiting:
            raise UsageError(
                f"{job.name} reads {waiting[0]}, which is not up to date under {self.policy}.",
                hint=f"Run `stedi jobs run --all --policy {self.policy}`.",
            )

    def run(self, options: RunOptions, jobs: Sequence[str] = ()) -> Iterator[Event]:
        """Run what has to run.

        Args:
            options: How they are run.
            jobs: Names of jobs, or nothing for all.

        Yields:
            An event as each job starts and ends, and what is known of a run in between.

        Raises:
            UsageError: If a job's SQL reads a table that its reads do not name.
            StediError: If a job fails; the tables of the jobs before it are built.
            TooManyBadLines: If a landing table has more unusable lines than allowed; with why.
        """
        self._lake.jobs.refuse_options(options)
        try:
            yield from self._run_stale(options, jobs)
        except TooManyBadLines as stopped:
            raise stopped.explained(self._lake, self._lakehouse.tables[stopped.table]) from stopped

    def _run_stale(self, options: RunOptions, jobs: Sequence[str]) -> Iterator[Event]:
        try:
            plans = self._planned(jobs, options.force)
        except BadDataError:
            self._tidy()
            raise
        if not any(plan.stale for plan in plans):
            self._tidy()
            yield from self._lake.removed()
            yield from (self._unchanged(plan.job) for plan in plans)
            return
        # Also what need not run: once the lock is had, that may have changed.
        for plan in plans:
            text = self._stale.recipes.text(plan.job)
            refuse_undeclared(self._lakehouse, plan.job, text, options.engine)
        yield _planned(plans)
        while True:
            with self._lake.jobs.runner(options) as runner:
                # Another writer may have been at work until the lock was had.
                plans = self._planned(jobs, options.force)
                yield _planned(plans)
                try:
                    events = runner.run(self._tasks(plans, runner.name))
                except BusyError:
                    # What is to be done may be another thing once that one has ended.
                    if options.wait:
                        continue
                    raise
                with closing(events):
                    yield from self._told(plans, events)
            break
        yield from self._lake.removed()

    def _tidy(self) -> None:
        if self._lake.tidy is not None:
            self._lake.tidy()

    def _planned(self, jobs: Sequence[str], force: bool) -> list[JobPlan]:
        """Return the plan; what is up to date is held to the limits of unusable lines as well."""
        plans = self.plan(jobs, force=force)
        read = {name for plan in plans for name in plan.job.reads}
        refuse_other_shapes({n: state for n, state in self._landing.items() if n in read})
        limits = self._lake.jobs.limits
        for plan in plans:
            accounts = {} if plan.stale else self._built(plan.job)[1]
            refuse_unusable(self._lakehouse, self.policy, accounts, limits)
        # What is asked for is made of others' tables: a withdrawal that they miss is missed there.
        for job in self._upstream(plans):
            current = self._tables[job.writes].current
            made = current.provenance if current else None
            accounts = made.landing if made else {}
            refuse_unreadable(self._lakehouse, self.policy, accounts, limits.unreadable_customers)
        return plans

    def _upstream(self, plans: list[JobPlan]) -> list[Job]:
        """Return the other jobs, those that make what the jobs of a plan read, and so on."""
        planned = {plan.job.name for plan in plans}
        read = {name for plan in plans for name in plan.job.reads}
        found = []
        for job in reversed(self._lakehouse.jobs.values()):
            if job.writes in read and job.name not in planned:
                read |= {*job.reads}
                found.append(job)
        return found

    def _built(self, job: Job) -> tuple[int | None, dict[str, LandingAccount]]:
        """Return rows of a table that is up to date, and how the landing lines were used."""
        current = self._tables[job.writes].current
        assert current is not None and current.provenance is not None
        return current.rows, current.provenance.landing

    def _tasks(self, plans: list[JobPlan], engine: str) -> list[Task]:
        run = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"
        return [self._task(plan, run, engine) for plan in plans if plan.stale]

    def _told(self, plans: list[JobPlan], events: Iterator[RunEvent]) -> Iterator[Event]:
        for plan in plans:
            if not plan.stale:
                yield self._unchanged(plan.job)
                continue
            yield JobStarted(plan.job)
            for event in events:
                if isinstance(event, JobOutcome):
                    yield _done(plan, event)
                    break
                yield event
                if isinstance(event, RunDetached):
                    return

    def _task(self, plan: JobPlan, run: str, engine: str) -> Task:
        from stedi_cli.questions.determinism import is_determined

        job, text = plan.job, self._stale.recipes.text(plan.job)
        landing = {name: state for name, state in self._landing.items() if name in job.reads}
        provenance = self._stale.recipes.provenance(job, run=run, engine=engine)
        known = {name: state.fingerprint for name, state in landing.items()}
        provenance = dataclasses.replace(provenance, inputs=known)
        same = plan.stale == FORCED and is_determined(text.sql, self._lakehouse.landing)
        return Task(job, text, provenance, landing, gives_the_same=same)

    def _unchanged(self, job: Job) -> JobDone:
        rows, accounts = self._built(job)
        quarantined = sum(
            accounts[name].quarantined
            for name in self._lakehouse.answers_for(job)
            if name in accounts
        )
        return JobDone(job, "unchanged", rows, quarantined, 0.0)


def _planned(plans: list[JobPlan]) -> JobsPlanned:
    return JobsPlanned(tuple(plan.job for plan in plans if plan.stale))


def _done(plan: JobPlan, outcome: JobOutcome) -> JobDone:
    return JobDone(
        plan.job,
        "built",
        outcome.rows,
        outcome.quarantined,
        outcome.seconds,
        plan.stale or FORCED,
        outcome.usage,
    )
