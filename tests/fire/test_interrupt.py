"""Told to end while the engine is at work: it ends, and nothing is left lying about."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from conftest import PROJECT
from small import STRICT

from fire.arena import Arena, until, used_seconds
from fire.launcher import Started
from fire.state import read, stray
from stedi_cli.project.folder import copy_out

ENDLESS = "SELECT count(*) AS n FROM range(9999999) a, range(9999999) b WHERE a.range + b.range < 0"
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of a project with an endless check."""
    copy_out(PROJECT, tmp_path / "project")
    (tmp_path / "project" / "jobs" / "checks" / "endless.sql").write_text(
        f"SELECT n FROM ({ENDLESS}) WHERE n > 0"
    )
    return tmp_path / "project" / "configs" / "local.yaml"


def until_at_work(arena: Arena, started: Started) -> None:
    """Wait until the engine works: it has its folder, and since then it has used processor time."""
    until(lambda: any((arena.root / "tmp").iterdir()))
    before = used_seconds(started.pid)
    until(lambda: used_seconds(started.pid) > before + 0.5)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("words", ["query", "validate", "jobs run"])
def test_it_ends_when_told_to(
    built: Arena, config: Path, words: str, number: signal.Signals
) -> None:
    before = read(built.root)
    if words == "jobs run":
        job = config.parents[1] / "jobs" / "customer_trusted_to_curated.sql"
        job.write_text(f"{job.read_text()} WHERE ({ENDLESS}) = 0")
        more = ["customer_trusted_to_curated"]
    else:
        more = [ENDLESS] if words == "query" else []
    started = built.start("--config", config, *words.split(), *more)
    until_at_work(built, started)
    os.kill(started.pid, number)
    ended = started.end()
    assert ended.code == 130, ended
    true = "every table is as before or as after" if words == "jobs run" else "nothing was changed"
    assert ended.told() == [f"Error: Interrupted; {true}."]
    assert ended.out == ""
    assert read(built.root) == before
    assert stray(built.root) == set()
    assert built.counts() == STRICT


@pytest.mark.parametrize("at", [1, 2, 3])
def test_it_ends_while_it_makes_or_removes_its_folder(built: Arena, at: int) -> None:
    started = built.start("query", "SELECT 1 AS n", "--json", action="stop", match="tmp", at=at)
    started.until_stopped()
    os.kill(started.pid, signal.SIGTERM)
    ended = started.go_on().end()
    assert ended.code == 130, ended
    assert stray(built.root) == set()


def test_it_does_not_end_where_that_was_not_wanted(built: Arena) -> None:
    """As under nohup, or in the background of a shell."""
    started = built.start("query", "SELECT 1 AS n", "--json", action="stop", at=1, ignored=True)
    started.until_stopped()
    for number in (signal.SIGHUP, signal.SIGINT):
        os.kill(started.pid, number)
    assert started.go_on().end().json() == [{"n": 1}]
