"""New landing files, read by Spark: lines in canonical form by its reader, all others judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any

from contract import Field
from landing_lines import CANONICAL, ODD, Lines, given, name_below, named_below
from pyspark import RDD, StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that PySpark's users know
from pyspark.sql.types import StringType, StructField, StructType
from spark_tables import schema_of
from traces import Traced, traces

LANDING_FILE = "landing_file"
"""The column of a typed copy that names the file which a row was read from."""

Account = list[Any]
"""A file in a ledger: digest, bytes, lines, and how many of these cannot be used."""


@dataclass
class Reading:
    """A landing table that is brought up to date.

    Args:
        name: The table.
        ledger: The files that are in its copy from now on.
        new: Those that are read, each with digest, bytes and lines.
        taken: Those that a run that stopped had read.
        gone: Those that are not in the copy any more, or are others now.
        stamps: Size and time of those that are read, before they were.
        rows: The usable lines of those that are read or taken; None where there is none.
        bad: The unusable ones: file, nothing, and line, reason and what it is about; None where
            there is none.
    """

    name: str
    ledger: dict[str, Account]
    new: dict[str, Account]
    gone: set[str]
    taken: dict[str, Account] = field(default_factory=dict)
    stamps: dict[str, tuple[int, Any]] = field(default_factory=dict)
    rows: DataFrame | None = None
    bad: RDD[Any] | None = None

    @property
    def lines(self) -> int:
        """Lines that are not blank, over all files."""
        return sum(account[2] for account in self.ledger.values())

    @property
    def quarantined(self) -> int:
        """Lines that cannot be used, over all files."""
        return sum(account[3] for account in self.ledger.values())


class LandingFiles:
    """The files of a landing table.

    Args:
        spark: The session.
        table: The table, as the model has it.
        folder: URI of its folder.
    """

    def __init__(self, spark: SparkSession, table: dict[str, Any], folder: str) -> None:
        self.spark = spark
        self.schema = schema_of(table)
        self.fields = fields_of(table)
        traced = Traced(**table["held_back"]) if table["held_back"] else None
        self.about = partial(traces, fields=self.fields, traced=traced) if traced else None
        self.folder = folder.rstrip("/")

    def read(self, reading: Reading, latest: Any = None) -> None:
        """Read what is new, and say so in the ledger.

        Args:
            reading: What is new; its ledger is filled.
            latest: The time after which no file may have been written.

        Raises:
            ValueError: If the files are not those that the run was started for.
        """
        # Of an empty file Spark tells nothing.
        wanted = {file: account[1] for file, account in reading.new.items() if account[1]}
        before = reading.stamps = self.stamps(wanted)
        if {file: size for file, (size, _) in before.items()} != wanted:
            raise changed(reading.name)
        if latest is not None and any(time > latest for _, time in before.values()):
            raise changed(reading.name)
        filled = {file: account[2] for file, account in reading.new.items() if account[2]}
        bad: Mapping[str, int] = self.look(reading, filled) if filled else {}
        for file, account in reading.new.items():
            reading.ledger[file] = [*account, bad.get(file, 0)]

    def refuse_changed(self, reading: Reading) -> None:
        """Raise ValueError where files were written since `read`: rows are read when written."""
        if self.stamps(reading.stamps) != reading.stamps:
            raise changed(reading.name)

    def places(self, files: Iterable[str]) -> list[str]:
        """Return the URIs of files."""
        # One by one: of a folder Spark would take subfolders for partitions.
        return [f"{self.folder}/{file}" for file in sorted(files)]

    def stamps(self, files: Collection[str]) -> dict[str, tuple[int, Any]]:
        """Return size and time of files by name."""
        found = stamps(self.spark, self.places(files))
        return {name_below(self.folder, place): stamp for place, stamp in found.items()}

    def look(self, reading: Reading, files: dict[str, int]) -> Mapping[str, int]:
        """Read files, given with their lines; return how many of each cannot be used."""
        lines: dict[str, int] = {}
        odd: set[str] = set()
        for file, kind, count in self.lines(files).kinds():
            if kind == CANONICAL:
                lines[file] = count
            elif kind == ODD:
                odd.add(file)
        clean = files.keys() - odd
        parts = [self.clean(clean)] if clean else []
        bad = Counter[str]()
        if odd:
            dirty = self.lines(odd)
            judged = dirty.judged(self.about).persist(StorageLevel.DISK_ONLY)
            told = judged.map(lambda entry: (entry[0], entry[2] is not None)).countByValue()
            for (file, unusable), count in told.items():
                lines[file] = lines.get(file, 0) + count
                bad[file] += count if unusable else 0
            reading.bad = judged.filter(lambda entry: entry[2] is not None)
            good = judged.filter(lambda entry: entry[2] is None)
            whole = StructType([*self.schema.fields, StructField(LANDING_FILE, StringType())])
            rows = good.map(lambda entry: (*entry[1], entry[0]))
            parts += [
                dirty.canonical(self.schema, LANDING_FILE),
                self.spark.createDataFrame(rows, whole),
            ]
        if {file: lines.get(file, 0) for file in files} != files:
            raise changed(reading.name)
        if sum(lines.values()) > sum(bad.values()):
            parts += [reading.rows] if reading.rows is not None else []
            reading.rows = reduce(DataFrame.unionByName, parts)
        return bad

    def lines(self, files: Collection[str]) -> Lines:
        """Return the lines of files, which are read when they are asked for."""
        return Lines(self.spark, self.folder, self.places(files), self.fields)

    def clean(self, files: Collection[str]) -> DataFrame:
        """Return the rows of files in which every line is in canonical form, with their names."""
        reader = self.spark.read.schema(self.schema).option("lineSep", "\n")
        rows = reader.option("mode", "FAILFAST").json(self.places(files))
        file = named_below(self.folder, F.col("_metadata.file_path")).alias(LANDING_FILE)
        return rows.select(*(given(field, field.name) for field in self.fields), file)


def stamps(spark: SparkSession, places: list[str]) -> dict[str, tuple[int, Any]]:
    """Return size and time of files by URI, without reading them."""
    if not places:
        return {}
    found = spark.read.format("binaryFile").load(places)
    rows = found.select("path", "length", "modificationTime").collect()
    return {row["path"]: (row["length"], row["modificationTime"]) for row in rows}


def changed(name: str) -> ValueError:
    """Return the error of a table whose files are not those that the run was started for."""
    return ValueError(f"The landing files of {name} changed since the run was started")


def fields_of(table: dict[str, Any]) -> list[Field]:
    """Return a landing table's columns as the contract sees them."""
    address = table["held_back"]["email"] if table["held_back"] else None
    return [
        Field(
            c["name"],
            c["type"],
            c["required"],
            range(*c["plausible"]) if c["plausible"] else None,
            c["name"] == address,
        )
        for c in table["columns"]
    ]
