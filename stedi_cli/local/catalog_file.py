"""Reads the catalog and the tables' metadata without pyiceberg, which is slow to import."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from stedi_cli.errors import StediError
from stedi_cli.local.layout import Layout, to_path
from stedi_cli.provenance import TableState, parse_metadata

CATALOG = "stedi"
"""The catalog's name, which every engine that opens the file has to give."""

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


def metadata_locations(layout: Layout) -> dict[str, str]:
    """Return the URI of each table's current metadata file.

    Args:
        layout: The lakehouse.

    Returns:
        URIs by table name, empty where the catalog is missing.

    Raises:
        StediError: If the catalog file is broken.
    """
    if not layout.catalog.is_file():
        return {}
    try:
        # Not `mode=ro`: after a crash within a commit, the first to open the file rolls it back.
        with closing(sqlite3.connect(f"{layout.catalog.as_uri()}?mode=rw", uri=True)) as db:
            rows = db.execute(
                "SELECT table_name, metadata_location FROM iceberg_tables"
                " WHERE metadata_location IS NOT NULL AND table_namespace = 'stedi'"
            ).fetchall()
    except sqlite3.Error as error:
        if error.sqlite_errorcode in _BROKEN:
            raise BrokenError(f"The catalog {layout.catalog} is broken: {error}.") from error
        raise StediError(
            f"The catalog {layout.catalog} cannot be read: {error}.",
            hint="Look at its permissions, and who else has it open; then try again.",
        ) from error
    return dict(rows)


def table_states(layout: Layout) -> dict[str, TableState]:
    """Return the state of every table in the catalog.

    Args:
        layout: The lakehouse.

    Returns:
        States by table name.

    Raises:
        StediError: If the catalog or a metadata file is missing or broken.
    """
    locations = metadata_locations(layout)
    while True:
        try:
            return {name: read_state(name, uri) for name, uri in locations.items()}
        except BrokenError:
            # A writer may have moved on and removed what was current a moment ago.
            before, locations = locations, metadata_locations(layout)
            if locations == before:
                raise


def read_state(table: str, uri: str) -> TableState:
    """Read one table's metadata file; raise StediError where it is missing or broken."""
    path: Path = to_path(uri)
    what = f"Cannot read the metadata of {table}, {path}"
    try:
        return parse_metadata(path.read_bytes(), uri)
    except FileNotFoundError as error:
        raise BrokenError(f"{what}: {error.strerror}.") from error
    except ValueError as error:
        raise BrokenError(f"{what}: it is broken.") from error
    except OSError as error:
        raise StediError(f"{what}: {error.strerror}.", hint="Look at its permissions.") from error
