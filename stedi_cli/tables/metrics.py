"""What a table's manifests may tell of its values: how many there are, and none of them.

By default Iceberg writes the least and the greatest value of each column into them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stedi_cli.project.lakehouse import Table
from stedi_cli.tables.provenance import TableState

UNCOUNTED = "none"
"""The mode of a column of which not even the values are counted."""
DATA_PATH = "write.data.path"
"""The property that says where a table's data files are written."""
STRAY = (
    "write.parquet.bloom-filter-",
    DATA_PATH,
    "write.metadata.path",
    "write.object-storage.",
    "write.folder-storage.",
)
"""How properties begin by which values would stand in filters, or outside of a table's folder."""


def properties(table: Table) -> dict[str, str]:
    """Return the table properties by which engines write no value into manifests.

    Each column is named too, since what another engine sets for one goes before the default.
    """
    found = {"write.metadata.metrics.default": "counts"}
    for column in table.columns:
        found[_property(column.name)] = UNCOUNTED if column.personal else "counts"
    return found


def mode_of(column: str, found: Mapping[str, str]) -> str | None:
    """Return what a table's properties say is told of a column; None where they do not."""
    return found.get(_property(column))


def _property(column: str) -> str:
    return f"write.metadata.metrics.column.{column}"


def stray(found: Iterable[str]) -> list[str]:
    """Return those of a table's properties by which values would stand elsewhere than in its files.

    That is in Bloom filters, and in files outside of its folder, where nothing looks for them.
    """
    return [name for name in found if name.startswith(STRAY)]


def may_tell_values(table: Table, state: TableState) -> bool:
    """Tell whether values of a table's columns may stand where they must not, or soon will."""
    marks = {snapshot.counts_only for snapshot in state.snapshots}
    rightly_set = properties(table).items() <= state.properties.items()
    rightly_set = rightly_set and not stray(state.properties)
    return len(marks) > 1 or (bool(marks) and not rightly_set)
