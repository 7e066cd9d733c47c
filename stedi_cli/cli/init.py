"""``stedi init``: copy the project out for editing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.interrupts import if_interrupted
from stedi_cli.cli.session import Options


@if_interrupted("each of configs/, jobs/ and data/sample/ is there whole or not at all")
def init(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder to copy to.")] = Path(),
) -> None:
    """Copy jobs, configs and sample data out, to change them.

    Commands that run in the folder then use the copy.

    Example: stedi init my-lakehouse
    """
    from stedi_cli.project import folder as project

    options = ctx.obj if isinstance(ctx.obj, Options) else Options()
    source = project.find(options.config)[0] if options.config else project.bundled()
    parts = project.copy_out(source, folder)
    render.say(f"Copied {', '.join(f'{part}/' for part in parts)} to {folder.resolve()}.")
    render.say("Commands that run there use this copy from now on.")
