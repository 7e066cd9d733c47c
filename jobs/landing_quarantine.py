"""The quarantine table on Spark: which landing lines cannot be used and why, file by file."""

from __future__ import annotations

import json
from typing import Any

from landing_reading import Reading
from pyspark import RDD
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that PySpark's users know
from spark_tables import Tables, schema_of

QUARANTINE = "quarantine"
"""The table of unusable lines; see stedi_cli/project/lakehouse.py."""


class Quarantine:
    """The table of lines that cannot be used, and one of the same lines.

    Args:
        spark: The session.
        tables: The Iceberg tables.
        request: The request.
    """

    name = QUARANTINE

    def __init__(self, spark: SparkSession, tables: Tables, request: dict[str, Any]) -> None:
        self.spark = spark
        self.tables = tables
        self.request = request
        # What another engine wrote is found again by reading the files that it names.
        self.distrusted = self.name in request["changed"]
        self.schema = schema_of(tables.model[self.name])
        # Of one line there may be several rows.
        places = self.entries().select("table", "file", "line").distinct()
        counts = places.groupBy("table", "file").count().collect()
        self.stored = {(row["table"], row["file"]): row["count"] for row in counts}
        history = tables.history(self.name)
        # How many lines there are by landing table, once they are replaced.
        self.lines: dict[str, int] = {}
        # By landing table, the fingerprint of the files that its entries were found in.
        self.judged = json.loads(history.summary.get("stedi.judged", "{}")) if history else {}

    def is_of(self, name: str) -> bool:
        """Tell whether the unusable lines of a landing table are in it."""
        return True

    def entries(self) -> DataFrame:
        """Return the table as it is."""
        there = self.tables.history(self.name) is not None
        if there and not self.distrusted:
            # By its whole name, since a job sees something else under the other.
            return self.spark.table(f"{self.tables.database}.{self.name}")
        return self.spark.createDataFrame([], self.schema)

    def replace(self, readings: list[Reading]) -> None:
        """Replace landing tables' entries in one commit, unless they are the same."""
        judged = dict(self.judged)
        lines = {table: 0 for table, _ in self.stored}
        for (table, _), count in self.stored.items():
            lines[table] += count
        entries, renew, lost = self.entries(), self.is_to_renew(), False
        for reading in readings:
            name, asked = reading.name, self.request["landing"][reading.name]
            mine = self.is_of(name)
            kept = [file for table, file in self.stored if table == name]
            ledger = {file for file in reading.ledger if mine and file not in reading.new}
            gone = [file for file in kept if file not in ledger]
            if gone:
                entries = entries.where(~((F.col("table") == name) & F.col("file").isin(gone)))
            if mine and reading.bad is not None and not reading.bad.isEmpty():
                entries = entries.unionByName(self.found(name, reading.bad))
                renew = True
            lines[name] = reading.quarantined if mine else 0
            # A place is one in these files, also where the same places were bad in others.
            other = bool(lines[name]) and judged.get(name) != asked["fingerprint"]
            renew, lost = renew or bool(gone) or other, lost or bool(gone)
            judged[name] = asked["fingerprint"]
        self.lines = {table: number for table, number in lines.items() if number}
        entries, changed = self.as_answered(entries)
        if renew or changed:
            judged = {table: judged[table] for table in self.lines if table in judged}
            summary = {"lines": self.lines, "judged": judged, **self.summary(lost=lost)}
            self.tables.replace(self.name, entries, summary)
            self.distrusted = False
            self.tables.expire(self.name)

    def summary(self, *, lost: bool) -> dict[str, Any]:
        """Return what else its snapshot says.

        Args:
            lost: Whether rows go that were there.
        """
        return {}

    def as_answered(self, entries: DataFrame) -> tuple[DataFrame, bool]:
        """Return entries as answers let them count, and whether one did otherwise before."""
        return entries, False

    def found(self, name: str, bad: RDD[Any]) -> DataFrame:
        """Return the entries of a landing table's unusable lines."""
        return self.spark.createDataFrame(
            bad.map(lambda entry: Row(name, entry[0], *entry[2][:2])), self.schema
        )

    def is_to_renew(self) -> bool:
        """Tell whether it is written anew in any case, since others wrote it or may read values."""
        history = self.tables.history(self.name)
        wanted = self.tables.model[self.name]["properties"]
        return self.distrusted or (history is not None and history.may_tell_values(wanted))
