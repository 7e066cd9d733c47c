"""Consent on AWS where job runs and queries really run: right at once, and no version left."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest import Ask, Lake, Result
from sandbox.server import Sandbox
from small import JOBS, TYPED, C, motion, step, write_lake
from test_consent import ANN, BOB, DAN, FAY

from aws.cloud_lake import CloudLake
from aws.places import CONFIG

pytestmark = [pytest.mark.aws, pytest.mark.slow, pytest.mark.usefixtures("glue", "athena")]

Told = Callable[..., Result]


@pytest.fixture
def aws(invoke: Ask) -> Ask:
    """A command on AWS."""
    return lambda *words: invoke("--config", CONFIG, *words)


@pytest.fixture
def cloud(sandbox: Sandbox, aws: Ask, tmp_path: Path) -> CloudLake:
    """The small lake on AWS, in a bucket that keeps versions, its jobs run twice."""
    made = CloudLake(sandbox)
    assert aws("infra", "up", "--no-data").code == 0
    versioned = {"Status": "Enabled"}
    made.s3.put_bucket_versioning(Bucket=made.layout.bucket, VersioningConfiguration=versioned)
    assert aws("upload", write_lake(tmp_path / "data")).code == 0
    for words in ([], ["--force"]):
        assert aws("jobs", "run", "--all", *words).code == 0
    return made


@pytest.fixture
def consent(aws: Ask, tmp_path: Path) -> Told:
    """A change of consent of people."""

    def run(how: str, *people: str, **options: bool) -> Result:
        named = tmp_path / "people.txt"
        named.write_text("\n".join(people))
        words = [f"--{name}" for name, given in options.items() if given]
        return aws("consent", how, "--file", named, *words)

    return run


def copied(cloud: CloudLake, folder: Path) -> Path:
    """Copy every version of every object, those that are not the current ones beside them."""
    pages = cloud.s3.get_paginator("list_object_versions").paginate(Bucket=cloud.layout.bucket)
    for page in pages:
        for number, version in enumerate(page.get("Versions", ())):
            asked = {"Key": version["Key"], "VersionId": version["VersionId"]}
            body = cloud.s3.get_object(Bucket=cloud.layout.bucket, **asked)["Body"].read()
            suffix = "" if version["IsLatest"] else f"~{number}"
            path = folder / f"{version['Key']}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
    return folder


def scanned(aws: Ask, people: str, folder: Path) -> tuple[int, Any]:
    """What a scan of every version of every object says, where they may be in landing alone."""
    (folder / "scanned.txt").write_text(people)
    allowed = ("--except", "landing", "--except", "typed")
    told = aws("privacy", "scan", "--file", folder / "scanned.txt", *allowed, "--json")
    return told.code, json.loads(told.out)


def rows(aws: Ask, table: str) -> Counter[tuple[Any, ...]]:
    file = Path(f"{table}.parquet")
    told = aws("export", table, file, "--force")
    assert told.code == 0, told.err
    return Counter(tuple(row.values()) for row in pq.read_table(file).to_pylist())


def assert_as_fresh(cloud: CloudLake, aws: Ask, folder: Path) -> None:
    """All five tables are those of a lakehouse of its own, built here of the same landing files."""
    fresh = Lake(folder / "lake", max_bad_rows=9).up()
    fresh.upload(copied(cloud, folder / "objects") / "landing")
    fresh.run()
    for table in JOBS.values():
        assert rows(aws, table) == Counter(fresh.rows(table)), table


def test_who_withdrew_is_in_no_table_and_no_version_of_an_object(
    cloud: CloudLake, aws: Ask, consent: Told, tmp_path: Path, sandbox: Sandbox
) -> None:
    rows(aws, "customer_trusted")
    aws("query", "SELECT email FROM customer_trusted")
    code, before = scanned(aws, f"{BOB}\n{DAN}", tmp_path)
    assert (code, before["sought"]["instants"] > 0) == (4, True)
    assert {found["part"] for found in before["found"] if not found["allowed"]} >= {
        "tables",
        "results",
    }
    (bob,) = json.loads(consent("show", BOB, json=True, rows=True).out)["people"]
    assert {one["table"]: one["rows"] for one in bob["tables"]} == {
        **dict.fromkeys(("customer_landing", "accelerometer_landing", "step_trainer_landing"), 1),
        **dict.fromkeys(JOBS.values(), 1),
        "held_back": 0,
    }
    (steps,) = (one["records"] for one in bob["tables"] if one["table"] == "step_trainer_landing")
    assert steps == [step("serial-shared", C + 20)]
    told = consent("revoke", " Bob@X.org ", DAN, json=True)
    assert told.code == 0, told.err
    done = json.loads(told.out)
    assert (done["changed"], done["policy"], done["not_looked_at"]) == ([1, 2], "strict", [])
    assert "Athena keeps the texts of queries for 45 days" in told.err
    code, after = scanned(aws, f"{BOB}\n{DAN}", tmp_path)
    assert (code, after["unread"]) == (0, []), after["found"]
    with cloud.opened() as opened:
        states = opened.tables.states()
    assert {len(states[name].snapshots) for name in (*JOBS.values(), *TYPED)} == {1}
    texts = [execution.query for execution in sandbox.queries.started.values()]
    assert not [text for text in texts if "@" in text]
    assert_as_fresh(cloud, aws, tmp_path / "fresh")


def test_given_again_only_later_readings_count(
    cloud: CloudLake, aws: Ask, consent: Told, tmp_path: Path
) -> None:
    assert consent("revoke", ANN).code == 0
    told = consent("grant", ANN, FAY, json=True)
    done = json.loads(told.out)
    assert (told.code, done["changed"], done["unchanged"]) == (0, [1], [2]), told.err
    (ann,) = json.loads(consent("show", ANN, json=True, rows=True).out)["people"]
    (records,) = (one["records"] for one in ann["tables"] if one["table"] == "customer_trusted")
    since = records[0]["shareWithResearchAsOfDate"]
    times = [since - 1, since, since + 1]
    later = {
        "accelerometer_landing": {"later.json": [motion(ANN, at) for at in times]},
        "step_trainer_landing": {"later.json": [step("serial-ann", at) for at in times]},
    }
    assert aws("upload", write_lake(tmp_path / "later", later)).code == 0
    assert aws("jobs", "run", "--all").code == 0
    kept = [row[0] for row in rows(aws, "machine_learning_curated")]
    assert sorted(at for at in kept if at in times) == times[1:]
    assert_as_fresh(cloud, aws, tmp_path / "fresh")
