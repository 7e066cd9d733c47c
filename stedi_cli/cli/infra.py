"""``stedi infra``: set up and remove what a lakehouse needs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.session import Session, session
from stedi_cli.cli.upload import upload_into
from stedi_cli.errors import ExitCode, UsageError
from stedi_cli.landing import find_files

app = typer.Typer(help="Set up, look at and remove the infrastructure.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def up(
    ctx: typer.Context,
    data: Annotated[
        Path | None, typer.Option(help="Upload landing files from this folder instead.")
    ] = None,
    no_data: Annotated[bool, typer.Option("--no-data", help="Upload nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make folder, catalog and landing zones, and upload the configured data.

    A second time it changes nothing.

    Example: stedi infra up --data my-landing-files
    """
    if data is not None and no_data:
        raise UsageError("--data and --no-data exclude each other.", hint="Give one of them.")
    with session(ctx) as opened:
        folder = data or opened.settings.data
        if not no_data:
            find_files(folder, opened.lakehouse.landing.values())
        with render.busy("Setting up"):
            resources = list(opened.target.up())
        if not as_json:
            rows = [(r.kind, r.name, r.state, r.note) for r in resources]
            render.show(_table(opened, rows))
        uploaded = None
        if not no_data:
            uploaded = upload_into(opened, folder, quiet=as_json)
        if as_json:
            parts = [{"kind": r.kind, "name": r.name, "state": r.state} for r in resources]
            render.emit({"resources": parts, "uploaded": uploaded})


@app.command()
def status(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Show what is there and what is missing; exit code 3 where something is missing.

    Example: stedi infra status
    """
    with session(ctx) as opened:
        resources = opened.target.status()
        if as_json:
            render.emit([{"kind": r.kind, "name": r.name, "state": r.state} for r in resources])
        else:
            render.show(_table(opened, [(r.kind, r.name, r.state, r.note) for r in resources]))
        if any(resource.state in ("missing", "moved") for resource in resources):
            if not as_json:
                render.say("\nNot all is in place. Run `stedi infra up`.")
            raise typer.Exit(ExitCode.BAD_DATA)


@app.command()
def down(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove what this tool made: tables, catalog and landing files.

    Example: stedi infra down --yes
    """
    with session(ctx) as opened:
        there = [r for r in opened.target.status() if r.state != "missing"]
        if there and not yes:
            _confirm(opened)
        with render.busy("Removing"):
            resources = list(opened.target.down())
        if as_json:
            render.emit([{"kind": r.kind, "name": r.name, "state": r.state} for r in resources])
            return
        if not resources:
            render.say("There is nothing to remove.")
            return
        render.show(_table(opened, [(r.kind, r.name, r.state, r.note) for r in resources]))


def _confirm(opened: Session) -> None:
    if not sys.stdin.isatty():
        raise UsageError(
            "`infra down` removes tables and landing files, and there is no terminal to ask.",
            hint="Add --yes to remove them.",
        )
    if not typer.confirm(f"Remove the {opened.target.title}, tables and landing files?", err=True):
        raise UsageError("Nothing was removed.")


def _table(opened: Session, rows: list[tuple[str, str, str, str]]) -> object:
    root = str(opened.settings.root)
    shown = [
        (kind, name if name == root else name.removeprefix(root + "/"), state, note)
        for kind, name, state, note in rows
    ]
    return render.table(["what", "where", "state", ""], shown)
