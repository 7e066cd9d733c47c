"""``stedi demo``: the four commands on the sample, narrated."""

from __future__ import annotations

from pathlib import Path

import typer

from stedi_cli.cli import render
from stedi_cli.cli.interrupts import EVERY_TABLE, if_interrupted
from stedi_cli.cli.jobs import run_jobs
from stedi_cli.cli.session import session
from stedi_cli.cli.upload import found_in, upload_into
from stedi_cli.cli.validate import validate_session
from stedi_cli.errors import ExitCode

ROOT = Path("stedi-demo")


@if_interrupted(EVERY_TABLE)
def demo(ctx: typer.Context) -> None:
    """Build a lakehouse from the sample data, in ./stedi-demo.

    Each step says what it does, and how to do it yourself.

    Example: stedi demo
    """
    from stedi_cli.lake.records import RunOptions

    with session(ctx, root=ROOT) as opened:
        _step(1, "infra up", "make the lakehouse's folder and upload the sample's landing files")
        list(opened.lake.infrastructure.up())
        delivery = found_in(opened, opened.settings.project / "data" / "sample")
        upload_into(opened, delivery, remove=opened.lake.landing.replaced_by(delivery))
        _step(2, "jobs run --all", "landing to trusted to curated, five SQL jobs")
        run_jobs(opened, RunOptions(opened.lake.jobs.default_engine))
        _step(3, "validate", "row counts against the expected ones, and every rule")
        report = validate_session(opened)
    _step(4, "what to try next", "the lakehouse stays in ./stedi-demo")
    prefix = f"stedi --root {ROOT}"
    for command, meaning in (
        ("preview machine_learning_curated", "the rows a model is trained on"),
        ("history step_trainer_trusted", "what made a table, from which inputs"),
        ("jobs run --all --policy published", "the course's rules; see how counts change"),
        ("quarantine", "the landing lines that cannot be used, and why"),
        ("infra down", "remove it all"),
    ):
        render.say(f"  {prefix} {command}\n      {meaning}")
    if not report.ok:
        raise typer.Exit(ExitCode.BAD_DATA)


def _step(number: int, command: str, meaning: str) -> None:
    render.say(f"\n{number}. {command}: {meaning}\n")
