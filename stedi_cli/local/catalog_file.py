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

_REBUILD = "Run `stedi infra up`, then `stedi jobs run --all`: landing files stay."


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
        with closing(sqlite3.connect(f"{layout.catalog.as_uri()}?mode=ro", uri=True)) as db:
            rows = db.execute(
                "SELECT table_name, metadata_location FROM iceberg_tables"
                " WHERE metadata_location IS NOT NULL AND table_namespace = 'stedi'"
            ).fetchall()
    except sqlite3.Error as error:
        raise StediError(
            f"The catalog {layout.catalog} is broken: {error}.", hint=_REBUILD
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
    return {name: read_state(name, uri) for name, uri in metadata_locations(layout).items()}


def read_state(table: str, uri: str) -> TableState:
    """Read one table's metadata file; raise StediError where it is missing or broken."""
    path: Path = to_path(uri)
    try:
        return parse_metadata(path.read_bytes(), uri)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is broken"
        raise StediError(
            f"Cannot read the metadata of {table}, {path}: {reason}.", hint=_REBUILD
        ) from error
