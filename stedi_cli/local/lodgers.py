"""Tables of others whose files lie below a table's folder, as after a rename by another engine."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stedi_cli.errors import StediError
from stedi_cli.lake.records import Resource
from stedi_cli.local.catalog_file import BrokenError, Entry, entries, metadata_locations, read_state
from stedi_cli.local.layout import Layout, to_path


@dataclass(frozen=True)
class Lodger:
    """A table of somebody else.

    Args:
        entry: What the catalog says of it.
        places: Its folders, as its location and its metadata file's place tell.
        files: What its metadata reaches; None where that cannot be read.
    """

    entry: Entry
    places: frozenset[Path]
    files: frozenset[Path] | None

    def lies_in(self, folder: Path) -> bool:
        """Tell whether any file of it lies in a table's folder."""
        if self.entry.folder == folder and self.entry.title == folder.name:
            return False
        known = {to_path(self.entry.metadata), *self.places, *(self.files or ())}
        return any(path.is_relative_to(folder) for path in known)

    def may_need(self, path: Path, folder: Path) -> bool:
        """Tell whether a file in a table's folder may be its."""
        if self.files is None or path in self.files:
            return True
        below = [place for place in self.places if folder in place.parents]
        return any(path.is_relative_to(place) for place in below)


def lodgers(layout: Layout) -> list[Lodger]:
    """Return the tables in the catalog that were not made here, wherever they lie.

    Raises:
        StediError: If the catalog file is broken.
    """
    found = [e for e in entries(layout) if e.metadata.startswith(("file:", "/"))]
    return [
        _read(entry) for entry in found if not entry.is_dangling and not _is_ours(entry, layout)
    ]


def remove(folder: Path, uri: str | None, others: list[Lodger]) -> Resource:
    """Remove a table's folder; where others have files in it, only what is surely the table's.

    Args:
        folder: The table's folder.
        uri: The table's metadata file, where the catalog names one.
        others: The tables that were not made here.
    """
    here = [other for other in others if other.lies_in(folder)]
    if not here:
        shutil.rmtree(folder)
        return Resource("table", str(folder), "removed")
    mine = {path for path in _reached(uri) or () if path.is_relative_to(folder)} if uri else set()
    # What people are in goes first, and what leads to it last.
    for path in sorted(mine, key=lambda path: (path.parent.name == "metadata", path.suffix)):
        if not any(other.may_need(path, folder) for other in here):
            path.unlink(missing_ok=True)
    names = ", ".join(sorted(other.entry.title for other in here))
    return Resource("table", str(folder), "left", f"files of {names} lie in it")


def clear_shared(layout: Layout, names: Iterable[str], others: list[Lodger]) -> None:
    """Remove the files of those tables in whose folders others have files too.

    To be done while the catalog still names the tables: it alone tells which files are theirs.
    """
    uris = metadata_locations(layout) if others else {}
    for name in names:
        folder = layout.table_folder(name)
        if folder is not None and name in uris and any(o.lies_in(folder) for o in others):
            remove(folder, uris[name], others)


def _is_ours(entry: Entry, layout: Layout) -> bool:
    if not entry.is_own(layout.warehouse):
        return False
    try:
        return read_state(entry.table, entry.metadata).is_made_here(entry.table)
    except BrokenError:
        # Nothing is known of it but its place, which is that of a table of ours.
        return True


def _read(entry: Entry) -> Lodger:
    places = {entry.folder}
    with suppress(StediError):
        places.add(to_path(read_state(entry.table, entry.metadata).location))
    return Lodger(entry, frozenset(places), _reached(entry.metadata))


def _reached(uri: str) -> frozenset[Path] | None:
    from stedi_cli.local.plain_files import PlainFiles
    from stedi_cli.tables.iceberg import UNREADABLE, reachable_files

    with suppress(*UNREADABLE):
        return frozenset(map(to_path, reachable_files(uri, PlainFiles())))
    return None
