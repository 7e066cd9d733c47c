"""What is said of jobs once they have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stedi_cli.cli import render
from stedi_cli.cli.listed_jobs import used_by
from stedi_cli.errors import quantity
from stedi_cli.printable import one_line

if TYPE_CHECKING:
    from stedi_cli.cli.live_jobs import Progress


def show_failure(progress: Progress, *, forced: bool) -> None:
    """Say beside stdout how a run elsewhere failed, and which jobs are done."""
    failed = progress.failed
    if failed is None:
        return
    for line in failed.log:
        render.note(f"  | {one_line(line)}")
    used = used_by(failed.run.seconds, failed.run.usage)
    render.note(f"Run {failed.run.id} of {failed.run.job}: {failed.run.state}, {used}.")
    render.note(f"Look at {failed.where}.")
    if progress.done or progress.not_started:
        done = ", ".join(done.job.name for done in progress.done) or "none"
        later = ", ".join(job.name for job in progress.not_started) or "none"
        render.note(f"Done: {done}. Failed: {failed.job.name}. Not started: {later}.")
    if progress.done:
        again = "Without --force, the same command" if forced else "The same command"
        render.note(f"{again} goes on with {failed.job.name}.")


def show_notes(progress: Progress, policy: str) -> None:
    """Say what jobs left out, and whom they hold back."""
    from stedi_cli.runs.bad_rows import frequent

    reasons = {d.why for d in progress.done if d.why.startswith("built under policy")}
    for reason in sorted(reasons):
        render.paragraph(f"Rebuilt under policy {policy}: the tables were {reason}.")
    lines = sum(d.quarantined for d in progress.done)
    if lines:
        why = f" ({frequent(progress.reasons)})" if progress.reasons else ""
        render.paragraph(
            quantity(lines, "landing line is", "landing lines are")
            + f" in quarantine{why}; see `stedi quarantine`."
        )
    if progress.held_back:
        render.paragraph(
            quantity(progress.held_back, "person", "people")
            + " held back: their newest record cannot be read, and may be a withdrawal."
        )


def show_usage(progress: Progress) -> None:
    """Say beside stdout what runs elsewhere used, and what that costs."""
    used = {d.usage.run: d.usage for d in progress.done if d.usage is not None}
    for usage in used.values():
        render.note(f"Run {usage.run}: {used_by(usage.seconds, usage)}.")
    if progress.failed is not None and progress.failed.run.usage is not None:
        used[progress.failed.run.id] = progress.failed.run.usage
    if len(used) > 1:
        hours = sum(usage.dpu_hours for usage in used.values())
        dollars = sum(usage.dollars for usage in used.values())
        render.note(f"{len(used)} runs: {hours:.3f} DPU-hours, {dollars:.3f} USD.")
