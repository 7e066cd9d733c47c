"""Where the time of a command goes: what RESULTS.md shows where a goal is missed."""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.process import Contender, errors_of, helper, output_of
from benchmarks.report import table
from benchmarks.workshop import RUN, Lake

_IMPORT = re.compile(r"import time:\s*(\d+) \|\s*\d+ \| +([\w.]+)")
_CALL = "from stedi_cli.cli import main; main()"
_SHOWN = 10


def run_profile(lake: Lake, bare: Contender) -> list[str]:
    """Return where the time of a whole run goes."""
    arguments = [*RUN, "--force"]
    return [job_table(lake, bare), *command_profile(lake, *arguments)]


def command_profile(lake: Lake, *arguments: str) -> list[str]:
    """Return where the time of a command goes: imports, and everything else."""
    return [import_table(lake, *arguments), call_table(lake, *arguments)]


def imported(lake: Lake, *arguments: str) -> dict[str, float]:
    """Return the modules that a stedi command imports, with the milliseconds that each takes."""
    command = [sys.executable, "-X", "importtime", "-c", _CALL]
    written = errors_of([*command, "--root", lake.root, *arguments], lake.workshop.work)
    return {module: int(taken) / 1000 for taken, module in _IMPORT.findall(written)}


def importing(lake: Lake, packages: set[str], *arguments: str) -> list[str]:
    """Return which of some packages a command imports."""
    return sorted(packages & set(imported(lake, *arguments)))


def import_table(lake: Lake, *arguments: str) -> str:
    """Return which packages a command imports, and what that takes."""
    took: dict[str, float] = defaultdict(float)
    for module, time in imported(lake, *arguments).items():
        took[module.split(".")[0]] += time
    ordered = sorted(took.items(), key=lambda pair: -pair[1])
    rows = [(name, f"{time:.0f}") for name, time in ordered[:_SHOWN]]
    rest = sum(time for _, time in ordered[_SHOWN:])
    rows += [(f"{len(ordered) - len(rows)} others", f"{rest:.0f}")]
    rows += [("all", f"{sum(took.values()):.0f}")]
    return (
        f"Imports of `stedi {' '.join(arguments)}` (`-X importtime`, which slows them down):\n\n"
        + table(["package", ">ms"], rows)
    )


def call_table(lake: Lake, *arguments: str) -> str:
    """Return the product's functions that take longest, with all that they call."""
    work = lake.workshop.work
    modules, file = work / "modules.json", work / "profile.json"
    modules.write_text(json.dumps(list(imported(lake, *arguments))))
    command = helper("benchmarks.profiled", modules, file, "--root", lake.root, *arguments)
    output_of(command, work)
    rows = [
        (f"`{name}`", f"{calls:,}", f"{seconds * 1000:.0f}")
        for name, calls, seconds in json.loads(file.read_text())
    ]
    return (
        f"Functions of `stedi {' '.join(arguments)}` with all that they call, imports left out"
        " (cProfile, which slows Python down, not the engine):\n\n"
        + table(["function", ">calls", ">ms"], rows)
    )


def job_table(lake: Lake, bare: Contender) -> str:
    """Return what each job takes in bare DuckDB and in the product, commit included."""
    file = lake.workshop.work / "seconds.json"
    output_of([*bare.command, file], lake.workshop.work)
    in_bare: dict[str, float] = json.loads(file.read_text())
    done = json.loads(lake.call(*RUN, "--force", "--json"))["jobs"]
    rows: list[Sequence[str]] = [
        (job["job"], f"{in_bare[job['job']]:.2f}", f"{job['seconds']:.2f}") for job in done
    ]
    whole = sum(in_bare.values()), sum(job["seconds"] for job in done)
    rows.append(("all jobs", *(f"{seconds:.2f}" for seconds in whole)))
    return "Seconds a job, in one run each; the product's include the commit:\n\n" + table(
        ["job", ">bare DuckDB", ">stedi"], rows
    )


def jobs_beside(contenders: Sequence[Contender], work: Path) -> str:
    """Return what each job takes in each of several commands of the product."""
    took = [json.loads(output_of([*c.command, "--json"], work))["jobs"] for c in contenders]
    rows = [
        (jobs[0]["job"], *(f"{job['seconds']:.2f}" for job in jobs))
        for jobs in zip(*took, strict=True)
    ]
    return "Seconds a job, in one run each:\n\n" + table(
        ["job", *(f">{c.name}" for c in contenders)], rows
    )
