"""`infra down` on AWS: all of ours goes, nothing of others does, and it looks again."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Result
from sandbox.faults import How
from sandbox.server import Sandbox

from aws.cloud_lake import hurry
from aws.places import CONFIG, PagedUploads, account, infrastructure, inventory, settings
from stedi_cli.aws.infra.emptying import pending_uploads
from stedi_cli.aws.infra.role import Role
from stedi_cli.errors import StediError, UsageError
from stedi_cli.lake.records import Resource

Invoke = Callable[..., Result]


@pytest.fixture
def before(sandbox: Sandbox) -> dict[str, Any]:
    """What the account held before `up`, which has been run."""
    found = inventory(sandbox)
    list(infrastructure().up())
    return found


def bucket(sandbox: Sandbox) -> str:
    return f"stedi-{sandbox.account}-{sandbox.region}"


def down(*, keep_data: bool = False, **aws: Any) -> dict[str, str]:
    done = infrastructure(**aws).down(keep_data=keep_data)
    return {f"{r.kind} {r.name}": r.state for r in done}


def iceberg(sandbox: Sandbox, name: str, place: str) -> None:
    sandbox.client("glue").create_table(
        DatabaseName="stedi",
        TableInput={
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"table_type": "ICEBERG", "metadata_location": f"{place}/metadata/1"},
            "StorageDescriptor": {"Location": place},
        },
    )


def test_down_leaves_the_account_as_it_was(sandbox: Sandbox, before: dict[str, Any]) -> None:
    place = f"s3://{bucket(sandbox)}/warehouse/customer_trusted"
    iceberg(sandbox, "customer_trusted", place)
    sandbox.client("s3").put_object(
        Bucket=bucket(sandbox), Key="warehouse/customer_trusted/data/1.parquet", Body=b"1"
    )
    done = down()
    assert set(done.values()) == {"removed"}
    assert "table customer_trusted" in done
    assert inventory(sandbox) == before
    assert down() == {}


def test_down_empties_a_versioned_bucket_of_versions_markers_and_uploads(
    sandbox: Sandbox, before: dict[str, Any]
) -> None:
    s3, name = sandbox.client("s3"), bucket(sandbox)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for number in range(1100):
        s3.put_object(Bucket=name, Key=f"landing/a file {number % 50}", Body=b"")
    for number in range(50):
        s3.delete_object(Bucket=name, Key=f"landing/a file {number}")
    for number in range(3):
        s3.create_multipart_upload(Bucket=name, Key=f"landing/big {number}")
    down()
    assert inventory(sandbox) == before


def test_pending_uploads_are_found_page_by_page_with_keys_that_no_xml_can_hold() -> None:
    found = pending_uploads(PagedUploads(), {"Bucket": "b"})
    assert [*found] == [("a \x01", "1"), ("b", "2")]


def test_a_file_written_while_the_bucket_is_emptied_goes_too(
    sandbox: Sandbox, before: dict[str, Any]
) -> None:
    sandbox.fail(("BucketNotEmpty", "not empty", 409), service="s3", action="DeleteBucket")
    waited: list[float] = []
    list(infrastructure(sleep=waited.append).down())
    assert len([seconds for seconds in waited if seconds]) == 1
    assert inventory(sandbox) == before


def test_running_jobs_are_stopped_first(sandbox: Sandbox, before: dict[str, Any]) -> None:
    sandbox.runs.script("RUNNING", "RUNNING", "RUNNING")
    run = sandbox.client("glue").start_job_run(JobName="stedi-all")["JobRunId"]
    done = down()
    assert done[f"run {run}"] == "stopped"
    assert inventory(sandbox) == before


def test_keep_data_keeps_bucket_and_tables_and_up_takes_them_up_again(
    sandbox: Sandbox, before: dict[str, Any]
) -> None:
    place = f"s3://{bucket(sandbox)}/warehouse/customer_trusted"
    iceberg(sandbox, "customer_trusted", place)
    sandbox.client("s3").put_object(Bucket=bucket(sandbox), Key="landing/customer/a.json", Body=b"")
    done = down(keep_data=True)
    assert done[f"bucket {bucket(sandbox)}"] == "left"
    left = inventory(sandbox)
    assert left["buckets"] == {bucket(sandbox): ["landing/customer/a.json"]}
    assert "customer_trusted" in left["databases"]["stedi"]
    for part in ("roles", "endpoints", "jobs", "work groups", "log groups"):
        assert left[part] == before[part]
    list(infrastructure().up())
    assert {change.action for change in infrastructure().plan().changes} == {"keep"}
    down()
    assert inventory(sandbox) == before


def test_a_table_of_others_keeps_the_database_and_is_named(
    sandbox: Sandbox, before: dict[str, Any]
) -> None:
    iceberg(sandbox, "mine", "s3://my-bucket/mine")
    with pytest.raises(StediError, match="database stedi"):
        down()
    left = inventory(sandbox)
    assert left["databases"] == {"stedi": ["mine"]}
    assert {**left, "databases": {}, "grants": before["grants"]} == before


def test_a_database_of_others_keeps_its_tables(sandbox: Sandbox) -> None:
    sandbox.client("s3").create_bucket(
        Bucket="my-course", CreateBucketConfiguration={"LocationConstraint": sandbox.region}
    )
    sandbox.client("glue").create_database(DatabaseInput={"Name": "stedi"})
    iceberg(sandbox, "mine", "s3://my-course/warehouse/mine")
    found = inventory(sandbox)
    assert down(bucket="my-course") == {"bucket my-course": "left", "database stedi": "left"}
    assert inventory(sandbox) == found


@pytest.mark.parametrize(
    ("other", "was"),
    [
        ({"role": "other"}, "role stedi-glue"),
        ({"work_group": "other"}, "work group stedi"),
        ({"bucket": "other-bucket"}, "bucket stedi-"),
    ],
    ids=["role", "work group", "bucket"],
)
def test_a_config_with_other_names_is_refused_with_those_that_it_was_made_with(
    sandbox: Sandbox, before: dict[str, Any], other: dict[str, str], was: str
) -> None:
    held = inventory(sandbox)
    for refused in (infrastructure(**other).up, infrastructure(**other).down):
        with pytest.raises(UsageError, match=f"database stedi was made with .*{was}"):
            list(refused())
    assert inventory(sandbox) == held
    down()
    assert inventory(sandbox) == before


def test_a_lakehouse_in_another_region_keeps_its_role(
    sandbox: Sandbox, before: dict[str, Any]
) -> None:
    held = inventory(sandbox)
    with pytest.raises(UsageError, match="role stedi-glue is that of the lakehouse in bucket"):
        list(infrastructure(region="us-west-2").up())
    assert down(region="us-west-2") == {"role stedi-glue": "left"}
    # Also where both are to have the same bucket.
    fixed = bucket(sandbox)
    assert down(region="us-west-2", bucket=fixed)["role stedi-glue"] == "left"
    assert inventory(sandbox) == held


def test_what_may_still_be_seen_for_a_while_is_looked_at_again(
    sandbox: Sandbox, before: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Resource] = [Resource("role", "stedi-glue", "left")] * 2
    monkeypatch.setattr(Role, "remaining", lambda _: [looks.pop()] if looks else [])
    slept: list[float] = []
    list(infrastructure(sleep=slept.append).down())
    assert looks == []
    assert slept[-2:] == sorted(slept[-2:])
    assert min(slept[-2:]) >= 1


def test_what_is_left_over_is_listed(
    sandbox: Sandbox, before: dict[str, Any], invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch)
    # AWS says that it is gone, and it is not.
    gone = ("EntityNotFoundException", "gone")
    sandbox.fail(gone, service="glue", action="DeleteJob", resource="stedi-all", calls=None)
    told = invoke("--config", CONFIG, "infra", "down", "--yes")
    assert told.code == 1
    assert "Left over: job stedi-all" in told.err
    assert "removed" in told.out
    sandbox.heal()
    assert invoke("--config", CONFIG, "infra", "down", "--yes").code == 0
    assert inventory(sandbox) == before


def test_a_job_that_the_model_no_longer_has_goes_too(
    sandbox: Sandbox, before: dict[str, Any]
) -> None:
    tags = {"stedi:lakehouse": "stedi"}
    command = {"Name": "glueetl", "ScriptLocation": "s3://x/y"}
    glue = sandbox.client("glue")
    glue.create_job(Name="stedi-old", Role="x", Command=command, Tags=tags)
    glue.create_job(Name="stedi-mine", Role="x", Command=command)
    down()
    assert inventory(sandbox) == {**before, "jobs": ["stedi-mine"]}


def test_a_listing_of_jobs_that_lags_neither_refuses_nor_leaves_ours(
    sandbox: Sandbox, before: dict[str, Any]
) -> None:
    command = {"Name": "glueetl", "ScriptLocation": "s3://x/y"}
    sandbox.client("glue").create_job(Name="stedi-mine", Role="x", Command=command)
    # Jobs that were made are not in it, jobs that were deleted are.
    sandbox.listing.lag = 600.0
    assert infrastructure().plan().todo == 0
    list(infrastructure().up())
    assert "removed" in down().values()
    assert inventory(sandbox) == {**before, "jobs": ["stedi-mine"]}
    assert down() == {}


def test_an_unexpected_policy_on_the_role_does_not_keep_it(
    sandbox: Sandbox, before: dict[str, Any]
) -> None:
    iam = sandbox.client("iam")
    allowed = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    made = iam.create_policy(PolicyName="more", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="stedi-glue", PolicyArn=made)
    down()
    assert inventory(sandbox) == before


def test_more_policies_than_a_page_holds_do_not_keep_the_role(
    sandbox: Sandbox, before: dict[str, Any]
) -> None:
    iam = sandbox.client("iam")
    allowed = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    for number in range(110):
        iam.put_role_policy(
            RoleName="stedi-glue", PolicyName=f"a{number:03}", PolicyDocument=document
        )
    assert down()["role stedi-glue"] == "removed"
    assert inventory(sandbox) == before


def test_log_groups_behind_a_page_of_others_are_found(
    sandbox: Sandbox, before: dict[str, Any]
) -> None:
    logs = sandbox.client("logs")
    for number in range(60):
        logs.create_log_group(logGroupName=f"/aws-glue/stedi/a{number:02}")
    assert infrastructure().plan().todo == 0
    assert down()["log group /aws-glue/stedi/output"] == "removed"


def test_a_table_behind_an_empty_page_keeps_the_database(
    sandbox: Sandbox, before: dict[str, Any]
) -> None:
    iceberg(sandbox, "mine", "s3://my-course/warehouse/mine")
    glue = account(settings()).client("glue")

    def empty_at_first(params: dict[str, Any], **_: Any) -> Any:
        if "NextToken" not in json.loads(params["body"]):
            return SimpleNamespace(status_code=200), {"TableList": [], "NextToken": "more"}
        body = {k: v for k, v in json.loads(params["body"]).items() if k != "NextToken"}
        params["body"] = json.dumps(body).encode()
        return None

    glue.meta.events.register("before-call.glue.GetTables", empty_at_first)
    try:
        with pytest.raises(StediError, match="database stedi"):
            down()
    finally:
        glue.meta.events.unregister("before-call.glue.GetTables", empty_at_first)
    tables = sandbox.client("glue").get_tables(DatabaseName="stedi")["TableList"]
    assert [table["Name"] for table in tables] == ["mine"]


def test_an_endpoint_that_is_gone_by_then_is_no_failure(
    sandbox: Sandbox, before: dict[str, Any]
) -> None:
    ec2 = account(settings()).client("ec2")
    gone = {"Error": {"Code": "InvalidVpcEndpoint.NotFound", "Message": "not found"}}

    def deleted_before(params: dict[str, Any], **_: Any) -> Any:
        other = sandbox.client("ec2")
        ids = [e["VpcEndpointId"] for e in other.describe_vpc_endpoints()["VpcEndpoints"]]
        other.delete_vpc_endpoints(VpcEndpointIds=ids)
        return SimpleNamespace(status_code=200), {"Unsuccessful": [gone]}

    ec2.meta.events.register("before-call.ec2.DeleteVpcEndpoints", deleted_before)
    try:
        down()
    finally:
        ec2.meta.events.unregister("before-call.ec2.DeleteVpcEndpoints", deleted_before)
    assert inventory(sandbox) == before


@pytest.mark.parametrize("action", ["DeleteBucket", "DeleteRole", "DeleteDatabase", "DeleteJob"])
def test_a_lost_answer_to_a_deletion_is_taken_as_done(
    sandbox: Sandbox, before: dict[str, Any], action: str
) -> None:
    fault = sandbox.fail(How.LOST, action=action)
    down()
    assert fault.hits
    assert inventory(sandbox) == before
