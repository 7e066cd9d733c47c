"""Runs jobs of the lakehouse on Spark: the one script for AWS Glue and for this machine.

Arguments:
    --request URI  A JSON file that says what to run: the run's name, its jobs in order with
                   their SQL and provenance, where the landing files lie, and the limits.

Catalog, warehouse, endpoint, master and jars come from Spark's settings, given from outside.
For each job one line starting with STEDI is printed, with the outcome as JSON.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

# Comes along as --extra-py-files (Glue) or --py-files (here).
from contract import BLANKS, BOM, Field, Unusable, canonical, judge
from pyspark import RDD, StorageLevel
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that PySpark's users know
from pyspark.sql.types import DoubleType, LongType, StringType, StructField, StructType

TYPES = {"string": StringType(), "long": LongType(), "double": DoubleType()}
BAD_DATA = 3


class TooManyBadLines(Exception):  # noqa: N818 - a verdict on the data
    """Raised where a landing table has more unusable lines than allowed."""


def main() -> int:
    """Run the jobs of the request, each in one commit.

    Returns:
        0, or 3 where a landing table has too many unusable lines.
    """
    # Glue passes arguments of its own beside the job's.
    arguments = argparse.ArgumentParser(allow_abbrev=False)
    arguments.add_argument("--request", required=True)
    known, _ = arguments.parse_known_args()
    spark = SparkSession.builder.getOrCreate()
    request = json.loads(read_text(spark, known.request))
    session = Session(spark, request)
    for job in request["jobs"]:
        started = time.monotonic()
        try:
            outcome = session.run(job)
        except TooManyBadLines as verdict:
            report({"job": job["name"], "bad_data": str(verdict)})
            return BAD_DATA
        report({"job": job["name"], "seconds": time.monotonic() - started, **outcome})
    return 0


def read_text(spark: SparkSession, uri: str) -> str:
    """Return the text of a file at any URI that Spark can read."""
    return str(spark.read.text(uri, wholetext=True).first()[0])  # type: ignore[index]


def report(outcome: dict[str, Any]) -> None:
    """Print one machine-readable line."""
    print("STEDI " + json.dumps(outcome), flush=True)  # noqa: T201 - what the caller reads


def schema_of(table: dict[str, Any]) -> StructType:
    """Return a table's columns as Spark's schema, with their documentation."""
    return StructType(
        [
            StructField(c["name"], TYPES[c["type"]], True, {"comment": c["doc"]})
            for c in table["columns"]
        ]
    )


class Session:
    """The jobs of one request in one Spark session.

    Args:
        spark: The session.
        request: The request.
    """

    def __init__(self, spark: SparkSession, request: dict[str, Any]) -> None:
        self.spark = spark
        self.request = request
        self.tables = request["tables"]
        # Per landing table: how many lines, and how many of them cannot be used.
        self.accounts: dict[str, tuple[int, int]] = {}
        self.database = f"{request['catalog']}.{request['namespace']}"
        spark.sql(f"USE {self.database}")

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Run one job: landing contract, SQL, quarantine, then the table in one commit."""
        record = dict(job["record"])
        landing = [name for name in job["reads"] if name in self.request["landing"]]
        for name in landing:
            if name not in self.accounts:
                self.define_landing(name)
        result = self.spark.sql(job["sql"])
        table = self.tables[job["writes"]]
        names = [column["name"] for column in table["columns"]]
        if result.columns != names:
            raise ValueError(f"{job['name']} gives {result.columns}; {job['writes']} has {names}")
        inputs = {
            name: record["inputs"].get(name) or str(self.snapshot(name)[0]) for name in job["reads"]
        }
        accounts = {
            name: [self.request["landing"][name]["fingerprint"], *self.accounts[name], False]
            for name in landing
        }
        rows = [
            F.col(n).cast(TYPES[c["type"]]) for n, c in zip(names, table["columns"], strict=True)
        ]
        summary = {**record, "inputs": inputs, "landing": accounts, "files": {}}
        self.replace(job["writes"], result.select(*rows), summary)
        snapshot, total = self.snapshot(job["writes"])
        bad = sum(self.accounts[name][1] for name in job["answers_for"])
        return {"rows": total, "quarantined": bad, "snapshot": snapshot}

    def replace(self, name: str, rows: DataFrame, summary: dict[str, Any]) -> None:
        """Replace a table in one commit, with its provenance in the snapshot's summary."""
        table = self.tables[name]
        schema = schema_of(table)
        documented = self.spark.createDataFrame(self.spark.sparkContext.emptyRDD(), schema)
        writer = documented.unionByName(rows).writeTo(name).using("iceberg")
        for key, value in table["properties"].items():
            writer = writer.tableProperty(key, value)
        for key, value in summary.items():
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            writer = writer.option(f"snapshot-property.stedi.{key}", text)
        writer.createOrReplace()

    def snapshot(self, name: str) -> tuple[int, int]:
        """Return the id of a table's current snapshot, and its number of rows."""
        full = f"{self.database}.{name}"
        found = self.spark.sql(
            f"SELECT s.snapshot_id, element_at(s.summary, 'total-records') FROM {full}.snapshots s"
            f" JOIN {full}.refs r ON r.snapshot_id = s.snapshot_id WHERE r.name = 'main'"
        ).first()
        return (int(found[0]), int(found[1] or 0)) if found else (0, 0)

    def define_landing(self, name: str) -> None:
        """Make a landing table readable by its name, and quarantine what cannot be used."""
        table = self.tables[name]
        fields = [Field(c["name"], c["type"], c["required"]) for c in table["columns"]]
        folder = self.request["landing"][name]["folder"]
        clean, dirty, lines = self.look(folder, canonical(fields))
        schema = schema_of(table)
        reader = self.spark.read.schema(schema).option("lineSep", "\n").option("mode", "FAILFAST")
        rows = reader.json(clean) if clean else self.spark.createDataFrame([], schema)
        bad: RDD[Any] | None = None
        if dirty:
            judged = self.judged(dirty, fields).persist(StorageLevel.DISK_ONLY)
            lines += judged.count()
            good = judged.filter(lambda entry: entry[0] is not None).map(lambda entry: entry[0])
            rows = rows.unionByName(self.spark.createDataFrame(good, schema))
            bad = judged.filter(lambda entry: entry[0] is None).map(lambda entry: entry[1])
        rows.createOrReplaceTempView(name)
        count = bad.count() if bad is not None else 0
        self.quarantine(name, bad, count)
        limit = self.request["max_bad_rows"]
        if count > (limit * lines if isinstance(limit, float) else limit):
            raise TooManyBadLines(f"{name}: {count:,} of {lines:,} lines cannot be used")
        self.accounts[name] = (lines, count)

    def look(self, folder: str, pattern: str) -> tuple[list[str], list[str], int]:
        """Tell the files in which every line is in canonical form from the others.

        Returns:
            The clean files, the others, and the clean files' lines that are not blank.
        """
        blank = F.col("value").rlike(r"^[ \t\r\x0b\f]*$")
        empty = F.col("value") == ""
        odd = ~empty & ~F.col("value").rlike(f"^(?:{pattern})$")
        text = self.spark.read.option("lineSep", "\n").option("pathGlobFilter", "*.{json,json.gz}")
        files = (
            text.text(folder)
            .select("value", F.col("_metadata.file_path").alias("file"))
            .groupBy("file")
            .agg(
                F.sum(F.when(blank, 0).otherwise(1)).alias("lines"),
                F.sum(F.when(odd, 1).otherwise(0)).alias("odd"),
            )
            .collect()
        )
        clean = [unquote(f["file"]) for f in files if not f["odd"]]
        dirty = [unquote(f["file"]) for f in files if f["odd"]]
        return clean, dirty, sum(f["lines"] for f in files if not f["odd"])

    def judged(self, files: list[str], fields: list[Field]) -> RDD[Any]:
        """Judge every line of some files: (row, None), or (None, (file, line, reason))."""
        context = self.spark.sparkContext
        # One at a time, since a comma in a name would be read as a separator.
        contents = context.union([context.binaryFiles(file) for file in files])
        return contents.flatMap(lambda entry: judge_file(entry[0], entry[1], fields))

    def quarantine(self, name: str, bad: RDD[Any] | None, count: int) -> None:
        """Replace a landing table's entries in the quarantine, unless there are none either way."""
        table = self.tables["quarantine"]
        stored = self.spark.table("quarantine")
        of_others = stored.where(F.col("table") != name)
        if not count and stored.count() == of_others.count():
            return
        entries = of_others.select(*(c["name"] for c in table["columns"]))
        if bad is not None and count:
            found = bad.map(lambda entry: Row(name, *entry))
            entries = entries.unionByName(self.spark.createDataFrame(found, schema_of(table)))
        self.replace("quarantine", entries, {})


def judge_file(
    uri: str, content: bytes, fields: list[Field]
) -> Iterator[tuple[tuple[Any, ...] | None, tuple[str, int, str] | None]]:
    """Judge every line of a file that is not blank, by the landing contract."""
    name = unquote(uri.rpartition("/")[2])
    if name.endswith(".gz"):
        content = gzip.decompress(content)
    for number, line in enumerate(content.split(b"\n"), start=1):
        seen = line.removeprefix(BOM) if number == 1 else line
        if not seen.strip(BLANKS):
            continue
        try:
            values = judge(line, fields, first=number == 1)
        except Unusable as verdict:
            yield None, (name, number, str(verdict))
        else:
            yield tuple(values[field.name] for field in fields), None


if __name__ == "__main__":
    sys.exit(main())
