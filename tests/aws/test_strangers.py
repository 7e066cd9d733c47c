"""Tables beside the model's on AWS: others' are left and named, what was ours can be dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conftest import Result
from sandbox.server import Sandbox

from aws.cloud_lake import HURRY, CloudLake
from aws.places import CONFIG, inventory
from stedi_cli.errors import StediError, UsageError
from stedi_cli.project.lakehouse import Column, Table
from stedi_cli.tables import iceberg

Invoke = Callable[..., Result]

MODEL = Table("people", "curated", "Who there is", (Column("email", "string", "E-mail"),))


@pytest.fixture
def cloud(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> CloudLake:
    monkeypatch.setattr("stedi_cli.aws.lake.Backoff", lambda: HURRY)
    return CloudLake(sandbox).up()


@pytest.fixture
def aws(invoke: Invoke) -> Invoke:
    return lambda *words: invoke("--config", CONFIG, *words)


def put(cloud: CloudLake, model: Table) -> None:
    """A table as a job of ours leaves it."""
    import pyarrow as pa

    rows = pa.table([["ann@x.org", "bob@x.org"]], schema=iceberg.schema_of(model).as_arrow())
    cloud.put_rows(model, rows, "1.parquet", {}, keep=10, forget=False)


def register(cloud: CloudLake, name: str, place: str) -> None:
    """A table of somebody else."""
    cloud.sandbox.client("glue").create_table(
        DatabaseName=cloud.layout.database,
        TableInput={
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {
                "table_type": "ICEBERG",
                "metadata_location": f"{place}/metadata/1.metadata.json",
            },
            "StorageDescriptor": {"Location": place},
        },
    )


def states(told: Result) -> dict[str, str]:
    found = told.json()
    resources = found["resources"] if isinstance(found, dict) else found
    return {resource["name"]: resource["state"] for resource in resources}


def findings(told: Result) -> dict[str, Any]:
    return {finding["what"]: finding for finding in told.json()}


@pytest.mark.parametrize("place", ["s3://elsewhere/mine", "inside"])
def test_a_table_of_others_is_left_and_named(cloud: CloudLake, aws: Invoke, place: str) -> None:
    inside = cloud.layout.uri(cloud.layout.table_folder("mine"))
    register(cloud, "mine", inside if place == "inside" else place)
    held = inventory(cloud.sandbox)
    assert states(aws("infra", "up", "--no-data", "--json"))["mine"] == "left"
    status = aws("infra", "status", "--json")
    assert (status.code, states(status)["mine"]) == (0, "left")
    assert "Everything is in place." in aws("infra", "plan").out
    found = findings(aws("doctor", "--json"))["table mine"]
    assert found["ok"]
    assert "not made by this tool" in found["found"]
    refused = aws("tables", "--drop", "mine", "--yes")
    assert refused.code == 2
    assert "not made by this tool" in refused.err
    assert inventory(cloud.sandbox) == held


def test_a_table_of_others_under_a_name_of_ours_is_never_written(
    cloud: CloudLake, aws: Invoke
) -> None:
    register(cloud, "customer_trusted", "s3://elsewhere/customer_trusted")
    for command in ("jobs run --all", "jobs run --all --force", "validate"):
        told = aws(*command.split())
        assert told.code == 1
        assert "customer_trusted in database stedi lies in s3://elsewhere/" in told.err
    assert cloud.sandbox.runs.started == []
    assert states(aws("infra", "up", "--no-data", "--json"))["customer_trusted"] == "left"


def test_a_table_that_left_the_model_is_reported_and_dropped(cloud: CloudLake, aws: Invoke) -> None:
    held = inventory(cloud.sandbox)
    cloud.s3.put_bucket_versioning(
        Bucket=cloud.layout.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    put(cloud, MODEL)
    put(cloud, MODEL)
    listed = [t for t in aws("tables", "--json").json() if t["zone"] is None]
    assert [(t["table"], t["rows"]) for t in listed] == [("people", 2)]
    doctor = aws("doctor", "--json")
    assert doctor.code == 1
    assert "stedi tables --drop people" in findings(doctor)["table people"]["todo"]
    assert states(aws("infra", "status", "--json"))["people"] == "left"
    assert aws("tables", "--drop", "people").code == 2
    assert cloud.keys("warehouse/people/")
    told = aws("tables", "--drop", "people", "--yes", "--json")
    assert told.json() == [{"kind": "table", "name": "people", "state": "removed"}]
    assert inventory(cloud.sandbox) == held
    left = cloud.s3.list_object_versions(Bucket=cloud.layout.bucket, Prefix="warehouse/people/")
    assert "Versions" not in left
    assert "DeleteMarkers" not in left
    assert [t for t in aws("tables", "--json").json() if t["zone"] is None] == []


@pytest.mark.parametrize("folder", ["old", "customer"])
def test_a_landing_table_that_left_the_model(cloud: CloudLake, aws: Invoke, folder: str) -> None:
    """Its files go with it, unless a landing table of the model has the same folder."""
    held = inventory(cloud.sandbox)
    glue, s3, bucket = cloud.sandbox.client("glue"), cloud.s3, cloud.layout.bucket
    s3.put_object(Bucket=bucket, Key=f"landing/{folder}/a.json", Body=b"{}\n")
    for name in ("old_landing", "old_landing_lines"):
        glue.create_table(
            DatabaseName="stedi",
            TableInput={
                "Name": name,
                "Parameters": {"stedi:lakehouse": "stedi"},
                "StorageDescriptor": {"Location": cloud.layout.uri(f"landing/{folder}/")},
            },
        )
    doctor = findings(aws("doctor", "--json"))
    assert "--drop old_landing`" in doctor["table old_landing"]["todo"]
    assert "table old_landing_lines" not in doctor
    assert aws("tables", "--drop", "old_landing", "--yes").code == 0
    after = inventory(cloud.sandbox)
    assert after["databases"] == held["databases"]
    kept = [key for key in after["buckets"][bucket] if key.startswith("landing/")]
    assert kept == (["landing/customer/a.json"] if folder == "customer" else [])


def test_a_landing_zone_that_no_table_has_is_reported_and_dropped(
    cloud: CloudLake, aws: Invoke
) -> None:
    bucket = cloud.layout.bucket
    enabled = {"Status": "Enabled"}
    cloud.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=enabled)
    kept = ["landing/customer/c.json", "landing/l.json", "landing2/people/m.json"]
    for key in (*kept, "landing/people/p.json", "landing/people/p.json"):
        cloud.s3.put_object(Bucket=bucket, Key=key, Body=b"{}\n")
    before = set(cloud.keys("landing"))
    listed = [t for t in aws("tables", "--json").json() if t["zone"] is None]
    assert [t["table"] for t in listed] == ["landing/people"]
    doctor = findings(aws("doctor", "--json"))
    assert "--drop landing/people`" in doctor["landing zone landing/people"]["todo"]
    told = aws("infra", "status", "--json")
    assert (told.code, states(told)["landing/people"]) == (0, "left")
    assert "Everything is in place." in aws("infra", "plan").out
    for name in ("landing/customer", "landing/nobody", "landing2/people", "landing/", "landing"):
        assert aws("tables", "--drop", name, "--yes").code == 2
    register(cloud, "mine", cloud.layout.uri("landing/people/mine"))
    refused = aws("tables", "--drop", "landing/people", "--yes")
    assert refused.code == 2
    assert "other tables: stedi.mine" in refused.err
    assert set(cloud.keys("landing")) == before
    cloud.sandbox.client("glue").delete_table(DatabaseName="stedi", Name="mine")
    told = aws("tables", "--drop", "landing/people", "--yes", "--json")
    assert told.json() == [{"kind": "landing zone", "name": "landing/people", "state": "removed"}]
    assert set(cloud.keys("landing")) == before - {"landing/people/p.json"}
    left = cloud.s3.list_object_versions(Bucket=bucket, Prefix="landing/people/")
    assert "Versions" not in left
    assert "landing/people" not in aws("tables").out


PLACES = {
    "the same place": "s3://{bucket}/warehouse/people",
    "below": "s3a://{bucket}/warehouse/people/data/mine/",
    "another's by a rename": "s3://{bucket}/warehouse/people|s3://elsewhere",
}


@pytest.mark.parametrize("database", ["stedi", "theirs"])
@pytest.mark.parametrize("place", PLACES)
def test_a_prefix_in_which_another_table_lies_is_not_removed(
    cloud: CloudLake, aws: Invoke, database: str, place: str
) -> None:
    put(cloud, MODEL)
    glue, bucket = cloud.sandbox.client("glue"), cloud.layout.bucket
    if database != "stedi":
        glue.create_database(DatabaseInput={"Name": database})
    metadata, _, location = PLACES[place].format(bucket=bucket).partition("|")
    glue.create_table(
        DatabaseName=database,
        TableInput={
            "Name": "mine",
            "Parameters": {
                "table_type": "ICEBERG",
                "metadata_location": f"{metadata.rstrip('/')}/metadata/1.metadata.json",
            },
            "StorageDescriptor": {"Location": location or metadata},
        },
    )
    held = inventory(cloud.sandbox)
    refused = aws("tables", "--drop", "people", "--yes")
    assert refused.code == 2
    assert f"other tables: {database}.mine" in refused.err
    assert inventory(cloud.sandbox) == held
    refused = aws("infra", "down", "--yes")
    assert refused.code == 2
    assert f"tables that are not ours: {database}.mine" in refused.err
    assert inventory(cloud.sandbox) == held
    glue.delete_table(DatabaseName=database, Name="mine")
    assert aws("tables", "--drop", "people", "--yes").code == 0
    assert cloud.keys("warehouse/") == []


def test_a_table_beside_the_prefix_is_no_hindrance(cloud: CloudLake, aws: Invoke) -> None:
    put(cloud, MODEL)
    register(cloud, "mine", cloud.layout.uri("warehouse/people2"))
    assert aws("tables", "--drop", "people", "--yes").code == 0
    # Down would take its files too.
    assert aws("infra", "down", "--yes").code == 2
    assert aws("infra", "down", "--yes", "--keep-data").code == 0


def test_down_removes_tables_that_left_the_model(cloud: CloudLake, aws: Invoke) -> None:
    put(cloud, MODEL)
    told = aws("infra", "down", "--yes", "--json")
    assert (told.code, states(told)["people"]) == (0, "removed")


def test_nothing_is_dropped_while_a_run_is_at_work(cloud: CloudLake) -> None:
    put(cloud, MODEL)
    held = inventory(cloud.sandbox)
    cloud.sandbox.runs.script("RUNNING", "RUNNING", "RUNNING")
    cloud.sandbox.client("glue").start_job_run(JobName="stedi-all")
    with cloud.opened() as opened, pytest.raises(StediError, match="is at work"):
        list(opened.tables.drop("people"))
    assert inventory(cloud.sandbox)["buckets"] == held["buckets"]
    with cloud.opened() as opened, pytest.raises(UsageError, match="table of the model"):
        list(opened.tables.drop("customer_trusted"))
