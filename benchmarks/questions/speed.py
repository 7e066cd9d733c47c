"""How fast is a whole run, beside what one would use instead?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from benchmarks.process import Contender, helper, output_of
from benchmarks.profiles import run_profile
from benchmarks.report import Goal, Section, contenders_table
from benchmarks.turns import Results, memory, seconds
from benchmarks.workshop import CONTENDERS, CUSTOMERS, RUN, Lake, Workshop

BARE, POLARS, DBT = "bare DuckDB", "Polars", "dbt-duckdb"
FIRST, AGAIN, FULL = "stedi, first run", "stedi, run again", "stedi, 10 snapshots"

_HOW = f"""\
The five tables from generated landing files of {{size:.0f}} MB, by the strict rules.

- **{BARE}**: a plain script with the product's own SQL, landing views (without the guard of the
  landing contract) and engine settings; Parquet out, no Iceberg, no checks, nothing atomic.
- **{POLARS}**: the same rules written for it, lazy, Parquet out.
- **{DBT}**: the same SQL as models of a dbt project (`external`, Parquet out), same settings,
  already parsed, telemetry off.
- **{FIRST}**: `stedi jobs run --all` into a lakehouse without tables: every line passes the guard,
  typed copies of the landing tables and the tables are made; the upload hashed the landing files.
- **{AGAIN}**: `stedi jobs run --all --force`: every table is made anew, from the typed copies.
"""
_FULL_HOW = f"- **{FULL}**: the same in a lakehouse where each run also expires a snapshot.\n"


def sections(workshop: Workshop) -> Iterator[Section]:
    """Measure each size."""
    for scale in workshop.scales:
        yield _section(workshop, scale)


def _section(workshop: Workshop, scale: int) -> Section:
    lake = workshop.scaled_lake(scale)
    contenders = _contenders(workshop, lake, scale)
    results = workshop.turns(contenders)
    checked = _check(workshop, lake, scale, [n for n in (BARE, POLARS, DBT) if n in results.runs])
    how = _HOW.format(size=lake.size / 1e6) + (_FULL_HOW if FULL in results.runs else "")
    section = Section(f"A whole run at {scale}x ({CUSTOMERS * scale:,} customers)", how)
    section.parts += [contenders_table(results, BARE), checked]
    section.parts += [
        f"{name} was not installed, so it was not measured."
        for name in (POLARS, DBT)
        if name not in results.runs
    ]
    _judge(section, results, scale)
    if section.missed:
        section.profile = run_profile(lake, contenders[0])
    return section


def _contenders(workshop: Workshop, lake: Lake, scale: int) -> list[Contender]:
    again = [*RUN, "--force"]
    dbt = workshop.out(lake, DBT) / "project"
    contenders = [workshop.bare(lake, BARE)]
    if find_spec("polars"):
        script, out = CONTENDERS / "with_polars.py", workshop.out(lake, POLARS)
        contenders.append(Contender(POLARS, [sys.executable, script, lake.landing, out]))
    if workshop.dbt:
        _plan_dbt(workshop, lake)
        command: list[str | Path] = [workshop.dbt.with_name("dbt"), "run", "--quiet"]
        command += ["--project-dir", dbt, "--profiles-dir", dbt]
        contenders.append(Contender(DBT, command))
    contenders.append(Contender(FIRST, lake.command(*RUN), prepare=lake.without_tables))
    contenders.append(Contender(AGAIN, lake.command(*again)))
    if scale == 1:
        full = workshop.lake("1x-full", workshop.data(1))
        for _ in range(10):
            full.call(*again)
        contenders.append(Contender(FULL, full.command(*again)))
    return contenders


def _plan_dbt(workshop: Workshop, lake: Lake) -> None:
    out = workshop.out(lake, DBT)
    arguments: list[str | Path] = ["--dbt", out / "project", lake.root, out, out / "plan.json"]
    output_of(helper("benchmarks.plan", *arguments), workshop.work)


def _check(workshop: Workshop, lake: Lake, scale: int, others: list[str]) -> str:
    """Hold all results against each other and against the generator's counts."""
    folders = [workshop.out(lake, name) for name in others]
    exported = lake.export_to(workshop.out(lake, AGAIN))
    expected = workshop.data(scale) / "expected.yaml"
    output_of(helper("benchmarks.compare", expected, *folders, exported), workshop.work)
    lake.check()
    return (
        "All five tables are the same, row for row, in all of them, with the numbers of rows that"
        " the generator counted; `stedi validate` finds nothing."
    )


def _judge(section: Section, results: Results, scale: int) -> None:
    bare = results.of(BARE, seconds)
    if scale == 1:
        goal = Goal("bare DuckDB + 0.45 s (+ 0.6 s at the most)", 0.45, "s", 0.6)
        for name in (AGAIN, FIRST, FULL):
            over = results.of(name, seconds) - bare
            section.judge(f"1x: {name}, over bare DuckDB", goal, over, f"bare {bare:.2f} s")
        if DBT in results.runs:
            goal = Goal("at least 3x faster than dbt-duckdb", 3, "x", at_least=True)
            for name in (AGAIN, FIRST):
                section.judge(f"1x: {name}", goal, results.ratio(DBT, name, seconds))
    if scale == 100:
        _judge_hundred(section, results)


def _judge_hundred(section: Section, results: Results) -> None:
    for name, limit, most in ((AGAIN, 0.65, 0.75), (FIRST, 1.2, 1.35)):
        spent = f"{results.of(name, seconds):.2f} s"
        goal = Goal(f"{limit}x bare DuckDB ({most}x at the most)", limit, "x", most)
        section.judge(f"100x: {name}", goal, results.ratio(name, BARE, seconds), spent)
        if POLARS in results.runs:
            goal = Goal("faster than Polars", 1.0, "x")
            ratio = results.ratio(name, POLARS, seconds)
            section.judge(f"100x: {name}, of Polars' time", goal, ratio)
        goal = Goal("under 800 MB", 800, "MB")
        section.judge(f"100x: {name}, peak memory", goal, results.of(name, memory))
