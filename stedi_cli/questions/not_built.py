"""What both places refuse in the same words where they are asked for a table."""

from __future__ import annotations

from stedi_cli.errors import UsageError
from stedi_cli.project.lakehouse import Lakehouse, Table


def not_built(lakehouse: Lakehouse, table: Table) -> UsageError:
    """Return the error for a table that no job has built yet, with the command that builds it."""
    writer = lakehouse.writers.get(table.name)
    what = writer.name if writer else "--all"
    return UsageError(f"{table.name} is not built yet.", hint=f"Run `stedi jobs run {what}`.")
