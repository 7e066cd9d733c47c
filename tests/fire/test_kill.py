"""SIGKILL before every change of a file, and at any moment: as before or as after, then mended."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fire.launcher import Launcher
from fire.trial import SCENARIOS, Trial, side_by_side

AT_RANDOM = {"first run": 10, "run with everything": 20, "other policy": 10, "upload": 4, "down": 4}


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_before_every_change(launchers: list[Launcher], tmp_path: Path, name: str) -> None:
    killed: list[int] = []

    def kill(trial: Trial, number: int) -> None:
        ended = trial.at("kill", number)
        assert ended.killed == (number <= trial.changes), ended
        killed.append(ended.killed)
        how = f"killed before {number}: {ended.changes[-1:]}"
        trial.assert_as_before_or_after(how)
        trial.assert_mended(how)

    trials = side_by_side(launchers, name, tmp_path, kill)
    assert sum(killed) >= trials[0].changes // SCENARIOS[name].stride


@pytest.mark.slow
@pytest.mark.parametrize("name", AT_RANDOM)
def test_killed_at_any_moment(launchers: list[Launcher], tmp_path: Path, name: str) -> None:
    dice = random.Random(name)
    moments = [(i + dice.random()) / AT_RANDOM[name] for i in range(AT_RANDOM[name])]

    def kill(trial: Trial, number: int) -> None:
        seconds = moments[number - 1] * trial.seconds
        ended = trial.killed_after(seconds)
        how = f"killed after {seconds:.4f} s: {ended.changes[-1:]}"
        told = trial.arena.run("tables", "--json")
        assert told.code == 0 or "There is no lakehouse" in told.err, (how, told)
        trial.assert_as_before_or_after(how)
        trial.assert_mended(how)

    side_by_side(launchers, name, tmp_path, kill, times=len(moments))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["run with everything", "upload of changed files"])
def test_interrupted_before_a_change(launchers: list[Launcher], tmp_path: Path, name: str) -> None:
    def interrupt(trial: Trial, number: int) -> None:
        ended = trial.at("interrupt", number)
        how = f"interrupted before {number}: {ended.changes[number - 1 :]}"
        assert ended.code == (130 if number <= trial.changes else 0), (how, ended)
        assert len(ended.told()) <= 1, ended
        trial.assert_as_before_or_after(how)
        trial.assert_mended(how)

    side_by_side(launchers, name, tmp_path, interrupt, every=3)
