"""What does it cost to run in little memory?"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.process import Contender
from benchmarks.profiles import jobs_beside
from benchmarks.report import Goal, Section, contenders_table
from benchmarks.turns import seconds
from benchmarks.workshop import RUN, Workshop

_LIMITS = {"512MB": 1.3, "256MB": 1.5}
_UNLIMITED = "no limit"


def sections(workshop: Workshop) -> Iterator[Section]:
    """Measure a whole run under memory limits, at the largest size."""
    scale = workshop.largest
    lake = workshop.scaled_lake(scale)
    section = Section(
        f"Little memory, at {scale}x",
        "`stedi jobs run --all --force` with `memory_limit` in the configuration. It limits"
        " DuckDB's buffers; the peak is that of the whole process, with Python and libraries.",
    )
    limits = {_UNLIMITED: "null"} | {limit: limit for limit in _LIMITS}
    contenders = [
        Contender(
            name,
            lake.command(
                *RUN, "--force", config=workshop.config(f"limit-{value}", memory_limit=value)
            ),
            watch=lake.temp,
        )
        for name, value in limits.items()
    ]
    results = workshop.turns(contenders)
    section.parts.append(contenders_table(results, _UNLIMITED, with_temp=True))
    if scale == 100:
        for limit, most in _LIMITS.items():
            goal = Goal(f"finishes, {most}x the time", most, "x")
            ratio = results.ratio(limit, _UNLIMITED, seconds)
            section.judge(f"`memory_limit: {limit}` at 100x", goal, ratio)
    if section.missed:
        section.profile.append(jobs_beside(contenders, workshop.work))
    yield section
