"""A fault at every call of `validate`: no other verdict than without, and nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Ask, Result
from sandbox.server import Sandbox

from aws.cloud_lake import HURRY, CloudLake
from aws.faults_everywhere import FAULTS, Strike, places, shared_clients, without_pauses
from aws.places import CONFIG, inventory
from aws.scripted_validation import COUNTS, script_answers, write_data
from stedi_cli.checks.validation_queries import Queries, queries

pytestmark = [pytest.mark.slow, pytest.mark.faults]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither boto3 nor this project waits."""
    without_pauses(monkeypatch)
    shared_clients(monkeypatch)
    monkeypatch.setattr("stedi_cli.aws.lake.Backoff", lambda: HURRY)


@pytest.fixture(autouse=True)
def _two_checks_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a query of its own, asked as the next one, and each call is struck."""

    def fewer(*about: Any) -> Queries:
        asked = queries(*about)
        names = list(asked.checks)
        few = {name: asked.checks[name] for name in (*names[:2], names[-1])}
        return replace(asked, checks=few, accounts={})

    monkeypatch.setattr("stedi_cli.checks.asking.queries", fewer)


@pytest.fixture
def cloud(sandbox: Sandbox, tmp_path: Path) -> CloudLake:
    """Tables that runs committed, and landing files of which they tell the same."""
    made = CloudLake(sandbox).up()
    made.upload(write_data(tmp_path / "data"))
    made.run()
    return made


def contents(cloud: CloudLake) -> dict[str, Any]:
    """All that the account holds, but for what Athena leaves of a query, and `validate` of all."""
    bucket, left = cloud.layout.bucket, (cloud.layout.settings.results_prefix, cloud.layout.kept)
    found = inventory(cloud.sandbox)
    pages = cloud.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    listed = [each for page in pages for each in page["Contents"]]
    etags = {o["Key"]: o["ETag"] for o in listed if not o["Key"].startswith(left)}
    tables = cloud.sandbox.client("glue").get_tables(DatabaseName=cloud.layout.database)
    found["buckets"] = {bucket: etags}
    found["tables"] = {t["Name"]: t.get("Parameters") for t in tables["TableList"]}
    return found


@pytest.mark.parametrize("name", FAULTS)
def test_validate(cloud: CloudLake, invoke: Ask, name: str) -> None:
    broken = cloud.settings.lakehouse().checks[0].name

    def validate() -> Result:
        script_answers(cloud, broken)
        return invoke("--config", CONFIG, "validate", "--again", "--json")

    for _ in range(2):
        with cloud.sandbox.recording() as made:
            undisturbed = validate()
    verdict = undisturbed.json()
    assert undisturbed.code == 3
    assert {table["table"]: table["expected"] for table in verdict["tables"]} == COUNTS
    assert [check["check"] for check in verdict["checks"] if not check["ok"]] == [broken]
    before = contents(cloud)
    assert len(made) > 10
    kept: set[str] = set()
    for place in places(name, made):
        with Strike(cloud.sandbox, place) as strike:
            first = validate()
        where = f"{strike}: {first.err}"
        if first.code == 1 and name != "reset":
            assert first.out == "", where
            assert first.err.startswith(("Error: ", "stedi: ")), where
            assert "Traceback" not in first.err, where
        else:
            # A fault that was overcome has not coloured what is told.
            assert (first.code, first.json()) == (3, verdict), where
        assert contents(cloud) == before, where
        # By nothing but what it keeps could the next one be led astray.
        now = cloud.s3.head_object(Bucket=cloud.layout.bucket, Key=cloud.layout.kept)["ETag"]
        if now not in kept:
            kept.add(now)
            again = validate()
            assert (again.code, again.json()) == (3, verdict), where + again.err
            assert contents(cloud) == before, where
