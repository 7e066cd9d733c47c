"""Changes to a table whose metadata are worked out once for each change.

pyiceberg works them out, and copies every snapshot in them, each time that they are asked for: a
dozen times in a commit. Imported late, since pyiceberg costs half a second.
"""

from __future__ import annotations

from pyiceberg.table import Table
from pyiceberg.table import Transaction as IcebergTransaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import TableUpdate


class Transaction(IcebergTransaction):
    """A transaction on a table that is there."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self._made: tuple[TableMetadata, tuple[TableUpdate, ...], TableMetadata] | None = None

    @property
    def table_metadata(self) -> TableMetadata:
        """The metadata with the changes so far."""
        base, updates = self._table.metadata, self._updates
        if self._made is None or self._made[0] is not base or self._made[1] is not updates:
            self._made = (base, updates, super().table_metadata)
        return self._made[2]
