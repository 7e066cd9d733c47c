"""A run of a Glue job: how it stands, what it used and what that costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from stedi_cli.aws.prices import dpus, run_price
from stedi_cli.lake.job_run import JobRun, Usage
from stedi_cli.masking import masked
from stedi_cli.project.settings import AwsSettings

SUCCEEDED = "SUCCEEDED"
_ENDED = frozenset({SUCCEEDED, "FAILED", "ERROR", "TIMEOUT", "STOPPED", "EXPIRED"})


@dataclass(frozen=True)
class Run:
    """A run of a Glue job.

    Args:
        job: Name of the Glue job.
        id: Its id.
        state: Glue's word for it.
        request: URI of what it was asked to do.
        attempt: 0, or more for Glue's own retries.
        started: When, or None.
        seconds: How long it ran, as Glue tells once it has ended.
        error: Why it failed, as Glue tells.
        usage: What it used.
    """

    job: str
    id: str
    state: str
    request: str = ""
    attempt: int = 0
    started: datetime | None = None
    seconds: float = 0.0
    error: str = ""
    usage: Usage | None = None

    @property
    def active(self) -> bool:
        """Whether it has not ended; a state that is not known is taken for one on the way."""
        return self.state not in _ENDED

    def when(self) -> float:
        """Return when it was started, in seconds since 1970."""
        return self.started.timestamp() if self.started else 0.0

    def as_job_run(self, seconds: float | None = None) -> JobRun:
        """Return it as an event; with how long it has been waited for, where it is at work."""
        return JobRun(
            job=self.job,
            id=self.id,
            state=self.state,
            active=self.active,
            seconds=self.seconds if seconds is None else seconds,
            started=self.started.isoformat(timespec="seconds") if self.started else "",
            error=masked(self.error),
            usage=None if self.active else self.usage,
        )


def cost(settings: AwsSettings, run: str, seconds: float, dpu_seconds: float | None) -> Usage:
    """Return what a run used.

    Args:
        settings: Workers and prices.
        run: Its id.
        seconds: How long it ran.
        dpu_seconds: What Glue says it used, where it does: for FLEX and auto-scaled runs.
    """
    used = dpu_seconds or seconds * dpus(settings)
    return Usage(run, seconds, used / 3600, run_price(settings, used) if used else 0.0)


def run_of(job: str, raw: dict[str, Any], settings: AwsSettings) -> Run:
    """Return a run as Glue describes it.

    Args:
        job: Name of the Glue job.
        raw: Glue's description.
        settings: Workers and prices, where Glue does not tell.
    """
    seconds = float(raw.get("ExecutionTime") or 0)
    started = raw.get("StartedOn")
    return Run(
        job=job,
        id=str(raw["Id"]),
        state=str(raw.get("JobRunState", "")),
        request=str((raw.get("Arguments") or {}).get("--request", "")),
        attempt=int(raw.get("Attempt") or 0),
        started=started if isinstance(started, datetime) else None,
        seconds=seconds,
        error=" ".join(str(raw.get("ErrorMessage") or "").split()),
        usage=cost(_as_started(settings, raw), str(raw["Id"]), seconds, raw.get("DPUSeconds")),
    )


def _as_started(settings: AwsSettings, raw: dict[str, Any]) -> AwsSettings:
    """Return the settings as they were when a run was started."""
    flex = "FLEX" if settings.flex else "STANDARD"
    worker_type: Any = str(raw.get("WorkerType") or settings.worker_type)
    return replace(
        settings,
        worker_type=worker_type,
        workers=int(raw.get("NumberOfWorkers") or settings.workers),
        flex=raw.get("ExecutionClass", flex) == "FLEX",
    )
