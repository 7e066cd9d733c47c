"""What does the whole way cost: bring files in, run all jobs, look whether all is right?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.process import Contender, helper, output_of
from benchmarks.profiles import call_table
from benchmarks.report import Goal, Section, contenders_table
from benchmarks.turns import Results, memory, seconds
from benchmarks.workshop import RUN, Lake, Workshop

BARE, COPY, SAFE = "bare DuckDB", "cp -r", "cp -r, then fsync"
UP, FIRST, CHECKED = "infra up --data", "jobs run --all, first", "validate, after a run"
KEPT, FORCED, IDLE = "validate, unchanged", "jobs run --all --force", "jobs run --all, unchanged"
WHOLE = "infra up, first run, validate"

_HOW = f"""\
One lakehouse, made anew in each turn, of generated landing files of {{size:.0f}} MB; the commands
follow each other as they stand here. Beside them {BARE}, the script of “A whole run”, and a plain
copy, which leaves the files to the page cache, and the same with an fsync of each file. `infra up`
copies and digests each file, counts its lines and syncs it before it appears under its name.
“{WHOLE}” is the sum of its three commands in each turn, with the peak of the largest.
"""


def sections(workshop: Workshop) -> Iterator[Section]:
    """Measure each command of the way, at the largest size."""
    scale = workshop.largest
    data, there = workshop.data(scale), workshop.scaled_lake(scale)
    lake = Lake(workshop, workshop.work / "lake-way")
    copy = workshop.work / "copy"
    results = workshop.turns(_contenders(workshop, there, lake, data, copy))
    results.add(WHOLE, (UP, FIRST, CHECKED))
    section = Section(f"The whole way, at {scale}x", _HOW.format(size=there.size / 1e6))
    section.parts += [contenders_table(results, BARE), _check(workshop, lake, there, data)]
    _judge(section, results, scale)
    if section.missed:
        section.profile += [
            call_table(lake, *words) for words in (("validate", "--again"), (*RUN, "--force"))
        ]
    workshop.remove(copy, lake.root)
    yield section


def _contenders(
    workshop: Workshop, there: Lake, lake: Lake, data: Path, copy: Path
) -> list[Contender]:
    def empty() -> None:
        workshop.remove(copy, lake.root)
        os.sync()

    sync = 'cp -r "$1" "$2" && find "$2" -type f -exec sync {} +'
    return [
        workshop.bare(there, BARE),
        Contender(COPY, ["cp", "-r", data, copy], prepare=empty),
        Contender(SAFE, ["sh", "-c", sync, "sh", data, copy], prepare=empty),
        Contender(UP, lake.command("infra", "up", "--data", data), prepare=empty),
        Contender(FIRST, lake.command(*RUN)),
        Contender(CHECKED, lake.command("validate")),
        Contender(KEPT, lake.command("validate")),
        Contender(IDLE, lake.command(*RUN)),
        Contender(FORCED, lake.command(*RUN, "--force")),
    ]


def _check(workshop: Workshop, lake: Lake, there: Lake, data: Path) -> str:
    folders = [workshop.out(there, BARE), lake.export_to(workshop.out(lake, FORCED))]
    output_of(helper("benchmarks.compare", data / "expected.yaml", *folders), workshop.work)
    lake.check()
    return (
        "All five tables are those of the script, row for row, with the numbers of rows that the"
        " generator counted; `stedi validate` finds nothing."
    )


def _judge(section: Section, results: Results, scale: int) -> None:
    goal = Goal("0.25 s (0.35 s at the most)", 0.25, "s", 0.35)
    section.judge(f"{scale}x: {KEPT}", goal, results.of(KEPT, seconds))
    if scale != 100:
        return
    for name, limit, most in (
        (UP, 0.45, 0.6),
        (FIRST, 1.2, 1.35),
        (FORCED, 0.65, 0.75),
        (CHECKED, 0.8, 1.0),
        (WHOLE, 2.4, 2.9),
    ):
        goal = Goal(f"{limit}x bare DuckDB ({most}x at the most)", limit, "x", most)
        spent = f"{results.of(name, seconds):.2f} s"
        section.judge(f"100x: {name}", goal, results.ratio(name, BARE, seconds), spent)
    goal = Goal("400 MB (600 MB at the most)", 400, "MB", 600)
    section.judge(f"100x: {CHECKED}, peak memory", goal, results.of(CHECKED, memory))
