"""The ledger of exports, for the commands that write into it and the one that shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from stedi_cli.cli import render
from stedi_cli.cli.session import Session
from stedi_cli.errors import ExitCode

if TYPE_CHECKING:
    from stedi_cli.project.lakehouse import Table


def enter(
    opened: Session, command: str, table: Table, file: Path, rows: int, *, personal: bool = True
) -> None:
    """Write what is about to be there into the ledger; say so where that may not be written to."""
    from stedi_cli.lake.exporting import record

    if not record(opened.lake, command, table, file, rows, personal=personal):
        render.note(f"{file} is in no ledger of exports: you may read this lakehouse only.")


def show_exports(opened: Session, table: str | None, *, as_json: bool) -> None:
    """Print what was written out of the lakehouse, newest first.

    Args:
        opened: The command's session.
        table: Of this table only, which may have left the model; None for all.
        as_json: Whether to print JSON.
    """
    from stedi_cli.cli.rows import show_rows

    ledger = opened.lake.exports.read()
    known = {entry.table for entry in ledger.entries}
    wanted = table if table is None or table in known else opened.lakehouse.table(table).name
    found = [entry for entry in reversed(ledger.entries) if wanted in (None, entry.table)]
    if as_json:
        render.emit([entry.as_json() for entry in found])
    elif not found:
        render.say("Nothing was exported yet.")
    else:
        columns = ["when (UTC)", "command", "table", "snapshot", "policy", "rows", "personal"]
        show_rows(
            [*columns, "file"],
            [
                (
                    e.when,
                    e.command,
                    e.table,
                    e.snapshot,
                    e.policy,
                    e.rows,
                    _said(e.personal),
                    e.file,
                )
                for e in found
            ],
        )
    if ledger.unreadable:
        render.note(
            f"{ledger.unreadable:,} more cannot be read: something else wrote into the ledger."
        )
        raise typer.Exit(ExitCode.FAILED)


def _said(personal: tuple[str, ...]) -> str:
    return ", ".join(personal) or "none"
