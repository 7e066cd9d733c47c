"""Prints the keys of every join in Spark's plans of jobs: ``spark_plans.py FILE``.

FILE is a JSON object: Spark's schema by table, and SQL by job.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

_JOIN = re.compile(r"(\w+Join\w*|CartesianProduct)(?: \[([^\]]*)\], \[([^\]]*)\])?")


def keys(text: str | None) -> list[str]:
    """The columns in a list such as ``serialNumber#12, timestamp#3L``."""
    return re.findall(r"(\w+)#", text or "")


def joins(plan: str) -> list[dict[str, Any]]:
    """Every join of a physical plan with the keys of both sides."""
    found = (_JOIN.search(line) for line in plan.splitlines())
    return [{"kind": j[1], "left": keys(j[2]), "right": keys(j[3])} for j in found if j]


def main(file: Path) -> None:
    given = json.loads(file.read_text())
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.adaptive.enabled", "false")
        .getOrCreate()
    )
    for name, schema in given["tables"].items():
        spark.createDataFrame([], schema).createOrReplaceTempView(name)
    plans = {
        name: joins(spark.sql(sql)._jdf.queryExecution().sparkPlan().toString())
        for name, sql in given["jobs"].items()
    }
    print(json.dumps(plans))
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
