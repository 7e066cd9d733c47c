"""A key of one's own for bucket, logs and query results; and one that somebody else put."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from conftest import Result
from sandbox.faults import How
from sandbox.lake_formation import ADMIN
from sandbox.server import Sandbox

from aws.places import infrastructure, inventory
from aws.test_given_role import LAB, LAB_WIDE, config_with, lab_role
from aws.test_job_settings import drifted
from aws.test_lake_formation import register
from stedi_cli.aws import policies
from stedi_cli.errors import StediError, UsageError
from stedi_cli.project.settings import load_settings

Invoke = Callable[..., Result]
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1a2b3c4d-0000"
OTHER = KEY.replace("1a2b", "9f9f")


def default_key(sandbox: Sandbox) -> dict[str, Any]:
    bucket = f"stedi-{sandbox.account}-{sandbox.region}"
    found = sandbox.client("s3").get_bucket_encryption(Bucket=bucket)
    (rule,) = found["ServerSideEncryptionConfiguration"]["Rules"]
    return dict(rule["ApplyServerSideEncryptionByDefault"])


def put_default_key(sandbox: Sandbox, key: str | None, algorithm: str = "aws:kms") -> None:
    default = {"SSEAlgorithm": algorithm, **({"KMSMasterKeyID": key} if key else {})}
    sandbox.client("s3").put_bucket_encryption(
        Bucket=f"stedi-{sandbox.account}-{sandbox.region}",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": default}]
        },
    )


def test_everything_that_holds_data_gets_the_key(sandbox: Sandbox) -> None:
    before = inventory(sandbox)
    list(infrastructure().up())
    changes = drifted(kms_key=KEY)
    assert changes == {
        f"bucket stedi-{sandbox.account}-{sandbox.region}": {"encryption"},
        "role stedi-glue": {"s3-access"},
        "log group /aws-glue/stedi/output": {"key"},
        "log group /aws-glue/stedi/error": {"key"},
        "work group stedi": {"encryption"},
    }
    sandbox.fail(How.DENIED, service="logs", action="AssociateKmsKey", agent="stedi")
    with pytest.raises(StediError, match="AssociateKmsKey"):
        list(infrastructure(kms_key=KEY).up())
    list(infrastructure(kms_key=KEY).up())
    assert drifted(kms_key=KEY) == {}
    assert default_key(sandbox) == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    groups = sandbox.client("logs").describe_log_groups()["logGroups"]
    assert {group["kmsKeyId"] for group in groups} == {KEY}
    group = sandbox.client("athena").get_work_group(WorkGroup="stedi")["WorkGroup"]
    results = group["Configuration"]["ResultConfiguration"]["EncryptionConfiguration"]
    assert results == {"EncryptionOption": "SSE_KMS", "KmsKey": KEY}
    # Another key is drift, and so is one that somebody put in its place.
    assert {field for found in drifted(kms_key=OTHER).values() for field in found} == {
        *("encryption", "key", "s3-access")
    }
    put_default_key(sandbox, OTHER)
    assert list(drifted(kms_key=KEY).values()) == [{"encryption"}]
    list(infrastructure(kms_key=KEY).down())
    assert inventory(sandbox) == before


@pytest.mark.parametrize(
    ("key", "algorithm"), [(OTHER, "aws:kms"), (None, "aws:kms"), (None, "aws:kms:dsse")]
)
def test_a_key_that_somebody_put_is_left_where_none_is_asked_for(
    sandbox: Sandbox, key: str | None, algorithm: str
) -> None:
    list(infrastructure().up())
    put_default_key(sandbox, key, algorithm)
    assert drifted() == {}
    with sandbox.recording() as calls:
        list(infrastructure().up())
    assert all(call.reads for call in calls)
    assert default_key(sandbox) == {
        "SSEAlgorithm": algorithm,
        **({"KMSMasterKeyID": key} if key else {}),
    }


def test_the_printed_policy_suffices_with_a_key(
    sandbox: Sandbox, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab_role(sandbox, LAB_WIDE, {"Effect": "Allow", "Action": "kms:*", "Resource": KEY})
    before = inventory(sandbox)
    config = config_with(
        tmp_path, f"kms_key: {KEY}", f"role_arn: {LAB}", "s3_endpoint: false", "tags: {a: b}"
    )
    policy = invoke("--config", config, "infra", "policy").json()
    unkeyed = {**policy, "Statement": [s for s in policy["Statement"] if s["Sid"] != "Key"]}
    assert len(unkeyed["Statement"]) == len(policy["Statement"]) - 1
    somebody, nobody = sandbox.user(policy), sandbox.user(unkeyed, "nobody")
    with monkeypatch.context() as patch:
        for name, value in nobody.environment.items():
            patch.setenv(name, value)
        told = invoke("--config", config, "infra", "up")
        assert told.code == 1
        assert "kms:GenerateDataKey" in told.err
        assert "policy of the KMS key" in told.err
        for name, value in somebody.environment.items():
            patch.setenv(name, value)
        assert invoke("--config", config, "infra", "up").code == 0
        with sandbox.recording() as calls:
            again = invoke("--config", config, "infra", "up", "--json")
        assert {part["state"] for part in again.json()["resources"]} == {"there"}
        assert [t["changed"] + t["new"] for t in again.json()["uploaded"]] == [0, 0, 0]
        assert all(call.reads for call in calls)
        assert len(calls) <= 25
        assert invoke("--config", config, "infra", "status").code == 0
        assert invoke("--config", config, "infra", "down", "--yes").code == 0
    # The account too is as it was, but for these two users.
    assert inventory(sandbox) == before


def test_a_role_that_is_there_and_lacks_the_key_is_told(sandbox: Sandbox) -> None:
    lab_role(sandbox, LAB_WIDE)
    (role,) = [
        c for c in infrastructure(role_arn=LAB, kms_key=KEY).plan().changes if "Lab" in c.name
    ]
    assert role.note.endswith(f"lacks kms:Decrypt on {KEY}; kms:GenerateDataKey on {KEY}")
    assert policies.s3_access(infrastructure().layout)["Statement"][-1]["Sid"] != "Key"


def test_a_key_of_another_region_is_refused_before_anything_is_made(sandbox: Sandbox) -> None:
    with sandbox.recording() as calls, pytest.raises(UsageError, match="a key of us-east-1, and"):
        infrastructure(kms_key=KEY.replace("eu-central-1", "us-east-1")).plan()
    assert calls == []


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="kms_key: It is no key's ARN"):
        load_settings(config_with(tmp_path, "kms_key: alias/mine"))


@pytest.mark.slow
def test_an_account_is_equal_before_and_after_whatever_is_combined(sandbox: Sandbox) -> None:
    lab_role(sandbox, {"Effect": "Allow", "Action": "*", "Resource": "*"})
    sandbox.govern(ADMIN)
    register(sandbox)
    before = inventory(sandbox)
    both = (True, False)
    for role, key, endpoint, lake in product((LAB, None), (KEY, None), ("auto", *both), both):
        aws = {"role_arn": role, "kms_key": key, "s3_endpoint": endpoint, "lake_formation": lake}
        list(infrastructure(**aws).up())
        assert {c.action for c in infrastructure(**aws).plan().changes} == {"keep"}, aws
        list(infrastructure(**aws).down())
        assert inventory(sandbox) == before, aws
