"""The table of what can be made out of lines that cannot be used, on Spark.

It holds personal data, and no older snapshot stays once a row goes.
"""

from __future__ import annotations

from typing import Any

from landing_quarantine import Quarantine
from pyspark import RDD
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F  # noqa: N812 - the name that PySpark's users know

HELD_BACK = "held_back"
"""The table; see stedi_cli/project/lakehouse.py."""


class HeldBack(Quarantine):
    """The table of what can be made out of the lines in quarantine: at least one row a line."""

    name = HELD_BACK

    def is_of(self, name: str) -> bool:
        """Tell whether something is looked for in the unusable lines of a landing table."""
        return self.tables.model[name]["held_back"] is not None

    def is_to_renew(self) -> bool:
        """Tell whether it is written in any case; checks and jobs need it to be there."""
        return super().is_to_renew() or self.tables.history(self.name) is None

    def summary(self, *, lost: bool) -> dict[str, Any]:
        """Return what was looked for in the lines."""
        forgets = {"forgets": "true"} if lost or self.distrusted else {}
        return {"traced": self.request["traced"], **forgets}

    def found(self, name: str, bad: RDD[Any]) -> DataFrame:
        """Return the entries of a landing table's unusable lines."""
        rows = bad.flatMap(
            lambda entry: [Row(name, entry[0], entry[2][0], *trace) for trace in entry[2][2]]
        )
        return self.spark.createDataFrame(rows, self.schema)

    def as_answered(self, entries: DataFrame) -> tuple[DataFrame, bool]:
        """Return entries of which those that were answered count up to then, and no longer."""
        answers = self.request["answered"]
        if not answers:
            return entries, False
        columns = "`table` string, file string, line bigint, until bigint"
        known = F.broadcast(self.spark.createDataFrame(answers, columns))
        joined = entries.join(known, ["table", "file", "line"], "left")
        until = F.when(F.col("email").isNotNull(), F.col("until"))
        instant = F.coalesce(until, F.col("instant"))
        changed = not joined.where(~instant.eqNullSafe(F.col("instant"))).isEmpty()
        return joined.withColumn("instant", instant).select(*entries.columns), changed

    def unreadable(self, name: str) -> int:
        """Count a table's lines of which it is not made out what they are looked at for.

        That is who it is and which device they hold, for the customers; else of when it is.
        """
        if not self.lines.get(name):
            return 0
        asked = ("email", "serialNumber") if self.serial_of(name) else ("instant",)
        lacks = [F.col(column).isNull() for column in asked]
        rows = self.entries().where(F.col("table") == name).where(lacks[0] | lacks[-1])
        return rows.select("file", "line").distinct().count()

    def serial_of(self, name: str) -> str | None:
        """Return the column with the device of a landing table's person, if it has one."""
        serial: str | None = self.tables.model[name]["held_back"]["serial"]
        return serial

    def show(self, names: list[str]) -> None:
        """Make readable by its name what is held back of landing tables, and of no others."""
        entries = self.entries()
        there = self.lines.keys() & set(names)
        rows = entries.where(F.col("table").isin(names)) if there else entries.limit(0)
        rows.createOrReplaceTempView(HELD_BACK)
