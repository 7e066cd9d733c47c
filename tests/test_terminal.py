"""What people and programs meet at the edges: closed streams, terminals, keys, hostile texts."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from conftest import PROJECT, Ask, Lake, mostly_slow, run_stedi
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text
from small import write_lake
from terminal import on_terminal, type_in

from stedi_cli.cli.app import app
from stedi_cli.cli.grid import Grid
from stedi_cli.printable import plain
from stedi_cli.project.folder import copy_out

COMMAND = [sys.executable, "-m", "stedi_cli"]


# --- Streams that are closed, broken or full -----------------------------------------------------


def in_shell(line: str, root: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which $stedi is the command on a lakehouse."""
    return subprocess.run(
        ["sh", "-c", line],
        env={**os.environ, "stedi": " ".join([*COMMAND, "--root", str(root)])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


LIMITS = "--max-bad-rows 2 --max-unreadable-customers 2"


@pytest.mark.parametrize(
    "words",
    mostly_slow(["tables", "query 'SELECT 1 AS a' --json", f"jobs run --all {LIMITS}"]),
)
@pytest.mark.parametrize("closed", mostly_slow(["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]))
def test_a_closed_stream_is_one_of_nothing(built: Lake, words: str, closed: str) -> None:
    done = in_shell(f"$stedi {words} {closed}", built.settings.root)
    assert done.returncode == 0, done.stderr
    assert ("2>&-" in closed) == (done.stderr == "")
    assert "Traceback" not in done.stderr
    if "json" in words and ">&-" not in closed.split():
        assert json.loads(done.stdout)


@pytest.mark.parametrize("closed", mostly_slow(["<&-", ">&-", "2>&-"]))
def test_an_error_is_one_also_where_a_stream_is_closed(built: Lake, closed: str) -> None:
    done = in_shell(f"$stedi preview nonsense {closed}", built.settings.root)
    assert done.returncode == 2
    assert ("There is no table" in done.stderr) == (closed != "2>&-")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_what_is_printed_goes_into_no_file_that_took_a_closed_streams_number(lake: Lake) -> None:
    done = in_shell("$stedi jobs run --all --json <&- >&- 2>&-", lake.settings.root)
    assert done.returncode == 0
    assert lake.validate().policy == "strict"
    for path in lake.settings.root.rglob("*"):
        assert not path.is_file() or b"stedi: local lakehouse" not in path.read_bytes()


def test_nobody_can_be_asked_where_stdin_is_closed(built: Lake) -> None:
    done = in_shell("$stedi infra down <&-", built.settings.root)
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert built.settings.root.is_dir()


@pytest.mark.parametrize("words", mostly_slow(["tables", "--nonsense", "--help"]))
@pytest.mark.parametrize("stream", mostly_slow(["2>/dev/full", ">/dev/full 2>/dev/full"]))
def test_a_full_disk_for_messages_is_no_traceback(built: Lake, words: str, stream: str) -> None:
    done = in_shell(f"$stedi {words} {stream}", built.settings.root)
    assert "Traceback" not in done.stdout + done.stderr
    assert (done.returncode == 0) == (words == "--help" and stream == "2>/dev/full")


@pytest.mark.parametrize(
    "words", mostly_slow(["tables", "query 'SELECT 1 AS a' --json", "preview nonsense"])
)
def test_a_reader_of_messages_that_leaves_early_is_no_traceback(built: Lake, words: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        ["sh", "-c", f"{' '.join(COMMAND)} --root {built.settings.root} {words}"],
        stdout=subprocess.PIPE,
        stderr=writer,
        timeout=120,
        check=False,
    )
    os.close(writer)
    assert done.returncode in (1, 2)
    assert b"Traceback" not in done.stdout


def test_an_output_that_cannot_be_written_is_told(built: Lake) -> None:
    done = in_shell("$stedi tables 1</dev/null", built.settings.root)
    assert done.returncode == 1
    assert "Error: Bad file descriptor." in done.stderr
    assert "where the output goes" in done.stderr


def test_a_current_folder_that_is_gone_is_told(workspace: Path) -> None:
    (workspace / "gone").mkdir()
    done = in_shell("cd gone && rmdir ../gone && $stedi doctor", workspace)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "Error: The current folder is no longer there.",
        "Hint: Go to another folder.",
    ]


# --- Markup and control characters ---------------------------------------------------------------

MARKUP = "[/red] [bold]b[/bold] [red :smile: [link=x]"


def test_markup_is_shown_as_it_is(built: Lake) -> None:
    told = on_terminal("--root", built.settings.root, "query", f"SELECT '{MARKUP}' AS x")
    assert told.code == 0, told.out
    assert MARKUP in told.out


@pytest.mark.slow
def test_markup_in_paths_names_and_sql_breaks_no_command(lake: Lake, workspace: Path) -> None:
    root = lake.settings.root
    folder = MARKUP.replace("/", "")
    records = {MARKUP: 1, "\x9b31m": 2}
    write_lake(workspace / folder, {"customer_landing": {"more.json": [records]}})
    (workspace / "[").mkdir()
    (workspace / "[" / "red]").mkdir()
    for words in (
        ["upload", folder],
        ["upload", "[/red]"],
        ["infra", "up", "--data", folder],
        ["jobs", "run", "--all", "--max-bad-rows", "[/red]"],
        ["jobs", "run", "--all", *LIMITS.split()],
        ["export", "customer_trusted", "[/red].csv"],
        ["query", f"SELECT '{MARKUP}' AS \"{MARKUP}\""],
        ["query", f"SELECT {MARKUP}"],
        ["preview", MARKUP],
        ["--config", "[/red]", "tables"],
        [MARKUP],
        ["tables", MARKUP],
        ["data", "generate", "[/made]", "--customers", "2"],
        ["quarantine", "--show"],
    ):
        told = on_terminal("--root", root, *words)
        assert "Traceback" not in told.out
        assert "MarkupError" not in told.out
        assert "\x9b" not in told.out
        assert told.code in (0, 2), told.out


def test_ddl_of_a_model_with_control_characters_is_shown_escaped(
    tmp_path: Path, invoke: Ask
) -> None:
    copy_out(PROJECT, tmp_path / "project")
    model = tmp_path / "project" / "configs" / "lakehouse.yaml"
    old = "doc: "
    model.write_text(model.read_text().replace(old, 'doc: "\\e[31m\\u009b" # ', 1))
    config = tmp_path / "project" / "configs" / "local.yaml"
    told = invoke("--config", config, "tables", "--ddl")
    assert told.code == 0, told.err
    assert "\\x1b[31m\\x9b" in told.out
    assert all(line.isprintable() for line in told.out.splitlines())


# What a terminal acts on, or shows as something else than it is.
ACTIVE = "".join(map(chr, [*range(0x20), 0x7F, *range(0x80, 0xA0), 0xAD, 0x61C, 0x200E, 0x200F]))
ACTIVE += "".join(map(chr, [*range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0xE0041]))


def test_json_holds_nothing_that_a_terminal_acts_on(invoke: Ask, lake: Lake) -> None:
    characters = " || ".join(f"chr({ord(c)})" for c in ACTIVE if c != "\0")
    sql = (
        f"SELECT {characters} AS \"a{ACTIVE[1:]}\", [{characters}] AS list, {{'{ACTIVE[1:9]}': 1}}"
    )
    told = invoke("--root", lake.settings.root, "query", "--json", sql)
    assert told.code == 0, told.err
    assert all(line.isprintable() for line in told.out.split("\n"))
    (record,) = json.loads(told.out)
    assert next(iter(record)) == "a" + ACTIVE[1:]
    assert list(record.values())[:2] == [ACTIVE[1:], [ACTIVE[1:]]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["preview", "customer_trusted"],
        ["query", "SELECT customerName FROM customer_landing"],
        ["quarantine", "--show"],
        ["tables", "--ddl"],
        ["tables"],
        ["doctor"],
        ["infra", "status"],
    ],
    ids=" ".join,
)
def test_json_of_every_command_is_printable(
    harmful: Lake, invoke: Ask, tmp_path: Path, words: list[str]
) -> None:
    copy_out(PROJECT, tmp_path / "project")
    model = tmp_path / "project" / "configs" / "lakehouse.yaml"
    model.write_text(model.read_text().replace("doc: ", 'doc: "\\x9b31m\\u202e\\x7f" # ', 1))
    config = ["--config", tmp_path / "project" / "configs" / "local.yaml"]
    told = invoke(*config, "--root", harmful.settings.root, *words, "--json")
    assert told.code in (0, 1), told.err
    assert json.loads(told.out)
    assert all(line.isprintable() for line in told.out.split("\n"))


# --- The question before everything goes ---------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("keys", "code"), [("n\n", 1), ("\n", 1), ("\x04", 1), ("\x03", 130)])
def test_whoever_does_not_say_yes_keeps_everything(lake: Lake, keys: str, code: int) -> None:
    told = on_terminal("--root", lake.settings.root, "infra", "down", keys=keys)
    assert told.code == code, told.out
    assert ("Nothing was removed." in told.out) == (code == 1)
    assert ("Error: " in told.out) == (code == 130)
    assert "Hint: " not in told.out
    assert lake.validate().policy == "strict"


def test_whoever_says_yes_is_rid_of_it(lake: Lake) -> None:
    told = on_terminal("--root", lake.settings.root, "infra", "down", keys="y\n")
    assert told.code == 0, told.out
    assert not lake.settings.root.exists()


# --- Tables that come before an error ------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    mostly_slow(
        [
            ["jobs", "run", "nonsense"],
            ["jobs", "run", "--all", "--force", "--engine", "nonsense"],
            ["jobs", "run", "customer_trusted_to_curated"],
            ["query", "SELECT error('no')"],
            [
                "query",
                "SELECT CASE WHEN i < 5000 THEN i ELSE error('no') END FROM range(10000) t(i)",
            ],
            ["preview", "nonsense"],
            ["preview", "customer_trusted"],
            ["history", "nonsense"],
            ["export", "customer_trusted", "out.csv"],
            ["upload", "nowhere"],
            ["quarantine", "customer_trusted"],
        ]
    ),
    ids=" ".join,
)
def test_no_head_of_a_table_comes_before_an_error(lake: Lake, words: list[str]) -> None:
    told = on_terminal("--root", lake.settings.root, *words)
    assert told.code == 2, told.out
    assert "Error: " in told.out
    for head in ("rows", "seconds", "committed", "value", "column", "landing files", "reason"):
        assert head not in told.out.split("Error: ")[0].split("lakehouse in", 1)[1]


@pytest.mark.slow
def test_a_run_that_fails_leaves_no_job_as_running_on_a_terminal(
    lake: Lake, tmp_path: Path
) -> None:
    copy_out(PROJECT, tmp_path / "project")
    job = tmp_path / "project" / "jobs" / "accelerometer_landing_to_trusted.sql"
    job.write_text(job.read_text().replace("min(a.x)", "min(CAST(a.user AS DOUBLE))"))
    config = ["--config", tmp_path / "project" / "configs" / "local.yaml"]
    told = on_terminal(*config, "--root", lake.settings.root, "jobs", "run", "--all")
    assert told.code == 1
    left = told.out.rpartition("\x1b[2K")[2]
    assert "running" in told.out
    assert "running" not in left
    assert "customer_landing_to_trusted" in left
    assert "accelerometer_landing_to_trusted" not in left.split("Error: ")[0]


# --- Options that stand before the command -------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "option", "right"),
    [
        (["validate", "--root", "x"], "--root", "stedi --root … validate"),
        (["validate", "--root=x"], "--root", "stedi --root … validate"),
        (["jobs", "run", "--all", "--config", "x"], "--config", "stedi --config … jobs run"),
        (["jobs", "--config", "x", "run"], "--config", "stedi --config … jobs"),
        (["infra", "status", "-v"], "-v", "stedi -v infra status"),
        (["tables", "--verbose"], "--verbose", "stedi --verbose tables"),
        (["doctor", "--version"], "--version", "stedi --version doctor"),
    ],
)
def test_an_option_after_the_command_that_stands_before_it_says_so(
    invoke: Ask, words: list[str], option: str, right: str
) -> None:
    told = invoke(*words)
    assert (told.code, told.out) == (2, "")
    assert told.err.splitlines() == [
        f"Error: {option} stands before the command, not after it.",
        f"Hint: Write `{right}`.",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["tables", "--drop"],
        ["validate", "--policy"],
        ["jobs", "run", "--all", "--max-bad-rows"],
        ["preview", "customer_trusted", "-n"],
        ["infra", "up", "--data"],
    ],
)
def test_an_option_without_its_value_says_where_help_is(invoke: Ask, words: list[str]) -> None:
    told = invoke(*words)
    assert (told.code, told.out) == (2, "")
    assert told.err.splitlines() == [
        f"Error: Option '{words[-1]}' requires an argument.",
        f"Hint: `--help` in the place of {words[-1]} shows what it takes.",
    ]
    assert words[-1] in invoke(*words[:-1], "--help").out


@pytest.mark.parametrize(
    ("words", "told_of"),
    [
        (["nonsense"], "nonsense"),
        (["--nonsense"], "--nonsense"),
        (["--json", "tables"], "after it"),
        (["--config"], "--config"),
        (["jobs", "run", "--policy"], "--policy"),
        (["jobs", "lst"], "list"),
        (["query", "a", "b"], "b"),
        (["preview", "x", "--rows", "y"], "--rows"),
        (["preview", "x", "--rows", "0"], "--rows"),
        (["tables", "--\x1b[31m"], "\\x1b"),
        (["data", "generate"], "folder"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_wrong_usage_is_one_line_with_a_hint(invoke: Ask, words: list[str], told_of: str) -> None:
    told = invoke(*words)
    assert (told.code, told.out) == (2, "")
    assert [line.split(" ")[0] for line in told.err.splitlines()] == ["Error:", "Hint:"]
    assert "--help`" in told.err
    assert told_of in told.err
    assert all(line.isprintable() for line in told.err.splitlines())


def test_a_command_that_is_told_of_exists() -> None:
    told = run_stedi("jobs")
    assert (told.code, told.out) == (2, "")
    assert "Commands:" in told.err


# --- Texts and tables at 80 columns ---------------------------------------------------------------


@pytest.mark.parametrize("columns", ["80", "40"])
@pytest.mark.parametrize("group", ["", "infra", "data", "jobs", "privacy", "consent"])
def test_no_command_is_described_in_half_a_sentence(
    invoke: Ask, group: str, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    told = invoke(*group.split(), "--help")
    described = " ".join(told.out.split("Commands:\n")[1].split())
    assert "..." not in described
    command = typer.main.get_command(app)
    for name, below in (command.commands[group] if group else command).commands.items():  # type: ignore[attr-defined]
        first = " ".join(below.help.split("\n\n")[0].split()).split(". ")[0].removesuffix(".")
        assert f"{name} {first}." in described


SHOWN = [["tables"], ["validate"], ["history", "customer_trusted"], ["doctor"], ["jobs", "list"]]
SHOWN += [["preview", "customer_trusted"], ["quarantine"], ["infra", "status"], ["infra", "plan"]]


@pytest.mark.slow
@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
def test_no_line_ends_in_blanks_and_no_output_begins_with_one(ask: Ask, words: list[str]) -> None:
    told = ask(*words)
    assert told.code in (0, 3), told.err
    assert told.out.splitlines()[0]
    assert [line for line in told.out.splitlines() if line != line.rstrip()] == []


def test_values_and_names_are_shown_as_sql_writes_them(ask: Ask) -> None:
    told = ask(
        "query", "SELECT true AS yes, 2 > 3 AS no, 1234567 AS n, 'x' AS \">a\", 'y' AS \"<b\""
    )
    head, row = (line.split() for line in told.out.splitlines())
    assert head == ["yes", "no", "n", ">a", "<b"]
    assert row == ["true", "false", "1234567", "x", "y"]


def test_wide_characters_count_as_what_they_take() -> None:
    wide = "漢" * 30
    assert laid_out(["a", "b"], [(wide, "x" * 18)], 80) == [f"a{' ' * 61}b", f"{wide}  {'x' * 18}"]
    folded = laid_out(["a", "b"], [(wide, "x" * 30)], 80)
    assert [line.count("漢") for line in folded] == [0, 24, 6]
    assert all(map(cell_len, folded))


# --- One record a line, or what fits a terminal --------------------------------------------------


def laid_out(columns: list[str], rows: list[tuple[object, ...]], width: int) -> list[str]:
    """The lines of a table on a terminal."""
    screen = Console(width=width, file=io.StringIO())
    screen.print(Grid(columns, rows, least=8), crop=False)
    shown = screen.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert all(cell_len(line) <= width for line in shown)
    return shown


RECORDS = [["tables"], ["validate"], ["flow"], ["history"], ["history", "customer_trusted"]]
RECORDS += [["doctor"], ["jobs", "list"], ["quarantine"], ["quarantine", "--show"]]
RECORDS += [["infra", "status"], ["infra", "plan"], ["preview", "customer_trusted"]]
RECORDS += [["explain", "step_trainer_trusted", "1"], ["validate", "customer_trusted_key"]]


@pytest.mark.slow
@pytest.mark.parametrize("words", RECORDS, ids=" ".join)
def test_where_no_terminal_is_nothing_is_wrapped_padded_or_cut(
    ask: Ask, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(*words)
    shown = []
    for columns in ("40", "4000"):
        monkeypatch.setenv("COLUMNS", columns)
        shown.append(ask(*words).out)
    assert shown[0] == shown[1]
    assert not re.search(r"  |^ | $|…$", shown[0], re.MULTILINE)


def test_a_record_is_one_line_with_its_cells_whole(ask: Ask, built: Lake) -> None:
    model = built.model
    lines = ask("tables").out.splitlines()
    assert [line.split("\t")[::3] for line in lines[1:-2]] == [
        [name, table.doc] for name, table in model.tables.items()
    ]
    lines = ask("preview", "customer_trusted").out.splitlines()
    names = [column.name for column in model.tables["customer_trusted"].columns]
    assert lines[0].split("\t") == names
    assert {line.count("\t") for line in lines} == {len(names) - 1}
    assert len(lines) == 1 + len(built.rows("customer_trusted"))
    text = "long " * 99 + "a\tb"
    (_, line) = ask("query", f"SELECT '{text}' AS a, 12345678 AS b").out.splitlines()
    assert line == f"{text}\t12345678".replace("a\tb", "a\\tb")
    # Each landing folder, not how many there are.
    assert sum("landing zone" in line for line in ask("infra", "status").out.splitlines()) == 3


NUMBERS = [1234567, -12.5, "1709278185253", "2026-11-26", "2026-11-26T16:44:31Z", 1e-07, "-5"]
NUMBERS += ["1,234 of 5,678 rows", "12.5% (1,234)"]


@pytest.mark.parametrize("width", [20, 24, 40, 60, 80])
def test_no_number_is_broken_however_narrow_the_terminal(width: int) -> None:
    for columns in range(1, len(NUMBERS) + 1):
        for right in ("", ">"):
            heads = [f"{right}aLongHeading_{i}_of" for i in range(columns)]
            row = (*NUMBERS[:columns], "x" * 30)
            told = "\n".join(laid_out([*heads, "text"], [row, row], width))
            for number in NUMBERS[:columns]:
                for word in re.findall(r"[^\s(]*\d[^\s)]*", plain(number)):
                    assert re.search(rf"(?<![^\s(]){re.escape(word)}(?![^\s)])", told), told


NARROW = ["history customer_trusted", "validate", "flow", "tables", "infra status", "jobs list"]
NARROW += ["doctor", "quarantine --show"]


@pytest.mark.parametrize("words", mostly_slow(NARROW))
def test_a_narrow_terminal_breaks_no_number(built: Lake, words: str) -> None:
    told = on_terminal("--root", built.settings.root, *words.split(), columns=40)
    whole = run_stedi("--root", built.settings.root, *words.split())
    assert told.code == whole.code
    shown = told.out.split("lakehouse in", 1)[1]
    for number in re.findall(r"(?<![\w./-])\d[\d,]*(?![\w./-])", whole.out):
        assert re.search(rf"(?<![\w,]){number}(?![\w,])", shown), (number, told.out)


def test_ten_columns_fit_a_terminal_of_120(built: Lake) -> None:
    words = ["preview", "customer_trusted"]
    told = on_terminal("--root", built.settings.root, *words, columns=120)
    shown = Text.from_ansi(told.out.split("lakehouse in", 1)[1]).plain
    lines = shown.splitlines()[1:]
    assert max(map(cell_len, lines)) <= 120
    # Not below each other: the instants of a row stand in one line.
    instants = [str(n) for n in built.rows("customer_trusted")[0] if isinstance(n, int)]
    assert len(instants) > 2
    assert any(all(instant in line for instant in instants) for line in lines)


def test_a_plan_says_what_is_to_be_done(workspace: Path, invoke: Ask) -> None:
    assert invoke("infra", "plan").out.splitlines()[0].split() == ["what", "where", "to", "do"]


def test_a_landing_table_has_no_snapshots_ever(ask: Ask) -> None:
    told = ask("history", "customer_landing")
    assert told.code == 0
    assert "landing table" in told.out
    assert "jobs run" not in told.out
    assert ask("history", "customer_landing", "--json").json() == []


@pytest.mark.parametrize("command", ["history", "quarantine", "preview"])
def test_a_table_without_a_name_is_none(ask: Ask, command: str) -> None:
    told = ask(command, "")
    assert (told.code, told.out) == (2, "")
    assert "There is no table ''" in told.err


def test_what_is_done_right_now_is_one_line_however_long_its_name() -> None:
    program = (
        "from stedi_cli.cli import render\n"
        "with render.busy('Scanning') as now: now('warehouse/' + 'x' * 80)"
    )
    told = type_in([sys.executable, "-c", program], columns=40)
    assert told.code == 0
    shown = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", told.out)
    assert "Scanning: warehouse/xxx" in shown
    assert "\n" not in shown.strip()
