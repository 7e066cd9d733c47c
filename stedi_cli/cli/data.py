"""``stedi data``: landing files to work with."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.help import Group
from stedi_cli.cli.interrupts import if_interrupted
from stedi_cli.cli.session import Options

if TYPE_CHECKING:
    from stedi_cli.datasets.synthetic import Truth

app = typer.Typer(cls=Group, help="Generate or download landing files.", no_args_is_help=True)

_WHOLE = "the data set is there whole or not at all"

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
@if_interrupted(_WHOLE)
def generate(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    customers: Annotated[int, typer.Option(min=1, help="Number of customers.")] = 1000,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 1,
    shared_serials: Annotated[
        int, typer.Option(min=0, help="Serial numbers for everybody to share; 0: one each.")
    ] = 0,
    dirty: Annotated[
        float, typer.Option(min=0, max=1, help="Share of lines added that cannot be used.")
    ] = 0.0,
    updates: Annotated[
        float, typer.Option(min=0, max=1, help="Share of customers with several records.")
    ] = 0.0,
    duplicates: Annotated[
        float, typer.Option(min=0, max=1, help="Share of readings delivered twice.")
    ] = 0.0,
    unreadable: Annotated[
        int,
        typer.Option(
            min=0,
            help="Lines of customers added that do not say whose they are or which serial number"
            " is theirs.",
        ),
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Make synthetic landing files, and say what must come out.

    The expected row counts lie beside them.

    Example: stedi data generate my-landing-files --shared-serials 30 --dirty 0.005
    """
    from stedi_cli.datasets.synthetic import Request
    from stedi_cli.datasets.synthetic import generate as make

    with render.progress("Generating") as bar:
        request = Request(customers, seed, shared_serials, dirty, updates, duplicates, unreadable)
        truth = make(folder, request, progress=bar, now=bar.now)
    if as_json:
        render.emit({"folder": str(folder), **truth.as_json()})
    else:
        _show(truth)
        render.say(f"\nWritten to {folder}. Try `stedi infra up --data {quote(str(folder))}`.")


def _show(truth: Truth) -> None:
    policies = list(truth.counts)
    tables = list(next(iter(truth.counts.values())))
    rows = [(name, *(truth.counts[policy][name] for policy in policies)) for name in tables]
    render.show(render.table(["expected rows", *(f">{policy}" for policy in policies)], rows))
    for table, reasons in truth.quarantine.items():
        render.paragraph(f"Unusable lines of {table}: {sum(reasons.values()):,}")
    if truth.nobody:
        render.paragraph(f"Step readings that belong to nobody: {truth.nobody:,}")
    if truth.held_back:
        render.paragraph(f"People held back by a line that cannot be used: {truth.held_back:,}")
    if truth.unreadable:
        render.paragraph(f"Lines of customers of whom nobody can tell: {truth.unreadable:,}")


@app.command()
@if_interrupted(_WHOLE)
def fetch(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder to make.")] = Path("public-data"),
    as_json: JsonOption = False,
) -> None:
    """Download the public STEDI data set.

    Every file's SHA-256 is checked. Its licence (CC BY-NC-ND) forbids passing it on.

    Example: stedi data fetch public-data
    """
    from stedi_cli.datasets.public_data import download
    from stedi_cli.project import folder as project

    options = ctx.obj if isinstance(ctx.obj, Options) else Options()
    source = project.find(options.config)[0]
    with render.busy("Downloading the public data set"):
        files = download(source, folder)
    if as_json:
        render.emit({"folder": str(folder), "files": files})
    else:
        render.say(f"{len(files)} files written to {folder}, every SHA-256 right.")
        render.say(f"Try `stedi infra up --data {quote(str(folder))}`.")
