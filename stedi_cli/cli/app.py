"""The root command: the options that all commands share, and the commands in their order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from stedi_cli import __version__
from stedi_cli.cli.errors import StediGroup
from stedi_cli.cli.late_commands import LateCommands
from stedi_cli.cli.session import Options


class _Root(StediGroup):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.commands: Any = LateCommands(
            "demo",
            "init",
            "infra",
            "upload",
            "data",
            "jobs",
            "validate:ValidateCommand",
            "flow",
            "explain",
            "quarantine",
            "tables",
            "preview",
            "query:SqlCommand",
            "history",
            "report",
            "export",
            "consent",
            "privacy",
            "doctor",
        )


app = typer.Typer(
    cls=_Root,
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
