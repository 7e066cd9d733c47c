"""Accounts in which no role may be made, or none without a boundary and a path."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, Result
from sandbox.faults import How
from sandbox.server import Sandbox

from aws.places import infrastructure, inventory
from stedi_cli.aws import policies
from stedi_cli.aws.permissions import Permissions, trusts
from stedi_cli.errors import StediError, UsageError
from stedi_cli.lake.records import Change
from stedi_cli.project.folder import copy_out
from stedi_cli.project.settings import load_settings

Invoke = Callable[..., Result]
LAB = "arn:aws:iam::123456789012:role/lab/LabRole"
LAB_WIDE = {"Effect": "Allow", "Action": ["s3:*", "logs:Put*"], "Resource": "*"}
LAB_GLUE = {"Effect": "Allow", "Action": ["glue:*", "logs:CreateLogStream"], "Resource": "*"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def lab_role(
    sandbox: Sandbox, *inline: dict[str, Any], trust: str = "glue.amazonaws.com", **more: Any
) -> None:
    """Make a role as a lab brings it: what Glue may do is attached, the rest is its own."""
    iam = sandbox.client("iam")
    trusted = {"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com", trust]}}
    iam.create_role(
        RoleName="LabRole",
        Path="/lab/",
        AssumeRolePolicyDocument=document({**trusted, "Action": "sts:AssumeRole"}),
        **more,
    )
    for number, statement in enumerate(inline):
        iam.put_role_policy(
            RoleName="LabRole", PolicyName=f"p{number}", PolicyDocument=document(statement)
        )
    made = iam.create_policy(PolicyName="LabGlue", PolicyDocument=document(LAB_GLUE))["Policy"]
    iam.attach_role_policy(RoleName="LabRole", PolicyArn=made["Arn"])


def forbid_roles(sandbox: Sandbox) -> None:
    """Let nobody change anything of IAM."""
    for action in (
        *("CreateRole", "TagRole", "UntagRole", "PutRolePolicy", "DeleteRolePolicy", "DeleteRole"),
        *("UpdateAssumeRolePolicy", "PutRolePermissionsBoundary", "DetachRolePolicy"),
    ):
        sandbox.fail(How.DENIED, service="iam", action=action, agent="stedi", calls=None)


def role_of(**aws: Any) -> Change:
    (found,) = [c for c in infrastructure(**aws).plan().changes if c.kind == "role"]
    return found


def config_with(folder: Path, *lines: str) -> Path:
    """A project's AWS configuration with nothing but these lines."""
    copy_out(PROJECT, folder / "project")
    path = folder / "project" / "configs" / "aws.yaml"
    path.write_text("\n".join(["target: aws", *lines, ""]))
    return path


# --- A role that is there --------------------


def test_a_role_that_is_there_is_used_and_never_touched(sandbox: Sandbox) -> None:
    lab_role(sandbox, LAB_WIDE)
    forbid_roles(sandbox)
    before = inventory(sandbox)
    with sandbox.recording() as calls:
        list(infrastructure(role_arn=LAB).up())
        infra = infrastructure(role_arn=LAB)
        assert {change.action for change in infra.plan().changes} == {"keep"}
        assert {part.state for part in infra.status()} == {"there"}
    jobs = sandbox.client("glue").get_jobs()["Jobs"]
    assert {job["Role"] for job in jobs} == {LAB}
    assert inventory(sandbox)["about roles"] == before["about roles"]
    assert "LabRole" not in {r.name for r in infrastructure(role_arn=LAB).down()}
    assert [call.name for call in calls if call.service == "iam" and not call.reads] == []
    assert inventory(sandbox) == before


def test_up_on_an_up_to_date_account_reads_as_little_with_it(
    sandbox: Sandbox, invoke: Invoke, tmp_path: Path
) -> None:
    lab_role(sandbox, LAB_WIDE)
    config = config_with(tmp_path, f"role_arn: {LAB}")
    assert invoke("--config", config, "infra", "up").code == 0
    with sandbox.recording() as calls:
        told = invoke("--config", config, "infra", "up", "--json")
    assert told.code == 0, told.err
    assert {part["state"] for part in told.json()["resources"]} == {"there"}
    asked = [(call.name, call.resource, json.dumps(call.query), str(call.body)) for call in calls]
    assert len(asked) <= 25, asked
    assert all(call.reads for call in calls)
    assert len([a for a in asked if a[0].startswith("iam:")]) == 1
    with sandbox.recording() as looked:
        infrastructure(role_arn=LAB).status()
    of_iam = [f"{call.name} {call.query}" for call in looked if call.service == "iam"]
    assert len(of_iam) == len(set(of_iam)) == 6


def test_what_the_role_lacks_is_named(sandbox: Sandbox, invoke: Invoke, tmp_path: Path) -> None:
    bucket = f"arn:aws:s3:::stedi-{sandbox.account}-{sandbox.region}"
    may = ["s3:List*", "s3:GetObject", "s3:DeleteObject", "logs:PutLogEvents"]
    lab_role(
        sandbox,
        {"Effect": "Allow", "Action": may, "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"{bucket}/jobs/*"},
    )
    change = role_of(role_arn=LAB)
    assert change.action == "lack"
    assert change.note.endswith(
        f"lacks s3:GetObject on {bucket}/jobs/*; s3:PutObject on {bucket}/warehouse/*"
    )
    config = config_with(tmp_path, f"role_arn: {LAB}")
    told = invoke("--config", config, "infra", "up", "--no-data", "--json")
    assert told.code == 0, told.err
    states = {part["kind"]: part["state"] for part in told.json()["resources"]}
    assert (states["role"], states["job"]) == ("lacking", "made")
    told = invoke("--config", config, "infra", "status")
    assert told.code == 3
    assert "s3:PutObject" in told.out
    assert "whoever looks after the role" in told.out
    found = invoke("--config", config, "doctor", "--json").json()
    assert [f["what"] for f in found if not f["ok"]] == ["role LabRole"]
    plan = invoke("--config", config, "infra", "plan").out
    assert "`stedi infra status` tells what it may do" in plan


def test_a_boundary_of_the_role_limits_it(sandbox: Sandbox) -> None:
    iam = sandbox.client("iam")
    within = {"Effect": "Allow", "NotAction": "s3:PutObject", "Resource": "*"}
    made = iam.create_policy(PolicyName="limits", PolicyDocument=document(within))["Policy"]
    lab_role(sandbox, LAB_WIDE, PermissionsBoundary=made["Arn"])
    change = role_of(role_arn=LAB)
    assert change.action == "lack"
    assert "lacks s3:PutObject on " in change.note
    assert "s3:GetObject" not in change.note


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("GetRole", "may not be looked at (iam:GetRole is denied)"),
        ("ListRolePolicies", "is not known (iam:ListRolePolicies is denied)"),
        ("GetPolicyVersion", "is not known (iam:GetPolicyVersion is denied)"),
    ],
)
def test_reading_that_is_denied_is_no_failure_and_is_said(
    sandbox: Sandbox, action: str, said: str
) -> None:
    lab_role(sandbox, LAB_WIDE)
    forbid_roles(sandbox)
    sandbox.fail(How.DENIED, service="iam", action=action, agent="stedi", calls=None)
    change = role_of(role_arn=LAB)
    assert (change.action, said in change.note) == ("keep", True), change.note
    list(infrastructure(role_arn=LAB).up())
    assert {part.state for part in infrastructure(role_arn=LAB).status()} == {"there"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (LAB.replace("LabRole", "Other"), "role Other is not there"),
        (LAB.replace("/lab/", "/"), "role LabRole has another ARN, .*/lab/LabRole"),
        (LAB.replace("123456789012", "210987654321"), "is of another account"),
    ],
)
def test_a_role_that_cannot_be_used_is_refused_before_anything_is_made(
    sandbox: Sandbox, given: str, said: str
) -> None:
    lab_role(sandbox, LAB_WIDE)
    before = inventory(sandbox)
    with pytest.raises(UsageError, match=said) as told:
        list(infrastructure(role_arn=given).up())
    assert "role_arn" in str(told.value.hint)
    assert inventory(sandbox) == before


def test_a_role_that_glue_may_not_take_on_is_refused(sandbox: Sandbox) -> None:
    lab_role(sandbox, LAB_WIDE, trust="lambda.amazonaws.com")
    before = inventory(sandbox)
    with pytest.raises(UsageError, match=r"trust lacks glue\.amazonaws\.com"):
        list(infrastructure(role_arn=LAB).up())
    assert inventory(sandbox) == before
    # Where that could not be read, Glue says so, and no time would change it.
    sandbox.fail(How.DENIED, service="iam", action="GetRole", agent="stedi", calls=None)
    said = ("InvalidInputException", "Role should be given assume role permissions for Glue.")
    sandbox.fail(said, service="glue", action="CreateJob", calls=None)
    waited: list[float] = []
    with pytest.raises(StediError, match="may not take on the role LabRole"):
        list(infrastructure(sleep=waited.append, role_arn=LAB).up())
    assert waited == []
    sandbox.heal()
    list(infrastructure(role_arn=LAB).down())
    assert inventory(sandbox) == before


GLUE = {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}}


@pytest.mark.parametrize(
    ("statements", "trusted"),
    [
        ({**GLUE, "Action": "sts:AssumeRole"}, True),
        ([{**GLUE, "Action": ["sts:TagSession", "STS:assumerole"], "Condition": {}}], True),
        ({**GLUE, "Action": "sts:*", "Principal": {"Service": ["glue.amazonaws.com.cn"]}}, True),
        ({**GLUE, "Action": "sts:AssumeRole", "Principal": "*"}, True),
        ({**GLUE, "Action": "sts:TagSession"}, False),
        ({**GLUE, "Action": "sts:AssumeRole", "Effect": "Deny"}, False),
        ({**GLUE, "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}, False),
        ([], False),
    ],
)
def test_whom_a_trust_policy_trusts(statements: Any, trusted: bool) -> None:
    assert trusts({"Statement": statements}, "glue.amazonaws.com") is trusted


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ({"Action": "s3:Put*", "Resource": "*"}, True),
        ({"Action": ["S3:putobject"], "Resource": ["arn:aws:s3:::b/*"]}, True),
        ({"NotAction": "s3:Get*", "NotResource": "arn:aws:s3:::other/*"}, True),
        ({"Action": "*", "Resource": "arn:aws:s3:::?/warehouse/*"}, True),
        ({"Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/warehouse/one/*"}, False),
        ({"Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/warehouse/?"}, False),
        ({"NotAction": "s3:*", "Resource": "*"}, False),
        ({"Action": "s3:PutObject", "NotResource": "arn:aws:s3:::b/*"}, False),
    ],
)
def test_what_a_statement_allows(statement: dict[str, Any], allowed: bool) -> None:
    need = ("s3:PutObject", "arn:aws:s3:::b/warehouse/*")
    allowing = {"Statement": {"Effect": "Allow", **statement}}
    denying = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    denying["Statement"].append({"Effect": "Deny", **statement})
    assert Permissions([allowing]).allow(need) is allowed
    assert Permissions([denying]).allow(need) is not allowed
    assert Permissions([denying], allowing).allow(need) is False
    limited = {**statement, "Effect": "Deny", "Condition": {"Bool": {"x": "true"}}}
    assert Permissions([{"Statement": [denying["Statement"][0], limited]}]).allow(need)


def test_a_bucket_that_a_crash_left_without_tags_is_ours_with_it(sandbox: Sandbox) -> None:
    lab_role(sandbox, LAB_WIDE)
    before = inventory(sandbox)
    sandbox.fail(How.DENIED, service="s3", action="PutBucketTagging", calls=None)
    with pytest.raises(StediError):
        list(infrastructure(role_arn=LAB).up())
    sandbox.heal()
    list(infrastructure(role_arn=LAB).up())
    list(infrastructure(role_arn=LAB).down())
    assert inventory(sandbox) == before


def test_from_a_role_of_our_own_to_one_that_is_there(sandbox: Sandbox) -> None:
    lab_role(sandbox, LAB_WIDE)
    before = inventory(sandbox)
    list(infrastructure().up())
    with pytest.raises(UsageError, match=r"was made with .*role stedi-glue"):
        list(infrastructure(role_arn=LAB).up())
    # The data stays, and the role that was made does not.
    list(infrastructure().down(keep_data=True))
    assert inventory(sandbox)["roles"] == before["roles"]
    list(infrastructure(role_arn=LAB).up())
    assert {c.action for c in infrastructure(role_arn=LAB).plan().changes} == {"keep"}
    list(infrastructure(role_arn=LAB).down())
    assert inventory(sandbox) == before


def test_the_callers_policy_makes_no_role(
    sandbox: Sandbox, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lab_role(sandbox, LAB_WIDE)
    before = inventory(sandbox)
    config = config_with(tmp_path, f"role_arn: {LAB}")
    policy = invoke("--config", config, "infra", "policy").json()
    allowed = {action for s in policy["Statement"] for action in s["Action"]}
    of_iam = {action for action in allowed if action.startswith("iam:")}
    reads = ("GetRole", "ListRolePolicies", "GetRolePolicy", "ListAttachedRolePolicies")
    others = ("PassRole", "GetPolicy", "GetPolicyVersion")
    assert of_iam == {f"iam:{verb}" for verb in (*reads, *others)}
    (passed,) = [s for s in policy["Statement"] if s["Action"] == ["iam:PassRole"]]
    assert passed["Resource"] == [LAB]
    with monkeypatch.context() as patch:
        for name, value in sandbox.user(policy).environment.items():
            patch.setenv(name, value)
        assert invoke("--config", config, "infra", "down").out == "There is nothing to remove.\n"
        for words in (("up", "--no-data"), ("status",), ("down", "--yes")):
            told = invoke("--config", config, "infra", *words)
            assert told.code == 0, told.err
    assert not [str(call) for call in sandbox.calls if call.denied]
    assert inventory(sandbox) == before


# --- A boundary and a path --------------------

LIMITED = {
    "permissions_boundary": "arn:aws:iam::123456789012:policy/limits",
    "role_path": "/team/steps/",
}


def test_a_role_is_made_with_boundary_and_path(
    sandbox: Sandbox, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = inventory(sandbox)
    config = config_with(tmp_path, *(f"{key}: {value}" for key, value in LIMITED.items()))
    policy = invoke("--config", config, "infra", "policy").json()
    for statement in policy["Statement"]:
        if "iam:CreateRole" in statement["Action"]:
            arn = f"arn:aws:iam::{sandbox.account}:role/team/steps/stedi-glue"
            assert statement["Resource"] == [arn]
            # As companies allow it.
            created = {**statement, "Sid": "Made", "Action": ["iam:CreateRole"]}
            statement["Action"].remove("iam:CreateRole")
            boundary = {"iam:PermissionsBoundary": LIMITED["permissions_boundary"]}
            created["Condition"] = {"StringEquals": boundary}
    policy["Statement"].append(created)
    somebody = sandbox.user(policy).environment
    with monkeypatch.context() as patch:
        for name, value in somebody.items():
            patch.setenv(name, value)
        told = invoke("--config", config, "infra", "up", "--no-data")
        assert told.code == 0, told.err
    role = sandbox.client("iam").get_role(RoleName="stedi-glue")["Role"]
    assert role["Arn"].endswith(":role/team/steps/stedi-glue")
    boundary = role["PermissionsBoundary"]["PermissionsBoundaryArn"]
    assert boundary == LIMITED["permissions_boundary"]
    jobs = sandbox.client("glue").get_jobs()["Jobs"]
    assert {job["Role"] for job in jobs} == {role["Arn"]}
    # A boundary that was taken away, or is another, is drift; one that nobody asked for is none.
    iam = sandbox.client("iam")
    iam.delete_role_permissions_boundary(RoleName="stedi-glue")
    assert [f[0] for f in role_of(**LIMITED).fields] == ["boundary"]
    list(infrastructure(**LIMITED).up())
    assert {c.action for c in infrastructure(**LIMITED).plan().changes} == {"keep"}
    assert role_of(role_path=LIMITED["role_path"]).action == "keep"
    # A path cannot be changed.
    assert role_of(permissions_boundary=LIMITED["permissions_boundary"]).action == "replace"
    with monkeypatch.context() as patch:
        for name, value in somebody.items():
            patch.setenv(name, value)
        assert invoke("--config", config, "infra", "down", "--yes").code == 0
    assert inventory(sandbox) == before


# --- The configuration --------------------


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((f"role_arn: {LAB}", "role: mine"), "role is for one to be made"),
        ((f"role_arn: {LAB}", "role_path: /x/"), "role_path is for one to be made"),
        (
            (f"role_arn: {LAB}", f"permissions_boundary: {LIMITED['permissions_boundary']}"),
            "permissions_boundary is for one to be made",
        ),
        (("role_arn: LabRole",), "role_arn: It is no role's ARN"),
        (("permissions_boundary: limits",), "permissions_boundary: It is no policy's ARN"),
        (("role_path: team",), "role_path"),
    ],
)
def test_what_does_not_go_together_is_said_in_a_line(
    tmp_path: Path, lines: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UsageError, match=said) as told:
        load_settings(config_with(tmp_path, *lines))
    assert "\n" not in told.value.message


def test_the_roles_name_may_stay_in_the_file_as_it_comes(tmp_path: Path) -> None:
    config = config_with(tmp_path, f"role_arn: {LAB}", "role: stedi-glue", "role_path: /")
    assert getattr(load_settings(config), "role_arn") == LAB  # noqa: B009


def test_what_jobs_need_is_what_a_role_of_ours_gets(sandbox: Sandbox) -> None:
    layout = infrastructure().layout
    needed = [policies.s3_access(layout), policies.glue_access(layout)]
    lab_role(sandbox, *(s for d in needed for s in d["Statement"]))
    assert role_of(role_arn=LAB).action == "keep"
