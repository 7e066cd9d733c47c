"""Jobs, and runs elsewhere, as they are listed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stedi_cli.cli import render
from stedi_cli.printable import one_line

if TYPE_CHECKING:
    from stedi_cli.lake.job_run import JobRun, Usage
    from stedi_cli.runs.pipeline import JobPlan


def show_plans(plans: Sequence[JobPlan]) -> None:
    """Print jobs, what they read and write, and what is stale."""
    told = [(p.job.name, p.job.reads, p.job.writes, p.stale or "up to date") for p in plans]
    if render.is_terminal():
        rows = [(job, "\n".join((*reads, f"→ {to}", state, ""))) for job, reads, to, state in told]
        render.show(render.table(["job", "reads → writes, state"], rows))
        return
    records = [(job, ", ".join(reads), to, state) for job, reads, to, state in told]
    render.show(render.table(["job", "reads", "writes", "state"], records))


def show_runs(runs: Sequence[JobRun]) -> None:
    """Print runs elsewhere, and what they used."""
    if not render.is_terminal():
        records = [
            (r.job, r.state, r.started, used_by(r.seconds, r.usage), r.id, r.error) for r in runs
        ]
        render.show(render.table(["job", "state", "started", "used", "run", "error"], records))
        return
    for run in runs:
        # A run's id alone takes most of 80 columns.
        used = used_by(run.seconds, run.usage)
        lines = [f"{run.job}  {run.state}", ", ".join(filter(None, (run.started, used)))]
        lines += [run.id, *([run.error] if run.error else [])]
        render.wrapped("\n  ".join(one_line(line) for line in lines))


def used_by(seconds: float, usage: Usage | None) -> str:
    """Return how long a run took, and what it used and cost where that is known."""
    if usage is None:
        return f"{seconds:,.0f} s"
    return f"{seconds:,.0f} s, {usage.dpu_hours:.3f} DPU-hours, {usage.dollars:.3f} USD"
