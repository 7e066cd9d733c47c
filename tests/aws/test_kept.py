"""What a validation was told on AWS is kept beside the jobs, and taken while all is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import Ask
from sandbox.faults import How
from sandbox.server import Sandbox

from aws.cloud_lake import CloudLake, hurry
from aws.places import CONFIG
from aws.scripted_validation import script_answers, write_data


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


@pytest.fixture
def cloud(sandbox: Sandbox, tmp_path: Path) -> CloudLake:
    """Tables that runs committed, and landing files of which they tell the same."""
    made = CloudLake(sandbox).up()
    made.upload(write_data(tmp_path / "data"))
    made.run()
    return made


class Validating:
    """Validates a lakehouse.

    Args:
        cloud: The lakehouse.
        invoke: Runs a command.
    """

    def __init__(self, cloud: CloudLake, invoke: Ask) -> None:
        self._cloud = cloud
        self._invoke = invoke

    def __call__(self, *words: str) -> tuple[dict[str, Any], list[str]]:
        """Return the report, and the SQL that Athena was asked."""
        queries = self._cloud.sandbox.queries
        script_answers(self._cloud)
        before = set(queries.started)
        told = self._invoke("--config", CONFIG, "validate", "--json", *words)
        assert told.code == 0, told.err
        return told.json(), [q.query for i, q in queries.started.items() if i not in before]


@pytest.fixture
def validate(cloud: CloudLake, invoke: Ask) -> Validating:
    return Validating(cloud, invoke)


def kept(report: dict[str, Any]) -> set[str]:
    return {check["check"] for check in report["checks"] if check["kept"]}


def test_no_number_is_asked_for_twice_of_the_same(cloud: CloudLake, validate: Validating) -> None:
    first, asked = validate()
    assert not kept(first)
    second, again = validate()
    # Scripted accounts and notes say words that are not the project's, which are never kept,
    # and scripted counts are others than those of the runs.
    not_kept = ("AS n\n", "AS readings", "AS table_name")
    assert sorted(again) == sorted(s for s in asked if any(mark in s for mark in not_kept))
    of_sql = {check.name for check in cloud.settings.lakehouse().checks}
    assert kept(second) == of_sql
    assert second.pop("usd") < first.pop("usd")
    assert second.pop("scanned_bytes") < first.pop("scanned_bytes")
    for report in (first, second):
        for check in report["checks"]:
            del check["kept"]
    assert second == first
    assert sorted(validate("--again")[1]) == sorted(asked)


def test_what_depends_on_a_file_that_is_another_now_is_asked_again(
    cloud: CloudLake, validate: Validating
) -> None:
    validate()
    _, again = validate()
    (key,) = cloud.keys(f"{cloud.layout.table_folder('customers_curated')}/data/")
    content = cloud.s3.get_object(Bucket=cloud.layout.bucket, Key=key)["Body"].read()
    cloud.s3.put_object(Bucket=cloud.layout.bucket, Key=key, Body=content[::-1])
    told, now = validate()
    assert {*now} - {*again}
    assert all("customers_curated" in sql for sql in {*now} - {*again})
    assert kept(told)
    assert sorted(validate()[1]) == sorted(again)


def test_what_somebody_else_wrote_there_is_not_taken(
    cloud: CloudLake, validate: Validating
) -> None:
    _, asked = validate()
    held = {"Bucket": cloud.layout.bucket, "Key": cloud.layout.kept}
    content = cloud.s3.get_object(**held)["Body"].read()
    for other in (content.replace(b"0", b"1", 1), b"", b"\xff", content[:-1]):
        cloud.s3.put_object(**held, Body=other)
        assert sorted(validate()[1]) == sorted(asked)


@pytest.mark.parametrize("operation", ["GetObject", "PutObject"])
def test_who_may_not_read_or_write_it_asks_anew(
    cloud: CloudLake, validate: Validating, operation: str
) -> None:
    _, asked = validate()
    key = cloud.layout.kept
    cloud.sandbox.fail(How.DENIED, action=operation, resource=key, agent="stedi", calls=None)
    told, again = validate(*(["--again"] if operation == "PutObject" else []))
    assert sorted(again) == sorted(asked)
    assert not kept(told)


def test_the_infrastructure_takes_it_along(cloud: CloudLake, validate: Validating) -> None:
    validate()
    assert cloud.keys(cloud.layout.kept)
    with cloud.opened() as opened:
        list(opened.infrastructure.down())
    assert not cloud.sandbox.client("s3").list_buckets()["Buckets"]
