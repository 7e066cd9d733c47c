"""Runs jobs of the lakehouse on Spark: the one script for AWS Glue and for this machine.

Arguments:
    --model URI    A JSON file that says what the tables are: columns, properties, location.
    --request URI  A JSON file that says what to run: the jobs in their order, each with the URI
                   of its SQL and its provenance, where the landing files lie, and the limits.

Catalog, warehouse, endpoint, master and jars come from Spark's settings, given from outside.
For each job one line starting with STEDI is printed, with the outcome as JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from functools import cached_property
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

# Comes along as --extra-py-files (Glue) or --py-files (here).
from contract import Field, canonical, judge_file
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark import RDD, StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that PySpark's users know
from pyspark.sql.types import DoubleType, LongType, StringType, StructField, StructType

TYPES = {"string": StringType(), "long": LongType(), "double": DoubleType()}
QUARANTINE = "quarantine"
"""The table of unusable lines; see stedi_cli/project/lakehouse.py."""
FORGETS = "stedi.forgets"
"""The property of a snapshot before which no other may stay; see stedi_cli/tables/history.py."""


class TooManyBadLines(Exception):  # noqa: N818 - a verdict on the data
    """Raised where a landing table has more unusable lines than allowed."""


def main() -> None:
    """Run the jobs of the request, each in one commit.

    An error ends the script with its text: it is all that AWS Glue shows of a failed run.
    """
    # Glue passes arguments of its own beside the job's.
    arguments = argparse.ArgumentParser(allow_abbrev=False)
    arguments.add_argument("--model", required=True)
    arguments.add_argument("--request", required=True)
    known, _ = arguments.parse_known_args()
    try:
        run(known.model, known.request)
    except Py4JJavaError as error:
        raise RuntimeError(with_causes(error)) from error


def run(model: str, asked: str) -> None:
    """Run the jobs of the request at one URI, on the model at the other."""
    spark = SparkSession.builder.getOrCreate()
    request = json.loads(read_text(spark, asked))
    session = Session(spark, json.loads(read_text(spark, model)), request)
    for job in request["jobs"]:
        started = time.monotonic()
        try:
            outcome = session.run(job)
        except TooManyBadLines as verdict:
            report({"job": job["name"], "bad_data": str(verdict)})
            raise
        report({"job": job["name"], "seconds": time.monotonic() - started, **outcome})


def with_causes(error: Py4JJavaError) -> str:
    """Return what Java says of an error and of each of its causes, in one line."""
    said: list[str] = []
    cause = error.java_exception
    while cause is not None:
        said.append(str(cause.toString()).partition("\n")[0])
        cause = cause.getCause()
    return "; caused by ".join(said)


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


class Session:
    """The jobs of one request in one Spark session.

    Args:
        spark: The session.
        model: The tables.
        request: The request.
    """

    def __init__(self, spark: SparkSession, model: dict[str, Any], request: dict[str, Any]) -> None:
        self.spark = spark
        self.request = request
        self.tables = model["tables"]
        self.stray = tuple(model["stray"])
        # Per landing table: how many lines, and how many of them cannot be used.
        self.accounts: dict[str, tuple[int, int]] = {}
        self.database = f"{request['catalog']}.{request['namespace']}"
        spark.sql(f"USE {self.database}")
        self.distrusted = request["quarantine_changed"]
        self.quarantined = self.count_quarantined()

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Run one job: landing contract, SQL, quarantine, then the table in one commit."""
        record = dict(job["record"])
        landing = [name for name in job["reads"] if name in self.request["landing"]]
        for name in landing:
            if name not in self.accounts:
                self.define_landing(name)
        result = self.spark.sql(self.sql(job))
        table = self.tables[job["writes"]]
        names = [column["name"] for column in table["columns"]]
        if result.columns != names:
            raise ValueError(f"{job['name']} gives {result.columns}; {job['writes']} has {names}")
        inputs = {
            name: record["inputs"].get(name) or str(self.snapshot(name)[0]) for name in job["reads"]
        }
        accounts = {name: self.account(name) for name in landing}
        cast = [
            F.col(n).cast(TYPES[c["type"]]) for n, c in zip(names, table["columns"], strict=True)
        ]
        # Looked at and written, computed once.
        rows = result.select(*cast).persist(StorageLevel.DISK_ONLY)
        summary = {**record, "inputs": inputs, "landing": accounts}
        if self.forgets(job, rows):
            summary["forgets"] = "true"
        self.replace(job["writes"], rows, summary)
        rows.unpersist()
        self.expire(job["writes"])
        snapshot, total = self.snapshot(job["writes"])
        bad = sum(self.accounts[name][1] for name in job["answers_for"])
        return {"rows": total, "quarantined": bad, "snapshot": snapshot}

    def account(self, name: str) -> dict[str, Any]:
        """Return how a landing table's lines were used."""
        lines, quarantined = self.accounts[name]
        asked = self.request["landing"][name]
        used = {"lines": lines, "quarantined": quarantined}
        return {"fingerprint": asked["fingerprint"], "contract": asked["contract"], **used}

    def sql(self, job: dict[str, Any]) -> str:
        """Read the SQL of a job; only the very text that its provenance names is run."""
        text = read_text(self.spark, job["sql"])
        if hashlib.sha256(text.encode()).hexdigest() != job["record"]["sql"]:
            raise ValueError(f"{job['sql']} is not the SQL that {job['name']} was started with")
        return text

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
        # By these properties no value of a column stands in the new manifests.
        summary = {**summary, "metrics": "counts"}
        history = self.history(name)
        if history is not None:
            history.drop_stray()
            if not history.counts_only() <= {True}:
                summary["forgets"] = "true"
        for key, value in summary.items():
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            writer = writer.option(f"snapshot-property.stedi.{key}", text)
        writer.createOrReplace()

    def forgets(self, job: dict[str, Any], rows: DataFrame) -> bool:
        """Tell whether a table's older snapshots would give back what it must not hold any more.

        That is where rows go, since a person may have withdrawn; where it cannot be told; and
        where a table that it reads has forgotten what it was built from.
        """
        history = self.history(job["writes"])
        if history is None or not history.snapshots:
            return False
        made = history.summary
        policies = {s.summary().get("stedi.policy") for s in history.snapshots} - {None}
        if "stedi.policy" not in made or policies != {job["record"]["policy"]}:
            return True
        used = json.loads(made["stedi.inputs"])
        for name in (n for n in job["reads"] if n not in self.request["landing"]):
            source = self.history(name)
            ids = [str(s.snapshotId()) for s in source.snapshots] if source else []
            if used.get(name) not in ids:
                return True
        if int(made["total-records"]) > rows.count():
            return True
        before = self.spark.table(job["writes"])
        try:
            # How often a row is there counts too: doubles may be of different people.
            return before.dtypes != rows.dtypes or not before.exceptAll(rows).isEmpty()
        except (Py4JJavaError, PySparkException):
            return True

    def expire(self, name: str) -> None:
        """Drop a table's snapshots that are due with their files, and the refs that hold them."""
        keep = self.request["keep"]
        history = self.history(name) if keep is not None else None
        old = history.due(keep, self.request.get("spare_ms", 0)) if history else []
        if history is None or not old:
            return
        history.release(old)
        # Iceberg drops by age too, unless it is given one that nothing has.
        gone = self.spark.sql(
            f"CALL {self.request['catalog']}.system.expire_snapshots("
            f"table => '{self.database}.{name}',"
            f" snapshot_ids => ARRAY({', '.join(map(str, old))}),"
            " older_than => TIMESTAMP '1970-01-01 00:00:00')"
        ).collect()[0]["deleted_manifest_lists_count"]
        # Of files that it may not delete, Iceberg says nothing but in its log.
        if gone < len(old):
            place = self.tables[name]["properties"]["location"]
            raise RuntimeError(f"s3:DeleteObject failed for files of old snapshots below {place}")

    def snapshot(self, name: str) -> tuple[int, int]:
        """Return the id of a table's current snapshot, and its number of rows."""
        history = self.history(name)
        if history is None or history.current is None:
            return 0, 0
        return int(history.current.snapshotId()), int(history.summary.get("total-records") or 0)

    def history(self, name: str) -> History | None:
        """Return a table's snapshots; None where there is no such table."""
        full = f"{self.database}.{name}"
        if not self.spark.catalog.tableExists(full):
            return None
        iceberg = self.spark._jvm.org.apache.iceberg.spark.Spark3Util  # type: ignore[union-attr]
        table = iceberg.loadIcebergTable(self.spark._jsparkSession, full)
        return History(table, self.stray)

    def define_landing(self, name: str) -> None:
        """Make a landing table readable by its name, and quarantine what cannot be used."""
        table = self.tables[name]
        fields = fields_of(table)
        clean, dirty, lines = self.look(name, canonical(fields))
        schema = schema_of(table)
        reader = self.spark.read.schema(schema).option("lineSep", "\n").option("mode", "FAILFAST")
        rows = reader.json(clean) if clean else self.spark.createDataFrame([], schema)
        rows = rows.select(*(given(field) for field in fields))
        bad: RDD[Any] | None = None
        if dirty:
            judged = self.judged(name, dirty, fields).persist(StorageLevel.DISK_ONLY)
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

    def look(self, name: str, pattern: str) -> tuple[list[str], list[str], int]:
        """Tell the files in which every line is in canonical form from the others.

        Returns:
            The clean files, the others, and the clean files' lines that are not blank.

        Raises:
            ValueError: If they are not the files that the run was started for.
        """
        asked = self.request["landing"][name]
        if not asked["files"]:
            return [], [], 0
        value = F.col("value")
        kind = (
            F.when(value.rlike(f"^(?:{pattern})$"), "canonical")
            .when(value == "", "empty")
            .otherwise("odd")
        )
        # Named one by one: of a folder Spark would take subfolders for partitions.
        files = [f"{asked['folder'].rstrip('/')}/{file}" for file in asked["files"]]
        text = self.spark.read.option("lineSep", "\n").text(files)
        lines = text.select(
            F.col("_metadata.file_path").alias("file"),
            F.col("_metadata.file_size").alias("size"),
            kind.alias("kind"),
        )
        sizes: dict[str, int] = {}
        counts: dict[str, dict[str, int]] = {}
        for row in lines.groupBy("file", "size", "kind").count().collect():
            file = unquote(row["file"])
            sizes[name_below(asked["folder"], file)] = row["size"]
            counts.setdefault(file, {})[row["kind"]] = row["count"]
        if sizes != asked["files"]:
            raise ValueError(f"The landing files of {name} changed since the run was started")
        clean = [file for file, kinds in counts.items() if "odd" not in kinds]
        dirty = [file for file, kinds in counts.items() if "odd" in kinds]
        return clean, dirty, sum(counts[file].get("canonical", 0) for file in clean)

    def judged(self, name: str, files: list[str], fields: list[Field]) -> RDD[Any]:
        """Judge every line of a table's files: (row, None), or (None, (file, line, reason))."""
        context, folder = self.spark.sparkContext, self.request["landing"][name]["folder"]
        # One at a time, since a comma in a name would be read as a separator.
        contents = context.union([context.binaryFiles(file) for file in files])
        return contents.flatMap(
            lambda entry: judge_file(name_below(folder, entry[0]), entry[1], fields)
        )

    def count_quarantined(self) -> dict[str, int]:
        """Return the lines in quarantine by landing table."""
        counts = self.stored_quarantine().groupBy("table").count()
        return {row["table"]: row["count"] for row in counts.collect()}

    def stored_quarantine(self) -> DataFrame:
        """Return the quarantine as it is."""
        # What another engine wrote is found again by the jobs that made it, which run again.
        there = self.spark.catalog.tableExists(f"{self.database}.{QUARANTINE}")
        if there and not self.distrusted:
            return self.spark.table(QUARANTINE)
        return self.spark.createDataFrame([], schema_of(self.tables[QUARANTINE]))

    def quarantine(self, name: str, bad: RDD[Any] | None, count: int) -> None:
        """Replace a landing table's entries in the quarantine, unless there are none either way."""
        history = self.history(QUARANTINE)
        wanted = self.tables[QUARANTINE]["properties"]
        renew = self.distrusted or (history is not None and history.may_tell_values(wanted))
        if not count and not self.quarantined.get(name) and not renew:
            return
        schema = schema_of(self.tables[QUARANTINE])
        entries = self.stored_quarantine().where(F.col("table") != name)
        if bad is not None and count:
            found = bad.map(lambda entry: Row(name, *entry))
            entries = entries.unionByName(self.spark.createDataFrame(found, schema))
        lines = {**self.quarantined, name: count}
        self.quarantined = {table: number for table, number in lines.items() if number}
        judged = json.loads(history.summary.get("stedi.judged", "{}")) if history else {}
        judged[name] = self.request["landing"][name]["fingerprint"]
        judged = {table: judged[table] for table in self.quarantined if table in judged}
        self.replace(QUARANTINE, entries, {"lines": self.quarantined, "judged": judged})
        self.distrusted = False
        self.expire(QUARANTINE)


class History:
    """A table's snapshots, through Iceberg's own API: a query of them would start a Spark job.

    Args:
        table: Iceberg's table.
        unwanted: How the names of properties begin that no table may have.
    """

    def __init__(self, table: Any, unwanted: tuple[str, ...]) -> None:
        self.table = table
        self.unwanted = unwanted
        self.current = table.currentSnapshot()
        self.summary = dict(self.current.summary()) if self.current is not None else {}

    @cached_property
    def snapshots(self) -> list[Any]:
        """All of them, oldest first, the current one last, whatever a branch holds."""
        found = sorted(listed(self.table.snapshots()), key=lambda s: s.sequenceNumber())
        current = self.current.snapshotId() if self.current is not None else None
        return sorted(found, key=lambda s: s.snapshotId() == current)

    def stray(self) -> list[str]:
        """Return the properties that are to be taken away."""
        return [name for name in dict(self.table.properties()) if name.startswith(self.unwanted)]

    def drop_stray(self) -> None:
        """Take away what another engine set: a replace keeps properties."""
        stray = self.stray()
        if stray:
            update = self.table.updateProperties()
            for name in stray:
                update.remove(name)
            update.commit()

    def counts_only(self) -> set[bool]:
        """Return whether snapshots are known to hold no value of a column in their manifests."""
        return {s.summary().get("stedi.metrics") == "counts" for s in self.snapshots}

    def may_tell_values(self, wanted: dict[str, str]) -> bool:
        """Tell whether values may stand in manifests, as `stedi_cli/tables/metrics.py` does."""
        marks, found = self.counts_only(), self.table.properties()
        asked = [key for key in wanted if key.startswith("write.metadata.metrics.")]
        rightly_set = all(found.get(key) == wanted[key] for key in asked) and not self.stray()
        return len(marks) > 1 or (bool(marks) and not rightly_set)

    def due(self, keep: int, spare_ms: int) -> list[int]:
        """Return the ids of those that have to go, and of those beyond a number.

        Args:
            keep: How many are kept, the current one included.
            spare_ms: One beyond that number stays too, while it was current so long ago or less:
                somebody may be reading it.
        """
        forgetting = [k for k, s in enumerate(self.snapshots) if FORGETS in s.summary()]
        overdue = self.snapshots[: forgetting[-1]] if forgetting else []
        rest = self.snapshots[len(overdue) : -1]
        now = self.snapshots[-1].timestampMillis()
        ended = {s.snapshotId(): after.timestampMillis() for s, after in pairwise(self.snapshots)}
        beyond = rest[: max(0, len(rest) - (keep - 1))]
        old = overdue + [s for s in beyond if ended[s.snapshotId()] <= now - spare_ms]
        return [int(snapshot.snapshotId()) for snapshot in old]

    def release(self, old: list[int]) -> None:
        """Remove the tags and branches that would keep some snapshots."""
        for name, ref in dict(self.table.refs()).items():
            if int(ref.snapshotId()) in old and name != "main":
                manage = self.table.manageSnapshots()
                (manage.removeBranch if ref.isBranch() else manage.removeTag)(name).commit()


def listed(iterable: Any) -> list[Any]:
    """Return what a Java iterable gives."""
    found, iterator = [], iterable.iterator()
    while iterator.hasNext():
        found.append(iterator.next())
    return found


def name_below(folder: str, uri: str) -> str:
    """Return a landing file's name: its path below its table's folder, both given as URIs."""
    # What stands before the path differs: file:/ and file:///, s3:// and s3a://.
    above, path = (unquote(place).partition(":")[2].strip("/") for place in (folder, uri))
    return path.removeprefix(f"{above}/")


if __name__ == "__main__":
    main()
