"""A fault at every call of `upload` and `jobs run`: the same command again converges."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import PROJECT, Ask
from sandbox.server import Sandbox
from small import write_lake

from aws.cloud_lake import CloudLake, hurry
from aws.faults_everywhere import FAULTS, Strike, places, shared_clients, without_pauses
from stedi_cli.aws import upload as uploading

pytestmark = [pytest.mark.slow, pytest.mark.faults]

FIRST = "customer_landing_to_trusted"
MEGABYTE = 1 << 20


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither boto3 nor this project waits."""
    without_pauses(monkeypatch)
    shared_clients(monkeypatch)
    hurry(monkeypatch)


@pytest.fixture
def ask(invoke: Ask) -> Ask:
    return lambda *words: invoke("--config", PROJECT / "configs" / "aws.yaml", *words)


@pytest.mark.parametrize("name", FAULTS)
def test_jobs_run(sandbox: Sandbox, ask: Ask, tmp_path: Path, name: str) -> None:
    cloud = CloudLake(sandbox).up()
    cloud.upload(write_lake(tmp_path / "data"))
    for words in ([], ["--force"]):
        cloud.script(1, "RUNNING", "SUCCEEDED")
        with sandbox.recording() as made:
            assert ask("jobs", "run", FIRST, *words).code == 0
    assert len(made) > 15
    for place in places(name, made):
        started = len(sandbox.runs.started)
        cloud.script(3, "RUNNING", "SUCCEEDED")
        with Strike(sandbox, place) as strike:
            first = ask("jobs", "run", FIRST, "--force")
        where = f"{strike}: {first.err}"
        assert first.code in ((0,) if name == "reset" else (0, 1)), where
        # Whatever was answered, no job is started twice.
        assert len(sandbox.runs.started) - started <= 1, where
        again = ask("jobs", "run", FIRST, "--force", "--wait")
        assert again.code == 0, where + again.err
        assert not any(run["active"] for run in ask("jobs", "status", "--json").json())
        assert "unchanged" in ask("jobs", "run", FIRST).out, where


@pytest.mark.parametrize("name", FAULTS)
def test_upload(
    sandbox: Sandbox, ask: Ask, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "_LARGE", 5 * MEGABYTE)
    monkeypatch.setattr(uploading, "_PART", 5 * MEGABYTE)
    cloud = CloudLake(sandbox).up()
    folder = write_lake(tmp_path / "data")
    large = b'{"user": "' + b"x" * 1000 + b'"}\n'
    (folder / "accelerometer" / "landing" / "l.json").write_bytes(large * 6000)

    def emptied() -> None:
        for key in cloud.keys("landing/"):
            cloud.s3.delete_object(Bucket=cloud.layout.bucket, Key=key)

    for _ in range(2):
        emptied()
        with sandbox.recording() as made:
            assert ask("upload", folder).code == 0
    assert len(made) > 10
    for place in places(name, made):
        emptied()
        with Strike(sandbox, place) as strike:
            first = ask("upload", folder)
        where = f"{strike}: {first.err}"
        assert first.code in ((0,) if name == "reset" else (0, 1)), where
        again = ask("upload", folder, "--json")
        assert again.code == 0, where + again.err
        assert len(cloud.keys("landing/")) == 4, where
        assert "Uploads" not in cloud.s3.list_multipart_uploads(Bucket=cloud.layout.bucket), where
        counts = ask("upload", folder, "--json").json()
        assert sum(count["unchanged"] for count in counts) == 4, where
        with cloud.opened() as opened:
            states = opened.landing.states()
        assert [state.lines for state in states.values()] == [7, 6008, 11], where
