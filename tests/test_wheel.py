"""The installed wheel, in an empty folder, without the checkout."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import CHECKOUT
from small import JOBS

pytestmark = pytest.mark.slow
PARTS = ("configs", "jobs", "data/sample")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without network."""
    for module in ("build", "hatchling"):
        assert importlib.util.find_spec(module), f"{module} comes with the extra [dev]"
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, CHECKOUT],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel is installed into, beside its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    words = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([sys.executable, *words, folder, wheel], check=True, capture_output=True)
    return folder


@pytest.fixture
def stedi(installed: Path, workspace: Path) -> Callable[..., str]:
    """The installed console script, run in an empty folder; returns its stdout."""

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, installed / "bin" / "stedi", *words],
            env={**os.environ, "PYTHONPATH": str(installed)},
            cwd=workspace,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_project_is_in_the_wheel_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    project = {
        f"stedi_cli/_project/{path.relative_to(CHECKOUT).as_posix()}"
        for part in PARTS
        for path in (CHECKOUT / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if name.startswith("stedi_cli/_project/")} == project
    assert {name.split("/")[0].split("-")[0] for name in names} == {"stedi_cli", "stedi"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    modules = {p.relative_to(CHECKOUT).as_posix() for p in (CHECKOUT / "stedi_cli").rglob("*.py")}
    assert modules <= names


def test_the_four_commands_in_an_empty_folder(
    stedi: Callable[..., str], installed: Path, workspace: Path
) -> None:
    stedi("infra", "up")
    found = {f["what"]: f["found"] for f in json.loads(stedi("doctor", "--json"))}
    assert Path(found["configuration"]) == installed / "stedi_cli/_project/configs/local.yaml"
    jobs = json.loads(stedi("jobs", "run", "--all", "--json"))["jobs"]
    assert [(job["job"], job["status"]) for job in jobs] == [(name, "built") for name in JOBS]
    report = json.loads(stedi("validate", "--json"))
    assert report["ok"]
    assert all(table["rows"] == table["expected"] for table in report["tables"])
    assert "A report written to" in stedi("report", "--out", "report.html")
    (workspace / "report.html").unlink()
    stedi("infra", "down", "--yes")
    assert list(workspace.iterdir()) == []


def test_demo_and_init_in_an_empty_folder(
    stedi: Callable[..., str], installed: Path, workspace: Path
) -> None:
    assert "Everything is as it should be." in stedi("demo")
    stedi("init")
    assert {path.name for path in workspace.iterdir()} == {"stedi-demo", "configs", "data", "jobs"}
    found = {
        f["what"]: f["found"] for f in json.loads(stedi("--root", "stedi-demo", "doctor", "--json"))
    }
    assert found["configuration"] == str(workspace / "configs" / "local.yaml")
    project = installed / "stedi_cli" / "_project"
    for part in PARTS:
        for path in (project / part).rglob("*.*"):
            if "__pycache__" in path.parts:
                continue
            copied = workspace / path.relative_to(project)
            assert copied.read_bytes() == path.read_bytes()
