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
    """The table of lines that cannot be used.

    Args:
        spark: The session.
        tables: The Iceberg tables.
        request: The request.
    """

    def __init__(self, spark: SparkSession, tables: Tables, request: dict[str, Any]) -> None:
        self.spark = spark
        self.tables = tables
        self.request = request
        # What another engine wrote is found again by reading the files that it names.
        self.distrusted = request["quarantine_changed"]
        self.schema = schema_of(tables.model[QUARANTINE])
        counts = self.entries().groupBy("table", "file").count().collect()
        self.stored = {(row["table"], row["file"]): row["count"] for row in counts}
        history = tables.history(QUARANTINE)
        # By landing table, the fingerprint of the files that its entries were found in.
        self.judged = json.loads(history.summary.get("stedi.judged", "{}")) if history else {}

    def entries(self) -> DataFrame:
        """Return the quarantine as it is."""
        there = self.tables.history(QUARANTINE) is not None
        if there and not self.distrusted:
            return self.spark.table(QUARANTINE)
        return self.spark.createDataFrame([], self.schema)

    def replace(self, readings: list[Reading]) -> None:
        """Replace landing tables' entries in one commit, unless they are the same."""
        judged = dict(self.judged)
        lines = {table: 0 for table, _ in self.stored}
        for (table, _), count in self.stored.items():
            lines[table] += count
        entries, renew = self.entries(), self.is_to_renew()
        for reading in readings:
            name, asked = reading.name, self.request["landing"][reading.name]
            kept = [file for table, file in self.stored if table == name]
            gone = [file for file in kept if file in reading.new or file not in reading.ledger]
            if gone:
                entries = entries.where(~((F.col("table") == name) & F.col("file").isin(gone)))
            if reading.bad is not None and not reading.bad.isEmpty():
                entries = entries.unionByName(self.found(name, reading.bad))
                renew = True
            # A place is one in these files, also where the same places were bad in others.
            other = bool(reading.quarantined) and judged.get(name) != asked["fingerprint"]
            renew = renew or bool(gone) or other
            lines[name], judged[name] = reading.quarantined, asked["fingerprint"]
        if renew:
            lines = {table: number for table, number in lines.items() if number}
            judged = {table: judged[table] for table in lines if table in judged}
            self.tables.replace(QUARANTINE, entries, {"lines": lines, "judged": judged})
            self.distrusted = False
            self.tables.expire(QUARANTINE)

    def found(self, name: str, bad: RDD[Any]) -> DataFrame:
        """Return the entries of a landing table's unusable lines."""
        return self.spark.createDataFrame(
            bad.map(lambda entry: Row(name, entry[0], *entry[2])), self.schema
        )

    def is_to_renew(self) -> bool:
        """Tell whether it is written anew in any case, since others wrote it or may read values."""
        history = self.tables.history(QUARANTINE)
        wanted = self.tables.model[QUARANTINE]["properties"]
        return self.distrusted or (history is not None and history.may_tell_values(wanted))
