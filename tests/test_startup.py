"""What the command imports before it has to, and what that costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from conftest import PROJECT, Lake
from small import write_lake
from typer.testing import CliRunner

from stedi_cli.cli.plain_values import take_plainly

DRAWING = {"jinja2", "matplotlib"}
HEAVY = {"boto3", "botocore", "duckdb", "pyarrow", "pyiceberg", "pydantic", "pyspark"} | DRAWING
ENGINES = {"boto3", "botocore", "duckdb", "pyarrow", "pyiceberg", "pyspark"} | DRAWING
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


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--version"], ["--help"], ["-h"]])
def test_version_and_help_import_nothing_heavy(words: list[str]) -> None:
    status, modules = imported(*words)
    assert status == 0
    assert "typer" in modules
    assert modules & HEAVY == set()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["infra status", "history"])
def test_what_needs_no_engine_imports_none(built: Path, command: str) -> None:
    status, modules = imported("--root", built, *command.split())
    assert status == 0
    assert modules & ENGINES == set()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["validate", "jobs run --all", "jobs list"])
def test_where_nothing_is_to_be_done_nothing_heavy_is_imported(built: Path, command: str) -> None:
    words = ["--root", built, *command.split()]
    before, _ = imported(*words)
    status, modules = imported(*words)
    assert status == before == 0
    assert modules & HEAVY == set()


@pytest.mark.slow
def test_a_run_imports_no_arrow(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake").up()
    lake.upload(write_lake(tmp_path / "data"))
    for more in ([], ["--force"]):
        status, modules = imported("--root", lake.settings.root, "jobs", "run", "--all", *more)
        assert status == 0
        assert {"duckdb", "pyiceberg"} <= modules
        assert modules & {"pyarrow", "pandas", "numpy"} == set()


@pytest.mark.slow
def test_the_probe_sees_what_is_imported(built: Path, tmp_path: Path) -> None:
    status, modules = imported("--root", built, "preview", "customer_trusted")
    assert status == 0
    assert {"duckdb", "pydantic"} <= modules
    assert modules & DRAWING == set()
    status, modules = imported("--root", built, "report", "--out", tmp_path / "a.html")
    assert status == 0
    assert {"jinja2"} <= modules


class Plain(typer.core.TyperGroup):
    def make_context(self, *args: Any, **extra: Any) -> Any:
        for command in (self, *self.commands.values()):
            take_plainly(command)
        return super().make_context(*args, **extra)


WORDS = ["", "x", "--text x", "--path y", "--path y --text x a b", "--number 3", "--number x"]
WORDS += ["--text", "--text é --path é", "--flag", "--help", "--nonsense", "--text x --text y"]


@pytest.mark.parametrize("words", WORDS)
def test_plain_values_are_read_as_typer_reads_them(words: str) -> None:
    told = []
    for group in (Plain, typer.core.TyperGroup):
        app = typer.Typer(cls=group, rich_markup_mode=None)
        app.callback()(lambda: None)

        @app.command()
        def show(
            names: Annotated[list[str] | None, typer.Argument()] = None,
            text: Annotated[str | None, typer.Option()] = None,
            path: Annotated[Path | None, typer.Option()] = None,
            number: Annotated[int, typer.Option()] = 1,
            flag: Annotated[bool, typer.Option()] = False,
        ) -> None:
            print(repr((names, text, path, number, flag)))

        done = CliRunner().invoke(app, ["show", *words.split()])
        told.append((done.exit_code, done.output))
    assert told[0] == told[1]
