"""The typed copies of landing tables: what each holds of the landing files that there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stedi_cli.durable import sync
from stedi_cli.landing.file_facts import FileFacts
from stedi_cli.landing.files import LandingState
from stedi_cli.landing.ledger import FileAccount, Ledger
from stedi_cli.local.catalog_file import NAMESPACE
from stedi_cli.local.place import Place
from stedi_cli.project.lakehouse import LANDING_FILE, Table
from stedi_cli.sql import identifier, literal, parquet
from stedi_cli.tables.typed_copy import ledger_content, ledger_of


@dataclass(frozen=True)
class Held:
    """What a typed copy holds of a landing table's files; by default nothing.

    Args:
        new: The landing files that are to be read.
        files: Its data files.
        same: The landing files that were read, as they are now.
        gone: Names of those that it holds and that are others now, or not there any more.
        ledger: The name of its ledger; empty where the copy cannot be used.
    """

    new: Mapping[str, FileFacts]
    files: tuple[Path, ...] = ()
    same: Mapping[str, FileAccount] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    ledger: str = ""


@dataclass(frozen=True)
class Places:
    """The places of a landing table's lines that cannot be used, as a table has them.

    Args:
        judged: The fingerprint of the landing files that they were found in, if it is known.
        lines: Their numbers by file.
    """

    judged: str | None
    lines: Mapping[str, frozenset[int]]


class TypedCopies:
    """Tells what the typed copies of a lakehouse hold.

    Args:
        place: The lakehouse.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def held(self, table: Table, state: LandingState, bad: Sequence[Places] = ()) -> Held:
        """Return what the copy of a landing table holds.

        Args:
            table: The landing table.
            state: Its files.
            bad: The places of lines that cannot be used, where a file that they may not be those
                of is to be read again.
        """
        ledger = self.ledger(table)
        if ledger is None:
            return Held(state.files)
        same = told_of(ledger.same(state.files), bad, (state.fingerprint, ledger.fingerprint))
        return Held(
            {name: facts for name, facts in state.files.items() if name not in same},
            tuple(self._place.tables.files(table.typed.name) or ()),
            same,
            frozenset(ledger.files.keys() - same.keys()),
            ledger.name,
        )

    def ledger(self, table: Table) -> Ledger | None:
        """Return the ledger of a landing table's copy; None where the copy cannot be used."""
        tables = self._place.tables
        found = ledger_of(table, tables.states().get(table.typed.name), self._read)
        return found if found and tables.is_whole(table.typed.name) else None

    def is_usable(self, table: Table) -> bool:
        """Tell whether a landing table's copy can be used."""
        return self.usable_ledger(table) is not None

    def usable_ledger(self, table: Table) -> str | None:
        """Return the name of the ledger of a landing table's copy, which is not parsed for that.

        Returns:
            Its name; None where the copy cannot be used.
        """
        tables = self._place.tables
        state = tables.states().get(table.typed.name)
        content = ledger_content(table, state, self._read)
        if content is None or not tables.is_whole(table.typed.name):
            return None
        return state.current.ledger if state and state.current else None

    def sync(self, copies: Iterable[Table]) -> None:
        """Make ledgers survive a power failure that another engine has written."""
        layout, states = self._place.layout, self._place.tables.states()
        current = [state.current for copy in copies if (state := states.get(copy.name))]
        for snapshot in current:
            if snapshot is not None and (layout.ledgers / snapshot.ledger).is_file():
                sync(layout.ledgers / snapshot.ledger)
        sync(layout.ledgers)

    def drop(self, copies: Iterable[Table]) -> None:
        """Drop copies that are there; whoever has the lock sweeps their files."""
        catalog = self._place.catalog
        for copy in copies:
            if copy.name in self._place.tables.states():
                catalog.drop_table(f"{NAMESPACE}.{copy.name}")
        self._place.tables.forget()

    def _read(self, name: str) -> bytes | None:
        try:
            return (self._place.layout.ledgers / name).read_bytes()
        except OSError:
            return None


def told_of(
    accounts: Mapping[str, FileAccount], bad: Sequence[Places], prints: Collection[str]
) -> dict[str, FileAccount]:
    """Return the accounts of files of which tables have the lines that cannot be used.

    Args:
        accounts: Accounts of files by name.
        bad: The places of such lines, as each table has them.
        prints: The fingerprints of landing files that the places may be those of.
    """
    # Places in other files may be as many, and be others.
    known = all(places.judged in prints for places in bad)
    return {
        name: account
        for name, account in accounts.items()
        if _are_the_same(account, [places.lines.get(name, frozenset()) for places in bad])
        and (known or not account.quarantined)
    }


def _are_the_same(account: FileAccount, lines: Sequence[frozenset[int]]) -> bool:
    """Tell whether tables have the same lines of a file, and as many as could not be used."""
    return len({*lines}) <= 1 and all(len(found) == account.quarantined for found in lines)


def rows_without(files: Sequence[Path], gone: Iterable[str], columns: Sequence[str]) -> str:
    """Return a SELECT of rows of a copy's data files, without those of some landing files.

    Args:
        files: The data files, at least one.
        gone: The landing files' names.
        columns: What is selected.
    """
    names = ", ".join(map(identifier, columns))
    left_out = ", ".join(map(literal, sorted(gone)))
    where = f" WHERE {LANDING_FILE} NOT IN ({left_out})" if left_out else ""
    return f"SELECT {names} FROM {parquet(files)}{where}"
