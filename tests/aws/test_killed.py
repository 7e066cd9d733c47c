"""A process that is killed between two calls: the same command again converges."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import run_stedi
from sandbox.server import Sandbox
from small import write_lake

from aws.cloud_lake import CloudLake
from aws.places import CONFIG, inventory

pytestmark = [pytest.mark.slow, pytest.mark.faults]


def killed(sandbox: Sandbox, calls: int, *words: str | Path) -> bool:
    """Run a command, kill it when it has made so many calls, and return whether it was at work."""
    enough = len(sandbox.calls) + calls
    command = [sys.executable, "-m", "stedi_cli", "--config", CONFIG, *words]
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(
        list(map(str, command)), stdin=nowhere, stdout=nowhere, stderr=nowhere
    )
    deadline = time.monotonic() + 60
    while process.poll() is None and len(sandbox.calls) < enough and time.monotonic() < deadline:
        time.sleep(0.002)
    process.kill()
    return process.wait(timeout=60) == -signal.SIGKILL


@pytest.mark.parametrize("calls", [4, 10, 25])
def test_the_same_command_again_converges(sandbox: Sandbox, tmp_path: Path, calls: int) -> None:
    before = inventory(sandbox)
    data = write_lake(tmp_path / "data")
    cloud = CloudLake(sandbox)
    struck = []
    for words in (
        ("infra", "up", "--no-data"),
        ("upload", data),
        ("jobs", "run", "--all", "--wait"),
        ("infra", "down", "--yes"),
    ):
        if words[0] == "jobs":
            cloud.script(12, "RUNNING", "SUCCEEDED")
        if killed(sandbox, calls, *words):
            struck.append(words[:2])
        again = run_stedi("--config", CONFIG, *words)
        assert again.code == 0, (words, again.err)
        if words[0] == "jobs":
            done = run_stedi("--config", CONFIG, "jobs", "run", "--all")
            assert done.out.count("unchanged") == 5
    assert ("infra", "up") in struck
    assert ("infra", "down") in struck
    assert inventory(sandbox) == before
