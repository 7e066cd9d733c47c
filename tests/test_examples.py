"""The examples do what they say, on the sample and on the public data."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import CHECKOUT, IN_CI, Ask, Lake

pytestmark = pytest.mark.slow
SCORED = re.compile(r"^(\w+) +([\d,]+) +(-?\d\.\d{3}) +(-?\d\.\d{3}) +(-?\d\.\d{3})$", re.M)


def first_model(*words: str | Path) -> subprocess.CompletedProcess[str]:
    if find_spec("sklearn") is None:
        told = "no scikit-learn: pip install 'stedi[examples]'"
        assert not IN_CI, told
        pytest.skip(told)
    return subprocess.run(
        [sys.executable, CHECKOUT / "examples" / "first_model.py", *words],
        capture_output=True,
        text=True,
        timeout=60 * (5 if IN_CI else 1),
        check=False,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )


class Score(NamedTuple):
    """R² on new people, on people that were seen, and of the control."""

    new: float
    seen: float
    control: float


def scores(told: str) -> dict[str, Score]:
    """What was scored, by title."""
    return {title: Score(*map(float, found)) for title, _, *found in SCORED.findall(told)}


def test_a_model_of_the_sample_learns_and_a_wrong_join_shows() -> None:
    done = first_model()
    assert done.returncode == 0, done.stderr
    found = scores(done.stdout)
    assert list(found) == ["strict", "published"]
    assert found["strict"].new >= 0.95
    assert found["strict"].seen >= found["strict"].new + 0.005
    assert all(score.control <= 0.05 for score in found.values())
    assert found["published"].new <= found["strict"].new - 0.1
    assert "learned by construction" in done.stdout


def test_nothing_is_learned_from_the_public_data(
    public_lake: Lake, invoke: Ask, workspace: Path
) -> None:
    root = ["--root", public_lake.settings.root]
    words = ["machine_learning_curated", "steps", "--folds", "5"]
    assert invoke(*root, "export", *words).code == 0
    done = first_model(workspace / "steps")
    assert done.returncode == 0, done.stderr
    assert scores(done.stdout)["steps"].new < 0.05
    assert "Nothing can be learned from it: (x, y, z) has 18 distinct values." in done.stdout


def test_what_holds_no_folds_is_refused(workspace: Path) -> None:
    done = first_model(workspace)
    assert done.returncode == 1
    assert "--folds 5" in done.stderr
    assert "Traceback" not in done.stderr
