"""The product's jobs as plain PySpark runs them: ``python -m benchmarks.spark_plan ROOT OUT PLAN``.

SQL, schemas, memory and compression are taken from the product itself.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from stedi_cli.local.layout import Layout
from stedi_cli.project import folder as project
from stedi_cli.project.lakehouse import HELD_BACK, Table
from stedi_cli.project.model import load
from stedi_cli.project.settings import load_settings
from stedi_cli.tables.types import TYPES

_POLICY = "strict"


def main(root: Path, out: Path, plan: Path) -> None:
    """Write the plan."""
    lakehouse = load(project.bundled())
    settings = {
        "spark.master": "local[*]",
        "spark.driver.memory": load_settings(root=root).spark_memory,
        "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.compression.codec": "zstd",
    }
    landing = [
        {
            "name": table.name,
            "folder": str(Layout(root).landing / str(table.folder)),
            "schema": _schema(table),
        }
        for table in lakehouse.landing.values()
    ]
    jobs = [
        {
            "sql": lakehouse.job_text(job, _POLICY).sql.strip().rstrip(";"),
            "writes": job.writes,
            "out": str(out / f"{job.writes}.parquet"),
        }
        for job in lakehouse.jobs.values()
    ]
    held_back = lakehouse.tables[HELD_BACK]
    # What is measured has no unusable lines, so that nobody is held back.
    empty = {"name": HELD_BACK, "schema": _schema(held_back)}
    told = {"settings": settings, "landing": landing, "empty": [empty], "jobs": jobs}
    plan.write_text(json.dumps(told, indent=1))


def _schema(table: Table) -> str:
    return ", ".join(f"`{c.name}` {TYPES[c.type].hive}" for c in table.columns)


if __name__ == "__main__":
    main(*(Path(argument).resolve() for argument in sys.argv[1:]))
