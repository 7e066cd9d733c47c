"""``stedi doctor``: what is wrong here, and what to do about it."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.session import Options, session
from stedi_cli.errors import ExitCode, StediError


def doctor(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at versions, configuration, disk and lakehouse; exit code 1 if something is wrong.

    Example: stedi doctor
    """
    from stedi_cli.diagnosis import diagnose

    options = ctx.obj if isinstance(ctx.obj, Options) else Options()
    with suppress(StediError), session(ctx):
        pass
    with render.busy("Looking"):
        findings = list(diagnose(options.config, options.root))
    if as_json:
        render.emit(
            [{"what": f.what, "found": f.found, "ok": f.ok, "todo": f.todo} for f in findings]
        )
    else:
        rows = [
            (f.what, "ok" if f.ok else "WRONG", f.found + (f"\n→ {f.todo}" if f.todo else ""))
            for f in findings
        ]
        render.show(render.table(["what", "", "found"], rows))
    if not all(f.ok for f in findings):
        raise typer.Exit(ExitCode.FAILED)
