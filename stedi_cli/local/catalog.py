"""The Iceberg catalog on the standard library's SQLite, in the layout of Iceberg's JDBC catalog.

pyiceberg's own SqlCatalog does the same through SQLAlchemy, whose import alone takes a quarter
of a small run. The tables are those of JdbcCatalog's schema version V1, so Spark opens the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

from pyiceberg.catalog import Catalog, MetastoreCatalog, PropertiesUpdateSummary
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.io import FileIO
from pyiceberg.manifest import ManifestEntry, ManifestEntryStatus
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import AddSnapshotUpdate
from pyiceberg.typedef import EMPTY_DICT, Identifier, Properties
from pyiceberg.view import View

from stedi_cli.durable import Syncing
from stedi_cli.errors import StediError
from stedi_cli.local.catalog_file import CATALOG
from stedi_cli.local.layout import to_path
from stedi_cli.local.plain_files import PlainFiles
from stedi_cli.masking import masked

BUSY_SECONDS = 30
_SCHEMA = """
CREATE TABLE IF NOT EXISTS iceberg_tables (
  catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL,
  table_name VARCHAR(255) NOT NULL, metadata_location VARCHAR(1000),
  previous_metadata_location VARCHAR(1000), iceberg_type VARCHAR(5),
  PRIMARY KEY (catalog_name, table_namespace, table_name));
CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (
  catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL,
  property_key VARCHAR(255), property_value VARCHAR(1000),
  PRIMARY KEY (catalog_name, namespace, property_key));
"""
_ONE = "catalog_name = ? AND table_namespace = ? AND table_name = ?"
_IS_TABLE = "(iceberg_type = 'TABLE' OR iceberg_type IS NULL)"


def _response(table: Table) -> CommitTableResponse:
    values = {"metadata": table.metadata, "metadata-location": table.metadata_location}
    return CommitTableResponse.model_validate(values)


def _is_added(entry: ManifestEntry) -> bool:
    return entry.status == ManifestEntryStatus.ADDED


def _latest_ms(metadata: TableMetadata) -> int:
    """Return the latest time that metadata tell of, which a clock set back may lie before."""
    entries: tuple[Any, ...] = (*metadata.snapshots, *metadata.snapshot_log, *metadata.metadata_log)
    times: list[int] = [entry.timestamp_ms for entry in entries]
    return max(metadata.last_updated_ms, *times, 0)


def _in_order(metadata: TableMetadata, now_ms: int) -> TableMetadata:
    def ordered(entries: list[Any]) -> list[Any]:
        times = accumulate((min(entry.timestamp_ms, now_ms) for entry in entries), max)
        return [
            entry.model_copy(update={"timestamp_ms": time})
            for entry, time in zip(entries, times, strict=True)
        ]

    parts = {
        "snapshots": ordered(sorted(metadata.snapshots, key=lambda s: s.sequence_number or 0)),
        "snapshot_log": ordered(metadata.snapshot_log),
        "metadata_log": ordered(metadata.metadata_log),
        "last_updated_ms": min(metadata.last_updated_ms, now_ms),
    }
    mended = metadata.model_copy(update=parts)
    return mended.model_copy(update={"last_updated_ms": _latest_ms(mended)})


def _not_before(update: Any, latest: int) -> Any:
    """Give a new snapshot no time before what it follows: other engines refuse such a table."""
    if not isinstance(update, AddSnapshotUpdate) or update.snapshot.timestamp_ms >= latest:
        return update
    snapshot = update.snapshot.model_copy(update={"timestamp_ms": latest})
    return update.model_copy(update={"snapshot": snapshot})


class SqliteCatalog(MetastoreCatalog):
    """A catalog in one SQLite file.

    Args:
        path: The file, made where it is missing.
        properties: Catalog properties, such as ``warehouse``.
    """

    def __init__(self, path: str, **properties: str) -> None:
        super().__init__(CATALOG, **properties)
        self._path = path
        self._syncing = Syncing(Path(path).parent)
        with self._connect() as db:
            db.executescript(_SCHEMA)

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS)) as db, db:
                # A commit is on the disk with its journal gone, before any file is removed.
                db.execute("PRAGMA synchronous = EXTRA")
                yield db
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise StediError(
                f"The catalog {self._path} cannot be used: {masked(str(error))}.",
                hint="Look at free space and permissions there, then try again.",
            ) from error

    def _load_file_io(self, *_: Any, **__: Any) -> FileIO:
        return PlainFiles()

    def _row(self, identifier: str | Identifier) -> tuple[str, str, str]:
        namespace = Catalog.namespace_to_string(Catalog.namespace_from(identifier))
        return self.name, namespace, Catalog.table_name_from(identifier)

    def create_table(self, identifier: str | Identifier, *args: Any, **kwargs: Any) -> Table:
        """Create a table; raise TableAlreadyExistsError where it is one."""
        if self.table_exists(identifier):
            raise TableAlreadyExistsError(f"Table already exists: {identifier}")
        return self.create_table_transaction(identifier, *args, **kwargs).commit_transaction()

    def load_table(self, identifier: str | Identifier) -> Table:
        """Load a table; raise NoSuchTableError where there is none."""
        row = self._row(identifier)
        with self._connect() as db:
            found = db.execute(
                f"SELECT metadata_location FROM iceberg_tables WHERE {_ONE} AND {_IS_TABLE}", row
            ).fetchone()
        if found is None or found[0] is None:
            raise NoSuchTableError(f"Table does not exist: {'.'.join(row[1:])}")
        io = self._load_file_io()
        metadata = FromInputFile.table_metadata(io.new_input(found[0]))
        return Table(row[1:], metadata, found[0], io, self)

    def register_table(
        self, identifier: str | Identifier, metadata_location: str, overwrite: bool = False
    ) -> Table:
        """Register existing metadata as a table; raise TableAlreadyExistsError where it is one."""
        if overwrite:
            raise NotImplementedError
        with self._connect() as db:
            self._insert(db, self._row(identifier), metadata_location)
        return self.load_table(identifier)

    def commit_table(
        self, table: Table, requirements: tuple[Any, ...], updates: tuple[Any, ...]
    ) -> CommitTableResponse:
        """Write new metadata and swap the pointer; raise CommitFailedException if it moved."""
        row = self._row(table.name())
        try:
            current: Table | None = self.load_table(table.name())
        except NoSuchTableError:
            current = None
        latest = _latest_ms(current.metadata) if current is not None else 0
        updates = tuple(_not_before(update, latest) for update in updates)
        staged = self._update_and_stage_table(current, table.name(), requirements, updates)
        if staged.metadata.last_updated_ms < latest:
            staged.metadata = staged.metadata.model_copy(update={"last_updated_ms": latest})
        if current is not None and staged.metadata == current.metadata:
            return _response(current)
        self._write_metadata(staged.metadata, staged.io, staged.metadata_location)
        self._sync(staged, current)
        with self._connect() as db:
            if current is None:
                self._insert(db, row, staged.metadata_location)
            else:
                self._swap(db, row, staged.metadata_location, current.metadata_location)
        return _response(staged)

    def sync(self, identifier: str | Identifier) -> None:
        """Sync all files of a table's current snapshot, which another engine committed."""
        self._sync(self.load_table(identifier), None)

    def _sync(self, table: Table, before: Table | None) -> None:
        """Sync what metadata newly name, so that the catalog names no file that may be lost."""
        known = {s.snapshot_id for s in before.metadata.snapshots} if before else set()
        files = {table.metadata_location}
        for snapshot in table.metadata.snapshots:
            if snapshot.snapshot_id not in known:
                files.add(snapshot.manifest_list)
                for manifest in snapshot.manifests(table.io):
                    if manifest.added_snapshot_id == snapshot.snapshot_id:
                        files.add(manifest.manifest_path)
                        entries = manifest.fetch_manifest_entry(table.io)
                        files |= {e.data_file.file_path for e in entries if _is_added(e)}
        self._syncing.sync(sorted(map(to_path, files)))

    def mend_times(self, identifier: str | Identifier, now_ms: int) -> bool:
        """Bring a table's times in order, and back where they lie ahead of the clock.

        Spark neither reads a table whose times are out of order nor writes one from the future.

        Returns:
            Whether any had to be.
        """
        table = self.load_table(identifier)
        mended = _in_order(table.metadata, now_ms)
        if mended == table.metadata:
            return False
        version = self._parse_metadata_version(table.metadata_location) + 1
        location = table.location_provider().new_table_metadata_file_location(version)
        self._write_metadata(mended, table.io, location)
        self._syncing.sync([to_path(location)])
        with self._connect() as db:
            self._swap(db, self._row(identifier), location, table.metadata_location)
        return True

    def _insert(self, db: sqlite3.Connection, row: tuple[str, ...], location: str) -> None:
        try:
            db.execute(
                "INSERT INTO iceberg_tables VALUES (?, ?, ?, ?, NULL, 'TABLE')", (*row, location)
            )
        except sqlite3.IntegrityError as error:
            raise TableAlreadyExistsError(f"Table {'.'.join(row[1:])} already exists") from error

    def _swap(self, db: sqlite3.Connection, row: tuple[str, ...], new: str, old: str) -> None:
        done = db.execute(
            "UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ?"
            f" WHERE {_ONE} AND metadata_location = ?",
            (new, old, *row, old),
        )
        if done.rowcount < 1:
            raise CommitFailedException(f"Table was changed by another: {'.'.join(row[1:])}")

    def drop_table(self, identifier: str | Identifier) -> None:
        """Forget a table, leaving its files; raise NoSuchTableError where there is none."""
        row = self._row(identifier)
        with self._connect() as db:
            if db.execute(f"DELETE FROM iceberg_tables WHERE {_ONE}", row).rowcount < 1:
                raise NoSuchTableError(f"Table does not exist: {'.'.join(row[1:])}")

    def list_tables(self, namespace: str | Identifier) -> list[Identifier]:
        """Return the tables of a namespace."""
        name = Catalog.namespace_to_string(namespace)
        with self._connect() as db:
            rows = db.execute(
                "SELECT table_name FROM iceberg_tables WHERE catalog_name = ?"
                f" AND table_namespace = ? AND {_IS_TABLE} ORDER BY table_name",
                (self.name, name),
            ).fetchall()
        return [(*Catalog.identifier_to_tuple(namespace), row[0]) for row in rows]

    def create_namespace(
        self, namespace: str | Identifier, properties: Properties = EMPTY_DICT
    ) -> None:
        """Create a namespace; raise NamespaceAlreadyExistsError where it is one."""
        name = Catalog.namespace_to_string(namespace)
        rows = [(self.name, name, *pair) for pair in (properties or {"exists": "true"}).items()]
        try:
            with self._connect() as db:
                db.executemany("INSERT INTO iceberg_namespace_properties VALUES (?, ?, ?, ?)", rows)
        except sqlite3.IntegrityError as error:
            raise NamespaceAlreadyExistsError(f"Namespace {name} already exists") from error

    def load_namespace_properties(self, namespace: str | Identifier) -> Properties:
        """Return a namespace's properties; raise NoSuchNamespaceError where there is none."""
        name = Catalog.namespace_to_string(namespace)
        with self._connect() as db:
            rows = db.execute(
                "SELECT property_key, property_value FROM iceberg_namespace_properties"
                " WHERE catalog_name = ? AND namespace = ?",
                (self.name, name),
            ).fetchall()
        if not rows:
            raise NoSuchNamespaceError(f"Namespace does not exist: {name}")
        return dict(rows)

    def list_namespaces(self, namespace: str | Identifier = ()) -> list[Identifier]:
        """Return the top-level namespaces."""
        with self._connect() as db:
            rows = db.execute(
                "SELECT DISTINCT namespace FROM iceberg_namespace_properties"
                " WHERE catalog_name = ? ORDER BY namespace",
                (self.name,),
            ).fetchall()
        return [Catalog.identifier_to_tuple(row[0]) for row in rows]

    def view_exists(self, identifier: str | Identifier) -> bool:
        """Return False: the lakehouse has no views."""
        return False

    def list_views(self, namespace: str | Identifier) -> list[Identifier]:
        """Return nothing: the lakehouse has no views."""
        return []

    def rename_table(self, *_: Any) -> Table:
        """Refuse: a renamed Iceberg table keeps its old path, which erasure would overlook."""
        raise NotImplementedError

    def drop_namespace(self, namespace: str | Identifier) -> None:
        """Refuse: the namespace goes with the catalog file."""
        raise NotImplementedError

    def update_namespace_properties(self, *_: Any, **__: Any) -> PropertiesUpdateSummary:
        """Refuse: the lakehouse has no namespace properties."""
        raise NotImplementedError

    def register_view(self, *_: Any) -> View:
        """Refuse: the lakehouse has no views."""
        raise NotImplementedError

    def load_view(self, identifier: str | Identifier) -> View:
        """Refuse: the lakehouse has no views."""
        raise NotImplementedError

    def drop_view(self, identifier: str | Identifier) -> None:
        """Refuse: the lakehouse has no views."""
        raise NotImplementedError
