"""``stedi jobs``: list the jobs and run them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from stedi_cli.cli import render
from stedi_cli.cli.session import Session, session
from stedi_cli.errors import UsageError
from stedi_cli.pipeline import Event, JobDone, JobStarted, Pipeline

app = typer.Typer(help="List and run the jobs.", no_args_is_help=True)

PolicyOption = Annotated[
    str | None, typer.Option("--policy", help="Rules to apply [STEDI_POLICY; default: strict].")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_jobs(ctx: typer.Context, policy: PolicyOption = None, as_json: JsonOption = False) -> None:
    """Show the jobs, what they read and write, and whether they are up to date.

    Example: stedi jobs list
    """
    with session(ctx, policy=policy) as opened:
        plans = Pipeline(opened.lakehouse, opened.target, opened.settings.policy).plan()
        if as_json:
            render.emit(
                [
                    {
                        "job": p.job.name,
                        "reads": p.job.reads,
                        "writes": p.job.writes,
                        "up_to_date": p.stale is None,
                        "why": p.stale,
                    }
                    for p in plans
                ]
            )
            return
        rows = [
            (
                p.job.name,
                "\n".join((*p.job.reads, f"→ {p.job.writes}", p.stale or "up to date", "")),
            )
            for p in plans
        ]
        render.show(render.table(["job", "reads → writes, state"], rows))


@app.command()
def run(
    ctx: typer.Context,
    jobs: Annotated[list[str] | None, typer.Argument(help="Jobs to run.")] = None,
    all_jobs: Annotated[bool, typer.Option("--all", help="Run all jobs in order.")] = False,
    policy: PolicyOption = None,
    force: Annotated[bool, typer.Option("--force", help="Run what is up to date too.")] = False,
    engine: Annotated[str, typer.Option(help="Engine to run on: duckdb or spark.")] = "duckdb",
    max_bad_rows: Annotated[
        str | None, typer.Option(help="Most unusable lines of a landing table: 100, or 1%.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for another writer.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run jobs in order; what is up to date is skipped.

    Example: stedi jobs run --all --policy published
    """
    if bool(jobs) == all_jobs:
        raise UsageError("Say which jobs to run.", hint="Name jobs, or give --all.")
    with session(ctx, policy=policy, max_bad_rows=max_bad_rows) as opened:
        done = run_jobs(opened, jobs or (), engine=engine, force=force, wait=wait, quiet=as_json)
        if as_json:
            render.emit({"jobs": [_record(event) for event in done]})


def run_jobs(
    opened: Session,
    jobs: Iterable[str] = (),
    *,
    engine: str = "duckdb",
    force: bool = False,
    wait: bool = False,
    quiet: bool = False,
) -> list[JobDone]:
    """Run jobs with a live table.

    Args:
        opened: The session.
        jobs: Names of jobs, or nothing for all.
        engine: Engine to run on.
        force: Whether to run what is up to date.
        wait: Whether to wait for another writer.
        quiet: Whether to show nothing on stdout.

    Returns:
        What was done with each job.
    """
    pipeline = Pipeline(opened.lakehouse, opened.target, opened.settings.policy)
    events = pipeline.run(list(jobs), engine=engine, force=force, wait=wait)
    done: list[JobDone] = []
    with _live(quiet) as update:
        for event in events:
            if isinstance(event, JobDone):
                done.append(event)
            update(done, event)
    if not quiet:
        _show_notes(done, pipeline.policy)
    return done


@contextmanager
def _live(quiet: bool) -> Iterator[Any]:
    if quiet:
        yield lambda done, event: None
        return
    screen = render.console()
    if not screen.is_terminal:
        finished: list[JobDone] = []
        yield lambda done, event: finished.__setitem__(slice(None), done)
        render.show(_table(finished, None))
        return
    from rich.live import Live

    with Live(_table([], None), console=screen, auto_refresh=False) as live:
        yield lambda done, event: live.update(_table(done, event), refresh=True)


def _table(done: list[JobDone], event: Event | None) -> Any:
    rows: list[tuple[object, ...]] = [
        (
            d.job.name,
            d.job.writes,
            d.rows,
            f"{d.seconds:.2f}" if d.status == "built" else d.status,
        )
        for d in done
    ]
    if isinstance(event, JobStarted):
        rows.append((event.job.name, event.job.writes, "", "running"))
    return render.table(["job", "table", ">rows", ">seconds"], rows)


def _show_notes(done: list[JobDone], policy: str) -> None:
    reasons = {d.why for d in done if d.why.startswith("built under policy")}
    for reason in sorted(reasons):
        render.paragraph(f"Rebuilt under policy {policy}: the tables were {reason}.")
    lines = sum(d.quarantined for d in done)
    if lines:
        render.paragraph(f"{lines:,} landing line(s) are in quarantine; see `stedi quarantine`.")


def _record(event: JobDone) -> dict[str, object]:
    return {
        "job": event.job.name,
        "table": event.job.writes,
        "status": event.status,
        "rows": event.rows,
        "quarantined": event.quarantined,
        "seconds": round(event.seconds, 3),
    }
