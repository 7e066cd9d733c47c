"""What both targets refuse in the same words where they are asked for a table."""

from __future__ import annotations

from pathlib import Path

from stedi_cli.errors import UsageError
from stedi_cli.lakehouse import Lakehouse, Table


def export_format(file: Path) -> str:
    """Return the ending of a file to export to: ``.parquet`` or ``.csv``.

    Raises:
        UsageError: If it is another.
    """
    suffix = file.suffix.lower()
    if suffix not in (".parquet", ".csv"):
        raise UsageError(
            f"{file}: that format is not known.", hint="End the name in .parquet or .csv."
        )
    return suffix


def not_built(lakehouse: Lakehouse, table: Table) -> UsageError:
    """Return the error for a table that no job has built yet, with the command that builds it."""
    writer = lakehouse.writers.get(table.name)
    what = writer.name if writer else "--all"
    return UsageError(f"{table.name} is not built yet.", hint=f"Run `stedi jobs run {what}`.")
