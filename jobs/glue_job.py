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
        self.quarantined = self.count_quarantined()

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
        documented = rows.select(
            *(
                F.col(c["name"]).alias(c["name"], metadata={"comment": c["doc"]})
                for c in table["columns"]
            )
        )
        writer = documented.writeTo(name).using("iceberg")
        for key, value in table["properties"].items():
            writer = writer.tableProperty(key, value)
        for key, value in summary.items():
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            writer = writer.option(f"snapshot-property.stedi.{key}", text)
        writer.createOrReplace()

    def snapshot(self, name: str) -> tuple[int, int]:
        """Return the id of a table's current snapshot, and its number of rows."""
        # Iceberg's own API, since each query of its metadata tables starts a Spark job.
        iceberg = self.spark._jvm.org.apache.iceberg.spark.Spark3Util  # type: ignore[union-attr]
        table = iceberg.loadIcebergTable(self.spark._jsparkSession, f"{self.database}.{name}")
        current = table.currentSnapshot()
        if current is None:
            return 0, 0
        return int(current.snapshotId()), int(current.summary().get("total-records") or 0)

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
        value = F.col("value")
        kind = (
            F.when(value.rlike(f"^(?:{pattern})$"), "canonical")
            .when(value == "", "empty")
            .otherwise("odd")
        )
        text = self.spark.read.option("lineSep", "\n").option("pathGlobFilter", "*.{json,json.gz}")
        rows = text.text(folder).select(
            F.col("_metadata.file_path").alias("file"), kind.alias("kind")
        )
        counts: dict[str, dict[str, int]] = {}
        for row in rows.groupBy("file", "kind").count().collect():
            counts.setdefault(unquote(row["file"]), {})[row["kind"]] = row["count"]
        clean = [file for file, kinds in counts.items() if "odd" not in kinds]
        dirty = [file for file, kinds in counts.items() if "odd" in kinds]
        return clean, dirty, sum(counts[file].get("canonical", 0) for file in clean)

    def judged(self, files: list[str], fields: list[Field]) -> RDD[Any]:
        """Judge every line of some files: (row, None), or (None, (file, line, reason))."""
        context = self.spark.sparkContext
        # One at a time, since a comma in a name would be read as a separator.
        contents = context.union([context.binaryFiles(file) for file in files])
        return contents.flatMap(lambda entry: judge_file(entry[0], entry[1], fields))

    def count_quarantined(self) -> dict[str, int]:
        """Return the lines in quarantine by landing table."""
        if not self.snapshot("quarantine")[1]:
            return {}
        counts = self.spark.table("quarantine").groupBy("table").count()
        return {row["table"]: row["count"] for row in counts.collect()}

    def quarantine(self, name: str, bad: RDD[Any] | None, count: int) -> None:
        """Replace a landing table's entries in the quarantine, unless there are none either way."""
        if not count and not self.quarantined.get(name):
            return
        table = self.tables["quarantine"]
        entries = self.spark.table("quarantine").where(F.col("table") != name)
        if bad is not None and count:
            found = bad.map(lambda entry: Row(name, *entry))
            entries = entries.unionByName(self.spark.createDataFrame(found, schema_of(table)))
        self.replace("quarantine", entries, {})
        self.quarantined[name] = count


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
