"""What a table's manifests may tell of its values: how many there are, and none of them.

By default Iceberg writes the least and the greatest value of each column into them.
"""

from __future__ import annotations

from stedi_cli.project.lakehouse import Table
from stedi_cli.tables.provenance import TableState


def properties(table: Table) -> dict[str, str]:
    """Return the table properties by which engines write no value into manifests.

    Each column is named too, since what another engine sets for one goes before the default.
    """
    found = {"write.metadata.metrics.default": "counts"}
    for column in table.columns:
        mode = "none" if column.personal else "counts"
        found[f"write.metadata.metrics.column.{column.name}"] = mode
    return found


def may_tell_values(table: Table, state: TableState) -> bool:
    """Tell whether values of a table's columns may stand in its manifests."""
    marks = {snapshot.counts_only for snapshot in state.snapshots}
    rightly_set = properties(table).items() <= state.properties.items()
    return len(marks) > 1 or (bool(marks) and not rightly_set)
