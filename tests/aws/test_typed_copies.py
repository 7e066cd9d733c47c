"""The typed copies on AWS: Glue reads a landing file once, and its ledgers are those of DuckDB."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Lake
from sandbox.server import Sandbox
from small import TYPED, C, lines, motion, write_lake

from aws.cloud_lake import CloudLake
from aws.places import inventory
from stedi_cli.aws.backoff import Backoff
from stedi_cli.errors import BadDataError
from stedi_cli.lake.job_run import JobDone

pytestmark = [pytest.mark.aws, pytest.mark.slow, pytest.mark.usefixtures("glue")]
COPY = "accelerometer_landing_typed"
PATIENT = Backoff(sleep=lambda _: time.sleep(0.2))


def run(cloud: CloudLake, **how: Any) -> None:
    events = cloud.events(**how)
    assert [event.status for event in events if isinstance(event, JobDone)] == ["built"] * 5


def ledgers(lake: CloudLake | Lake) -> dict[str, str]:
    """The name of each copy's ledger."""
    with lake.opened() as opened:
        states = opened.tables.states()
    return {name: state.current.ledger for name in TYPED if (state := states[name]).current}


def files(cloud: CloudLake) -> set[str]:
    """The data files of a copy."""
    with cloud.opened() as opened:
        current = opened.tables.states()[COPY].current
        assert opened.tables.is_whole(COPY)
    assert current is not None
    return set(current.files)


def test_glue_reads_a_landing_file_once(sandbox: Sandbox, tmp_path: Path) -> None:
    before = inventory(sandbox)
    cloud = CloudLake(sandbox, PATIENT, max_bad_rows=1).up()
    local = Lake(tmp_path / "local", max_bad_rows=1).up()
    bad: dict[str, Any] = {"accelerometer_landing": {"goes.json": b"nonsense\n"}}
    for lake in (cloud, local):
        lake.upload(write_lake(write_lake(tmp_path / "data"), bad))
    run(cloud)
    local.run()
    assert ledgers(cloud) == ledgers(local)
    first = files(cloud)
    for name in ("a b+(1).json", "later.json"):
        more = {"accelerometer_landing": {name: [motion("ann@x.org", C + 77)]}}
        for lake in (cloud, local):
            lake.upload(write_lake(tmp_path / name, more))
    with cloud.opened() as opened:
        zone: Any = opened.landing
        zone.remove("accelerometer_landing", ["goes.json"])
    (local.layout.landing / "accelerometer" / "goes.json").unlink()
    run(cloud, force=True)
    local.run()
    assert ledgers(cloud) == ledgers(local)
    # What was read stays where it is.
    assert first < files(cloud)
    request = cloud.read(sandbox.runs.started[-1].arguments["--request"])
    landing = request["landing"]["accelerometer_landing"]
    assert (sorted(landing["new"]), landing["gone"]) == (
        ["a b+(1).json", "later.json"],
        ["goes.json"],
    )
    run(cloud, force=True, reread=True)
    assert ledgers(cloud) == ledgers(local)
    assert not first & files(cloud)
    # The ledgers of the first run are named by no snapshot any more.
    there = {key.rpartition("/")[2] for key in cloud.keys(cloud.layout.ledgers)}
    assert there == {*ledgers(cloud).values()}
    with cloud.opened() as opened:
        list(opened.infrastructure.down())
    assert inventory(sandbox) == before


def kept(cloud: CloudLake) -> list[str]:
    """What is kept in no snapshot."""
    return sorted(key.rpartition(".")[2] for key in cloud.keys(cloud.layout.aside))


def test_a_raised_limit_commits_what_was_read(sandbox: Sandbox, tmp_path: Path) -> None:
    strict, raised = CloudLake(sandbox, PATIENT).up(), CloudLake(sandbox, PATIENT, max_bad_rows=9)
    local = Lake(tmp_path / "local", max_bad_rows=9).up()
    bad = lines([motion("ann@x.org", C + 77)]) + b"nonsense\n[]\n{}\n"
    for lake in (strict, local):
        data = write_lake(tmp_path / "data")
        lake.upload(write_lake(data, {"accelerometer_landing": {"b.json": bad}}))
    with pytest.raises(BadDataError, match=r"3 of \d+ lines"):
        strict.events()
    assert kept(strict) == ["kept"] * 3 + ["parquet"] * 3
    # From here on no landing file can be read.
    denied = ("AccessDenied", "no", 403)
    refused = sandbox.fail(denied, action="GetObject", resource="/landing/", calls=None)
    run(raised)
    sandbox.heal()
    assert refused.hits == []
    local.run()
    assert ledgers(raised) == ledgers(local)
    assert kept(strict) == []
