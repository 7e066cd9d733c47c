"""The questions, one function each: it measures, and returns its section of RESULTS.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.questions import (
    calls,
    contract,
    defect,
    memory,
    small,
    spark,
    speed,
    startup,
    thousand,
    way,
)
from benchmarks.report import Section
from benchmarks.workshop import Workshop

QUESTIONS: dict[str, Callable[[Workshop], Iterator[Section]]] = {
    "speed": speed.sections,
    "way": way.sections,
    "small": small.sections,
    "rerun": startup.rerun,
    "startup": startup.startup,
    "memory": memory.sections,
    "contract": contract.sections,
    "defect": defect.sections,
    "spark": spark.sections,
    "calls": calls.sections,
    "thousand": thousand.sections,
}
