"""The Iceberg tables on AWS: their state, from the Glue catalog and the metadata on S3."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from functools import partial
from typing import Any

from stedi_cli.aws.account import aws_errors, error_code, side_by_side
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.left_landing import left_zones
from stedi_cli.aws.storage import Storage, Stored, is_no_object
from stedi_cli.aws.strangers import is_own, metadata_of, strangers
from stedi_cli.errors import StediError
from stedi_cli.lake.strangers import Stranger
from stedi_cli.masking import masked
from stedi_cli.tables.provenance import FORMAT, TableState, parse_metadata

_DROP = "Drop {} in the Glue catalog, then run `stedi jobs run --all`."


class TableFiles:
    """Reads table states once and keeps them.

    Args:
        layout: Names.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._storage = Storage(layout)
        self._glue: list[dict[str, Any]] | None = None
        self._known: dict[str, TableState] | None = None
        self._stored: dict[str, Stored] | None = None
        self._files: dict[str, list[tuple[str, int]] | None] = {}
        # Metadata and manifests are never written twice, so what was read stays true.
        self._metadata: dict[str, TableState] = {}
        self._entries: dict[str, list[tuple[str, int]]] = {}

    def states(self) -> dict[str, TableState]:
        """Return the state of every table by name.

        Raises:
            StediError: If there is no database, or a table's metadata is missing or broken.
        """
        if self._known is None:
            places = self._places()
            calls = [partial(self.read, name, uri) for name, uri in places.items()]
            known = dict(zip(places, side_by_side(calls), strict=True))
            for name, state in known.items():
                if state.format > FORMAT:
                    raise StediError(
                        f"Another engine made {name} format {state.format} of Iceberg.",
                        hint=_DROP.format(name),
                    )
            self._known = known
        return self._known

    def forget(self) -> None:
        """Read the states again when they are next asked for."""
        self._glue = None
        self._known = None
        self._stored = None
        self._files = {}

    def read_again(self) -> bool:
        """Do nothing: S3 holds each object's checksum, and hands out no other bytes."""
        return False

    def is_whole(self, table: str) -> bool:
        """Tell whether every file of a table's current snapshot is there with its size."""
        return self.checksums(table) is not None

    def checksums(self, table: str) -> list[tuple[str, str]] | None:
        """Return URI and ETag of each file of a table's current snapshot.

        None where one is not there with its size.
        """
        if table not in self._files:
            self._look(list(self.states()))
        files, there = self._files.get(table), self._there()
        if files is None or any(uri not in there or there[uri].size != n for uri, n in files):
            return None
        return sorted((uri, there[uri].etag) for uri, _ in files)

    def files(self, table: str) -> list[tuple[str, int]]:
        """Return the files of a table's current snapshot.

        Args:
            table: The table.

        Returns:
            URI and size in bytes of each; none for a table that is not there.

        Raises:
            StediError: If its manifests cannot be read.
        """
        if table not in self.states():
            return []
        if table not in self._files:
            self._look([table])
        found = self._files[table]
        if found is None:
            raise StediError(
                f"The manifests of {table} cannot be read.",
                hint="Run `stedi jobs run --all --force`: it rebuilds the table.",
            )
        return found

    def strangers(self) -> list[Stranger]:
        """Return the tables and landing zones that the model does not have."""
        found = strangers(self._layout, self._in_glue(), self.read)
        return [*found, *left_zones(self._layout, found)]

    def _places(self) -> dict[str, str]:
        """Return the URI of each Iceberg table's metadata, in the model's order."""
        layout = self._layout
        found = {str(table["Name"]): metadata_of(table) for table in self._in_glue()}
        names = (*layout.lakehouse.tables, *layout.lakehouse.typed)
        places = {n: uri for n in names if (uri := found.get(n)) is not None}
        for name, uri in places.items():
            if not is_own(layout, name, uri):
                raise StediError(
                    f"The table {name} in database {layout.database} lies in {uri}, which is not"
                    " this lakehouse's.",
                    hint="Rename it or choose another database in the config; it is left alone.",
                )
        return places

    def _in_glue(self) -> list[dict[str, Any]]:
        if self._glue is None:
            self._glue = self._all_in_glue()
        return self._glue

    def _all_in_glue(self) -> list[dict[str, Any]]:
        layout = self._layout
        glue = layout.account.client("glue")
        with aws_errors(f"glue:GetTables {layout.database}"):
            try:
                pages = glue.get_paginator("get_tables").paginate(DatabaseName=layout.database)
                return [table for page in pages for table in page["TableList"]]
            except glue.exceptions.ClientError as error:
                # By its code: boto3 makes the class of its own twice where threads ask at once.
                if error_code(error) != "EntityNotFoundException":
                    raise
                raise StediError(
                    f"There is no database {layout.database} in {layout.account.region}.",
                    hint="Make it with `stedi infra up`.",
                ) from error

    def read(self, name: str, uri: str) -> TableState:
        """Read the state of a table from its metadata file; StediError where it cannot be read."""
        if uri not in self._metadata:
            try:
                content = self._read(uri)
                if uri.endswith(".gz.metadata.json"):
                    content = gzip.decompress(content)
                self._metadata[uri] = parse_metadata(content, uri)
            except (ValueError, EOFError, OSError) as error:
                raise StediError(
                    f"The metadata of {name} cannot be read: {uri}: {masked(str(error))}.",
                    hint=_DROP.format(name),
                ) from error
        return self._metadata[uri]

    def _look(self, names: list[str]) -> None:
        """Read which files the current snapshots of some tables consist of."""
        # Each of these waits for the net, and none for another.
        calls: list[Any] = [self._there, *(partial(self._of, name) for name in names)]
        for name, files in zip(names, side_by_side(calls)[1:], strict=True):
            self._files[name] = files

    def _of(self, name: str) -> list[tuple[str, int]] | None:
        from stedi_cli.tables.iceberg import UNREADABLE

        current = self.states()[name].current
        if current is None:
            return []
        uri = str(current.manifests)
        if uri not in self._entries:
            try:
                self._entries[uri] = list(self._listed(uri))
            except StediError as error:
                # What cannot be asked now may well be whole.
                if not is_no_object(error):
                    raise
                return None
            except UNREADABLE:
                return None
        return self._entries[uri]

    def _listed(self, uri: str) -> Iterator[tuple[str, int]]:
        from pyiceberg.manifest import read_manifest_list

        reader: Any = _Reader(self._read)
        for manifest in read_manifest_list(reader.new_input(uri)):
            for entry in manifest.fetch_manifest_entry(reader):
                yield _plain(entry.data_file.file_path), entry.data_file.file_size_in_bytes

    def _there(self) -> dict[str, Stored]:
        """Return all files of tables, by URI."""
        if self._stored is None:
            prefix = self._layout.table_folder("")
            listed = self._storage.list(prefix)
            self._stored = {self._layout.uri(prefix + key): o for key, o in listed.items()}
        return self._stored

    def _read(self, uri: str) -> bytes:
        bucket, _, key = _plain(uri).removeprefix("s3://").partition("/")
        with aws_errors(f"s3:GetObject {uri}"):
            body = self._layout.account.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
            return bytes(body.read())


class _Reader:
    """What pyiceberg needs to read manifests, without its own clients."""

    def __init__(self, read: Any, uri: str = "") -> None:
        self._read = read
        self.location = uri

    def new_input(self, uri: str) -> _Reader:
        return _Reader(self._read, uri)

    def open(self, seekable: bool = True) -> io.BytesIO:
        return io.BytesIO(self._read(self.location))


def _plain(uri: str) -> str:
    """Return an S3 URI in the one form of this project; Hadoop writes others."""
    scheme, _, rest = uri.partition("://")
    return f"s3://{rest}" if scheme in ("s3a", "s3n") else uri
