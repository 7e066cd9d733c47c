"""The same SQL in plain PySpark: ``with_spark.py PLAN``.

Stands alone. PLAN is a JSON object: the session's settings, the landing tables with their schema
and folder, those without rows, and the jobs with their SQL and the Parquet folder that each writes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pyspark.sql import SparkSession


def main(plan: Path) -> None:
    """Run the jobs one after another in one session."""
    given = json.loads(plan.read_text())
    builder = SparkSession.builder.appName("plain")
    for key, value in given["settings"].items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    for table in given["landing"]:
        rows = spark.read.schema(table["schema"]).json(table["folder"])
        rows.createOrReplaceTempView(table["name"])
    for table in given["empty"]:
        spark.createDataFrame([], table["schema"]).createOrReplaceTempView(table["name"])
    for job in given["jobs"]:
        spark.sql(job["sql"]).write.mode("overwrite").parquet(job["out"])
        spark.read.parquet(job["out"]).createOrReplaceTempView(job["writes"])
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
