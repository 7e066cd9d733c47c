"""New landing files, read by Spark: the clean ones at once, each line of the others judged.

Spark's reader takes files of which every line is in canonical form. In the others the landing
contract decides about each line, which is used or named as one that cannot be used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import unquote

from contract import LONGEST_LINE, Field, canonical, judge_file
from pyspark import RDD, StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
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
        gone: Those that are not in the copy any more, or are others now.
        stamps: Size and time of those that are read, before they were.
        rows: The usable lines of those that are read; None where there is none.
        bad: The unusable ones: file, nothing, and line, reason and what it is about; None where
            there is none.
    """

    name: str
    ledger: dict[str, Account]
    new: dict[str, Account]
    gone: set[str]
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
        self.traced = Traced(**table["held_back"]) if table["held_back"] else None
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
        bad = self.look(reading, filled) if filled else {}
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

    def look(self, reading: Reading, files: dict[str, int]) -> dict[str, int]:
        """Read files, given with their lines; return how many of each cannot be used."""
        lines, odd = self.kinds(files)
        clean = files.keys() - odd
        parts = [self.clean(clean)] if clean else []
        bad: dict[str, int] = {}
        if odd:
            judged = self.judged(odd).persist(StorageLevel.DISK_ONLY)
            told = judged.map(lambda entry: (entry[0], entry[2] is not None)).countByValue()
            bad = {file: told.get((file, True), 0) for file in odd}
            lines |= {file: told.get((file, False), 0) + bad[file] for file in odd}
            reading.bad = judged.filter(lambda entry: entry[2] is not None)
            good = judged.filter(lambda entry: entry[2] is None)
            whole = StructType([*self.schema.fields, StructField(LANDING_FILE, StringType())])
            rows = good.map(lambda entry: (*entry[1], entry[0]))
            parts.append(self.spark.createDataFrame(rows, whole))
        if {file: lines.get(file, 0) for file in files} != files:
            raise changed(reading.name)
        if sum(lines.values()) > sum(bad.values()):
            reading.rows = parts[0] if len(parts) == 1 else parts[0].unionByName(parts[1])
        return bad

    def kinds(self, files: Collection[str]) -> tuple[dict[str, int], set[str]]:
        """Tell the files in which every line is in canonical form from the others.

        Returns:
            The lines in canonical form by file, and the names of the files with others.
        """
        value = F.col("value")
        short = F.octet_length(value) <= LONGEST_LINE
        kind = (
            F.when(short & value.rlike(f"^(?:{canonical(self.fields)})$"), "canonical")
            .when(value == "", "empty")
            .otherwise("odd")
        )
        text = self.spark.read.option("lineSep", "\n").text(self.places(files))
        lines = text.select(F.col("_metadata.file_path").alias("file"), kind.alias("kind"))
        counts: dict[str, int] = {}
        odd: set[str] = set()
        for row in lines.groupBy("file", "kind").count().collect():
            file = name_below(self.folder, row["file"])
            if row["kind"] == "canonical":
                counts[file] = row["count"]
            elif row["kind"] == "odd":
                odd.add(file)
        return counts, odd

    def clean(self, files: Collection[str]) -> DataFrame:
        """Return the rows of files in which every line is in canonical form, with their names."""
        reader = self.spark.read.schema(self.schema).option("lineSep", "\n")
        rows = reader.option("mode", "FAILFAST").json(self.places(files))
        return rows.select(*map(given, self.fields), named_below(self.folder).alias(LANDING_FILE))

    def judged(self, files: Collection[str]) -> RDD[Any]:
        """Judge every line of some files: the file, and values or the line and the reason."""
        context, folder, fields = self.spark.sparkContext, self.folder, self.fields
        about = partial(traces, fields=fields, traced=self.traced) if self.traced else None
        # One at a time, since a comma in a name would be read as a separator.
        contents = context.union([context.binaryFiles(place) for place in self.places(files)])
        return contents.flatMap(
            lambda entry: judge_file(name_below(folder, entry[0]), entry[1], fields, about)
        )


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
    return [
        Field(
            c["name"], c["type"], c["required"], range(*c["plausible"]) if c["plausible"] else None
        )
        for c in table["columns"]
    ]


def given(field: Field) -> Column:
    """Return a column of canonical lines: 0 in an optional instant is not given."""
    column = F.col(field.name)
    if field.plausible is None or field.required:
        return column
    return F.when(column != 0, column).alias(field.name)


def name_below(folder: str, uri: str) -> str:
    """Return a landing file's name: its path below its table's folder, both given as URIs."""
    # What stands before the path differs: file:/ and file:///, s3:// and s3a://.
    above, path = (unquote(place).partition(":")[2].strip("/") for place in (folder, uri))
    return path.removeprefix(f"{above}/")


def named_below(folder: str) -> Column:
    """Return the name of the file that a row is read from, as `name_below` does."""
    uri = F.url_decode(F.regexp_replace(F.col("_metadata.file_path"), r"\+", "%2B"))
    above = unquote(folder).partition(":")[2].strip("/")
    return F.substr(F.regexp_replace(uri, "^[^:]*:/*", ""), F.lit(len(above) + 2))
