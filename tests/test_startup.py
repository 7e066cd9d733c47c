"""What the command imports before it has to, and what that costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT, Lake, mostly_slow

HEAVY = {"boto3", "botocore", "duckdb", "pyarrow", "pyiceberg", "pydantic", "pyspark"}
ENGINES = {"boto3", "botocore", "duckdb", "pyarrow", "pyiceberg", "pyspark"}
# Runs the command as `main` does, then says on stderr which modules it has imported.
_RUN = """
import json, os, sys
leave = os._exit
def tell(status):
    packages = {name.split(".")[0] for name in sys.modules}
    print(json.dumps([status, sorted(packages)]), file=sys.stderr, flush=True)
    leave(0)
os._exit = tell
sys.argv[0] = "stedi"
from stedi_cli.cli import main
main()
"""


def imported(*words: str | Path) -> tuple[int, set[str]]:
    """The exit code of a command and the packages that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *map(str, words)], capture_output=True, check=True
    )
    status, modules = json.loads(done.stderr.splitlines()[-1])
    return status, set(modules)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of the sample, built; 70 of its lines are in quarantine."""
    lake = Lake(tmp_path_factory.mktemp("startup") / "lake").up()
    lake.upload(PROJECT / "data" / "sample")
    done = lake.run().values()
    assert sum(event.quarantined for event in done) == 70
    return lake.settings.root


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["-h"]])
def test_version_and_help_import_nothing_heavy(words: list[str]) -> None:
    status, modules = imported(*words)
    assert status == 0
    assert "typer" in modules
    assert modules & HEAVY == set()


@pytest.mark.parametrize(
    "command", mostly_slow(["jobs run --all", "jobs list", "infra status", "history"])
)
def test_what_needs_no_engine_imports_none(built: Path, command: str) -> None:
    status, modules = imported("--root", built, *command.split())
    assert status == 0
    assert modules & ENGINES == set()


def test_the_probe_sees_what_is_imported(built: Path) -> None:
    status, modules = imported("--root", built, "preview", "customer_trusted")
    assert status == 0
    assert {"duckdb", "pydantic"} <= modules
