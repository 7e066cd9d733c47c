"""The Iceberg tables of a local lakehouse: their state and the files that they consist of."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stedi_cli.errors import StediError
from stedi_cli.local.catalog_file import BrokenError, table_states
from stedi_cli.local.layout import Layout, to_path, to_uri
from stedi_cli.local.seals import Seal, Seals, read_again, read_seals, write_seals
from stedi_cli.tables.provenance import TableState

if TYPE_CHECKING:
    from stedi_cli.local.catalog import SqliteCatalog


class TableFiles:
    """Reads table states once and keeps them.

    Args:
        layout: The lakehouse.
        names: The tables of the model that the catalog may hold.
    """

    def __init__(self, layout: Layout, names: Collection[str]) -> None:
        self._layout = layout
        self._names = frozenset(names)
        self._states: dict[str, TableState] | None = None
        self._seals: Seals = {}
        self._broken: frozenset[Path] = frozenset()

    def states(self) -> dict[str, TableState]:
        """Return the state of every table by name."""
        if self._states is None:
            self._states = self._sealed_states()
        return self._states

    def _sealed_states(self) -> dict[str, TableState]:
        """Return states whose metadata files are what they were; raises BrokenError."""
        before: list[str] = []
        while True:
            states = table_states(self._layout, self._names)
            self._seals = read_seals(self._layout)
            broken = next((n for n, state in states.items() if self._is_falsified(state)), None)
            if broken is None:
                return states
            # A writer may have moved on and removed what was current a moment ago.
            found = [state.metadata for state in states.values()]
            if found == before:
                path = to_path(states[broken].metadata)
                raise BrokenError(f"Cannot read the metadata of {broken}, {path}: it is broken.")
            before = found

    def _is_falsified(self, state: TableState) -> bool:
        path = to_path(state.metadata)
        return not all(self._is_unbroken(s) for s in self._seals_of(state) if s.path == path)

    def read_again(self) -> None:
        """Read all files, also those whose stamps say that they are what was written."""
        self._broken = read_again(self._layout)
        self.forget()

    def _is_unbroken(self, seal: Seal) -> bool:
        return seal.path not in self._broken and seal.is_unbroken()

    def _seals_of(self, state: TableState) -> list[Seal]:
        return self._seals.get(state.metadata, [])

    def is_sealed(self) -> bool:
        """Tell whether it is recorded what the files of all tables are."""
        return all(self._seals_of(state) for state in self.states().values())

    def seal(self) -> None:
        """Record what the files of each table are that is whole, where that is not known yet."""
        from stedi_cli.local.plain_files import PlainFiles
        from stedi_cli.tables.iceberg import UNREADABLE, current_files

        states = self.states()
        new: dict[str, list[Path]] = {}
        for name, state in states.items():
            if not self._seals_of(state) and self.is_whole(name):
                with suppress(*UNREADABLE):
                    found = current_files(state.metadata, PlainFiles())
                    new[state.metadata] = sorted(map(to_path, found))
        if new:
            write_seals(self._layout, new, [state.metadata for state in states.values()])
            self.forget()

    def forget(self) -> None:
        """Read the states again when they are next asked for."""
        self._states = None

    def files(self, table: str) -> list[Path] | None:
        """Return the data files of a table's current snapshot.

        Args:
            table: The table.

        Returns:
            Paths; none for a table without a snapshot, None for a table that is not there.

        Raises:
            StediError: If a data file is missing or has another size than was committed, or
                delete files apply.
        """
        state = self.states().get(table)
        if state is None:
            return None
        if state.current is None:
            return []
        if state.current.files:
            folder = to_path(state.location) / "data"
            named = [_whole(folder / name, size) for name, size in state.current.files.items()]
            return self._unbroken(state, named)
        files = self._committed_files(table, state, state.current.id)
        if files is None:
            raise StediError(
                f"{table} has rows deleted by another engine, which this one cannot read.",
                hint="Run `stedi jobs run --all --force` to rebuild it.",
            )
        return self._unbroken(state, [_whole(to_path(uri), size) for uri, size in files])

    def _unbroken(self, state: TableState, paths: list[Path]) -> list[Path]:
        """Return files; raise StediError where one of the table is not what was written."""
        # The metadata file was looked at when it was read; a commit may have removed it since.
        read = to_path(state.metadata)
        for seal in self._seals_of(state):
            if seal.path != read and not self._is_unbroken(seal):
                raise StediError(
                    f"{seal.path} is broken: its bytes are not those that were written.",
                    hint="Run `stedi jobs run --all`: it rebuilds the table.",
                )
        return paths

    def check(self, table: str) -> None:
        """Raise StediError unless other engines can read a table's current snapshot too."""
        state = self.states().get(table)
        if state is not None:
            self._unbroken(state, [seal.path for seal in self._seals_of(state)])
        if state is not None and state.current is not None:
            self._committed_files(table, state, state.current.id)

    def _committed_files(
        self, table: str, state: TableState, snapshot: int
    ) -> list[tuple[str, int]] | None:
        from stedi_cli.local.plain_files import PlainFiles
        from stedi_cli.masking import masked
        from stedi_cli.tables.iceberg import UNREADABLE, data_files

        try:
            return data_files(state.metadata, PlainFiles(), snapshot)
        except UNREADABLE as error:
            said = next(iter(str(error).splitlines()), type(error).__name__)
            raise StediError(
                f"The manifests of {table} cannot be read: {masked(said)}",
                hint="Run `stedi jobs run --all --force`: it rebuilds the table.",
            ) from error

    def is_whole(self, table: str) -> bool:
        """Tell whether every file of the current snapshot is there, and is what was written."""
        try:
            state = self.states().get(table)
            if state is not None:
                self._unbroken(state, [seal.path for seal in self._seals_of(state)])
            return self.files(table) is not None
        except StediError:
            return False


def _whole(path: Path, size: int) -> Path:
    """Return a Parquet file's path; raise StediError where it is missing, cut short or blank."""
    try:
        found = path.stat().st_size
        with path.open("rb") as stream:
            stream.seek(-4, os.SEEK_END)
            ending = stream.read()
    except OSError:
        found, ending = -1, b""
    if found != size or ending != b"PAR1":
        what = "is missing" if not path.is_file() else f"has {found:,} bytes instead of {size:,}"
        raise StediError(
            f"The data file {path} {what if found != size else 'is broken'}.",
            hint="Run `stedi jobs run --all`: it rebuilds the table.",
        )
    return path


def open_catalog(layout: Layout) -> SqliteCatalog:
    """Open the catalog through pyiceberg, making its tables where they are missing."""
    from stedi_cli.local.catalog import SqliteCatalog

    return SqliteCatalog(str(layout.catalog), warehouse=to_uri(layout.warehouse))
