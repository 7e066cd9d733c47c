"""What a shell offers for a word that is not finished."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT
from small import JOBS, TABLES
from test_startup import HEAVY

from stedi_cli.project.folder import copy_out

# Asks as the shell's script does, once a line, and says what is imported then.
_ASK = """
import contextlib, io, json, os, sys
from stedi_cli.cli.app import app
sys.argv[0] = "stedi"
told = []
for line in json.loads(sys.stdin.read()):
    words = line.split(" ")
    os.environ |= {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        try:
            app()
        except SystemExit as ended:
            assert not ended.code
    told.append(shown.getvalue().split())
print(json.dumps([told, sorted({name.split(".")[0] for name in sys.modules})]))
"""


def offered(*lines: str, **env: str) -> list[list[str]]:
    """What is offered for the last word of each line, by a shell, without a word on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", _ASK],
        env={**os.environ, "_STEDI_COMPLETE": "complete_bash", **env},
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    found: Any
    found, modules = json.loads(done.stdout)
    assert not set(modules) & HEAVY
    return list(found)


def test_names_are_offered_without_a_lakehouse(workspace: Path) -> None:
    policies = ["consent_on_accelerometer", "published", "strict"]
    asked = {
        "preview customer_": [name for name in TABLES if name.startswith("customer_")],
        "export machine": ["machine_learning_curated"],
        "explain step_trainer_t": ["step_trainer_trusted"],
        "explain step_trainer_trusted ": [],
        "history q": ["quarantine"],
        "quarantine ": [name for name in TABLES if name.endswith("_landing")],
        "jobs run ": list(JOBS),
        f"jobs run {next(iter(JOBS))} customer_": ["customer_trusted_to_curated"],
        "jobs run --all --engine ": ["duckdb", "spark"],
        "jobs run --all --engine s": ["spark"],
        "jobs list --policy p": ["published"],
        "validate --policy c": ["consent_on_accelerometer"],
        "validate customer_trusted_c": ["customer_trusted_consent"],
        "validate --show customer_trusted_c": ["customer_trusted_consent"],
        "privacy scan --except led": ["ledgers"],
        "--root nowhere preview machine": ["machine_learning_curated"],
        "--version pre": ["preview"],
    }
    told = offered(*(f"stedi {line}" for line in asked), "stedi validate --policy ")
    assert dict(zip(asked, told, strict=False)) == asked
    assert sorted(told[-1]) == policies
    assert list(workspace.iterdir()) == []


def test_they_are_the_names_of_the_project_that_is_worked_with(workspace: Path) -> None:
    copy_out(PROJECT, workspace / "own")
    (workspace / "own" / "jobs" / "mine").mkdir()
    (workspace / "own" / "jobs" / "checks" / "nobody_else.sql").write_text("SELECT 1")
    aws = workspace / "own" / "configs" / "aws.yaml"
    lines = ["jobs run --policy m", "validate nobody", "jobs run --all --engine "]
    named = offered(*(f"stedi --config {aws} {line}" for line in lines))
    assert named == [["mine"], ["nobody_else"], ["glue"]]
    assert offered(*(f"stedi {line}" for line in lines), STEDI_CONFIG=str(aws)) == named


@pytest.mark.parametrize("content", ["", "[1", "tables: 7", "tables: {a: 1}", "jobs: [a]"])
def test_of_a_project_that_cannot_be_read_nothing_is_offered(workspace: Path, content: str) -> None:
    copy_out(PROJECT, workspace / "own")
    configs = workspace / "own" / "configs"
    (configs / "lakehouse.yaml").write_text(content)
    (configs / "local.yaml").write_text("[" if content else "target: else")
    config = f"stedi --config {configs / 'local.yaml'}"
    lines = [f"{config} preview ", f"{config} jobs run ", f"{config} jobs run --engine "]
    assert offered(*lines, "stedi --config nowhere preview ") == [[], [], [], []]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_asks_by_the_script_that_stedi_gives_it(workspace: Path) -> None:
    command = workspace / "stedi"
    run = "import sys; sys.argv[0] = 'stedi'; from stedi_cli.cli import main; main()"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{run}" "$@"\n')
    command.chmod(0o700)
    asked = """
    eval "$(_STEDI_COMPLETE=source_bash stedi)"
    COMP_WORDS=(stedi preview machine) COMP_CWORD=2
    _stedi_completion stedi
    echo "${COMPREPLY[@]}"
    """
    path = f"{workspace}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", asked],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("machine_learning_curated\n", "")
