"""Permissions: the caller's suffice, the job's are narrow, and no `*` where AWS allows less."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import PROJECT, Result
from sandbox.access import Need, permits
from sandbox.server import Sandbox

from aws.places import CONFIG, infrastructure, inventory
from stedi_cli.aws import policies
from stedi_cli.aws.account import Account
from stedi_cli.aws.layout import TAG, Layout
from stedi_cli.project.folder import copy_out
from stedi_cli.project.settings import AwsSettings, load_settings

Invoke = Callable[..., Result]

# AWS knows no narrower resource for these.
WIDE = {
    "ec2:DescribeVpcs",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeVpcEndpoints",
    "glue:ListJobs",
}


def statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    return list(document["Statement"])


def test_no_action_is_a_pattern_and_no_resource_is_all(sandbox: Sandbox) -> None:
    list(infrastructure().up())
    iam = sandbox.client("iam")
    documents = [policies.caller(infrastructure().layout)]
    for name in ("s3-access", "glue-access"):
        found = iam.get_role_policy(RoleName="stedi-glue", PolicyName=name)
        documents.append(found["PolicyDocument"])
    for document in documents:
        for statement in statements(document):
            assert not [action for action in statement["Action"] if "*" in action]
            if "*" in statement["Resource"]:
                assert set(statement["Action"]) <= WIDE


def test_the_job_reaches_one_bucket_and_one_database(sandbox: Sandbox) -> None:
    list(infrastructure(database="other", bucket="my-steps").up())
    iam = sandbox.client("iam")
    resources = {
        resource
        for name in ("s3-access", "glue-access")
        for statement in statements(
            iam.get_role_policy(RoleName="stedi-glue", PolicyName=name)["PolicyDocument"]
        )
        for resource in statement["Resource"]
    }
    here = f"{sandbox.region}:{sandbox.account}"
    assert resources == {
        "arn:aws:s3:::my-steps",
        "arn:aws:s3:::my-steps/landing/*",
        "arn:aws:s3:::my-steps/jobs/*",
        "arn:aws:s3:::my-steps/warehouse/*",
        f"arn:aws:glue:{here}:catalog",
        f"arn:aws:glue:{here}:database/other",
        f"arn:aws:glue:{here}:table/other/*",
        f"arn:aws:logs:{here}:log-group:/aws-glue/other/output:*",
        f"arn:aws:logs:{here}:log-group:/aws-glue/other/error:*",
    }


def test_only_glue_may_take_on_the_role(sandbox: Sandbox) -> None:
    list(infrastructure().up())
    role = sandbox.client("iam").get_role(RoleName="stedi-glue")["Role"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "glue.amazonaws.com"}
    assert statement["Action"] == "sts:AssumeRole"


def test_the_callers_policy_suffices_from_up_to_down(
    sandbox: Sandbox, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = inventory(sandbox)
    printed = invoke("--config", CONFIG, "infra", "policy")
    assert printed.code == 0, printed.err
    somebody = sandbox.user(json.loads(printed.out))
    for name, value in somebody.environment.items():
        monkeypatch.setenv(name, value)
    for words in (("up", "--no-data"), ("status",), ("up", "--no-data"), ("down", "--yes")):
        told = invoke("--config", CONFIG, "infra", *words)
        assert told.code == 0, told.err
    monkeypatch.undo()
    after = inventory(sandbox)
    assert {**after, "roles": before["roles"]} == before


def test_it_suffices_to_remove_an_endpoint_that_is_no_longer_wanted(
    sandbox: Sandbox, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = inventory(sandbox)
    list(infrastructure().up())
    copy_out(PROJECT, tmp_path / "project")
    config = tmp_path / "project" / "configs" / "aws.yaml"
    config.write_text("target: aws\ns3_endpoint: false\n")
    somebody = sandbox.user(json.loads(invoke("--config", config, "infra", "policy").out))
    for name, value in somebody.environment.items():
        monkeypatch.setenv(name, value)
    told = invoke("--config", config, "infra", "down", "--yes")
    assert told.code == 0, told.err
    monkeypatch.undo()
    assert inventory(sandbox)["endpoints"] == before["endpoints"]


def test_a_missing_permission_is_named_with_what_to_do(
    sandbox: Sandbox, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = policies.caller(infrastructure().layout)
    policy["Statement"] = [s for s in policy["Statement"] if s["Sid"] != "Role"]
    somebody = sandbox.user(policy)
    for name, value in somebody.environment.items():
        monkeypatch.setenv(name, value)
    told = invoke("--config", CONFIG, "infra", "up", "--no-data")
    assert told.code == 1
    assert "role stedi-glue" in told.err
    assert "stedi infra policy" in told.err
    assert "Traceback" not in told.err


def test_the_local_lakehouse_needs_no_policy(invoke: Invoke) -> None:
    told = invoke("infra", "policy")
    assert (told.code, told.out) == (2, "")
    assert "aws.yaml" in told.err


LONG = {"bucket": "b" * 63, "database": "d" * 200, "role": "r" * 64, "job_prefix": "j" * 100}
KEY = f"arn:aws:kms:eu-central-1:123456789012:key/{'0' * 36}"
# The longest name that there may be.
WITH_ALL = {"name": "n" * 32, "kms_key": KEY, "vpc_connection": "c" * 60}


@pytest.mark.parametrize("names", [{}, LONG, WITH_ALL], ids=["default", "long names", "all"])
def test_split_documents_are_short_and_say_the_same(
    sandbox: Sandbox, names: dict[str, str]
) -> None:
    def grants(*documents: dict[str, Any]) -> set[tuple[str, str, str]]:
        return {
            (action, resource, json.dumps(s.get("Condition")))
            for document in documents
            for s in statements(document)
            for action in s["Action"]
            for resource in s["Resource"]
        }

    whole = policies.caller(infrastructure(**names).layout)
    parts = policies.split(whole, 2_047)
    assert grants(*parts) == grants(whole)
    assert all(len(json.dumps(part)) < 2048 for part in parts)
    assert len(parts) < len(json.dumps(whole)) / 1024
    # Without keys of KMS there is no default key to put: S3 puts its own.
    puts = {action for s in statements(whole) for action in s["Action"]}
    assert ("s3:PutEncryptionConfiguration" in puts) == ("kms_key" in names)
    if names != LONG:
        assert len(json.dumps(whole, separators=(",", ":"))) < 6144
    for part in parts:
        sids = [s["Sid"] for s in statements(part)]
        assert len(sids) == len(set(sids))
        assert all(sid.isalnum() for sid in sids)


def test_the_whole_document_fits_a_managed_policy_and_split_is_a_list(
    sandbox: Sandbox, invoke: Invoke
) -> None:
    told = invoke("--config", CONFIG, "infra", "policy", "--split")
    parts = told.json()
    assert all(part["Version"] == "2012-10-17" for part in parts)
    assert "managed policy" in told.err
    whole = invoke("--config", CONFIG, "infra", "policy").json()
    assert len(json.dumps(whole, separators=(",", ":"))) < 6144


@pytest.mark.parametrize("owner", ["own", "999999999999"])
def test_jobs_may_run_in_a_subnet_that_another_account_shares(sandbox: Sandbox, owner: str) -> None:
    """Subnets and security groups are in their owner's account, interfaces in that of the jobs."""
    layout = infrastructure(vpc_connection="net").layout
    region, account = layout.account.region, layout.account.id
    owner = account if owner == "own" else owner

    def may(what: str, account: str, region: str = region) -> bool:
        need = Need("ec2:CreateNetworkInterface", f"arn:aws:ec2:{region}:{account}:{what}/x")
        return permits([policies.glue_access(layout)], need)

    assert may("subnet", owner)
    assert may("security-group", owner)
    assert may("network-interface", account)
    assert may("network-interface", owner) == (owner == account)
    assert not may("subnet", owner, "us-west-2")
    assert not may("instance", owner)


def test_what_a_lakehouse_grants_covers_nothing_of_one_whose_name_goes_on(
    sandbox: Sandbox,
) -> None:
    own, other = infrastructure(), infrastructure(name="stedi-dev")
    list(own.up())
    before = inventory(sandbox)
    list(other.up())
    theirs = [other.layout.bucket_arn, other.layout.role_arn]
    theirs += [other.layout.glue_arn(f"job/{name}") for name in other.layout.job_names]
    theirs += [other.layout.glue_arn(f"database/{other.layout.database}")]
    theirs += [other.layout.athena_arn(f"workgroup/{other.layout.work_group}")]
    theirs += [other.layout.logs_arn(f"log-group:{group}:*") for group in other.layout.log_groups]
    documents = [policies.caller(own.layout), policies.s3_access(own.layout)]
    granted = {
        (action, name)
        for document in [*documents, policies.glue_access(own.layout)]
        for statement in statements(document)
        if f"aws:ResourceTag/{TAG}" not in statement.get("Condition", {}).get("StringEquals", {})
        for resource in statement["Resource"]
        for action in statement["Action"]
        for name in theirs
        if fnmatchcase(name, resource) and resource != "*"
    }
    # Where tables of others lie is looked at before anything is removed.
    assert {action for action, _ in granted} == {
        "glue:GetDatabase",
        "glue:GetDatabases",
        "glue:GetTables",
        "logs:DescribeLogGroups",
    }
    somebody = sandbox.user(policies.caller(own.layout))
    glue = sandbox.client("glue", somebody)
    assert glue.get_job_runs(JobName=own.layout.job_for_all)["JobRuns"] == []
    for ask in (glue.get_job_runs, glue.delete_job):
        with pytest.raises(ClientError, match="AccessDenied"):
            ask(JobName=other.layout.job_for_all)
    list(other.down())
    assert inventory(sandbox) == before


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("eusc-de-east-1", "aws-eusc"),
    ],
)
def test_another_partition_of_aws_has_its_own_names(
    sandbox: Sandbox, tmp_path: Path, region: str, partition: str
) -> None:
    arn = f"arn:{partition}:iam::{sandbox.account}"
    lines = [f"region: {region}", f"permissions_boundary: {arn}:policy/limits", "role_path: /a/"]
    lines += [f"kms_key: arn:{partition}:kms:{region}:{sandbox.account}:key/1a"]
    lines += ["lake_formation: true", "vpc_connection: steps"]
    copy_out(PROJECT, tmp_path)
    config = tmp_path / "configs" / "aws.yaml"
    config.write_text("\n".join(["target: aws", *lines]))
    made = load_settings(config)
    assert isinstance(made, AwsSettings)
    for role in ({}, {"role_arn": f"{arn}:role/LabRole"}):
        settings = replace(made, **role)
        layout = Layout(Account(settings), settings, settings.lakehouse())
        parts = (policies.caller, policies.s3_access, policies.glue_access, policies.tls_only)
        for document in (part(layout) for part in parts):
            named = {name for s in statements(document) for name in s["Resource"]} - {"*"}
            assert {name.split(":")[1] for name in named} == {partition}
        assert layout.role_arn.startswith(f"{arn}:role/")
        assert layout.bucket.endswith(region)
