"""The command beside another one, in a terminal, and interrupted."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from conftest import PROJECT, Lake, run_stedi
from small import JOBS, STRICT, write_lake

from stedi_cli.local.lock import exclusive
from stedi_cli.project.folder import copy_out

COMMAND = [sys.executable, "-m", "stedi_cli"]
SECONDS = 60
"""After which a process that shows nothing is given up."""

# --- Another writer, and interrupts --------------------------------------------------------------


@pytest.fixture
def held(lake: Lake) -> Iterator[Lake]:
    """The small lake, while this process changes it."""
    with exclusive(lake.layout.lock):
        yield lake


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Undo that a shell lets what it runs in the background, and so its children, ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def waiting(lake: Lake, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """An upload that waits, once it has said where it works."""
    with subprocess.Popen(
        [*COMMAND, "--root", lake.settings.root, "upload", folder, "--wait"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == f"stedi: local lakehouse in {lake.settings.root}\n"
            # One that does not wait would be gone; no test fails for this being too short a time.
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(timeout=1)
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "words"),
    [("upload", "data"), ("jobs run", "--all"), ("infra up", "--no-data"), ("infra down", "-y")],
)
def test_a_second_writer_is_refused_and_told_who_is_at_work(
    held: Lake, workspace: Path, command: str, words: str
) -> None:
    write_lake(workspace / "data")
    told = run_stedi("--root", held.settings.root, *command.split(), words)
    assert told.code == 1
    assert f"Error: Another process, {os.getpid()}, is changing {held.settings.root}" in told.err
    # The hint offers to wait only where the command can.
    can_wait = "--wait" in run_stedi(*command.split(), "--help").out
    assert ("--wait" in told.err) == can_wait


@pytest.mark.slow
def test_an_interrupt_while_waiting(held: Lake, tmp_path: Path) -> None:
    more = write_lake(tmp_path / "more", {"customer_landing": {"more.json": b""}})
    with waiting(held, more) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert out == ""
    assert err == "Error: Interrupted; each landing file is as before or as uploaded.\n"
    assert not list(held.layout.landing.rglob("more.json"))


@pytest.mark.slow
def test_a_writer_that_waits_goes_on_when_the_other_is_done(lake: Lake, tmp_path: Path) -> None:
    more = write_lake(tmp_path / "more", {"customer_landing": {"more.json": b""}})
    with ExitStack() as stack:
        with exclusive(lake.layout.lock):
            process = stack.enter_context(waiting(lake, more))
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    assert len(list(lake.layout.landing.rglob("more.json"))) == 1


@pytest.mark.slow
def test_runs_at_the_same_time_build_each_table_once(lake: Lake) -> None:
    words = ["--root", lake.settings.root, "jobs", "run", "--all", "--wait", "--json"]
    processes = [
        subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(3)
    ]
    told = [json.loads(process.communicate(timeout=SECONDS)[0])["jobs"] for process in processes]
    built = [job["job"] for jobs in told for job in jobs if job["status"] == "built"]
    assert sorted(built) == sorted(JOBS)
    assert [[job["rows"] for job in jobs] for jobs in told] == [
        [STRICT[table] for table in JOBS.values()]
    ] * 3
    assert lake.counts() == STRICT


# --- Terminals ---------------------------------------------------------------------------------


class Terminal:
    """The command in a terminal."""

    def __init__(self, *words: str | Path) -> None:
        self._controller, terminal = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, words)],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**os.environ, "TERM": "xterm"},
        )
        os.close(terminal)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self._controller, text.encode())

    def read_until(self, text: str) -> None:
        """Read what is shown until a text, or the end."""
        while text not in self.shown and (piece := self._read()):
            self.shown += piece

    def _read(self) -> str:
        if not select.select([self._controller], [], [], SECONDS)[0]:
            self.process.kill()
        try:
            return os.read(self._controller, 65_536).decode(errors="replace")
        except OSError:  # How Linux says that nobody writes any more.
            return ""

    def end(self) -> int:
        """Read to the end and return the exit code."""
        self.read_until("\0 never shown")
        os.close(self._controller)
        return self.process.wait(timeout=SECONDS)


@pytest.mark.slow
def test_down_asks(lake: Lake) -> None:
    root = lake.settings.root
    before = sorted(root.rglob("*"))
    for answer, left in (("n\n", before), ("y\n", [])):
        terminal = Terminal("--root", root, "infra", "down")
        terminal.type(answer)
        code = terminal.end()
        assert "Remove the" in terminal.shown
        assert (code == 0) == (left == [])
        assert sorted(root.rglob("*")) == left
    assert not root.exists()


@pytest.mark.slow
def test_a_run_ends_with_the_whole_table_and_shows_no_colour(lake: Lake) -> None:
    terminal = Terminal("--root", lake.settings.root, "jobs", "run", "--all")
    assert terminal.end() == 0
    assert "running" in terminal.shown
    last = terminal.shown.rsplit("seconds", 1)[-1]
    assert all(job in last for job in JOBS)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", terminal.shown)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("times", [1, 2])
def test_a_query_ends_on_a_signal_while_one_function_of_a_row_takes_long(
    lake: Lake, number: signal.Signals, times: int
) -> None:
    endless = "SELECT levenshtein(repeat('ab', 900000), repeat('ba', 900000)), "
    terminal = Terminal(
        "--root", lake.settings.root, "query", endless + "count(*) FROM (VALUES (1))"
    )
    terminal.read_until("local lakehouse")
    # DuckDB's folder is there once its engine is at work.
    while not any(lake.layout.temp.iterdir()):
        assert terminal.process.poll() is None
    for _ in range(times):
        terminal.process.send_signal(number)
    assert terminal.end() == 130
    assert "Error: Interrupted; nothing was changed." in terminal.shown
    assert "Traceback" not in terminal.shown
    assert list(lake.layout.temp.iterdir()) == []


@pytest.mark.slow
def test_an_interrupted_job_leaves_everything_as_before(tmp_path: Path) -> None:
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    lake = Lake(tmp_path / "lake", project=project).up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run()
    before = lake.states()
    job = project / "jobs" / "step_trainer_trusted.sql"
    sql = job.read_text()
    endless = (
        "(SELECT count(*) FROM range(9999999) a, range(9999999) b WHERE a.range + b.range < 0)"
    )
    job.write_text(f"SELECT * FROM ({sql}) WHERE {endless} = 0")
    config = project / "configs" / "local.yaml"
    terminal = Terminal("--config", config, "--root", lake.settings.root, "jobs", "run", "--all")
    # The seconds are counted while nothing else is told.
    terminal.read_until("running 2")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert "running 2" in terminal.shown
    assert "Error: Interrupted; every table is as before or as after." in terminal.shown
    assert "Traceback" not in terminal.shown
    assert lake.states() == before
    assert not lake.layout.journal.exists()
    assert list(lake.layout.temp.iterdir()) == []
    assert len(list((lake.layout.warehouse / "step_trainer_trusted").rglob("*.parquet"))) == 1
    job.write_text(sql)
    assert lake.built() == set()
    assert lake.counts() == STRICT
