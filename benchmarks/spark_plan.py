"""The product's jobs as plain PySpark runs them: ``python -m benchmarks.spark_plan ROOT OUT PLAN``.

SQL, schemas, memory and compression are taken from the product itself.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from stedi_cli.local.layout import Layout
from stedi_cli.project import folder as project
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
            "schema": ", ".join(f"`{c.name}` {TYPES[c.type].hive}" for c in table.columns),
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
    plan.write_text(json.dumps({"settings": settings, "landing": landing, "jobs": jobs}, indent=1))


if __name__ == "__main__":
    main(*(Path(argument).resolve() for argument in sys.argv[1:]))
