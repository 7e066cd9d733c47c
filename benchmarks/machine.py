"""What the figures were measured on."""

from __future__ import annotations

import json
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.process import CHECKOUT, Failed, output_of
from benchmarks.report import table

_PACKAGES = ("duckdb", "pyiceberg", "pyarrow", "pydantic", "typer", "rich", "polars", "pyspark")
_DBT_PACKAGES = ("dbt-core", "dbt-duckdb", "duckdb")
_VERSIONS = (
    "import json, sys; from importlib.metadata import version;"
    " print(json.dumps([sys.version.split()[0], *map(version, sys.argv[1:])]))"
)


def describe(work: Path, dbt: Path | None, load_before: float) -> str:
    """Return the machine, the versions and the circumstances as Markdown.

    Args:
        work: The folder that everything was done in.
        dbt: dbt's Python, if there is one.
        load_before: The load average before the first run.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    rows = [
        ("date", time.strftime("%Y-%m-%d", time.gmtime())),
        ("commit", _commit()),
        ("processor", f"{_processor()}, {_processors()} of {os.cpu_count()} cores used"),
        ("memory", f"{memory:.0f} GiB"),
        ("system", f"{platform.system()} {platform.release()}, {_file_system(work)}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("packages", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)),
        ("dbt", _dbt_versions(dbt) if dbt else "not installed"),
        ("load average", f"{load_before:.1f} before, {os.getloadavg()[0]:.1f} after"),
    ]
    return table(["", "measured on"], rows)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _dbt_versions(python: Path) -> str:
    given = output_of([python, "-c", _VERSIONS, *_DBT_PACKAGES], CHECKOUT)
    own, *versions = json.loads(given)
    named = ", ".join(f"{n} {v}" for n, v in zip(_DBT_PACKAGES, versions, strict=True))
    return f"{named}, in an environment of its own with Python {own}"


def _commit() -> str:
    try:
        return output_of(["git", "describe", "--always", "--dirty"], CHECKOUT).strip()
    except (Failed, OSError):
        return "unknown"


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _file_system(folder: Path) -> str:
    try:
        return output_of(["df", "--output=fstype", folder], CHECKOUT).split()[-1]
    except (Failed, OSError):
        return "file system unknown"
