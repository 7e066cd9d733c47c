"""What runs on Glue had read of landing files and is in no snapshot yet, and the removal of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial

from stedi_cli.aws.account import aws_errors, side_by_side
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.storage import Storage, Stored
from stedi_cli.landing.kept import data_in, is_kept, kept_in, record_of
from stedi_cli.landing.ledger import Ledger
from stedi_cli.project.lakehouse import Table


class KeptAside:
    """What the script keeps until it is committed; it alone takes it.

    Args:
        layout: Names.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._storage = Storage(layout)

    def drop(self, tables: Collection[str]) -> None:
        """Keep nothing of landing tables any more; nobody may be at work."""
        self._keep(self._layout.lakehouse.landing.keys() - {*tables}, self._listed())

    def sweep(self, ledger: Callable[[Table], Ledger | None]) -> None:
        """Keep only what is still to be committed; nobody may be at work.

        Args:
            ledger: Returns the ledger of a landing table's copy; None where it cannot be used.
        """
        listed = self._listed()
        tables = self._layout.lakehouse.landing.values() if listed else ()
        self._keep({t.name for t in tables if self._is_awaited(t, ledger(t))}, listed)

    def size(self) -> int:
        """Return the size of what is kept, in bytes; somebody may be at work."""
        return sum(stored.size for stored in self._listed().values())

    def _listed(self) -> dict[str, Stored]:
        listed = self._storage.list(self._layout.aside)
        return {name: stored for name, stored in listed.items() if is_kept(name)}

    def _is_awaited(self, table: Table, ledger: Ledger | None) -> bool:
        """Tell whether something that is kept of a table is in no copy yet."""
        kept = kept_in(self._read(record_of(table.name)) or b"", table)
        committed = ledger.files if ledger else {}
        return any(committed.get(name) != account for name, account in kept.files.items())

    def _keep(self, tables: Collection[str], listed: Collection[str]) -> None:
        """Remove all but the records of landing tables, and the data files that these name."""
        named = {record_of(table) for table in tables}.intersection(listed)
        for record in sorted(named):
            with suppress(ValueError):
                named |= data_in(self._read(record) or b"")
        gone = [partial(self._remove, name) for name in listed if name not in named]
        with aws_errors(f"s3:DeleteObject {self._layout.aside}"):
            side_by_side(gone)

    def _remove(self, name: str) -> None:
        self._storage.s3.delete_object(**self._storage.place(self._layout.aside + name))

    def _read(self, name: str) -> bytes | None:
        return self._storage.read_if_there(self._layout.aside + name)
