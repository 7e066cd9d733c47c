"""``stedi jobs``: list the jobs and run them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import completion, render
from stedi_cli.cli.ended_jobs import show_failure, show_notes, show_usage
from stedi_cli.cli.help import Group
from stedi_cli.cli.interrupts import EVERY_TABLE, if_interrupted
from stedi_cli.cli.listed_jobs import show_plans, show_runs
from stedi_cli.cli.live_jobs import Progress, live
from stedi_cli.cli.session import (
    BadRowsOption,
    Session,
    UnreadableOption,
    session,
    show_removed,
)
from stedi_cli.errors import StediError, Terminated, UsageError

if TYPE_CHECKING:
    from stedi_cli.lake.job_run import JobDone, JobRun
    from stedi_cli.lake.records import RunOptions
    from stedi_cli.runs.pipeline import Event

app = typer.Typer(cls=Group, help="List and run the jobs.", no_args_is_help=True)

PolicyOption = Annotated[
    str | None,
    typer.Option(
        "--policy",
        help="Rules to apply [STEDI_POLICY; default: strict].",
        autocompletion=completion.policies,
    ),
]
JobsArgument = Annotated[
    list[str] | None, typer.Argument(help="Jobs to run.", autocompletion=completion.jobs)
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        help="Engine to run on: duckdb or spark; on AWS glue.",
        show_default=False,
        autocompletion=completion.engines,
    ),
]
SeparateOption = Annotated[
    bool,
    typer.Option(
        "--separate/--one-session",
        help="On AWS: a run for each job, or one with one start-up for all [default].",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_jobs(ctx: typer.Context, policy: PolicyOption = None, as_json: JsonOption = False) -> None:
    """Show the jobs, what they read and write, and what is stale.

    Example: stedi jobs list
    """
    from stedi_cli.runs.pipeline import Pipeline

    with session(ctx, policy=policy) as opened:
        plans = Pipeline(opened.lakehouse, opened.lake, opened.settings.policy).plan()
        if as_json:
            render.emit([plan.as_json() for plan in plans])
            return
        show_plans(plans)


@app.command()
@if_interrupted(EVERY_TABLE)
def run(
    ctx: typer.Context,
    jobs: JobsArgument = None,
    all_jobs: Annotated[bool, typer.Option("--all", help="Run all jobs in order.")] = False,
    policy: PolicyOption = None,
    force: Annotated[bool, typer.Option("--force", help="Run what is up to date too.")] = False,
    reread: Annotated[
        bool, typer.Option("--reread", help="Read all landing files anew, and run the jobs.")
    ] = False,
    engine: EngineOption = None,
    max_bad_rows: BadRowsOption = None,
    max_unreadable_customers: UnreadableOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for another writer.")] = False,
    separate: SeparateOption = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="On AWS: start one run of all, and do not wait.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run jobs in order; what is up to date is skipped.

    Example: stedi jobs run --all --policy published
    """
    from stedi_cli.lake.records import RunOptions

    if bool(jobs) == all_jobs:
        raise UsageError("Say which jobs to run.", hint="Name jobs, or give --all.")
    if separate and detach:
        raise UsageError(
            "--separate and --detach exclude each other: each run has to wait for the one before.",
            hint="Give one of them.",
        )
    with session(
        ctx,
        policy=policy,
        max_bad_rows=max_bad_rows,
        max_unreadable_customers=max_unreadable_customers,
    ) as opened:
        options = RunOptions(
            opened.lake.jobs.default_engine if engine is None else engine,
            force=force or reread,
            reread=reread,
            wait=wait,
            separate=separate,
            detach=detach,
        )
        run_jobs(opened, options, jobs or (), as_json=as_json)


@app.command()
def status(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Show the latest runs on AWS, what they used and why they failed.

    Example: stedi jobs status
    """
    with session(ctx) as opened:
        account = opened.lake.account
        runs = account.runs() if account else []
        if as_json:
            render.emit([run.as_json() for run in runs])
            return
        if not runs:
            render.say("There is no run.")
            return
        show_runs(runs)


@app.command()
@if_interrupted("`stedi jobs status` shows which runs are still at work")
def stop(ctx: typer.Context) -> None:
    """Stop the runs on AWS that are at work.

    Every table is as before or as after.

    Example: stedi jobs stop
    """
    with session(ctx) as opened:
        account = opened.lake.account
        active = [run for run in account.runs() if run.active] if account else []
        if account is None or not active:
            render.say("No run is at work.")
            return
        for run in active:
            account.stop(run)
            render.say(f"Stopping run {run.id} of {run.job}.")


def run_jobs(
    opened: Session, options: RunOptions, jobs: Sequence[str] = (), *, as_json: bool = False
) -> None:
    """Run jobs with a live table, and show what came of it.

    Args:
        opened: The session.
        options: How they are run.
        jobs: Names of jobs, or nothing for all.
        as_json: Whether to print it as JSON, also where a job fails, and nothing else on stdout.
    """
    from stedi_cli.lake.job_run import GoesOnError
    from stedi_cli.runs.pipeline import Pipeline

    pipeline = Pipeline(opened.lakehouse, opened.lake, opened.settings.policy)
    progress = Progress()
    try:
        _follow(opened, pipeline.run(options, jobs), progress, options, quiet=as_json)
    except Exception as error:
        progress.goes_on = isinstance(error, GoesOnError)
        if as_json and progress.planned:
            render.emit(progress.as_json())
        raise
    if progress.detached:
        render.note(
            f"Run {progress.detached.id} of {progress.detached.job}: see `stedi jobs status`."
        )
    progress.reasons = _reasons(opened, progress.done)
    progress.held_back = _held_back(opened, progress.done, pipeline.policy)
    if as_json:
        render.emit(progress.as_json())
    else:
        show_notes(progress, pipeline.policy)


def _follow(
    opened: Session,
    events: Iterator[Event],
    progress: Progress,
    options: RunOptions,
    *,
    quiet: bool,
) -> None:
    """Show jobs while they run, and beside stdout what is to be said in the end, whatever it is."""
    try:
        with live(progress, quiet) as update:
            for event in events:
                progress.add(event)
                update()
    except KeyboardInterrupt as interrupt:
        _offer_stop(opened, progress.at_work, ask=not isinstance(interrupt, Terminated))
        raise
    finally:
        show_removed(progress.removed)
        show_failure(progress, forced=options.force)
        show_usage(progress)


def _reasons(opened: Session, done: Sequence[JobDone]) -> Counter[str]:
    """Return why landing lines that these jobs answer for are in quarantine.

    Nobody is asked where nothing was done: an engine takes longer than to see that.
    """
    from stedi_cli.runs.bad_rows import bad_lines

    if all(d.status == "unchanged" for d in done):
        return Counter()
    with_bad = [d.job for d in done if d.quarantined]
    tables = {name for job in with_bad for name in opened.lakehouse.answers_for(job)}
    try:
        return bad_lines(opened.lake, tables, "reason")
    except StediError:
        # The run itself is done; whoever may not ask can still see how many there are.
        return Counter()


def _held_back(opened: Session, done: Sequence[JobDone], policy: str) -> int | None:
    """Return how many people are held back; None where no job tells, or nobody may ask."""
    from stedi_cli.checks.people import people_held_back

    lakehouse = opened.lakehouse
    if lakehouse.customers is None or all(d.status == "unchanged" for d in done):
        return None
    customers = lakehouse.customers.name
    answering = [d for d in done if customers in lakehouse.answers_for(d.job)]
    if not answering:
        return None
    if not any(d.quarantined for d in answering):
        return 0
    try:
        return people_held_back(lakehouse, opened.lake, policy)
    except StediError:
        return None


def _offer_stop(opened: Session, run: JobRun | None, *, ask: bool) -> None:
    """Say what becomes of a run that goes on elsewhere, and ask where somebody may answer."""
    account = opened.lake.account
    if run is None or account is None:
        return
    if ask and render.is_interactive() and render.confirm(f"\nStop run {run.id} of {run.job}?"):
        account.stop(run)
        render.note(f"Stopping run {run.id}.")
    else:
        render.note(
            f"Run {run.id} of {run.job} goes on: see `stedi jobs status`; `stedi jobs stop`"
            " stops it."
        )
