"""Whose network, logs and jobs a call is about, as the stand-in's IAM sees it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.server import Sandbox

JOB = {"Name": "j", "Role": "r", "Command": {"Name": "glueetl", "ScriptLocation": "s3://l/j.py"}}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: Any, resource: Any, **equal: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**statement, "Condition": {"StringEquals": equal}} if equal else statement


def head_of(sandbox: Sandbox, service: str) -> str:
    return f"arn:aws:{service}:{sandbox.region}:{sandbox.account}"


def endpoint_request(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    ec2 = sandbox.client("ec2")
    return {
        "VpcEndpointType": "Gateway",
        "VpcId": ec2.describe_vpcs()["Vpcs"][0]["VpcId"],
        "ServiceName": f"com.amazonaws.{sandbox.region}.s3",
        "RouteTableIds": [ec2.describe_route_tables()["RouteTables"][0]["RouteTableId"]],
        **more,
    }


def tagged(owner: str) -> list[dict[str, Any]]:
    return [{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "owner", "Value": owner}]}]


def test_an_endpoint_needs_vpc_route_tables_and_tags(sandbox: Sandbox) -> None:
    asked = endpoint_request(sandbox, TagSpecifications=tagged("me"))
    head = head_of(sandbox, "ec2")
    parts = [f"vpc/{asked['VpcId']}", f"route-table/{asked['RouteTableIds'][0]}", "vpc-endpoint/*"]
    arns = [f"{head}:{part}" for part in parts]
    for number, lacking in enumerate(arns):
        held = sandbox.user(policy(allow("ec2:*", [a for a in arns if a != lacking])), f"u{number}")
        with pytest.raises(ClientError, match="ec2:CreateVpcEndpoint") as told:
            sandbox.client("ec2", held).create_vpc_endpoint(**asked)
        assert f"on resource: {lacking}" in str(told.value)
    held = sandbox.user(policy(allow("ec2:CreateVpcEndpoint", arns)), "untagged")
    with pytest.raises(ClientError, match="ec2:CreateTags"):
        sandbox.client("ec2", held).create_vpc_endpoint(**asked)
    held = sandbox.user(policy(allow(["ec2:CreateVpcEndpoint", "ec2:CreateTags"], arns)), "all")
    sandbox.client("ec2", held).create_vpc_endpoint(**asked)
    assert len(sandbox.client("ec2").describe_vpc_endpoints()["VpcEndpoints"]) == 1


def test_conditions_on_tags_tell_ones_own_endpoints(sandbox: Sandbox) -> None:
    head = head_of(sandbox, "ec2")
    endpoint, request = f"{head}:vpc-endpoint/*", {"aws:RequestTag/owner": "me"}
    made = {**request, "ec2:CreateAction": "CreateVpcEndpoint"}
    changes = ["ec2:ModifyVpcEndpoint", "ec2:DeleteVpcEndpoints"]
    held = sandbox.user(
        policy(
            allow("ec2:*", [f"{head}:vpc/*", f"{head}:route-table/*"]),
            allow("ec2:CreateVpcEndpoint", endpoint, **request),
            allow("ec2:CreateTags", endpoint, **made),
            allow(changes, endpoint, **{"aws:ResourceTag/owner": "me"}),
        )
    )
    theirs, numbers = sandbox.client("ec2", held), {}
    for owner, creator in (("me", theirs), ("other", sandbox.client("ec2"))):
        asked = endpoint_request(sandbox, TagSpecifications=tagged(owner))
        numbers[owner] = creator.create_vpc_endpoint(**asked)["VpcEndpoint"]["VpcEndpointId"]
    for lacking in ({}, {"TagSpecifications": tagged("other")}):
        with pytest.raises(ClientError, match="ec2:CreateVpcEndpoint"):
            theirs.create_vpc_endpoint(**endpoint_request(sandbox, **lacking))
    # Tags of what is there already are another matter than tags of what is made.
    with pytest.raises(ClientError, match="ec2:CreateTags"):
        theirs.create_tags(Resources=[numbers["me"]], Tags=[{"Key": "owner", "Value": "me"}])
    for change in (
        lambda number: theirs.modify_vpc_endpoint(VpcEndpointId=number, PolicyDocument="{}"),
        lambda number: theirs.delete_vpc_endpoints(VpcEndpointIds=[number]),
    ):
        with pytest.raises(ClientError, match=f"vpc-endpoint/{numbers['other']}"):
            change(numbers["other"])
        change(numbers["me"])


def test_log_groups_and_job_runs_are_asked_for_by_their_arns(sandbox: Sandbox) -> None:
    sandbox.client("glue").create_job(**JOB)
    sandbox.client("logs").create_log_group(logGroupName="/mine")
    held = sandbox.user(
        policy(allow(["logs:*", "glue:*"], f"{head_of(sandbox, 'glue')}:job/other"))
    )
    logs, glue = sandbox.client("logs", held), sandbox.client("glue", held)
    group = f"{head_of(sandbox, 'logs')}:log-group:/mine"
    job = f"{head_of(sandbox, 'glue')}:job/{JOB['Name']}"
    name = JOB["Name"]
    for arn, call, asked in (
        (group, logs.list_tags_for_resource, {"resourceArn": group}),
        (job, glue.get_job_runs, {"JobName": name}),
        (job, glue.get_job_run, {"JobName": name, "RunId": "jr_1"}),
        (job, glue.start_job_run, {"JobName": name}),
        (job, glue.batch_stop_job_run, {"JobName": name, "JobRunIds": ["jr_1"]}),
    ):
        with pytest.raises(ClientError, match=f"on resource: {arn}"):
            call(**asked)


def test_conditions_on_tags_tell_ones_own_jobs(sandbox: Sandbox) -> None:
    glue, arn = sandbox.client("glue"), f"{head_of(sandbox, 'glue')}:job/*"
    for owner in ("me", "other"):
        glue.create_job(**{**JOB, "Name": owner}, Tags={"owner": owner})
    own = {"aws:ResourceTag/owner": "me"}
    held = sandbox.user(policy(allow(["glue:DeleteJob", "glue:CreateJob"], arn, **own)))
    theirs = sandbox.client("glue", held)
    # What is not there has no tags.
    for name in ("other", "none"):
        with pytest.raises(ClientError, match=f"on resource: .*job/{name}"):
            theirs.delete_job(JobName=name)
    with pytest.raises(ClientError, match="glue:CreateJob"):
        theirs.create_job(**{**JOB, "Name": "new"}, Tags={"owner": "me"})
    theirs.delete_job(JobName="me")
    assert glue.list_jobs()["JobNames"] == ["other"]


def test_what_is_written_where_nothing_changed_has_to_be_readable(sandbox: Sandbox) -> None:
    s3 = sandbox.client("s3")
    where = {"LocationConstraint": sandbox.region}
    s3.create_bucket(Bucket="lake", CreateBucketConfiguration=where)
    etag = s3.put_object(Bucket="lake", Key="a", Body=b"1")["ETag"]
    writes = ["s3:PutObject", "s3:DeleteObject"]
    theirs = sandbox.client("s3", sandbox.user(policy(allow(writes, "*"))))
    asked = {"Bucket": "lake", "Key": "a"}
    for call in (theirs.put_object, theirs.delete_object):
        with pytest.raises(ClientError, match="s3:GetObject on resource: arn:aws:s3:::lake/a"):
            call(**asked, IfMatch=etag)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        theirs.put_object(**asked, IfNoneMatch="*")
    theirs.delete_object(**asked)
    theirs.put_object(**asked, IfNoneMatch="*")
