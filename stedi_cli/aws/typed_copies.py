"""The typed copies of landing tables on AWS: their ledgers, and whether they can be used."""

from __future__ import annotations

from functools import partial

from stedi_cli.aws.account import aws_errors, side_by_side
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.storage import Storage
from stedi_cli.aws.table_files import TableFiles
from stedi_cli.landing.ledger import Ledger, is_ledger
from stedi_cli.project.lakehouse import Table
from stedi_cli.tables.typed_copy import ledger_of


class TypedCopies:
    """The typed copies of a lakehouse.

    Args:
        layout: Names.
        tables: The Iceberg tables.
    """

    def __init__(self, layout: Layout, tables: TableFiles) -> None:
        self._layout = layout
        self._tables = tables
        self._storage = Storage(layout)

    def ledger(self, table: Table) -> Ledger | None:
        """Return the ledger of a landing table's copy; None where the copy cannot be used."""
        state = self._tables.states().get(table.typed.name)
        found = ledger_of(table, state, self._read)
        return found if found and self._tables.is_whole(table.typed.name) else None

    def sweep(self) -> None:
        """Remove the ledgers that no snapshot names; nobody may be at work."""
        states = self._tables.states().values()
        named = {snapshot.ledger for state in states for snapshot in state.snapshots}
        listed = self._storage.list(self._layout.ledgers)
        stray = [name for name in listed if is_ledger(name) and name not in named]
        with aws_errors(f"s3:DeleteObject {self._layout.ledgers}"):
            side_by_side([partial(self._remove, name) for name in stray])

    def _remove(self, name: str) -> None:
        storage = self._storage
        storage.s3.delete_object(**storage.place(self._layout.ledgers + name))

    def _read(self, name: str) -> bytes | None:
        return self._storage.read_if_there(self._layout.ledgers + name)
