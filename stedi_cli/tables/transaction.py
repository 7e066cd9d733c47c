"""Changes to a table whose metadata are worked out once for each change.

pyiceberg works them out, and copies every snapshot in them, each time that they are asked for: a
dozen times in a commit. Imported late, since pyiceberg costs half a second.
"""

from __future__ import annotations

from typing import cast

from pyiceberg.table import CreateTableTransaction, StagedTable
from pyiceberg.table import Transaction as IcebergTransaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import TableUpdate


class _WorkedOutOnce(IcebergTransaction):
    _made: tuple[TableMetadata, tuple[TableUpdate, ...], TableMetadata] | None = None

    @property
    def table_metadata(self) -> TableMetadata:
        """The metadata with the changes so far."""
        base, updates = self._table.metadata, self._updates
        if self._made is None or self._made[0] is not base or self._made[1] is not updates:
            self._made = (base, updates, super().table_metadata)
        return self._made[2]


class Transaction(_WorkedOutOnce):
    """A transaction on a table that is there."""


class Creation(_WorkedOutOnce, CreateTableTransaction):
    """A transaction that makes a table, as a catalog begins it."""

    def __init__(self, begun: CreateTableTransaction) -> None:
        super().__init__(cast("StagedTable", begun._table))
