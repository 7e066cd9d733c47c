"""The root command: the options that all commands share, and the commands in their order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stedi_cli import __version__
from stedi_cli.cli import (
    consent,
    data,
    demo,
    doctor,
    explain,
    export,
    flow,
    history,
    infra,
    init,
    jobs,
    preview,
    privacy,
    quarantine,
    query,
    report,
    tables,
    upload,
    validate,
)
from stedi_cli.cli.errors import StediGroup
from stedi_cli.cli.session import Options

app = typer.Typer(
    cls=StediGroup,
    name="stedi",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Build, run, check and remove the STEDI lakehouse: landing JSON to trusted and curated"
        " Iceberg tables.\n\n"
        "Example: stedi infra up && stedi jobs run --all && stedi validate && stedi infra down"
    ),
)


def _version(ctx: typer.Context, wanted: bool) -> None:
    # A shell that asks how a line goes on wants no version.
    if wanted and not ctx.resilient_parsing:
        typer.echo(f"stedi {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration file [STEDI_CONFIG; default: configs/local.yaml]."),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the local lakehouse [STEDI_ROOT; default: .stedi, here or above]."
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show tracebacks of errors.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Take the options that all commands share."""
    ctx.obj = Options(config, root, verbose)


app.command()(demo.demo)
app.command()(init.init)
app.add_typer(infra.app, name="infra")
app.command()(upload.upload)
app.add_typer(data.app, name="data")
app.add_typer(jobs.app, name="jobs")
app.command(cls=validate.ValidateCommand)(validate.validate)
app.command()(flow.flow)
app.command()(explain.explain)
app.command()(quarantine.quarantine)
app.command()(tables.tables)
app.command()(preview.preview)
app.command(cls=query.SqlCommand)(query.query)
app.command()(history.history)
app.command()(report.report)
app.command()(export.export)
app.add_typer(consent.app, name="consent")
app.add_typer(privacy.app, name="privacy")
app.command()(doctor.doctor)
