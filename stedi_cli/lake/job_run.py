"""What is told of jobs while they run, and what they did."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class RunFailed:
    """A run has failed; the error with the reason follows.

    Args:
        run: The run.
        where: Where to look.
        log: The last lines of its log.
    """

    run: JobRun
    where: str
    log: tuple[str, ...]


@dataclass(frozen=True)
class RunDetached:
    """A run was started and is not waited for."""

    run: JobRun


RunEvent = JobOutcome | JobRun | RunFailed | RunDetached | RefRemoved
