"""Runs of the Glue jobs: start, look and stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from stedi_cli.aws.account import aws_errors, error_code, side_by_side
from stedi_cli.aws.backoff import Backoff
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.run import Run, run_of
from stedi_cli.errors import BusyError, StediError
from stedi_cli.masking import aws_said

# After any other error the run may have been started all the same.
_REFUSED = frozenset(
    {
        "403",
        "AccessDeniedException",
        "EntityNotFoundException",
        "ExpiredTokenException",
        "InvalidInputException",
        "ResourceNumberLimitExceededException",
        "UnrecognizedClientException",
    }
)
_BUSY = "ConcurrentRunsExceededException"
_LOOKS = 4


class Runs:
    """The runs of a lakehouse's Glue jobs.

    Args:
        layout: Names.
        backoff: How to wait.
    """

    def __init__(self, layout: Layout, backoff: Backoff | None = None) -> None:
        self._layout = layout
        self.backoff = backoff or Backoff()

    @property
    def _glue(self) -> Any:
        return self._layout.account.client("glue")

    def latest(self, job: str, most: int = 10) -> list[Run]:
        """Return a Glue job's latest runs, the latest first; none where there is no such job."""
        from botocore.exceptions import ClientError

        with aws_errors(f"glue:GetJobRuns {job}"):
            try:
                found = self._glue.get_job_runs(JobName=job, MaxResults=most)["JobRuns"]
            except ClientError as error:
                # By its code: boto3 makes the class of its own twice where threads ask at once.
                if error_code(error) == "EntityNotFoundException":
                    return []
                raise
        runs = [run_of(job, raw, self._layout.settings) for raw in found]
        return sorted(runs, key=Run.when, reverse=True)

    def all_latest(self, most: int = 10) -> list[Run]:
        """Return the latest runs of all jobs."""
        calls = [lambda name=name: self.latest(name, most) for name in self._layout.job_names]
        return [run for found in side_by_side(calls) for run in found]

    def active(self) -> list[Run]:
        """Return the runs that have not ended."""
        return [run for run in self.all_latest() if run.active]

    def refuse_active(self, *, wait: bool | None) -> bool:
        """Wait for runs that are at work, or refuse to go on.

        Args:
            wait: Whether to wait; None where the command cannot be told to.

        Returns:
            Whether there was anything to wait for.

        Raises:
            BusyError: If a run is at work and ``wait`` is not true.
        """
        busy = self.active()
        if busy and not wait:
            raise _busy(busy[0], wait)
        if busy:
            pauses = self.backoff.pauses()
            while self.active():
                next(pauses)
        return bool(busy)

    def get(self, run: Run) -> Run:
        """Return a run as it stands now."""
        with aws_errors(f"glue:GetJobRun {run.id}"):
            raw = self._glue.get_job_run(JobName=run.job, RunId=run.id)["JobRun"]
        return run_of(run.job, raw, self._layout.settings)

    def start(self, job: str, request: str) -> Run:
        """Start a run; where the answer is lost, find the run that was started.

        Args:
            job: Name of the Glue job.
            request: URI of what it is asked to do, which no other run has.

        Raises:
            BusyError: If another run of the job is at work.
            StediError: If it cannot be started.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        pauses = self.backoff.pauses()
        for look in range(1, _LOOKS + 1):
            try:
                answer = self._glue.start_job_run(JobName=job, Arguments={"--request": request})
                return Run(job, answer["JobRunId"], "STARTING", request)
            except (BotoCoreError, ClientError) as error:
                if error_code(error) == _BUSY:
                    return self._ours(job, request, error)
                lost = self._lost(job, request, error)
                if lost is not None:
                    return lost
                # A role takes its time until services may assume it.
                if "assume role" in str(error) and look < _LOOKS:
                    next(pauses)
                    continue
                self._refuse(job, error)
        raise AssertionError

    def _ours(self, job: str, request: str, error: Exception) -> Run:
        """Return our run where Glue runs no second one; raise BusyError for somebody else's."""
        pauses = self.backoff.pauses()
        for look in range(_LOOKS):
            if look:
                next(pauses)
            runs = self.latest(job)
            ours = next((run for run in runs if run.request == request), None)
            if ours is not None:
                return ours
            at_work = next((run for run in runs if run.active), None)
            if at_work is not None:
                raise _busy(at_work, False) from error
        raise BusyError(
            f"Another run of {job} was at work on the lakehouse, and has just ended.",
            hint="Run the command again.",
        ) from error

    def _refuse(self, job: str, error: Exception) -> None:
        """Raise what a start that failed means."""
        code = error_code(error)
        if code == "EntityNotFoundException":
            raise StediError(
                f"There is no Glue job {job}.", hint="Make it with `stedi infra up`."
            ) from error
        with aws_errors(f"glue:StartJobRun {job}"):
            raise error

    def _lost(self, job: str, request: str, error: Exception) -> Run | None:
        if error_code(error) in _REFUSED:
            return None
        with suppress(StediError):
            return self.find(job, request)
        return None

    def find(self, job: str, request: str, *, after: int = -1) -> Run | None:
        """Return a job's run that was asked for something.

        Args:
            job: Name of the Glue job.
            request: URI of what it was asked to do.
            after: Only an attempt later than this one.
        """
        pauses = self.backoff.pauses()
        for look in range(_LOOKS):
            if look:
                next(pauses)
            for run in self.latest(job):
                if run.request == request and run.attempt > after:
                    return run
        return None

    def follow(self, run: Run) -> Iterator[tuple[Run, float]]:
        """Yield a run as it stands with the seconds waited, again and again until it has ended.

        A run that failed and that Glue itself tries again is followed into its next attempt.
        """
        for seconds in self.backoff.pauses():
            run = self.get(run)
            if run.state in ("FAILED", "TIMEOUT", "ERROR") and run.attempt < self._retries:
                again = self.find(run.job, run.request, after=run.attempt)
                run = again or run
            yield run, seconds
            if not run.active:
                return

    @property
    def _retries(self) -> int:
        return self._layout.settings.retries

    def stop(self, job: str, run: str) -> None:
        """Stop a run; one that has ended meanwhile is no error."""
        with aws_errors(f"glue:BatchStopJobRun {run}"):
            answer = self._glue.batch_stop_job_run(JobName=job, JobRunIds=[run])
        for error in answer.get("Errors", []):
            detail = error.get("ErrorDetail", {})
            if not self.get(Run(job, run, "")).active:
                return
            said = aws_said(str(detail.get("ErrorMessage") or detail.get("ErrorCode", "no reason")))
            raise StediError(f"Run {run} of {job} cannot be stopped: {said}.")


def _busy(run: Run, wait: bool | None) -> BusyError:
    instead = "then try again" if wait is None else "or add --wait"
    return BusyError(
        f"Run {run.id} of {run.job} is at work on the lakehouse ({run.state}).",
        hint=f"Let it finish, {instead}; `stedi jobs stop` stops it.",
    )
