"""What does Spark cost on this machine, beside plain PySpark and beside DuckDB?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec

from benchmarks.process import Contender, helper, output_of
from benchmarks.report import Goal, Section, contenders_table
from benchmarks.turns import say, seconds
from benchmarks.workshop import CONTENDERS, CUSTOMERS, ON_SPARK, RUN, Workshop

PLAIN, SPARK, DUCKDB = "plain PySpark", "--engine spark", "--engine duckdb"
_MEASURED = (1, 100)

_HOW = f"""\
The five tables from generated landing files of {{size:.0f}} MB, in one Spark session on all cores.

- **{PLAIN}**: a plain script with the product's own SQL, schemas and memory; Parquet out, no
  Iceberg, no landing contract, nothing atomic.
- **{SPARK}**: `stedi jobs run --all --force --engine spark`: every table is made anew, from the
  typed copies.
- **{DUCKDB}**: the same with DuckDB.
"""


def sections(workshop: Workshop) -> Iterator[Section]:
    """Measure each size that has a goal."""
    if not find_spec("pyspark"):
        say("PySpark is not installed: it is left out.")
        return
    for scale in workshop.scales:
        if scale in _MEASURED:
            yield _whole_run(workshop, scale)


def _whole_run(workshop: Workshop, scale: int) -> Section:
    lake = workshop.scaled_lake(scale)
    out = workshop.out(lake, PLAIN)
    plan = out / "plan.json"
    output_of(helper("benchmarks.spark_plan", lake.root, out, plan), workshop.work)
    contenders = [
        Contender(PLAIN, [sys.executable, CONTENDERS / "with_spark.py", plan]),
        Contender(SPARK, lake.command(*ON_SPARK)),
    ]
    results = workshop.turns(contenders)
    expected = workshop.data(scale) / "expected.yaml"
    output_of(
        helper("benchmarks.compare", expected, out, lake.export_to(workshop.out(lake, SPARK))),
        workshop.work,
    )
    lake.check()
    duck = workshop.turns([Contender(DUCKDB, lake.command(*RUN, "--force"))])
    results.runs.update(duck.runs)
    section = Section(
        f"Spark at {scale}x ({CUSTOMERS * scale:,} customers)",
        _HOW.format(size=lake.size / 1e6),
    )
    section.parts += [
        contenders_table(results, PLAIN, time_only=True),
        f"{DUCKDB} was measured after the others. Both on Spark wrote the same five tables, row"
        " for row, with the numbers of rows that the generator counted.",
    ]
    goal = Goal("at most 1.3x of plain PySpark", 1.3, "x")
    section.judge(f"{scale}x: {SPARK}", goal, results.ratio(SPARK, PLAIN, seconds))
    if scale == 100:
        goal = Goal(
            "0.75 of the 58.7 s it took before typed copies (0.85 at the most)", 44, "s", 49.9
        )
        section.judge(f"{scale}x: {SPARK}, from the copies", goal, results.of(SPARK, seconds))
    return section
