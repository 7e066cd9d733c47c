"""What catalog and warehouse hold beside the model's tables, and the removal of what was ours."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from stedi_cli.lake.records import Resource
from stedi_cli.lake.strangers import Stranger
from stedi_cli.local.catalog_file import NAMESPACE, Entry, entries
from stedi_cli.local.layout import Layout
from stedi_cli.local.lodgers import clear_shared, lodgers, remove
from stedi_cli.local.place import Place
from stedi_cli.tables.provenance import TableState, parse_metadata


def strangers(layout: Layout, names: Collection[str]) -> list[Stranger]:
    """Return the tables that the model does not have.

    Args:
        layout: The lakehouse.
        names: The tables that it does have.

    Returns:
        What the catalog names, and what was made here and lies in the warehouse without an entry.

    Raises:
        StediError: If the catalog file is broken.
    """
    known = entries(layout)
    own = {entry.table for entry in known if entry.is_own(layout.warehouse)}
    others = [e for e in known if not (e.is_own(layout.warehouse) and e.table in names)]
    folders = sorted(layout.warehouse.iterdir()) if layout.warehouse.is_dir() else []
    loose = [folder.name for folder in folders if folder.name not in own | set(names)]
    found = [_stranger(layout, entry) for entry in others]
    found += [
        Stranger(name, str(layout.warehouse / name), ours=True, rows=_rows(state))
        for name in loose
        if (state := _made_here(layout, name)) is not None
    ]
    return found


def unknown(layout: Layout, names: Collection[str]) -> list[str]:
    """Return the names in the warehouse that no table is known by, sorted.

    Args:
        layout: The lakehouse.
        names: The tables that the model has.
    """
    told = [Path(stranger.place) for stranger in strangers(layout, names)]
    told += [layout.warehouse / name for name in names]
    found = sorted(layout.warehouse.iterdir()) if layout.warehouse.is_dir() else []
    return [path.name for path in found if not any(t.is_relative_to(path) for t in told)]


def drop(place: Place, name: str) -> Iterator[Resource]:
    """Remove a table that was made here, with all its files.

    What people are in goes first and what tells whose it is last, so that it can be dropped again
    where this dies half-way.

    Args:
        place: The lakehouse, locked by the caller.
        name: The table.
    """
    layout = place.layout
    folder, others = layout.table_folder(name), lodgers(layout)
    clear_shared(layout, [name], others)
    if folder is not None and not any(other.lies_in(folder) for other in others):
        for path in folder.iterdir():
            if path.name != "metadata":
                _remove(path)
    if any(e.table == name and e.is_own(layout.warehouse) for e in entries(layout)):
        place.catalog.drop_table(f"{NAMESPACE}.{name}")
    if folder is not None:
        yield remove(folder, None, others)
    else:
        yield Resource("table", str(layout.warehouse / name), "removed")


def _stranger(layout: Layout, entry: Entry) -> Stranger:
    state = _made_here(layout, entry.table) if entry.is_own(layout.warehouse) else None
    return Stranger(entry.title, entry.place, state is not None, _rows(state))


def _rows(state: TableState | None) -> int | None:
    return state.current.rows if state and state.current else None


def _made_here(layout: Layout, name: str) -> TableState | None:
    """Return the newest readable state of a table of ours from its folder, or None."""
    folder = layout.table_folder(name)
    files = folder.glob("metadata/*.metadata.json") if folder is not None else ()
    for path in sorted(files, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        with suppress(OSError, ValueError):
            state = parse_metadata(path.read_bytes(), str(path))
            if state.is_made_here(name):
                return state
    return None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
