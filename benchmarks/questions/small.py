"""What do many small files cost, as devices deliver them?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.process import Contender, helper, output_of
from benchmarks.profiles import call_table
from benchmarks.report import Goal, Section, contenders_table
from benchmarks.turns import Results, cpu, say, seconds
from benchmarks.workshop import RUN, Lake, Workshop

UP_FEW, UP_SMALL = "few: infra up --data", "small: infra up --data"
RUN_FEW, RUN_SMALL = "few: jobs run --all, first", "small: jobs run --all, first"
IDLE, CHECKED = "small: jobs run --all, unchanged", "small: validate, after a run"
KEPT = "small: validate, unchanged"


def sections(workshop: Workshop) -> Iterator[Section]:
    """Measure the largest size in few large files and in many small ones."""
    scale = workshop.largest
    data = workshop.data(scale)
    many = _small(workshop, data)
    few, small = (Lake(workshop, workshop.work / f"lake-{name}") for name in ("few", "small"))
    files = sum(1 for path in many.rglob("*.json"))
    contenders = [
        Contender(UP_FEW, few.command("infra", "up", "--data", data), prepare=_without(few)),
        Contender(RUN_FEW, few.command(*RUN)),
        Contender(UP_SMALL, small.command("infra", "up", "--data", many), prepare=_without(small)),
        Contender(RUN_SMALL, small.command(*RUN)),
        Contender(IDLE, small.command(*RUN)),
        Contender(CHECKED, small.command("validate")),
        Contender(KEPT, small.command("validate")),
    ]
    results = workshop.turns(contenders)
    section = Section(
        f"Small files, at {scale}x",
        f"The same lines in {sum(1 for _ in data.rglob('*.json'))} files and in {files:,} files of"
        " 112 KB, every second one with a line that cannot be used. Each lakehouse is made anew in"
        " each turn.",
    )
    section.parts += [
        contenders_table(results, RUN_FEW),
        _check(workshop, few, small, data),
    ]
    _judge(section, results, files)
    if section.missed:
        section.profile.append(call_table(small, *RUN, "--reread"))
    workshop.remove(few.root, small.root, many)
    yield section


def _small(workshop: Workshop, data: Path) -> Path:
    folder = workshop.work / f"{data.name}-small"
    if not folder.is_dir():
        say(f"Writing {folder.name}")
        output_of(helper("benchmarks.small_files", data, folder), workshop.work)
    return folder


def _without(lake: Lake) -> Callable[[], None]:
    def remove() -> None:
        lake.workshop.remove(lake.root)
        os.sync()

    return remove


def _check(workshop: Workshop, few: Lake, small: Lake, data: Path) -> str:
    folders = [lake.export_to(workshop.out(lake, "tables")) for lake in (few, small)]
    output_of(helper("benchmarks.compare", data / "expected.yaml", *folders), workshop.work)
    few.check()
    small.check(known=False)
    return (
        "All five tables are the same, row for row, with the numbers of rows that the generator"
        " counted; `stedi validate` finds nothing."
    )


def _judge(section: Section, results: Results, files: int) -> None:
    for name, other, limit, most in ((UP_SMALL, UP_FEW, 3, 4), (RUN_SMALL, RUN_FEW, 2, 3)):
        goal = Goal(f"{limit}x the CPU of few files ({most}x at the most)", limit, "x", most)
        spent = f"{results.of(name, cpu):.2f} s, {files:,} files"
        section.judge(name, goal, results.ratio(name, other, cpu), spent)
    goal = Goal("0.2 s (0.3 s at the most)", 0.2, "s", 0.3)
    section.judge(IDLE, goal, results.of(IDLE, seconds), f"{files:,} files")
    goal = Goal("0.25 s (0.35 s at the most)", 0.25, "s", 0.35)
    section.judge(KEPT, goal, results.of(KEPT, seconds), f"{files:,} files")
