"""What was read of landing files and is in no snapshot yet, so that it need not be read again.

One record a landing table, and Parquet files of the usable lines: the same as those of
stedi_cli/landing/kept.py, so that engines may take turns.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

from landing_reading import Account, Reading
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.sql import DataFrame, SparkSession
from spark_tables import Tables, content_of, in_parts, rows_in, schema_of


@dataclass(frozen=True)
class Kept:
    """What was read of some landing files; by default of none.

    Args:
        data: The Parquet files with their usable lines: the digest of each by its name.
        files: Their accounts by name.
        told: The fingerprint of the landing files among which the tables of lines that cannot be
            used have theirs; empty until they have.
    """

    data: dict[str, str] = field(default_factory=dict)
    files: dict[str, Account] = field(default_factory=dict)
    told: str = ""


class KeptAside:
    """Keeps what was read until it is committed.

    Args:
        spark: The session.
        tables: The Iceberg tables.
        request: The request.
    """

    def __init__(self, spark: SparkSession, tables: Tables, request: dict[str, Any]) -> None:
        self.spark = spark
        self.tables = tables
        self.request = request
        self.folder = str(request["aside"]).rstrip("/")
        # By landing table: what there is, once it was asked for, and what writes into the folder.
        self.kept: dict[str, Kept] = {}
        self.writers: dict[str, Any] = {}

    def of(self, name: str) -> Kept:
        """Return what is kept of a landing table and can be used."""
        try:
            self.kept[name] = self.found(name)
        except (Py4JJavaError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            self.kept[name] = Kept()
        return self.kept[name]

    def found(self, name: str) -> Kept:
        """Return what is kept of a landing table; raise where there is nothing, or it is broken."""
        sha256, _, body = content_of(self.writer(name), self.record(name)).partition(b"\n")
        if sha256 != hashlib.sha256(body).hexdigest().encode():
            raise ValueError
        record = json.loads(body)
        if {key: record[key] for key in self.read_by(name)} != self.read_by(name):
            raise ValueError
        kept = Kept(dict(record["data"]), dict(record["files"]), record["told"])
        if {file: self.digest(name, file) for file in kept.data} != kept.data:
            raise ValueError
        return kept

    def rows(self, name: str) -> DataFrame | None:
        """Return the rows that are kept of a landing table; None where there is none."""
        data = self.kept[name].data
        if not data:
            return None
        schema = schema_of(self.tables.model[self.request["landing"][name]["typed"]])
        return self.spark.read.schema(schema).parquet(*(self.place(file) for file in data))

    def write(self, reading: Reading) -> Kept:
        """Write the rows that were read of a landing table, or taken; return what is to be kept.

        Raises:
            ValueError: If they are others than were counted.
        """
        files = {**reading.taken, **{file: reading.ledger[file] for file in reading.new}}
        before = self.kept[reading.name]
        if not files:
            return Kept()
        if not reading.new and files == before.files:
            return before
        written = []
        if reading.rows is not None:
            rows = in_parts(reading.rows, sum(account[1] for account in files.values()))
            written = self.tables.written(self.writer(reading.name), rows)
        there, wanted = rows_in(written), sum(a[2] - a[3] for a in files.values())
        if there != wanted:
            raise ValueError(f"{reading.name} gave {there:,} rows instead of {wanted:,}")
        names = [str(file.location()).rpartition("/")[2] for file in written]
        return Kept({file: self.digest(reading.name, file) for file in names}, files)

    def keep(self, name: str, kept: Kept) -> None:
        """Keep what `write` has written, instead of what was kept before."""
        before = self.kept[name]
        if not kept.files:
            self.drop(name)
        elif kept != before:
            self.note(name, kept)
            self.remove(name, before.data.keys() - kept.data)

    def tell(self, name: str) -> None:
        """Note that the tables of lines that cannot be used have those of what is kept."""
        kept = self.kept[name]
        told = self.request["landing"][name]["fingerprint"]
        if any(account[3] for account in kept.files.values()) and kept.told != told:
            self.note(name, replace(kept, told=told))

    def drop(self, name: str) -> None:
        """Keep nothing of a landing table any more."""
        kept = self.kept[name]
        if kept.files:
            self.writer(name).io().deleteFile(self.record(name))
            self.remove(name, kept.data)
            self.kept[name] = Kept()

    def note(self, name: str, kept: Kept) -> None:
        """Write the record of a landing table."""
        record = {**self.read_by(name), "told": kept.told, "data": kept.data, "files": kept.files}
        body = json.dumps(record, separators=(",", ":")).encode()
        content = hashlib.sha256(body).hexdigest().encode() + b"\n" + body
        self.tables.put(self.writer(name), self.record(name), content)
        self.kept[name] = kept

    def remove(self, name: str, files: Any) -> None:
        """Remove data files."""
        for file in files:
            self.writer(name).io().deleteFile(self.place(file))

    def writer(self, name: str) -> Any:
        """Return what is like a table's copy, but writes its data files into the folder."""
        if name not in self.writers:
            copy = self.request["landing"][name]["typed"]
            self.writers[name] = self.tables.replacement(copy, data=self.folder).table()
        return self.writers[name]

    def digest(self, name: str, file: str) -> str:
        """Return the digest of a data file, however large it is."""
        codec = self.spark._jvm.org.apache.commons.codec.digest  # type: ignore[union-attr]
        stream = self.writer(name).io().newInputFile(self.place(file)).newStream()
        try:
            return str(codec.DigestUtils.sha256Hex(stream))
        finally:
            stream.close()

    def record(self, name: str) -> str:
        """Return the URI of the record of a landing table."""
        return self.place(f"{name}.kept")

    def place(self, file: str) -> str:
        """Return the URI of a file in the folder."""
        return f"{self.folder}/{file}"

    def read_by(self, name: str) -> dict[str, Any]:
        """Return what lines are judged by, and what is looked for in those that cannot be used."""
        asked = self.request["landing"][name]
        judgement = self.request["judgement"]
        return {"judgement": judgement, "contract": asked["contract"], "traced": asked["traced"]}
