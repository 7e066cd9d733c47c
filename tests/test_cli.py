"""The command as people and programs meet it: help, JSON, exit codes, errors, tables, demo."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import CHECKOUT, PROJECT, Lake, Result, mostly_slow, run_stedi
from rich.cells import cell_len
from rich.text import Text
from small import JOBS, STRICT, TABLES, write_lake
from terminal import on_terminal

from stedi_cli import __version__
from stedi_cli.cli.app import app
from stedi_cli.project.folder import copy_out

JSON_COMMANDS: dict[str, list[str]] = {
    "infra plan": [],
    "infra status": [],
    "jobs list": [],
    "jobs status": [],
    "validate": [],
    "flow": [],
    "explain": ["step_trainer_trusted", "11"],
    "quarantine": ["--show"],
    "tables": ["--ddl"],
    "preview": ["customer_trusted"],
    "query": ["SELECT 1 AS one"],
    "history": [],
    "doctor": [],
}
CHANGING_JSON_COMMANDS: dict[str, list[str]] = {
    "infra up": ["--data", "data"],
    "upload": ["data"],
    "jobs run": ["--all"],
    "export": ["customer_trusted", "out.csv"],
    "data generate": ["generated", "--customers", "3"],
    "infra down": ["--yes"],
}
OTHER_COMMANDS = {
    "consent grant",
    "consent revoke",
    "consent show",
    "privacy scan",
    "demo",
    "init",
    "data fetch",
    "jobs stop",
    "infra policy",
    "report",
}
ESCAPE = "\x1b"


def commands() -> dict[str, Any]:
    """Every command by its words, with its function."""
    found: dict[str, Any] = {}
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", None)
        found |= {f"{name} {n}": c for n, c in below.items()} if below else {name: command}
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of the small lake, built; for reading only."""
    folder = tmp_path_factory.mktemp("cli")
    lake = Lake(folder / "lake").up()
    lake.upload(write_lake(folder / "data"))
    lake.run()
    return lake.settings.root


# --- Help --------------------------------------------------------------------------------------


def test_all_commands_are_known_here() -> None:
    assert set(commands()) == {*JSON_COMMANDS, *CHANGING_JSON_COMMANDS, *OTHER_COMMANDS}


@pytest.mark.parametrize("command", commands())
def test_every_command_has_help_with_an_example(
    invoke: Callable[..., Result], command: str
) -> None:
    told = invoke(*command.split(), "--help")
    assert (told.code, told.err) == (0, "")
    assert f"Example: stedi {command}" in told.out
    assert ESCAPE not in told.out
    assert max(map(cell_len, told.out.splitlines())) <= 80


@pytest.mark.slow
@pytest.mark.parametrize("command", commands())
def test_every_example_is_understood(command: str) -> None:
    documented = inspect.getdoc(commands()[command].callback)
    example = re.search(r"^ *Example: stedi (.+)$", documented or "", re.MULTILINE)
    assert example is not None
    words = shlex.split(example[1])[len(command.split()) :]
    context = commands()[command].make_context(command, words)
    assert context.args == []


@pytest.mark.parametrize("group", ["", "infra", "data", "jobs", "consent", "privacy"])
def test_a_group_alone_shows_its_commands(invoke: Callable[..., Result], group: str) -> None:
    told = invoke(*group.split())
    for command in commands():
        if command.startswith(group) or not group:
            assert command.removeprefix(group).split()[0] in told.out + told.err


def test_every_command_and_option_is_documented() -> None:
    told = (CHECKOUT / "docs" / "commands.md").read_text()
    rows = [line for line in told.splitlines() if line.startswith("| `stedi ")]
    for name, command in commands().items():
        of_it = " ".join(row for row in rows if re.search(rf"`stedi {name}\b", row))
        assert of_it, name
        for param in command.params:
            said = "--json" in param.opts or any(option in of_it for option in param.opts)
            assert param.param_type_name == "argument" or said, (name, param.opts)


def test_version() -> None:
    told = run_stedi("--version")
    assert (told.code, told.out, told.err) == (0, f"stedi {__version__}\n", "")


def test_completion_offers_commands() -> None:
    code = "import sys; sys.argv[0] = 'stedi'; from stedi_cli.cli import main; main()"
    asked = {"_STEDI_COMPLETE": "complete_bash", "COMP_WORDS": "stedi in", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, check=False
    )
    assert done.stdout.decode().split() == ["init", "infra"]


# --- JSON --------------------------------------------------------------------------------------


def first_line_is_right(told: Result, root: Path) -> bool:
    return told.err.splitlines()[0] == f"stedi: local lakehouse in {root}"


@pytest.mark.slow
@pytest.mark.parametrize("command", JSON_COMMANDS)
def test_json_alone_is_on_stdout(built: Path, command: str) -> None:
    told = run_stedi("--root", built, *command.split(), *JSON_COMMANDS[command], "--json")
    assert told.code == 0, told.err
    assert json.loads(told.out) is not None
    assert told.out.endswith("\n")
    assert first_line_is_right(told, built)
    assert len(told.err.splitlines()) == 1


@pytest.mark.slow
def test_json_of_commands_that_change(workspace: Path, invoke: Callable[..., Result]) -> None:
    write_lake(workspace / "data")
    answers: dict[str, Any] = {}
    for command, words in CHANGING_JSON_COMMANDS.items():
        told = invoke(*command.split(), *words, "--json")
        assert told.code == 0, told.err
        answers[command] = json.loads(told.out)
        if command != "data generate":
            assert first_line_is_right(told, workspace / ".stedi")
    assert [r["state"] for r in answers["infra up"]["resources"]] == ["made"] * 6
    assert [t["unchanged"] for t in answers["upload"]] == [1, 1, 1]
    for job, record in zip(JOBS, answers["jobs run"]["jobs"], strict=True):
        assert set(record) == {"job", "table", "status", "rows", "quarantined", "seconds"}
        assert (record["job"], record["table"]) == (job, JOBS[job])
        assert (record["status"], record["quarantined"]) == ("built", 0)
        assert record["rows"] == STRICT[JOBS[job]]
        assert record["seconds"] >= 0
    assert answers["export"]["rows"] == STRICT["customer_trusted"]
    assert not (workspace / ".stedi").exists()


@pytest.mark.slow
def test_json_of_an_error_is_nothing(built: Path) -> None:
    told = run_stedi("--root", built, "preview", "nonsense", "--json")
    assert (told.code, told.out) == (2, "")


# --- Exit codes and errors ---------------------------------------------------------------------

WRONG: dict[str, tuple[int, list[str]]] = {
    "no lakehouse": (1, ["--root", "nowhere", "tables"]),
    "a table with a line feed": (2, ["preview", "a\nb\x1b[31m"]),
    "no such policy": (2, ["jobs", "run", "--all", "--policy", "a\nb"]),
    "no such engine": (2, ["jobs", "run", "--all", "--force", "--engine", "a\nb"]),
    "an empty engine": (2, ["jobs", "run", "--all", "--engine", ""]),
    "no limit": (2, ["jobs", "run", "--all", "--max-bad-rows", "a\nb"]),
    "no such folder": (2, ["upload", "a\nb"]),
    "no such config": (2, ["--config", "a\nb", "tables"]),
    "no such format": (2, ["export", "customer_trusted", "a\nb.txt"]),
    "no folder to export to": (2, ["export", "customer_trusted", "a\nb/c.csv"]),
    "no SELECT": (2, ["query", "DROP TABLE\ncustomer_trusted"]),
    "no SQL": (2, ["query", "SELECT 1 +\nFROM\n'\x1b[31m"]),
    "no such column": (2, ["query", 'SELECT "a\nb" FROM customer_trusted']),
    "an unsafe root": (2, ["--root", "a\nb", "tables"]),
    "data and none": (2, ["infra", "up", "--no-data", "--data", "x"]),
    "not a config": (2, ["--config", "/etc/hostname", "tables"]),
    "not asked": (2, ["infra", "down"]),
}


MISSPELT = {
    "custmer_trusted": ["preview", "custmer_trusted"],
    "customers_trusted": ["query", "SELECT * FROM customers_trusted"],
    "acelerometer_landing_to_trusted": ["jobs", "run", "acelerometer_landing_to_trusted"],
    "publishd": ["jobs", "run", "--all", "--policy", "publishd"],
    "sparc": ["jobs", "run", "--all", "--force", "--engine", "sparc"],
}
NEAREST = ("customer_trusted", "customer_trusted", "accelerometer_landing_to_trusted")
MEANT = dict(zip(MISSPELT, (*NEAREST, "published", "spark"), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", MISSPELT)
def test_a_misspelt_name_is_answered_with_the_nearest(
    built: Path, invoke: Callable[..., Result], name: str
) -> None:
    told = invoke("--root", built, *MISSPELT[name])
    assert told.code == 2
    assert name in told.err
    assert told.err.splitlines()[-1] == f"Hint: Did you mean {MEANT[name]}?"


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG)
def test_an_error_is_one_line_with_a_hint(
    built: Path, invoke: Callable[..., Result], wrong: str
) -> None:
    code, words = WRONG[wrong]
    told = invoke("--root", built, *words)
    assert (told.code, told.out) == (code, "")
    shown = [line for line in told.err.splitlines() if not line.startswith("stedi: ")]
    assert [line.split(" ")[0] for line in shown] == ["Error:", "Hint:"], told.err
    assert ESCAPE not in told.err


@pytest.mark.slow
def test_a_traceback_is_shown_only_when_asked_for() -> None:
    plain = run_stedi("--root", "nowhere", "tables")
    verbose = run_stedi("-v", "--root", "nowhere", "tables")
    assert plain.code == verbose.code == 1
    assert "Traceback" not in plain.err
    assert "Traceback" in verbose.err
    assert verbose.err.endswith(plain.err[plain.err.index("Error:") :])


def test_a_run_that_fails_shows_what_was_done_and_nothing_as_at_work(
    tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    copy_out(PROJECT, tmp_path / "project")
    job = tmp_path / "project" / "jobs" / "accelerometer_landing_to_trusted.sql"
    job.write_text(job.read_text().replace("min(a.x)", "min(CAST(a.user AS DOUBLE))"))
    config = tmp_path / "project" / "configs" / "local.yaml"
    lake = Lake(tmp_path / "lake").up()
    lake.upload(write_lake(tmp_path / "data"))
    told = invoke("--config", config, "--root", tmp_path / "lake", "jobs", "run", "--all")
    assert told.code == 1
    assert [line.split()[0] for line in told.out.splitlines()] == [
        "job",
        "customer_landing_to_trusted",
    ]


def test_too_many_unusable_lines_stop_a_run_before_the_first_table(
    tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    lake = Lake(tmp_path / "lake").up()
    bad = {"accelerometer_landing": {"bad.json": b"{\n"}}
    lake.upload(write_lake(tmp_path / "data"))
    lake.upload(write_lake(tmp_path / "bad", bad))
    told = invoke("--root", tmp_path / "lake", "jobs", "run", "--all", "--max-bad-rows", "0")
    assert told.code == 3
    assert told.out == ""
    assert "accelerometer_landing: 1 of 9 lines cannot be used" in told.err
    assert set(lake.states()) == {"quarantine", "held_back"}


def test_an_interrupted_command_says_what_is_true_of_it(
    workspace: Path, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stedi_cli.places.open_lake", interrupted)
    monkeypatch.setattr("stedi_cli.datasets.synthetic.generate", interrupted)
    for command, words in (JSON_COMMANDS | CHANGING_JSON_COMMANDS).items():
        told = invoke(*command.split(), *words)
        assert (told.code, told.out) == (130, "")
        said = told.err.splitlines()[-1]
        only_reads = command in JSON_COMMANDS
        assert (said == "Error: Interrupted; nothing was changed.") == only_reads, said
        assert ("table" in said) == (command == "jobs run"), said
    told = invoke("report")
    assert told.err.splitlines()[-1] == "Error: Interrupted; the file is as before or whole."


def test_validation_that_fails_exits_with_3(workspace: Path, invoke: Callable[..., Result]) -> None:
    write_lake(workspace / "data")
    assert invoke("infra", "up", "--data", "data").code == 0
    told = invoke("validate")
    assert told.code == 3
    assert "Not built yet" in told.out
    assert "Error" not in told.err


@pytest.mark.slow
@pytest.mark.parametrize("words", [["tables"], ["query", "--json", "SELECT 1 AS a"]])
def test_a_full_disk_for_the_output_is_an_error(built: Path, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "stedi_cli", "--root", built, *words],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_error_to_tell(built: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "stedi_cli", "--root", built, "jobs", "list"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_an_output_that_lacks_a_character_is_no_traceback(built: Path) -> None:
    told = run_stedi("--root", built, "jobs", "list", PYTHONIOENCODING="ascii")
    assert told.code == 0
    assert "customer_trusted" in told.out


# --- Columns and colour -------------------------------------------------------------------------

SHOWN = ["infra status", "jobs list", "validate", "tables", "tables --ddl", "history"]
SHOWN += ["history step_trainer_trusted", "preview customer_trusted", "quarantine", "doctor"]
SHOWN += ["preview machine_learning_curated"]


@pytest.mark.slow
@pytest.mark.parametrize("command", mostly_slow(SHOWN))
def test_output_fits_80_columns_and_elsewhere_holds_no_escape_codes(
    built: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.delenv("COLUMNS")
    told = run_stedi("--root", built, *command.split())
    assert told.code == 0, told.err
    assert told.out.strip()
    assert ESCAPE not in told.out
    shown = on_terminal("--root", built, *command.split()).out.split("\n", 1)[1]
    wide = [line for line in Text.from_ansi(shown).plain.splitlines() if cell_len(line) > 80]
    assert command == "tables --ddl" or wide == []


# --- The demo ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_demo_in_an_empty_folder(workspace: Path) -> None:
    told = run_stedi("demo")
    assert told.code == 0, told.err
    assert first_line_is_right(told, workspace / "stedi-demo")
    assert all(table in told.out for table in TABLES)
    assert "Everything is as it should be." in told.out
    assert [path.name for path in workspace.iterdir()] == ["stedi-demo"]
    told_next = re.findall(r"^  stedi (--root stedi-demo .+)$", told.out, re.MULTILINE)
    assert told_next[-1] == "--root stedi-demo infra down"
    for words in told_next[:-1]:
        assert run_stedi(*words.split()).code == 0, words
    again = run_stedi("demo", STEDI_POLICY="published")
    assert again.code == 0, again.err
    assert "Policy published" in again.out
    assert run_stedi(*told_next[-1].split(), "--yes").code == 0
    assert list(workspace.iterdir()) == []
