"""The Iceberg tables of a local lakehouse: their state, their data files, and what is stray."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stedi_cli.durable import replaced
from stedi_cli.errors import StediError
from stedi_cli.landing import LandingState
from stedi_cli.local.catalog_file import metadata_locations, table_states
from stedi_cli.local.layout import Layout, to_path, to_uri
from stedi_cli.provenance import LandingAccount, TableState

if TYPE_CHECKING:
    from stedi_cli.local.catalog import SqliteCatalog


class Tables:
    """Reads table states once and keeps them.

    Args:
        layout: The lakehouse.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._states: dict[str, TableState] | None = None

    def states(self) -> dict[str, TableState]:
        """Return the state of every table by name."""
        if self._states is None:
            self._states = table_states(self._layout)
        return self._states

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
        made = state.current.provenance
        if made is not None and made.files:
            return [self._checked(state, name, size) for name, size in made.files.items()]
        from stedi_cli.iceberg import data_files

        uris = data_files(state.metadata, {}, state.current.id)
        if uris is None:
            raise StediError(
                f"{table} has rows deleted by another engine, which this one cannot read.",
                hint="Run `stedi jobs run --all --force` to rebuild it.",
            )
        return [_there(to_path(uri)) for uri in uris]

    def is_whole(self, table: str) -> bool:
        """Tell whether every data file of the current snapshot is there with its size."""
        try:
            return self.files(table) is not None
        except StediError:
            return False

    def is_known_clean(self, name: str, state: LandingState) -> bool:
        """Tell whether a job read a landing table's very files, every line as it stands."""
        wanted = LandingAccount(state.fingerprint, state.lines, 0, as_is=True)
        made = (s.current.provenance for s in self.states().values() if s.current is not None)
        return any(m is not None and m.landing.get(name) == wanted for m in made)

    def _checked(self, state: TableState, name: str, size: int) -> Path:
        path = to_path(state.location) / "data" / name
        try:
            found = path.stat().st_size
        except OSError:
            found = -1
        if found != size:
            what = "is missing" if found < 0 else f"has {found:,} bytes instead of {size:,}"
            raise StediError(
                f"The data file {path} {what}.",
                hint="Run `stedi jobs run --all`: it rebuilds the table.",
            )
        return path


def _there(path: Path) -> Path:
    if not path.is_file():
        raise StediError(
            f"The data file {path} is missing.",
            hint="Run `stedi jobs run --all`: it rebuilds the table.",
        )
    return path


def open_catalog(layout: Layout) -> SqliteCatalog:
    """Open the catalog through pyiceberg, making its tables where they are missing."""
    from stedi_cli.local.catalog import SqliteCatalog

    return SqliteCatalog(str(layout.catalog), warehouse=to_uri(layout.warehouse))


def sweep(layout: Layout, tables: Iterable[str]) -> list[Path]:
    """Remove the files below tables' folders that no metadata reaches.

    Args:
        layout: The lakehouse, locked by the caller.
        tables: The tables to look at.

    Returns:
        The removed files.
    """
    from stedi_cli.iceberg import reachable_files

    current = metadata_locations(layout)
    removed: list[Path] = []
    for table in tables:
        folder = layout.table_folder(table)
        if folder is None:
            continue
        if table not in current:
            removed += [path for path in folder.rglob("*") if path.is_file()]
            shutil.rmtree(folder)
            continue
        live = {to_path(uri) for uri in reachable_files(current[table], {})}
        for path in folder.rglob("*"):
            if path.is_file() and path not in live:
                path.unlink()
                removed.append(path)
    return removed


def write_journal(layout: Layout, tables: list[str]) -> None:
    """Say, before the first file is written, which tables a run may leave stray files of."""
    with replaced(layout.journal, layout.temp) as sink:
        sink.write(json.dumps({"tables": tables}).encode())


def read_journal(layout: Layout) -> list[str] | None:
    """Return the tables of a run that died, or None where none did."""
    try:
        return list(json.loads(layout.journal.read_text(encoding="utf-8"))["tables"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return [path.name for path in layout.warehouse.iterdir() if path.is_dir()]
