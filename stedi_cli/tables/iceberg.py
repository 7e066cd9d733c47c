"""Iceberg tables through pyiceberg: atomic replace with provenance, expiry, reachable files.

Imported late, since pyiceberg costs half a second.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from itertools import count
from pathlib import Path
from typing import NamedTuple

from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.exceptions import NoSuchTableError, ValidationError
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io import FileIO
from pyiceberg.schema import Schema
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import StaticTable, Table
from pyiceberg.table import Transaction as IcebergTransaction
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update import (
    AddSchemaUpdate,
    AssertCurrentSchemaId,
    SetCurrentSchemaUpdate,
)
from pyiceberg.types import NestedField

from stedi_cli.errors import StediError
from stedi_cli.project.lakehouse import Table as TableModel
from stedi_cli.tables import expiry, metrics
from stedi_cli.tables.data_file import data_file
from stedi_cli.tables.provenance import FORMAT
from stedi_cli.tables.replace_files import ReplaceFiles
from stedi_cli.tables.summary import COUNTS_ONLY, FORGETS, MARK
from stedi_cli.tables.transaction import Creation, Transaction

NAMESPACE = "stedi"
# The last three come from pyiceberg's Avro decoder, which trusts sizes that a file tells.
UNREADABLE = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, AssertionError, StediError),
    *(zlib.error, MemoryError, SystemError, ValidationError),
)
"""What reading metadata or manifests raises that are lost or broken."""


def unreadable(table: str) -> StediError:
    """Return what is said of a table whose history cannot be read, and so stays."""
    return StediError(
        f"The metadata of {table} cannot be read, so that older snapshots and their files stay.",
        hint="Run `stedi doctor`: it says what to do.",
    )


class Replaced(NamedTuple):
    """What a replace did.

    Args:
        snapshot: Id of the new snapshot.
        expired: What it took away of older ones.
    """

    snapshot: int
    expired: expiry.Expired


def schema_of(table: TableModel) -> Schema:
    """Return the Iceberg schema of a table."""
    fields = (
        NestedField(position, column.name, column.type, required=False, doc=column.doc)
        for position, column in enumerate(table.columns, start=1)
    )
    return Schema(*fields)


def properties_of(table: TableModel, schema: Schema, keep: int) -> dict[str, str]:
    """Return the table properties.

    Args:
        table: The table.
        schema: Its Iceberg schema.
        keep: Snapshots, and so metadata files, to keep.

    Returns:
        Properties for a v2 table whose columns leave no bounds in manifests.
    """
    return {
        "format-version": str(FORMAT),
        MARK: table.name,
        "write.parquet.compression-codec": "zstd",
        "write.metadata.delete-after-commit.enabled": "true",
        "write.metadata.previous-versions-max": str(max(1, keep)),
        "schema.name-mapping.default": schema.name_mapping.model_dump_json(),
        **metrics.properties(table),
    }


def replace(
    catalog: MetastoreCatalog,
    table: TableModel,
    files: Mapping[str, Path],
    summary: dict[str, str],
    *,
    keep: int,
    forget: bool,
    kept: Collection[str] = (),
) -> Replaced:
    """Replace a table's content in one commit, and create the table where it is missing.

    Args:
        catalog: The catalog.
        table: The table.
        files: The Parquet files that make up the new content: by its URI where each can be read.
        summary: Properties of the new snapshot.
        keep: Snapshots to keep, the new one included.
        forget: Whether no older snapshot may stay, as after a change of policy.
        kept: URIs of the files of the current snapshot that stay in the new one.
    """
    identifier = f"{NAMESPACE}.{table.name}"
    schema = schema_of(table)
    properties = properties_of(table, schema, keep)
    transaction: IcebergTransaction
    try:
        transaction = Transaction(catalog.load_table(identifier))
        forget = forget or not _is_readable(transaction) or _may_hold_bounds(transaction)
        _adopt(transaction, schema, properties)
    except NoSuchTableError:
        forget = False
        begun = catalog.create_table_transaction(
            identifier, schema, location=_location(catalog, table), properties=properties
        )
        transaction = Creation(begun)
    io = transaction._table.io
    said = {**summary, **COUNTS_ONLY, **({FORGETS: "true"} if forget else {})}
    replacing = ReplaceFiles(Operation.OVERWRITE, transaction, io, snapshot_properties=said)
    replacing.kept = frozenset(kept)
    for uri, path in files.items():
        replacing.append_data_file(data_file(path, transaction.table_metadata, uri))
    replacing.commit()
    expired = expiry.expire(transaction, keep)
    transaction.commit_transaction()
    return Replaced(replacing.snapshot_id, expired)


def create_empty(catalog: MetastoreCatalog, table: TableModel, *, keep: int) -> None:
    """Create a table without a snapshot, unless it is there."""
    schema = schema_of(table)
    catalog.create_table_if_not_exists(
        f"{NAMESPACE}.{table.name}",
        schema,
        location=_location(catalog, table),
        properties=properties_of(table, schema, keep),
    )


def _location(catalog: MetastoreCatalog, table: TableModel) -> str:
    return f"{catalog.properties['warehouse']}/{table.name}"


def _is_readable(transaction: IcebergTransaction) -> bool:
    """Tell whether the manifests of the current snapshot, if there is one, can be read."""
    current = transaction.table_metadata.current_snapshot()
    io = transaction._table.io
    try:
        for manifest in current.manifests(io) if current else ():
            manifest.fetch_manifest_entry(io)
    except UNREADABLE:
        return False
    return True


def _may_hold_bounds(transaction: IcebergTransaction) -> bool:
    """Tell whether values may stand in manifests of older versions or of other engines."""
    summaries = (s.summary for s in transaction.table_metadata.snapshots)
    return not all(s and COUNTS_ONLY.items() <= s.additional_properties.items() for s in summaries)


def _unpartition(transaction: IcebergTransaction) -> None:
    """Take away the partitions and the order that another engine gave a table."""
    fields = transaction.table_metadata.spec().fields
    if fields:
        with transaction.update_spec() as spec:
            for field in fields:
                spec.remove_field(field.name)
    if transaction.table_metadata.sort_order().fields:
        transaction.update_sort_order().commit()


def _reshape(transaction: IcebergTransaction, wanted: Schema) -> None:
    """Give a table its columns, each under the id that it was last written under.

    Another engine may have given the id to another name, and older snapshots go by ids.
    """
    metadata = transaction.table_metadata
    current, now = metadata.current_snapshot(), metadata.current_schema_id
    last = current.schema_id if current else now
    written = next((s for s in metadata.schemas if s.schema_id == last), metadata.schema())
    ids = {(f.name, str(f.field_type)): f.field_id for f in written.fields}
    fresh = count(metadata.last_column_id + 1)
    fields = []
    for field in wanted.fields:
        found = ids.get((field.name, str(field.field_type))) or next(fresh)
        fields.append(field.model_copy(update={"field_id": found}))
    schema = Schema(*fields, schema_id=1 + max(s.schema_id for s in metadata.schemas))
    there = next((s for s in metadata.schemas if s == schema), schema)
    if there.schema_id != now:
        added = (AddSchemaUpdate(schema=schema),) if there is schema else ()
        chosen = SetCurrentSchemaUpdate.model_validate({"schema-id": there.schema_id})
        still = AssertCurrentSchemaId.model_validate({"current-schema-id": now})
        transaction._apply((*added, chosen), (still,))


def _adopt(transaction: IcebergTransaction, schema: Schema, properties: dict[str, str]) -> None:
    _unpartition(transaction)
    metadata = transaction.table_metadata
    _reshape(transaction, schema)
    properties = {
        **properties,
        "schema.name-mapping.default": (
            transaction.table_metadata.schema().name_mapping.model_dump_json()
        ),
    }
    del properties["format-version"]
    stray = metrics.stray(metadata.properties)
    if stray:
        transaction.remove_properties(*stray)
    changed = {k: v for k, v in properties.items() if metadata.properties.get(k) != v}
    if changed:
        transaction.set_properties(changed)


def expire(
    catalog: MetastoreCatalog, name: str, keep: int, namespace: str = NAMESPACE
) -> expiry.Expired:
    """Drop the snapshots of a table that are due.

    Args:
        catalog: The catalog.
        name: The table.
        keep: Snapshots to keep where none has to go for another reason.
        namespace: Where the table is.
    """
    transaction = Transaction(catalog.load_table((namespace, name)))
    expired = expiry.expire(transaction, keep)
    transaction.commit_transaction()
    return expired


def _table_at(metadata_uri: str, io: FileIO) -> Table:
    metadata = FromInputFile.table_metadata(io.new_input(metadata_uri))
    return StaticTable((NAMESPACE, ""), metadata, metadata_uri, io, NoopCatalog(NAMESPACE))


def reachable_files(metadata_uri: str, io: FileIO) -> set[str]:
    """Return the URIs of all files that a table's metadata reaches, its own included.

    Args:
        metadata_uri: The current metadata file.
        io: Reads files.

    Returns:
        Metadata files, manifest lists, manifests, data and delete files, statistics.
    """
    return reached(_table_at(metadata_uri, io))


def reached(table: Table) -> set[str]:
    """Return the URIs of all files that a table reaches; as `reachable_files`."""
    metadata = table.metadata
    found = {table.metadata_location, *(entry.metadata_file for entry in metadata.metadata_log)}
    found |= {s.statistics_path for s in metadata.statistics}
    found |= {s.statistics_path for s in metadata.partition_statistics}
    for snapshot in metadata.snapshots:
        found.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(table.io):
            found.add(manifest.manifest_path)
            found |= {
                entry.data_file.file_path
                for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)
            }
    return found


def current_files(metadata_uri: str, io: FileIO) -> set[str]:
    """Return the URIs of the files that make up a table's current state, metadata included."""
    table = _table_at(metadata_uri, io)
    current = table.metadata.current_snapshot()
    found = {metadata_uri}
    if current is not None:
        found.add(current.manifest_list)
        for manifest in current.manifests(table.io):
            found.add(manifest.manifest_path)
            entries = manifest.fetch_manifest_entry(table.io, discard_deleted=True)
            found |= {entry.data_file.file_path for entry in entries}
    return found


def data_files(metadata_uri: str, io: FileIO, snapshot_id: int) -> list[tuple[str, int]] | None:
    """Return URI and size of a snapshot's data files; None where delete files apply to them."""
    scan = _table_at(metadata_uri, io).scan(AlwaysTrue(), snapshot_id=snapshot_id)
    tasks = list(scan.plan_files())
    if any(task.delete_files for task in tasks):
        return None
    return [(task.file.file_path, task.file.file_size_in_bytes) for task in tasks]
