"""Does it hold at 11 GB?"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.process import Contender
from benchmarks.profiles import call_table
from benchmarks.report import Goal, Section, contenders_table
from benchmarks.turns import memory, seconds
from benchmarks.workshop import RUN, Lake, Workshop

_LIMIT = "3GB"
_SIZES = (100, 1000)
_HUNDRED, _THOUSAND = (f"{size:,}x" for size in _SIZES)


def sections(workshop: Workshop) -> Iterator[Section]:
    """Measure 1,000x beside 100x."""
    hundred, thousand = (_lake(workshop, size) for size in _SIZES)
    section = Section(
        f"1,000x ({thousand.size / 1e9:.0f} GB)",
        f"`stedi jobs run --all --force` with `memory_limit: {_LIMIT}`, beside 100x with the same"
        f" limit. There are {thousand.size / hundred.size:.1f}x as many bytes of landing files.",
    )
    limited = workshop.config(f"limit-{_LIMIT}", memory_limit=_LIMIT)
    contenders = [
        Contender(name, lake.command(*RUN, "--force", config=limited), watch=lake.temp)
        for name, lake in ((_HUNDRED, hundred), (_THOUSAND, thousand))
    ]
    results = workshop.turns(contenders)
    section.parts.append(contenders_table(results, _HUNDRED, with_temp=True))
    thousand.check()
    section.parts.append("`stedi validate` finds the rows that the generator counted.")
    per_row = results.ratio(_THOUSAND, _HUNDRED, seconds) / 10
    goal = Goal("finishes within 4 GB of memory", 4000, "MB")
    section.judge("1,000x, peak memory", goal, results.of(_THOUSAND, memory))
    goal = Goal("time per row within 1.3x of 100x", 1.3, "x")
    spent = f"{results.of(_THOUSAND, seconds):.1f} s"
    section.judge("1,000x, time per row", goal, per_row, spent)
    if section.missed:
        section.profile.append(call_table(thousand, *RUN, "--force"))
    workshop.remove(thousand.root)
    yield section


def _lake(workshop: Workshop, scale: int) -> Lake:
    data = workshop.data(scale)
    lake = workshop.lake(f"{scale}x", data)
    if scale > workshop.largest:
        workshop.remove(data)
    return lake
