"""How long does a command take that has nothing to do?"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.process import Contender
from benchmarks.profiles import command_profile, import_table, importing
from benchmarks.report import Goal, Section, contenders_table
from benchmarks.turns import seconds
from benchmarks.workshop import RUN, Workshop

# Such short runs are cheap to repeat.
_TIMES = 4
_HEAVY = {"duckdb", "pyiceberg", "pyarrow"}
_PYTHON, _LIBRARIES = "python -c pass", 'python -c "import typer, rich"'


def rerun(workshop: Workshop) -> Iterator[Section]:
    """Measure a run that finds everything up to date."""
    section = Section(
        "A run with nothing to do",
        "`stedi jobs run --all` a second time: every table is up to date. It is known from SQLite,"
        " the tables' metadata and the landing files' time stamps. One lakehouse holds lines that"
        " cannot be used; “Small files” has one of many files.",
    )
    lakes = {f"{scale}x, unchanged": workshop.scaled_lake(scale) for scale in workshop.scales}
    smallest = workshop.scales[0]
    dirty = workshop.lake(f"{smallest}x-dirty", workshop.data(smallest, "--dirty", "0.005"))
    lakes[f"{smallest}x with bad lines, unchanged"] = dirty
    for lake in lakes.values():
        lake.call(*RUN)
    contenders = [Contender(_PYTHON, [sys.executable, "-c", "pass"])]
    contenders += [Contender(name, lake.command(*RUN)) for name, lake in lakes.items()]
    results = workshop.turns(contenders, workshop.runs * _TIMES)
    section.parts.append(contenders_table(results, _PYTHON))
    first = workshop.scaled_lake(smallest)
    heavy = importing(first, _HEAVY, *RUN)
    section.parts.append(f"It imports {', '.join(heavy) or 'neither duckdb nor pyiceberg'}.")
    for name in lakes:
        goal = Goal("under 0.12 s (0.18 s at the most)", 0.12, "s", 0.18)
        section.judge(f"A run with nothing to do: {name}", goal, results.of(name, seconds))
    if section.missed:
        section.profile = command_profile(first, *RUN)
    yield section


def startup(workshop: Workshop) -> Iterator[Section]:
    """Measure the commands that do not even look at a lakehouse."""
    lake = workshop.scaled_lake(workshop.scales[0])
    section = Section(
        "Start-up", f"The installed command beside the import of its two libraries, `{_LIBRARIES}`."
    )
    contenders = [
        Contender(_LIBRARIES, [sys.executable, "-c", "import typer, rich"]),
        Contender(_PYTHON, [sys.executable, "-c", "pass"]),
        Contender("stedi --version", [*workshop.stedi, "--version"]),
        Contender("stedi --help", [*workshop.stedi, "--help"]),
    ]
    results = workshop.turns(contenders, workshop.runs * _TIMES)
    section.parts.append(contenders_table(results, _LIBRARIES))
    for option, limit in (("--version", 1.5), ("--help", 2.5)):
        goal = Goal(f"{limit}x the import of Typer and Rich", limit, "x")
        ratio = results.ratio(f"stedi {option}", _LIBRARIES, seconds)
        section.judge(f"`stedi {option}`", goal, ratio)
    if section.missed:
        section.profile = [import_table(lake, option) for option in ("--version", "--help")]
    yield section
