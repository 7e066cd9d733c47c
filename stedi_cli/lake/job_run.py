"""What is told of jobs while they run, and what they did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stedi_cli.errors import StediError
from stedi_cli.project.lakehouse import Job
from stedi_cli.tables.history import RefRemoved


@dataclass(frozen=True)
class Usage:
    """What a run used, and what that costs.

    Args:
        run: Its id.
        seconds: How long it ran.
        dpu_hours: What is billed, in hours of one data processing unit.
        dollars: US dollars at the configured price.
    """

    run: str
    seconds: float
    dpu_hours: float
    dollars: float

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        hours, dollars = round(self.dpu_hours, 6), round(self.dollars, 6)
        return {"run": self.run, "seconds": self.seconds, "dpu_hours": hours, "usd": dollars}


@dataclass(frozen=True)
class JobOutcome:
    """What a job did.

    Args:
        rows: Rows of its table.
        quarantined: Unusable lines of the landing tables that no earlier job reads.
        seconds: How long it took.
        snapshot: Id of the snapshot it committed.
        usage: What the run used that ended with this job; None on this machine, and for the
            jobs of a run before its last.
    """

    rows: int
    quarantined: int
    seconds: float
    snapshot: int
    usage: Usage | None = None


@dataclass(frozen=True)
class JobRun:
    """A run somewhere else, as it stands.

    Args:
        job: Name of the job there.
        id: Its id.
        state: ``STARTING``, ``RUNNING``, ``SUCCEEDED`` and others, as that place calls it.
        active: Whether it has not ended.
        seconds: How long it has been waited for, or how long it ran.
        started: When it was started, ISO 8601, or an empty text.
        error: Why it failed, or an empty text.
        usage: What it used, once it has ended.
    """

    job: str
    id: str
    state: str
    active: bool
    seconds: float
    started: str = ""
    error: str = ""
    usage: Usage | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {
            "job": self.job,
            "run": self.id,
            "state": self.state,
            "active": self.active,
            "started": self.started,
            "seconds": self.seconds,
            "error": self.error or None,
            "usage": self.usage.as_json() if self.usage else None,
        }


@dataclass(frozen=True)
class JobsPlanned:
    """It is known which jobs have to run, in their order; what was planned before is not."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class JobStarted:
    """A job has begun."""

    job: Job


@dataclass(frozen=True)
class JobDone:
    """A job has ended.

    Args:
        job: The job.
        status: ``built`` or ``unchanged``.
        rows: Rows of its table.
        quarantined: Unusable lines of the landing tables that no earlier job reads.
        seconds: How long it took.
        why: Why it ran, or an empty text.
        usage: What the run used that ended with this job.
    """

    job: Job
    status: str
    rows: int | None
    quarantined: int
    seconds: float
    why: str = ""
    usage: Usage | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        record: dict[str, Any] = {
            "job": self.job.name,
            "table": self.job.writes,
            "status": self.status,
            "rows": self.rows,
            "quarantined": self.quarantined,
            "seconds": round(self.seconds, 3),
        }
        return record | ({"usage": self.usage.as_json()} if self.usage else {})


@dataclass(frozen=True)
class RunFailed:
    """A run has failed; the error with the reason follows.

    Args:
        run: The run.
        where: Where to look.
        log: The last lines of its log.
        job: The job that failed; those before it are done.
    """

    run: JobRun
    where: str
    log: tuple[str, ...]
    job: Job


@dataclass(frozen=True)
class RunDetached:
    """A run was started and is not waited for."""

    run: JobRun


class GoesOnError(StediError):
    """A run that was started somewhere else is not waited for any more, and goes on."""


RunEvent = JobOutcome | JobRun | RunFailed | RunDetached | RefRemoved
