"""Reads the catalog and the tables' metadata without pyiceberg, which is slow to import."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from stedi_cli.errors import StediError
from stedi_cli.local.layout import Layout, to_path
from stedi_cli.tables.provenance import FORMAT, TableState, parse_metadata

CATALOG = "stedi"
"""The catalog's name, which every engine that opens the file has to give."""
NAMESPACE = "stedi"
"""The namespace of the lakehouse's tables in it."""

_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


class BrokenError(StediError):
    """The catalog or a metadata file is lost or broken, so that tables have to be rebuilt.

    Args:
        message: One line: what is broken.
    """

    def __init__(self, message: str) -> None:
        super().__init__(
            message, hint="Run `stedi infra up`, then `stedi jobs run --all`: landing files stay."
        )


@dataclass(frozen=True)
class Entry:
    """A table as the catalog names it: its catalog, namespace, name and metadata file's URI."""

    catalog: str
    namespace: str
    table: str
    metadata: str

    @property
    def title(self) -> str:
        """Its name, with whatever is not this lakehouse's before it."""
        if self.catalog != CATALOG:
            return f"{self.catalog}.{self.namespace}.{self.table}"
        return self.table if self.namespace == NAMESPACE else f"{self.namespace}.{self.table}"

    @property
    def folder(self) -> Path:
        """The table's folder."""
        return to_path(self.metadata).parent.parent

    @property
    def place(self) -> str:
        """Where its files lie, as it is shown."""
        is_here = self.metadata.startswith(("file:", "/"))
        return str(self.folder) if is_here else self.metadata.rpartition("/metadata/")[0]

    @property
    def is_dangling(self) -> bool:
        """Whether its metadata would lie on this machine and does not."""
        return self.metadata.startswith(("file:", "/")) and not to_path(self.metadata).exists()

    def is_own(self, warehouse: Path) -> bool:
        """Tell whether it is one of a lakehouse's own, which lie right below the warehouse."""
        named = (self.catalog, self.namespace) == (CATALOG, NAMESPACE)
        return named and self.folder == warehouse / self.table


def entries(layout: Layout) -> list[Entry]:
    """Return all tables in the catalog, those of others among them.

    Args:
        layout: The lakehouse.

    Returns:
        The entries, none where the catalog is missing.

    Raises:
        StediError: If the catalog file is broken.
    """
    if not layout.catalog.is_file():
        return []
    try:
        # Not `mode=ro`: after a crash within a commit, the first to open the file rolls it back.
        with closing(sqlite3.connect(f"{layout.catalog.as_uri()}?mode=rw", uri=True)) as db:
            rows = db.execute(
                "SELECT catalog_name, table_namespace, table_name, metadata_location"
                " FROM iceberg_tables WHERE metadata_location IS NOT NULL"
            ).fetchall()
    except sqlite3.Error as error:
        from stedi_cli.masking import masked

        said = masked(str(error))
        if error.sqlite_errorcode in _BROKEN:
            raise BrokenError(f"The catalog {layout.catalog} is broken: {said}.") from error
        raise StediError(
            f"The catalog {layout.catalog} cannot be read: {said}.",
            hint="Look at its permissions, and who else has it open; then try again.",
        ) from error
    return [Entry(*map(str, row)) for row in rows]


def catalog_damage(layout: Layout) -> str | None:
    """Return what SQLite finds wrong with the catalog's pages and indexes, or None."""
    from stedi_cli.masking import masked

    try:
        with closing(sqlite3.connect(f"{layout.catalog.as_uri()}?mode=rw", uri=True)) as db:
            (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        return masked(str(error)) if error.sqlite_errorcode in _BROKEN else None
    return None if found == "ok" else masked(" ".join(str(found).split()))


def metadata_locations(layout: Layout) -> dict[str, str]:
    """Return the URI of the current metadata file of each table of the lakehouse's own.

    Raises:
        StediError: If the catalog file is broken.
    """
    own = (entry for entry in entries(layout) if entry.is_own(layout.warehouse))
    return {entry.table: entry.metadata for entry in own}


def table_states(layout: Layout, names: Collection[str]) -> dict[str, TableState]:
    """Return the states of tables.

    Args:
        layout: The lakehouse.
        names: The tables to look for.

    Returns:
        States by name, of those that are in the catalog.

    Raises:
        StediError: If the catalog or a metadata file is missing or broken, or a table of one of
            these names is somebody else's.
    """
    locations = _locations(layout, names)
    while True:
        try:
            return {name: read_state(name, uri) for name, uri in locations.items()}
        except BrokenError:
            # A writer may have moved on and removed what was current a moment ago.
            before, locations = locations, _locations(layout, names)
            if locations == before:
                raise


def _locations(layout: Layout, names: Collection[str]) -> dict[str, str]:
    known = entries(layout)
    for entry in known:
        if entry.title in names and not entry.is_own(layout.warehouse):
            raise StediError(
                f"The table {entry.title} in the catalog lies in {entry.folder}, which is not"
                " this lakehouse's.",
                hint=f"Take it out of {layout.catalog} or rename it there; it is left alone.",
            )
    return {e.table: e.metadata for e in known if e.title in names}


def read_state(table: str, uri: str) -> TableState:
    """Read one table's metadata file; raise StediError where it is missing or broken."""
    path: Path = to_path(uri)
    what = f"Cannot read the metadata of {table}, {path}"
    try:
        state = parse_metadata(path.read_bytes(), uri)
    except FileNotFoundError as error:
        raise BrokenError(f"{what}: {error.strerror}.") from error
    except ValueError as error:
        raise BrokenError(f"{what}: it is broken.") from error
    except OSError as error:
        raise StediError(f"{what}: {error.strerror}.", hint="Look at its permissions.") from error
    if state.format > FORMAT:
        raise BrokenError(f"{what}: another engine made it format {state.format} of Iceberg.")
    return state
