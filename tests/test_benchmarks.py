"""What the product is measured against does the same work, with the jobs' SQL as it is now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CHECKOUT

pytestmark = pytest.mark.slow


def run(*words: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_plain_script_makes_the_generators_counts(tmp_path: Path) -> None:
    data, root, out = tmp_path / "data", tmp_path / "lake", tmp_path / "duckdb"
    run("-m", "stedi_cli", "data", "generate", data, "--customers", "60", "--shared-serials", "9")
    run("-m", "stedi_cli", "--root", root, "infra", "up", "--data", data)
    run("-m", "benchmarks.plan", "--guard", root, out, tmp_path / "plan.json")
    run(CHECKOUT / "benchmarks" / "contenders" / "with_duckdb.py", tmp_path / "plan.json")
    run("-m", "benchmarks.compare", data / "expected.yaml", out)
