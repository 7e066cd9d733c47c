"""What each type of a column is called in the words of each engine.

A type bears Iceberg's name for it. A new one also goes into ``jobs/glue_job.py``, which Glue runs
alone, and the landing contract has to say what a value of it is.
"""

from __future__ import annotations

from typing import NamedTuple


class ColumnType(NamedTuple):
    """A type's other names, as texts: the engines' packages are imported late."""

    arrow: str
    duckdb: str
    hive: str


TYPES = {
    "string": ColumnType(arrow="string", duckdb="VARCHAR", hive="string"),
    "long": ColumnType(arrow="int64", duckdb="BIGINT", hive="bigint"),
    "double": ColumnType(arrow="double", duckdb="DOUBLE", hive="double"),
}
