"""The same SQL in bare DuckDB: ``with_duckdb.py PLAN [SECONDS]``.

Stands alone. PLAN is a JSON list of steps with a name and SQL; what each took is written to
SECONDS where that is given.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb


def main(plan: Path, seconds: Path | None = None) -> None:
    """Run the steps one after another."""
    connection = duckdb.connect()
    took: dict[str, float] = {}
    for step in json.loads(plan.read_text()):
        started = time.perf_counter()
        connection.execute(step["sql"])
        took[step["name"]] = took.get(step["name"], 0.0) + time.perf_counter() - started
    if seconds is not None:
        seconds.write_text(json.dumps(took))


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
