"""``stedi doctor``: what is wrong here, and what to do about it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.session import session
from stedi_cli.errors import ExitCode, StediError


def doctor(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at versions, configuration, disk and lakehouse.

    Exit code 1 if something is wrong.

    Example: stedi doctor
    """
    from stedi_cli.doctor import configured, unusable, versions

    findings = list(versions())
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(session(ctx))
        except StediError as error:
            findings.append(unusable(error))
        else:
            with render.busy("Looking"):
                findings += configured(opened.settings, opened.lakehouse, opened.lake)
    if as_json:
        render.emit([finding.as_json() for finding in findings])
    else:
        rows = [
            (f.what, "ok" if f.ok else "WRONG", f.found + (f"\n→ {f.todo}" if f.todo else ""))
            for f in findings
        ]
        render.show(render.table(["what", "", "found"], rows))
    if not all(f.ok for f in findings):
        raise typer.Exit(ExitCode.FAILED)
