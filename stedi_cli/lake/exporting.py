"""Writes into the ledger of exports what is about to leave a lakehouse."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from stedi_cli.lake.exports import ExportEntry
from stedi_cli.lake.parts import Lake
from stedi_cli.project.lakehouse import Table


def record(
    lake: Lake, command: str, table: Table, file: Path, rows: int, *, personal: bool = True
) -> bool:
    """Write an entry, of the table as it is read now.

    It is called when all has been read and before the file is in its place: a file that somebody
    has is in the ledger, also where the command is killed right after.

    Args:
        lake: The lakehouse.
        command: The command.
        table: The table.
        file: The file or folder that will be there.
        rows: The rows in it.
        personal: Whether the table's personal columns are in it, as they are.

    Returns:
        Whether it was written; not where this user may read the lakehouse and not write to it.

    Raises:
        StediError: If it cannot be written for another reason.
    """
    snapshot, policy = _source(lake, table)
    names = [column.name for column in table.columns if column.personal] if personal else []
    when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    place = os.path.abspath(file)  # noqa: PTH100 - a link is named, not what it leads to
    return lake.exports.add(
        ExportEntry(when, command, table.name, snapshot, policy, place, rows, tuple(names))
    )


def _source(lake: Lake, table: Table) -> tuple[str | None, str | None]:
    if table.folder is not None:
        state = lake.landing.states().get(table.name)
        return (state.fingerprint if state else None), None
    built = lake.tables.states().get(table.name)
    current = built.current if built else None
    made = current.provenance if current else None
    return (str(current.id) if current else None), (made.policy if made else None)
