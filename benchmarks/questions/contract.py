"""What does the landing contract cost?"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.process import Contender
from benchmarks.profiles import call_table
from benchmarks.report import Goal, Section, contenders_table
from benchmarks.turns import cpu, seconds
from benchmarks.workshop import RUN, Workshop

_PLAIN, _GUARDED = "without the guard", "with the guard"
_CLEAN, _DIRTY = "clean data", "0.5 % bad lines"
_SHARE = "0.005"


def sections(workshop: Workshop) -> Iterator[Section]:
    """Measure clean and dirty data, at the largest size."""
    yield _clean(workshop, workshop.largest)
    yield _dirty(workshop, workshop.largest)


def _clean(workshop: Workshop, scale: int) -> Section:
    lake = workshop.scaled_lake(scale)
    section = Section(
        f"The contract on clean data, at {scale}x",
        "All five jobs in bare DuckDB with landing views that guard every line, as the reading of"
        " new landing files does, and without. Nothing else differs.",
    )
    contenders = [
        workshop.bare(lake, _PLAIN),
        workshop.bare(lake, _GUARDED, "--guard"),
    ]
    results = workshop.turns(contenders)
    section.parts.append(contenders_table(results, _PLAIN))
    more = (results.ratio(_GUARDED, _PLAIN, cpu) - 1) * 100
    by_turns = (results.pairwise(_GUARDED, _PLAIN, cpu) - 1) * 100
    goal = Goal("at most 5 % CPU", 5.0, "%")
    section.judge(
        f"The contract on clean data at {scale}x", goal, more, f"by turns {by_turns:.1f} %"
    )
    return section


def _dirty(workshop: Workshop, scale: int) -> Section:
    clean = workshop.scaled_lake(scale)
    data = workshop.data(scale, "--dirty", _SHARE)
    dirty = workshop.lake(f"{scale}x-dirty", data)
    section = Section(
        f"Bad lines, at {scale}x",
        f"`stedi jobs run --all` into a lakehouse without tables, with clean data and with data of"
        f" which a share of {_SHARE} cannot be used (every file has such lines, and as many usable"
        " lines in an unusual spelling). Landing files are known from before.",
    )
    contenders = [
        Contender(name, lake.command(*RUN), prepare=lake.without_tables, watch=lake.temp)
        for name, lake in ((_CLEAN, clean), (_DIRTY, dirty))
    ]
    results = workshop.turns(contenders)
    dirty.check()
    dirty.check_quarantine(data)
    section.parts += [
        contenders_table(results, _CLEAN, with_temp=True),
        "`stedi validate` finds the rows, and `stedi quarantine` the lines by reason, that the"
        " generator counted.",
    ]
    goal = Goal("at most 3x the time", 3.0, "x")
    section.judge(f"Bad lines at {scale}x", goal, results.ratio(_DIRTY, _CLEAN, seconds))
    if section.missed:
        section.profile.append(call_table(dirty, *RUN, "--force"))
    workshop.remove(data, dirty.root)
    return section
