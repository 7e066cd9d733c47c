"""A million customers on thirty serial numbers: does the run stay bounded?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from benchmarks.process import Contender, Failed, helper, output_of
from benchmarks.profiles import call_table
from benchmarks.report import Goal, Section, contenders_table
from benchmarks.turns import say, seconds
from benchmarks.workshop import ON_SPARK, RUN, Lake, Workshop

_LIMIT = "512MB"
# Each takes about a minute.
_RUNS_ON_SPARK = 3
_UNIQUE, _SHARED, _BOUNDED = (
    "unique serial numbers",
    "30 serial numbers",
    f"30, memory_limit {_LIMIT}",
)

# Known by construction: every second customer agreed, a fifth of these between their two instants.
# Two accelerometer and one step reading belong to the later instant.
_ROWS = {
    "customer_trusted": 500_000,
    "accelerometer_trusted": 400_000 * 5 + 100_000 * 2,
    "customers_curated": 500_000,
    "step_trainer_trusted": 400_000 * 2 + 100_000,
    "machine_learning_curated": 400_000 * 5 + 100_000 * 2,
}


def sections(workshop: Workshop) -> Iterator[Section]:
    """Measure the defect beside the same rows without it."""
    unique, shared = (_lake(workshop, kind) for kind in ("unique", "shared"))
    section = Section(
        "The defect at scale",
        "A million customers, 5 million accelerometer and 2 million step readings; the same rows"
        " once with a serial number each and once with 30 for all. `stedi jobs run --all` into a"
        " lakehouse without tables. Temporary disk is that below the lakehouse's root.",
    )
    limited = workshop.config(f"limit-{_LIMIT}", memory_limit=_LIMIT)
    contenders = [_contender(_UNIQUE, unique), _contender(_SHARED, shared)]
    contenders.append(_contender(_BOUNDED, shared, limited))
    results = workshop.turns(contenders)
    section.parts.append(contenders_table(results, _UNIQUE, with_temp=True))
    for lake in (unique, shared):
        _check(lake)
    section.parts.append(
        "Both hold the rows that follow from how the data was made, and `stedi validate` finds"
        " nothing."
    )
    goal = Goal("at most 2x the time of unique serial numbers", 2.0, "x")
    for name in (_SHARED, _BOUNDED):
        ratio = results.ratio(name, _UNIQUE, seconds)
        section.judge(f"A million customers, {name}", goal, ratio)
    if section.missed:
        section.profile.append(call_table(shared, *RUN, "--force"))
    yield section
    if find_spec("pyspark"):
        yield _on_spark(workshop, unique, shared)
    workshop.remove(unique.root, shared.root)


def _on_spark(workshop: Workshop, unique: Lake, shared: Lake) -> Section:
    section = Section(
        "The defect at scale, on Spark",
        f"The same with `stedi jobs run --all --force --engine spark`, {_RUNS_ON_SPARK} runs each.",
    )
    contenders = [
        Contender(_UNIQUE, unique.command(*ON_SPARK)),
        Contender(_SHARED, shared.command(*ON_SPARK)),
    ]
    results = workshop.turns(contenders, min(workshop.runs, _RUNS_ON_SPARK))
    section.parts.append(contenders_table(results, _UNIQUE, time_only=True))
    for lake in (unique, shared):
        _check(lake)
    goal = Goal("at most 2x the time of unique serial numbers", 2.0, "x")
    ratio = results.ratio(_SHARED, _UNIQUE, seconds)
    section.judge(f"On Spark: a million customers, {_SHARED}", goal, ratio)
    return section


def _check(lake: Lake) -> None:
    jobs = json.loads(lake.call(*RUN, "--json"))["jobs"]
    found = {job["table"]: job["rows"] for job in jobs}
    if found != _ROWS:
        raise Failed(f"{lake.root.name}: {_ROWS} rows expected, found {found}")
    lake.check(known=False)


def _contender(name: str, lake: Lake, config: Path | None = None) -> Contender:
    command = lake.command(*RUN, config=config)
    return Contender(name, command, prepare=lake.without_tables, watch=lake.temp)


def _lake(workshop: Workshop, kind: str) -> Lake:
    data = workshop.work / f"data-crowd-{kind}"
    if not data.is_dir():
        say(f"Generating {data.name}")
        output_of(helper("benchmarks.crowd", kind, data), workshop.work)
    lake = workshop.lake(f"crowd-{kind}", data)
    workshop.remove(data)
    return lake
