"""The state of tables on AWS: read from Glue and S3, once, and checked against what is there."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from sandbox.faults import How
from sandbox.server import Sandbox

from aws.cloud_lake import CloudLake
from aws.places import account, infrastructure, settings
from stedi_cli.aws.table_files import TableFiles
from stedi_cli.aws.tables import Tables
from stedi_cli.errors import StediError

NAME = "customers_curated"
RECORD = {
    "run": "r",
    "job": "customer_trusted_to_curated",
    "policy": "strict",
    "engine": "glue",
    "sql": "s",
    "columns": "c",
    "inputs": {"customer_trusted": "1"},
    "landing": {"customer_landing": ["f", 7, 2, False]},
    "files": {},
}


@pytest.fixture
def cloud(sandbox: Sandbox) -> CloudLake:
    """A bucket and a database, without a table."""
    made = CloudLake(sandbox)
    sandbox.client("s3").create_bucket(
        Bucket=made.layout.bucket, CreateBucketConfiguration={"LocationConstraint": sandbox.region}
    )
    sandbox.client("glue").create_database(DatabaseInput={"Name": made.layout.database})
    return made


def tables(cloud: CloudLake) -> Tables:
    with cloud.opened() as opened:
        return opened.tables


def test_what_made_a_table(cloud: CloudLake) -> None:
    cloud.write(NAME, RECORD)
    cloud.write(NAME, {**RECORD, "run": "s"})
    state = tables(cloud).states()[NAME]
    assert [s.provenance.run for s in state.snapshots if s.provenance] == ["r", "s"]
    assert state.current is not None
    assert state.current.provenance is not None
    assert state.current.provenance.landing["customer_landing"].quarantined == 2
    assert state.current.rows == 1
    assert list(state.columns) == [
        column.name for column in cloud.settings.lakehouse().tables[NAME].columns
    ]


def test_without_tables(cloud: CloudLake) -> None:
    found = tables(cloud)
    assert found.states() == {}
    assert not found.is_whole(NAME)
    assert found.files(NAME) == []


def test_without_a_database(sandbox: Sandbox) -> None:
    with pytest.raises(StediError, match="There is no database stedi in eu-central-1") as raised:
        tables(CloudLake(sandbox)).states()
    assert raised.value.hint == "Make it with `stedi infra up`."


@pytest.mark.parametrize("code", ["EntityNotFoundException", "BucketAlreadyExists"])
def test_an_error_is_known_whichever_class_boto3_made_of_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    service = "glue" if code.startswith("Entity") else "s3"
    client = account(settings()).client(service)
    monkeypatch.setattr(client.exceptions, code, type("Other", (ClientError,), {}), raising=False)
    if service == "glue":
        with pytest.raises(StediError, match="There is no database stedi"):
            TableFiles(infrastructure().layout).states()
        return
    sandbox.fail((code, "taken", 409), service="s3", action="CreateBucket")
    with pytest.raises(StediError, match="taken by another account"):
        list(infrastructure().up())


def test_tables_of_others_are_not_ours(cloud: CloudLake) -> None:
    glue = cloud.sandbox.client("glue")
    for name, kind in (("somebodys", "ICEBERG"), (NAME, "EXTERNAL_TABLE")):
        parameters = {"table_type": kind, "metadata_location": "s3://elsewhere/m.json"}
        glue.create_table(
            DatabaseName=cloud.layout.database,
            TableInput={"Name": name, "Parameters": parameters},
        )
    assert tables(cloud).states() == {}


def test_each_thing_is_read_once(cloud: CloudLake) -> None:
    names = (NAME, "customer_trusted", "step_trainer_trusted")
    for name in names:
        cloud.write(name, RECORD)
    found = tables(cloud)
    with cloud.sandbox.recording() as calls:
        for _ in range(2):
            assert set(found.states()) == set(names)
            assert all(found.is_whole(name) for name in names)
    made = Counter(call.name for call in calls)
    # Metadata, manifest list and manifest of each.
    assert made == {
        "glue:GetTables": 1,
        "s3:GetObject": 9,
        "s3:ListObjectsV2": 1,
        "sts:GetCallerIdentity": 1,
    }
    cloud.write(NAME, {**RECORD, "run": "s"})
    found.forget()
    with cloud.sandbox.recording() as calls:
        assert found.is_whole(NAME)
    # Of what is never written twice, only what is new.
    made = Counter(call.name for call in calls)
    assert made == {"glue:GetTables": 1, "s3:GetObject": 3, "s3:ListObjectsV2": 1}


def data_file(cloud: CloudLake) -> str:
    (key,) = [key for key in cloud.keys(f"warehouse/{NAME}/data/") if "/s-" in key]
    return key


@pytest.fixture
def twice(cloud: CloudLake) -> CloudLake:
    """A table that was replaced once, so that files of an older snapshot lie beside its own."""
    cloud.write(NAME, RECORD)
    cloud.write(NAME, {**RECORD, "run": "s"})
    return cloud


def test_a_lost_data_file(twice: CloudLake) -> None:
    assert tables(twice).is_whole(NAME)
    twice.s3.delete_object(Bucket=twice.layout.bucket, Key=data_file(twice))
    assert not tables(twice).is_whole(NAME)


def test_a_data_file_that_was_cut(twice: CloudLake) -> None:
    twice.s3.put_object(Bucket=twice.layout.bucket, Key=data_file(twice), Body=b"PAR1")
    assert not tables(twice).is_whole(NAME)


def test_an_older_snapshots_file_is_not_missed(twice: CloudLake) -> None:
    (old,) = [key for key in twice.keys(f"warehouse/{NAME}/data/") if "/r-" in key]
    twice.s3.delete_object(Bucket=twice.layout.bucket, Key=old)
    assert tables(twice).is_whole(NAME)


def test_files_of_the_current_snapshot(twice: CloudLake) -> None:
    key = data_file(twice)
    size = twice.s3.head_object(Bucket=twice.layout.bucket, Key=key)["ContentLength"]
    assert tables(twice).files(NAME) == [(twice.layout.uri(key), size)]


@pytest.mark.parametrize("what", ["lost", "broken"])
def test_manifests_that_cannot_be_read(twice: CloudLake, what: str) -> None:
    for key in twice.keys(f"warehouse/{NAME}/metadata/"):
        if key.endswith(".avro"):
            twice.s3.delete_object(Bucket=twice.layout.bucket, Key=key)
            if what == "broken":
                twice.s3.put_object(Bucket=twice.layout.bucket, Key=key, Body=b"Obj\x01not avro")
    found = tables(twice)
    assert not found.is_whole(NAME)
    with pytest.raises(StediError, match=f"manifests of {NAME} cannot be read") as raised:
        found.files(NAME)
    assert "--force" in str(raised.value.hint)


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[1]", b"\xff"])
def test_metadata_that_cannot_be_read(cloud: CloudLake, content: bytes | None) -> None:
    cloud.write(NAME, RECORD)
    uri = tables(cloud).states()[NAME].metadata
    place = {"Bucket": cloud.layout.bucket, "Key": uri.partition(cloud.layout.bucket + "/")[2]}
    if content is None:
        cloud.s3.delete_object(**place)
    else:
        cloud.s3.put_object(**place, Body=content)
    with pytest.raises(StediError) as raised:
        tables(cloud).states()
    assert place["Key"] in raised.value.message
    assert "\n" not in raised.value.message


def test_a_newer_format_is_told(cloud: CloudLake) -> None:
    cloud.write(NAME, RECORD)
    uri = tables(cloud).states()[NAME].metadata
    place = {"Bucket": cloud.layout.bucket, "Key": uri.partition(cloud.layout.bucket + "/")[2]}
    newer = cloud.read(uri) | {"format-version": 3, "next-row-id": 0}
    cloud.s3.put_object(**place, Body=json.dumps(newer).encode())
    with pytest.raises(StediError, match=f"made {NAME} format 3 of Iceberg") as raised:
        tables(cloud).states()
    assert f"Drop {NAME} in the Glue catalog" in str(raised.value.hint)


def test_packed_metadata(cloud: CloudLake, tmp_path: Path) -> None:
    cloud.write(NAME, RECORD)
    uri = tables(cloud).states()[NAME].metadata
    key = uri.partition(cloud.layout.bucket + "/")[2]
    packed = key.removesuffix(".metadata.json") + ".gz.metadata.json"
    content = json.dumps(cloud.read(uri)).encode()
    cloud.s3.put_object(Bucket=cloud.layout.bucket, Key=packed, Body=gzip.compress(content))
    glue = cloud.sandbox.client("glue")
    table = glue.get_table(DatabaseName=cloud.layout.database, Name=NAME)["Table"]
    parameters = {**table["Parameters"], "metadata_location": cloud.layout.uri(packed)}
    glue.update_table(
        DatabaseName=cloud.layout.database, TableInput={"Name": NAME, "Parameters": parameters}
    )
    assert tables(cloud).states()[NAME].current is not None


def test_a_denial_says_what_is_missing(cloud: CloudLake) -> None:
    cloud.sandbox.fail(How.DENIED, action="GetTables")
    with pytest.raises(StediError, match="glue:GetTables stedi") as raised:
        tables(cloud).states()
    assert "infra policy" in str(raised.value.hint)


def test_what_cannot_be_asked_now_is_not_taken_for_lost(twice: CloudLake) -> None:
    found = tables(twice)
    found.states()
    twice.sandbox.fail(How.DENIED, action="GetObject", calls=None)
    with pytest.raises(StediError, match="s3:GetObject"):
        found.is_whole(NAME)
