"""The root command: global options, errors, and the commands in their order."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from stedi_cli import __version__
from stedi_cli.cli import (
    data,
    demo,
    doctor,
    infra,
    init,
    jobs,
    quarantine,
    render,
    tables,
    upload,
    validate,
)
from stedi_cli.cli.session import Options
from stedi_cli.errors import ExitCode, StediError


class StediGroup(TyperGroup):
    """Shows the project's own errors as one line with a hint, and exits with their code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except StediError as error:
            _show(ctx, error.message, error.hint)
            raise typer.Exit(error.exit_code) from error
        except BrokenPipeError as error:
            raise typer.Exit(ExitCode.FAILED) from error
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            hint = "Look at the path, its space and permissions."
            _show(ctx, f"{where}{error.strerror or error}.", hint)
            raise typer.Exit(ExitCode.FAILED) from error
        except KeyboardInterrupt as error:
            _show(ctx, "Interrupted; every table is as before or as after.", None)
            raise typer.Exit(ExitCode.INTERRUPTED) from error


def _show(ctx: Any, message: str, hint: str | None) -> None:
    if isinstance(ctx.obj, Options) and ctx.obj.verbose:
        typer.echo(traceback.format_exc(), err=True)
    lines = [f"Error: {message}", *([f"Hint: {hint}"] if hint else [])]
    typer.echo("\n".join(render.one_line(line) for line in lines), err=True)


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


def _version(asked: bool) -> None:
    if asked:
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
        typer.Option(help="Folder of the local lakehouse [STEDI_ROOT; default: ./.stedi]."),
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
app.command()(validate.validate)
app.command()(quarantine.quarantine)
app.command()(tables.tables)
app.command()(tables.preview)
app.command()(tables.query)
app.command()(tables.history)
app.command()(tables.export)
app.command()(doctor.doctor)
