"""What a lakehouse holds, read with pyiceberg and nothing of the product."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pyiceberg.table import StaticTable

Rows = list[tuple[Any, ...]]
OURS = {"catalog.db", "landing-index.json", "lock", "readers", "stedi.json", "expected.yaml"}
OURS |= {"validation.json", "checked"}
"""Files in the root of a lakehouse in which nothing is going on."""


@dataclass(frozen=True)
class State:
    """What a lakehouse holds.

    Args:
        tables: The rows of each table that was ever written, sorted.
        landing: The bytes of each file in the landing zone.
    """

    tables: dict[str, Rows]
    landing: dict[str, bytes]

    def lies_between(self, before: State, after: State) -> bool:
        """Tell whether each table and each landing file is as in one of two states."""
        return _between(self.tables, before.tables, after.tables) and _between(
            self.landing, before.landing, after.landing
        )


def _between(now: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> bool:
    names = now.keys() | before.keys() | after.keys()
    return all(now.get(name) in (before.get(name), after.get(name)) for name in names)


def read(root: Path) -> State:
    """Read a lakehouse; where there is none, it holds nothing."""
    landing = root / "landing"
    return State(
        {name: rows for name, uri in catalog(root).items() if (rows := _rows(uri)) is not None},
        {str(p.relative_to(landing)): p.read_bytes() for p in landing.rglob("*") if p.is_file()},
    )


def catalog(root: Path) -> dict[str, str]:
    """Return the URI of each table's metadata."""
    path = root / "catalog.db"
    if not path.is_file():
        return {}
    with closing(sqlite3.connect(path)) as db:
        if path.read_bytes()[:6] != b"SQLite":
            return {}
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'iceberg_tables'").fetchone():
            return {}
        return dict(db.execute("SELECT table_name, metadata_location FROM iceberg_tables"))


@cache
def _rows(uri: str) -> Rows | None:
    """Return a table's rows; a metadata file says the same for ever, and `stray` what is lost."""
    table = StaticTable.from_metadata(uri)
    if table.current_snapshot() is None:
        return None
    rows = table.scan().to_arrow().to_pylist()
    return sorted((tuple(row.values()) for row in rows), key=repr)


def reachable(root: Path) -> set[Path]:
    """Return every file that the tables' metadata reaches, with the ledgers that they name."""
    found: set[str] = set()
    for uri in catalog(root).values():
        table = StaticTable.from_metadata(uri)
        found |= {uri, *(entry.metadata_file for entry in table.metadata.metadata_log)}
        for snapshot in table.metadata.snapshots:
            found.add(snapshot.manifest_list)
            ledger = snapshot.summary.additional_properties.get("stedi.ledger")
            found |= {f"{root}/ledgers/{ledger}"} if ledger else set()
            for manifest in snapshot.manifests(table.io):
                found.add(manifest.manifest_path)
                entries = manifest.fetch_manifest_entry(table.io, discard_deleted=True)
                found |= {entry.data_file.file_path for entry in entries}
    return {path_of(uri) for uri in found}


def path_of(uri: str) -> Path:
    """Return the path of a file URI, normalised."""
    return Path(os.path.normpath("/" + uri.removeprefix("file:").lstrip("/")))


def stray(root: Path) -> set[str]:
    """Return what lies about: files that no table reaches, intermediate files, a journal."""
    live = reachable(root)
    files = {path for path in root.rglob("*") if not path.is_dir()}
    kept = {p for p in files if p.is_relative_to(root / "landing")}
    kept |= {root / name for name in OURS}
    lost = {f"lost: {path}" for path in live - files}
    folders = {path for path in (root / "tmp").glob("*") if path.is_dir()}
    return lost | {str(path.relative_to(root)) for path in (files - live - kept) | folders}


def listing(folder: Path) -> dict[str, bytes | str | None]:
    """Return everything below a folder with its content, or where it points to."""
    return {
        str(path.relative_to(folder)): (
            f"-> {path.readlink()}"
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else None
        )
        for path in sorted(folder.rglob("*"))
    }
