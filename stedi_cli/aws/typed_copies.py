"""The typed copies of landing tables on AWS: their ledgers, and whether they can be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from stedi_cli.aws.account import aws_errors, side_by_side
from stedi_cli.aws.kept_aside import KeptAside
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.storage import Storage
from stedi_cli.aws.table_files import TableFiles
from stedi_cli.landing.file_facts import FileFacts
from stedi_cli.landing.ledger import Ledger, is_ledger
from stedi_cli.project.lakehouse import Table
from stedi_cli.sql import identifier
from stedi_cli.tables.provenance import TableState
from stedi_cli.tables.typed_copy import ledger_of


@dataclass(frozen=True)
class Held:
    """What a landing table's typed copy holds.

    Args:
        table: The landing table.
        ledger: The files.
        snapshot: Id of the snapshot that holds them.
    """

    table: Table
    ledger: Ledger
    snapshot: int

    @property
    def rows(self) -> str:
        """What their rows are selected from, whatever is committed meanwhile."""
        return f"{identifier(self.table.typed.name)} FOR VERSION AS OF {self.snapshot}"

    @property
    def select(self) -> str:
        """A SELECT that stands in for the landing table."""
        names = ", ".join(identifier(column.name) for column in self.table.columns)
        return f"SELECT {names} FROM {self.rows}"

    def is_of(self, files: Mapping[str, FileFacts | None]) -> bool:
        """Tell whether these are the files, each with what is known of it, that it holds."""
        accounts = self.ledger.files
        return files.keys() == accounts.keys() and all(
            facts is not None and accounts[name].is_of(facts) for name, facts in files.items()
        )


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
        # A snapshot and its ledger stay what they are.
        self._known: dict[tuple[str, int], Held | None] = {}

    def ledger(self, table: Table) -> Ledger | None:
        """Return the ledger of a landing table's copy; None where the copy cannot be used."""
        state = self._tables.states().get(table.typed.name)
        found = ledger_of(table, state, self._read)
        return found if found and self._tables.is_whole(table.typed.name) else None

    def is_usable(self, table: Table) -> bool:
        """Tell whether a landing table's copy can be used."""
        return table.name in self.held() and self._tables.is_whole(table.typed.name)

    def held(self) -> dict[str, Held]:
        """Return what the copies hold that can be asked, by landing table."""
        states, landing = self._tables.states(), self._layout.lakehouse.landing
        calls = [partial(self._held, t, states.get(t.typed.name)) for t in landing.values()]
        return {held.table.name: held for held in side_by_side(calls) if held}

    def _held(self, table: Table, state: TableState | None) -> Held | None:
        current = state.current if state else None
        if current is None:
            return None
        if (table.name, current.id) not in self._known:
            ledger = ledger_of(table, state, self._read)
            found = Held(table, ledger, current.id) if ledger else None
            self._known[table.name, current.id] = found
        return self._known[table.name, current.id]

    def sweep(self) -> None:
        """Remove ledgers that no snapshot names, and what no run can use; nobody may be at work."""
        states = self._tables.states().values()
        named = {snapshot.ledger for state in states for snapshot in state.snapshots}
        listed = self._storage.list(self._layout.ledgers)
        stray = [name for name in listed if is_ledger(name) and name not in named]
        with aws_errors(f"s3:DeleteObject {self._layout.ledgers}"):
            side_by_side([partial(self._remove, name) for name in stray])
        KeptAside(self._layout).sweep(self.ledger)

    def _remove(self, name: str) -> None:
        storage = self._storage
        storage.s3.delete_object(**storage.place(self._layout.ledgers + name))

    def _read(self, name: str) -> bytes | None:
        return self._storage.read_if_there(self._layout.ledgers + name)
