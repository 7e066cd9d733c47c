"""Runs of Glue jobs: by a script that a test gives, or really, by an engine."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any, Protocol

from moto.glue.exceptions import (
    ConcurrentRunsExceededException,
    InvalidInputException,
    JobRunNotFoundException,
)

if TYPE_CHECKING:
    from sandbox.server import Sandbox

ENDED = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED")
_UNDERWAY = ("STARTING", "RUNNING", "WAITING", "STOPPING")
LOGS = ("output", "error")
_LOG_PREFIX = "/aws-glue/jobs"


@dataclass
class Script:
    """What the next run does where nothing really runs.

    Attributes:
        states: What each look at it sees, the last one for ever.
        error: Its ErrorMessage once it has ended.
        seconds: Its ExecutionTime.
        dpu_seconds: Its DPUSeconds, which only FLEX and auto-scaled runs have.
        output: What it prints, its traceback too: the log group output.
        log: What Spark says: the log group error.
        effect: Called once, before the last state is seen; gets the run.
        job: Only for this job.
    """

    states: Sequence[str] = ("STARTING", "RUNNING", "SUCCEEDED")
    error: str | None = None
    seconds: int = 61
    dpu_seconds: float | None = None
    output: str = ""
    log: str = ""
    effect: Callable[[Run], None] | None = None
    job: str | None = None


@dataclass
class Run:
    """One run of a job.

    Attributes:
        job: moto's job.
        request: What StartJobRun was told beside the job's name, in moto's spelling.
        arguments: All arguments: the job's defaults, the run's, and those not to be overridden.
        error: ErrorMessage.
        seconds: ExecutionTime.
    """

    job: Any
    request: dict[str, Any]
    arguments: dict[str, str]
    script: Script
    job_run_id: str = field(default_factory=lambda: f"jr_{secrets.token_hex(32)}")
    status: str = "STARTING"
    error: str | None = None
    seconds: int = 0
    dpu_seconds: float | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    completed: datetime | None = None
    looks: int = 0
    stop: Callable[[], None] | None = None
    lock: RLock = field(default_factory=RLock, repr=False)
    on_end: Callable[[Run], None] | None = None
    thread: Thread | None = None

    def wait(self) -> None:
        """Wait for the end of a run that really runs."""
        assert self.thread is not None
        self.thread.join()

    def advance(self) -> None:
        """Be looked at: a scripted run takes its next state."""
        with self.lock:
            if self.stop is not None or self.status in ENDED:
                return
            states = self.script.states
            reached = states[min(self.looks, len(states) - 1)]
            self.looks += 1
            if self.status == "STOPPING":
                reached = "STOPPED"
            if reached in ENDED:
                self.end(reached, self.script.error, self.script.seconds)
            else:
                self.status = reached

    def end(self, state: str, error: str | None, seconds: int) -> None:
        """Take a final state."""
        with self.lock:
            if self.status in ENDED:
                return
            if self.on_end is not None:
                self.on_end(self)
            self.error, self.seconds = error, seconds
            self.dpu_seconds = self.script.dpu_seconds
            self.completed = datetime.now(UTC)
            self.status = state

    def as_dict(self) -> dict[str, Any]:
        """Return it as GetJobRun does."""
        job, request = self.job, self.request
        told = {
            "Id": self.job_run_id,
            "Attempt": 0,
            "JobName": job.name,
            "StartedOn": self.started,
            "LastModifiedOn": self.completed or datetime.now(UTC),
            "CompletedOn": self.completed,
            "JobRunState": self.status,
            "Arguments": self.arguments,
            "ErrorMessage": self.error,
            "PredecessorRuns": [],
            "ExecutionTime": self.seconds,
            "Timeout": request.get("timeout") or job.timeout or 480,
            "WorkerType": request.get("worker_type") or job.worker_type,
            "NumberOfWorkers": request.get("number_of_workers") or job.number_of_workers,
            "MaxCapacity": request.get("max_capacity") or job.max_capacity,
            # Not the prefix of its own that the job may have asked for.
            "LogGroupName": _LOG_PREFIX,
            "GlueVersion": job.glue_version or "5.1",
            "ExecutionClass": job.execution_class,
            "DPUSeconds": self.dpu_seconds,
        }
        return {name: value for name, value in told.items() if value is not None}


class Engine(Protocol):
    """What really runs jobs."""

    def start(self, run: Run) -> None:
        """Start a run in the background; it sets ``run.stop`` and calls ``run.end``."""

    def reset(self) -> None:
        """End every run."""

    def close(self) -> None:
        """Stop."""


class JobRuns:
    """The runs of an account.

    Attributes:
        engine: What really runs them; None where they go by script.
        started: All runs since the last reset.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._scripts: list[Script] = []
        self._lock = RLock()
        self.engine: Engine | None = None
        self.started: list[Run] = []

    def script(self, *states: str, **what: Any) -> Script:
        """Say what the next run does that has no script yet; see Script."""
        script = Script(states or Script.states, **what)
        self._scripts.append(script)
        return script

    def forget(self, scripts: list[Script]) -> None:
        """Take back scripts that no run has had."""
        taken = {id(script) for script in scripts}
        self._scripts = [script for script in self._scripts if id(script) not in taken]

    def reset(self) -> None:
        """Forget scripts and runs, and let none go on."""
        if self.engine is not None:
            self.engine.reset()
            self.engine = None
        self._scripts.clear()
        self.started = []

    def close(self) -> None:
        """End what runs."""
        self.reset()

    def start(self, job: Any, arguments: dict[str, str] | None, **request: Any) -> str:
        """Start a run as StartJobRun does."""
        with self._lock:
            if request.get("worker_type") and request.get("max_capacity"):
                raise InvalidInputException("StartJobRun", "MaxCapacity excludes WorkerType")
            underway = [run for run in job.job_runs if run.status in _UNDERWAY]
            if len(underway) >= job.execution_property.get("MaxConcurrentRuns", 1):
                raise ConcurrentRunsExceededException(f"Concurrent runs exceeded for {job.name}")
            merged = {**job.default_arguments, **(arguments or {})}
            merged |= job.non_overridable_arguments or {}
            run = Run(job, request, merged, self._take(job.name), on_end=self._write)
            job.job_runs.append(run)
            self.started.append(run)
        if self.engine is not None:
            self.engine.start(run)
        return run.job_run_id

    def batch_stop(self, job: Any, ids: list[str]) -> dict[str, Any]:
        """Stop runs as BatchStopJobRun does."""
        stopped, errors = [], []
        for run_id in ids:
            run = next((run for run in job.job_runs if run.job_run_id == run_id), None)
            named = {"JobName": job.name, "JobRunId": run_id}
            if run is None or run.status in ENDED:
                code = "EntityNotFoundException" if run is None else "InvalidInputException"
                detail = {"ErrorCode": code, "ErrorMessage": "The run is not underway."}
                errors.append({**named, "ErrorDetail": detail})
                continue
            with run.lock:
                run.status = "STOPPING"
            if run.stop is not None:
                run.stop()
            stopped.append(named)
        return {"SuccessfulSubmissions": stopped, "Errors": errors}

    def find(self, run_id: str) -> Run:
        """Return a run; raises JobRunNotFoundException."""
        for run in self.started:
            if run.job_run_id == run_id:
                return run
        raise JobRunNotFoundException(run_id)

    def log(self, run: Run, kind: str, text: str, client: Any = None) -> None:
        """Write lines to a run's log, whose stream is the run's id.

        Args:
            run: The run.
            kind: ``output`` or ``error``.
            text: The lines.
            client: CloudWatch Logs as the job's role.
        """
        if not text:
            return
        logs = client or self._sandbox.client("logs")
        prefix = run.arguments.get("--custom-logGroup-prefix", _LOG_PREFIX)
        group = f"{prefix}/{kind}"
        stream = {"logGroupName": group, "logStreamName": run.job_run_id}
        try:
            logs.create_log_stream(**stream)
        except logs.exceptions.ResourceNotFoundException:
            logs.create_log_group(logGroupName=group)
            logs.create_log_stream(**stream)
        except logs.exceptions.ResourceAlreadyExistsException:
            pass
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in text.splitlines() if line]
        for start in range(0, len(events), 1000):
            logs.put_log_events(**stream, logEvents=events[start : start + 1000])

    def _take(self, job: str) -> Script:
        found = next((s for s in self._scripts if s.job in (None, job)), None)
        if found is None:
            return Script()
        self._scripts.remove(found)
        return found

    def _write(self, run: Run) -> None:
        self.log(run, "output", run.script.output)
        self.log(run, "error", run.script.log)
        if run.script.effect is not None:
            run.script.effect(run)
