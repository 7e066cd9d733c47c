"""The one writer of a local lakehouse: its lock, its journal, and what it mends and sweeps."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from stedi_cli.durable import load_json, make_folder, remove_stale, replaced
from stedi_cli.errors import BusyError, StediError
from stedi_cli.lake.elsewhere import remove_abandoned
from stedi_cli.landing.ledger import is_ledger
from stedi_cli.local.access import private
from stedi_cli.local.catalog_file import entries, metadata_locations, read_state
from stedi_cli.local.kept_aside import KeptAside
from stedi_cli.local.layout import Layout, to_path
from stedi_cli.local.lock import exclusive, is_held, keeping_out, without_readers
from stedi_cli.local.lodgers import lodgers
from stedi_cli.local.place import Place
from stedi_cli.local.typed_copies import TypedCopies
from stedi_cli.project.lakehouse import Table
from stedi_cli.tables.history import RefRemoved

Reached = tuple[set[str], tuple[RefRemoved, ...]]


class Writer:
    """Whoever changes a lakehouse, one at a time.

    Args:
        place: The lakehouse.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._removed: list[RefRemoved] = []
        self._lock: int | None = None

    @property
    def place(self) -> Place:
        """The lakehouse."""
        return self._place

    def removed(self) -> list[RefRemoved]:
        """Return the tags and branches that were removed since this was last asked."""
        removed, self._removed = self._removed, []
        return removed

    def note(self, refs: Iterable[RefRemoved]) -> None:
        """Remember tags and branches that were removed, also where what goes on is ended."""
        for ref in refs:
            self._removed.append(ref)

    def mend(self) -> None:
        """Remove what a run or upload that died left behind; the caller has the lock."""
        remove_abandoned()
        self.clean(read_journal(self._place.layout, self._place.written) or [])

    def clean(self, tables: Iterable[str]) -> None:
        """Remove stray files, unless someone reads: then the journal stays for the next run.

        Args:
            tables: The tables that may have some; the caller has the lock.
        """
        layout = self._place.layout
        KeptAside(layout).sweep()
        with without_readers(layout.readers) as alone:
            if alone:
                remove_stale(layout.temp)
                self.note(sweep(self._place, tables))
                layout.journal.unlink(missing_ok=True)

    @contextmanager
    def locked(self, *, wait: bool | None = None) -> Iterator[int]:
        """Be the only writer of a lakehouse that is still there, mended.

        Args:
            wait: Whether to wait for another writer; None where the command cannot be told to.

        Yields:
            The lock's descriptor.
        """
        if self._lock is not None:
            yield self._lock
            return
        layout = self._place.layout
        layout.require()
        with exclusive(layout.lock, wait=wait) as lock:
            if not layout.exists():
                # Removed by another process meanwhile.
                layout.lock.unlink(missing_ok=True)
                with suppress(OSError):
                    layout.root.rmdir()
            layout.require()
            make_folder(layout.temp)
            self.mend()
            yield lock

    @contextmanager
    def staying(self, *, wait: bool, readers: bool) -> Iterator[None]:
        """Be the only writer for all that a command does, not for one step of it.

        Args:
            wait: Whether to wait for another writer, and for those who read.
            readers: Whether others may read meanwhile.
        """
        with self.locked(wait=wait) as lock, ExitStack() as stack:
            if not readers:
                stack.enter_context(keeping_out(self._place.layout.readers, wait=wait))
            self._lock = lock
            try:
                yield
            finally:
                self._lock = None

    @private
    def tidy(self) -> None:
        """Remove what a command that died or failed left, unless another one is at work."""
        layout, tables = self._place.layout, self._place.tables
        remove_abandoned()
        sealed = tables.is_sealed()
        broken = self._broken_copies()
        left = layout.journal.exists() or layout.spark_log.exists() or left_over(layout)
        if left or KeptAside(layout).files() or broken or not sealed:
            with suppress(BusyError), self.locked():
                layout.spark_log.unlink(missing_ok=True)
                tables.forget()
                self.clear_aside()
                self._drop_copies(broken)
                if not sealed:
                    tables.forget()
                    tables.seal()

    def clear_aside(self) -> None:
        """Keep aside only what runs are still to commit; the caller has the lock."""
        aside, landing = KeptAside(self._place.layout), self._place.lakehouse.landing
        if aside.files():
            aside.clear(but=[n for n, table in landing.items() if self._is_awaited(aside, table)])

    def _is_awaited(self, aside: KeptAside, table: Table) -> bool:
        """Tell whether all that is kept of a table is of files as they are, and in no copy yet."""
        with suppress(StediError, OSError):
            kept = aside.of(table)
            held = TypedCopies(self._place).held(table, self._place.zone.state(table.name))
            return bool(kept.files) and kept.same(held.new) == kept.files
        return False

    def _broken_copies(self) -> list[str]:
        """Return the typed copies that cannot be used and that no run makes again."""
        lakehouse, copies = self._place.lakehouse, TypedCopies(self._place)
        read = {name for job in lakehouse.jobs.values() for name in job.reads}
        idle = [table for name, table in lakehouse.landing.items() if name not in read]
        there = self._place.tables.states()
        return [
            table.typed.name
            for table in idle
            if table.typed.name in there and not copies.is_usable(table)
        ]

    def _drop_copies(self, names: Sequence[str]) -> None:
        TypedCopies(self._place).drop(self._place.lakehouse.typed[name] for name in names)
        self.clean(names)


def sweep(place: Place, tables: Iterable[str]) -> Iterator[RefRemoved]:
    """Remove the files below tables' folders that no metadata reaches, another table's neither.

    Args:
        place: The lakehouse, locked by the caller.
        tables: The tables to look at.

    Yields:
        The tags and branches of a broken history, which goes.
    """
    layout = place.layout
    current = metadata_locations(layout)
    _sweep_ledgers(layout, current)
    others = {entry.title for entry in entries(layout)} - current.keys()
    foreign = lodgers(layout)
    for table in tables:
        folder = layout.table_folder(table)
        if folder is None or table in others:
            continue
        here = [other for other in foreign if other.lies_in(folder)]
        if table not in current and not here:
            shutil.rmtree(folder)
            continue
        nothing: Reached = ({""}, ())
        live, removed = _reachable(place, table, current[table]) if table in current else nothing
        yield from removed
        paths = set(map(to_path, live))
        for path in folder.rglob("*") if live else ():
            needed = path in paths or any(other.may_need(path, folder) for other in here)
            if path.is_file() and not needed:
                path.unlink()


def ledgers(layout: Layout) -> list[Path]:
    """Return the files of all ledgers, and the checksums that Spark writes beside them."""
    found = layout.ledgers.iterdir() if layout.ledgers.is_dir() else ()
    return [p for p in found if is_ledger(p.name.removeprefix(".").removesuffix(".crc"))]


def _sweep_ledgers(layout: Layout, current: Mapping[str, str]) -> None:
    """Remove the ledgers that no snapshot names; none where that cannot be told."""
    found = ledgers(layout)
    if found:
        with suppress(StediError):
            states = [read_state(table, uri) for table, uri in current.items()]
            named = {snapshot.ledger for state in states for snapshot in state.snapshots}
            for path in found:
                if path.name not in named:
                    path.unlink()


def _reachable(place: Place, table: str, uri: str) -> Reached:
    """Return what a table's metadata reaches; where its history is broken, forget that first.

    Where the current snapshot itself is broken nothing is known, so no file is returned.

    Returns:
        The files' URIs, and the tags and branches that went with the history.
    """
    from stedi_cli.local.plain_files import PlainFiles
    from stedi_cli.tables.iceberg import UNREADABLE, expire, reachable_files

    removed: tuple[RefRemoved, ...] = ()
    with suppress(*UNREADABLE):
        return reachable_files(uri, PlainFiles()), removed
    with suppress(*UNREADABLE):
        removed = expire(place.catalog, table, 1).refs
        return reachable_files(metadata_locations(place.layout)[table], PlainFiles()), removed
    return set(), removed


def write_journal(layout: Layout, tables: list[str]) -> None:
    """Say, before the first file is written, which tables a run may leave stray files of."""
    with replaced(layout.journal, layout.temp) as sink:
        sink.write(json.dumps({"tables": tables}).encode())


def read_journal(layout: Layout, tables: Sequence[str] = ()) -> list[str] | None:
    """Tell which tables a run that died may have left stray files of.

    Args:
        layout: The lakehouse.
        tables: The tables that runs write; the journal's word is taken for no other.

    Returns:
        Those of the tables that the journal names, all where it is broken; None without a journal.
    """
    try:
        named = set(load_json(layout.journal)["tables"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return list(tables)
    return [table for table in tables if table in named]


def left_over(layout: Layout) -> list[Path]:
    """Return the intermediate files and folders that no command at work can need.

    They may hold landing lines as they are.
    """
    if not layout.temp.is_dir() or layout.temp.is_symlink():
        return []
    found = sorted(layout.temp.iterdir())
    at_work = found and (is_held(layout.lock) or is_held(layout.readers))
    return [] if at_work else found
