"""The table that shows jobs while they run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stedi_cli.cli import render

if TYPE_CHECKING:
    from stedi_cli.lake.job_run import JobDone, JobRun, JobStarted, RunFailed
    from stedi_cli.project.lakehouse import Job
    from stedi_cli.runs.pipeline import Event
    from stedi_cli.tables.history import RefRemoved

_NARROW = 80
_FEW = 3


@dataclass
class Progress:
    """What is known of the jobs so far.

    Args:
        planned: The jobs that have to run.
        done: The jobs that have ended.
        started: The one that is at work.
        at_work: Its run, where it runs elsewhere.
        failed: The run that failed.
        detached: The run that is not waited for.
        goes_on: Whether a run goes on that was to be waited for.
        removed: Tags and branches that would have kept snapshots which had to go.
        reasons: Why landing lines are in quarantine, with their numbers.
        held_back: How many people are, whose newest record cannot be read; None where that was not
            asked, or no job of the run tells.
    """

    planned: tuple[Job, ...] = ()
    done: list[JobDone] = field(default_factory=list)
    started: JobStarted | None = None
    at_work: JobRun | None = None
    failed: RunFailed | None = None
    detached: JobRun | None = None
    goes_on: bool = False
    removed: list[RefRemoved] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    held_back: int | None = None
    _told_at: float = 0.0

    @property
    def seconds(self) -> float:
        """How long the job that is at work has been, as far as is known."""
        so_far = self.at_work.seconds if self.at_work else 0.0
        return so_far + time.monotonic() - self._told_at

    @property
    def not_ended(self) -> Job | None:
        """The job that has begun and not ended: once all is over, the one that failed."""
        return self.started.job if self.started and not self.goes_on else None

    @property
    def not_started(self) -> list[Job]:
        """The jobs that have not begun; of a run that goes on elsewhere nobody knows."""
        if self.goes_on or self.detached:
            return []
        begun = {done.job.name for done in self.done}
        begun |= {self.started.job.name} if self.started else set()
        return [job for job in self.planned if job.name not in begun]

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        failed = self.not_ended
        return {
            "jobs": [done.as_json() for done in self.done],
            "failed": failed.name if failed else None,
            "not_started": [job.name for job in self.not_started],
            "removed": [ref.as_json() for ref in self.removed],
            "reasons": dict(sorted(self.reasons.items())),
            "held_back": self.held_back,
        }

    def add(self, event: Event) -> None:
        """Take in an event."""
        from stedi_cli.lake.job_run import (
            JobDone,
            JobRun,
            JobsPlanned,
            JobStarted,
            RunDetached,
            RunFailed,
        )
        from stedi_cli.tables.history import RefRemoved

        if isinstance(event, JobDone):
            self.done.append(event)
            self.started = self.at_work = None
        elif isinstance(event, JobsPlanned):
            self.planned = event.jobs
        elif isinstance(event, JobStarted):
            self.started, self._told_at = event, time.monotonic()
        elif isinstance(event, JobRun):
            self.at_work, self._told_at = event, time.monotonic()
        elif isinstance(event, RunFailed):
            self.failed, self.at_work = event, None
        elif isinstance(event, RefRemoved):
            self.removed.append(event)
        elif isinstance(event, RunDetached):
            self.detached, self.at_work, self.started = event.run, None, None


@contextmanager
def live(progress: Progress, quiet: bool) -> Iterator[Callable[[], None]]:
    """Show jobs as they come, on a terminal; in the end, the table of those that have ended.

    Args:
        progress: What is known of them.
        quiet: Whether to show nothing on stdout.

    Yields:
        A function to call when more is known.
    """
    if quiet:
        yield lambda: None
        return
    try:
        with _shown_meanwhile(progress) as update:
            yield update
    finally:
        if progress.done or progress.failed:
            render.show(_table(progress, ended=True))


@contextmanager
def _shown_meanwhile(progress: Progress) -> Iterator[Callable[[], None]]:
    """Show a table on a terminal, anew each second; in the end, nothing is left of it."""
    if not render.is_terminal():
        yield lambda: None
        return
    from rich.console import Group
    from rich.live import Live

    def shown() -> Any:
        # No heading comes before an error.
        return _table(progress) if progress.done or progress.started else Group()

    with Live(
        console=render.console(),
        get_renderable=shown,
        refresh_per_second=1,
        transient=True,
    ) as screen:
        yield screen.refresh


def _table(progress: Progress, *, ended: bool = False) -> Any:
    rows: list[tuple[object, ...]] = [
        (
            d.job.name,
            d.job.writes,
            d.rows,
            f"{d.seconds:.2f}" if d.status == "built" else d.status,
        )
        for d in progress.done
    ]
    # Of a job that was interrupted, no more is known than that.
    if progress.started is not None and (progress.failed or not ended):
        rows.append((progress.started.job.name, progress.started.job.writes, "", _state(progress)))
    later = progress.not_started if progress.failed else ()
    rows += [(job.name, job.writes, "", "not started") for job in later]
    if not ended and render.width() < _NARROW:
        # They stand below each other there, and what is at work is to be seen.
        rows = rows[-_FEW:]
    return render.table(["job", "table", ">rows", ">seconds"], rows)


def _state(progress: Progress) -> str:
    if progress.failed is not None:
        return progress.failed.run.state.lower()
    run = progress.at_work
    return f"{run.state.lower() if run else 'running'} {progress.seconds:.0f}"
