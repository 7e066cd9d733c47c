"""Runs jobs of the lakehouse on Spark: the one script for AWS Glue and for this machine.

Arguments:
    --model URI    A JSON file that says what the tables are: columns, properties, location.
    --request URI  A JSON file that says what to run: the jobs in their order, each with the URI
                   of its SQL and its provenance, where the landing files lie, and the limits.

Catalog, warehouse, endpoint, master and jars come from Spark's settings, given from outside. The
modules beside this one and the landing contract come along, as --extra-py-files on Glue and as
--py-files here.
For each job one line starting with STEDI is printed, with the outcome as JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import secrets
import time
from typing import Any

from landing_held_back import HELD_BACK
from landing_reading import stamps
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that PySpark's users know
from spark_tables import TYPES, History, Tables
from typed_landing import TooManyBadLines, TypedLanding, UnreadableCustomers


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
    # On one clock, what is younger than the request is not what was asked for.
    stamp = stamps(spark, [asked]) if request["by_time"] else {}
    latest = max((written for _, written in stamp.values()), default=None)
    try:
        session.read(latest)
    except (TooManyBadLines, UnreadableCustomers) as verdict:
        # As it would be the last line of a failed run on Glue.
        report({"bad_data": f"{type(verdict).__name__}: {verdict}"})
        raise
    for job in request["jobs"]:
        started = time.monotonic()
        outcome = session.run(job)
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
        self.tables = Tables(spark, model, request)
        self.landing: TypedLanding | None = None
        # Per landing table: how its lines were used.
        self.accounts: dict[str, dict[str, int]] = {}
        # Tables that were made anew of the same rows, with the snapshots that had these.
        self.same: dict[str, str] = {}

    def read(self, latest: Any) -> None:
        """Read what is new of the landing files, and make landing tables readable by name.

        Args:
            latest: When the request was written, where a younger file is not the one asked for.
        """
        self.landing = TypedLanding(self.spark, self.tables, self.request, latest)
        self.accounts = self.landing.read()

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Run one job: its SQL, then the table in one commit."""
        record, tables = dict(job["record"]), self.tables
        landing = [name for name in job["reads"] if name in self.request["landing"]]
        if self.landing is not None and job["held_back"] is not None:
            self.landing.show_held_back(job["held_back"])
        result = self.spark.sql(self.sql(job))
        table = tables.model[job["writes"]]
        names = [column["name"] for column in table["columns"]]
        if result.columns != names:
            raise ValueError(f"{job['name']} gives {result.columns}; {job['writes']} has {names}")
        inputs = {
            name: record["inputs"].get(name) or str(tables.snapshot(name)[0])
            for name in job["reads"]
        }
        accounts = {name: self.account(name) for name in landing}
        cast = [
            F.col(n).cast(TYPES[c["type"]]) for n, c in zip(names, table["columns"], strict=True)
        ]
        rows = result.select(*cast)
        summary = {**record, "inputs": inputs, "landing": accounts}
        before = tables.history(job["writes"])
        forgets = self.forgets(job, before)
        if forgets is None and before is not None:
            # Looked at and written, computed once.
            rows = rows.persist(StorageLevel.DISK_ONLY)
            forgets = self.loses_rows(job, before, rows)
        if forgets:
            summary["forgets"] = "true"
        tables.replace(job["writes"], rows, summary)
        rows.unpersist()
        tables.expire(job["writes"])
        snapshot, total = tables.snapshot(job["writes"])
        bad = sum(self.accounts[name]["quarantined"] for name in job["answers_for"])
        return {"rows": total, "quarantined": bad, "snapshot": snapshot}

    def account(self, name: str) -> dict[str, Any]:
        """Return how a landing table's lines were used."""
        asked = self.request["landing"][name]
        made_of = {"fingerprint": asked["fingerprint"], "contract": asked["contract"]}
        return {**made_of, **self.accounts[name]}

    def sql(self, job: dict[str, Any]) -> str:
        """Read the SQL of a job; only the very text that its provenance names is run."""
        text = read_text(self.spark, job["sql"])
        if hashlib.sha256(text.encode()).hexdigest() != job["record"]["sql"]:
            raise ValueError(f"{job['sql']} is not the SQL that {job['name']} was started with")
        return text

    def forgets(self, job: dict[str, Any], history: History | None) -> bool | None:
        """Tell whether a table's older snapshots would give back what it must not hold any more.

        That is where rows go, since a person may have withdrawn; where it cannot be told; and
        where a table that it reads has forgotten what it was built from.

        Returns:
            Whether they would; None where only the rows tell.
        """
        if history is None or not history.snapshots:
            return False
        made = history.summary
        policies = {s.summary().get("stedi.policy") for s in history.snapshots} - {None}
        if "stedi.policy" not in made or policies != {job["record"]["policy"]}:
            return True
        used = json.loads(made["stedi.inputs"])
        for name in (n for n in job["reads"] if n not in self.request["landing"]):
            source = self.tables.history(name)
            ids = [str(s.snapshotId()) for s in source.snapshots] if source else []
            if used.get(name) not in ids:
                return True
        if self.is_given_the_same(job, history, used):
            self.same[job["writes"]] = str(history.current.snapshotId())
            return False
        return None

    def is_given_the_same(
        self, job: dict[str, Any], history: History, used: dict[str, str]
    ) -> bool:
        """Tell whether a table is made of what it was made of, by the same SQL and engine.

        As `_is_given_the_same` in stedi_cli/local/runner.py.
        """
        by = history.summary.get("stedi.engine")
        if not job["gives_the_same"] or by != job["record"]["engine"]:
            return False
        made = int(history.current.timestampMillis())
        landing = self.request["landing"]
        read_of = [landing[name]["typed"] for name in job["reads"] if name in landing]
        if job["held_back"] is not None and not self.holds_nothing_back(job["held_back"], history):
            read_of.append(HELD_BACK)
        for name in read_of:
            source = self.tables.history(name)
            read = source.current if source is not None else None
            if read is None or int(read.timestampMillis()) >= made:
                return False
        return all(
            used.get(name) == self.same.get(name, str(self.tables.snapshot(name)[0]))
            for name in job["reads"]
            if name not in landing
        )

    def holds_nothing_back(self, names: list[str], history: History) -> bool:
        """Tell whether nothing is held back of landing tables, nor was when a table was made."""
        accounts = json.loads(history.summary.get("stedi.landing", "{}"))
        used = [accounts.get(name) for name in names]
        # The first versions wrote lists.
        all_used = all(isinstance(of, dict) and of.get("quarantined") == 0 for of in used)
        held = self.tables.history(HELD_BACK)
        return all_used and (held is None or held.current is None)

    def loses_rows(self, job: dict[str, Any], history: History, rows: DataFrame) -> bool:
        """Compare a table with what it will hold; where they cannot be compared, rows are lost."""
        before, salt = self.spark.table(job["writes"]), secrets.token_hex(16)
        now = counted(rows, salt)
        if int(history.summary["total-records"]) > now[0] or before.dtypes != rows.dtypes:
            return True
        try:
            if counted(before, salt) == now:
                self.same[job["writes"]] = str(history.current.snapshotId())
                return False
            # How often a row is there counts too: doubles may be of different people.
            return not before.exceptAll(rows).isEmpty()
        except (Py4JJavaError, PySparkException):
            return True


def counted(rows: DataFrame, salt: str) -> tuple[int, Any]:
    """Return how many rows there are and a sum over them, which the same rows have in any order."""
    # Spark's hash passes over a NULL, so each column says where it has one.
    columns = [F.col(f"`{name}`") for name in rows.columns]
    digest = F.xxhash64(F.lit(salt), *columns, *(column.isNull() for column in columns))
    found = rows.select(F.count("*"), F.sum(digest.cast("decimal(20, 0)"))).first()
    return int(found[0]), found[1]  # type: ignore[index]


if __name__ == "__main__":
    main()
