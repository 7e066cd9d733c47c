"""A fault at every call of `infra up` and `down`: the same command again converges."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import pytest
from sandbox.calls import Call
from sandbox.lake_formation import ADMIN
from sandbox.server import Sandbox

from aws.faults_everywhere import FAULTS, Strike, places, without_pauses
from aws.places import foundation, infrastructure, inventory
from aws.test_endpoint import OTHER
from aws.test_given_role import LAB, LIMITED, lab_role
from aws.test_lake_formation import register
from stedi_cli.errors import StediError

pytestmark = [pytest.mark.slow, pytest.mark.faults]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 does not wait."""
    without_pauses(monkeypatch)


def attempt(command: str, **aws: Any) -> str:
    """Run a command; what it raises is an error for people."""
    opened = foundation(**aws)
    try:
        for _ in getattr(opened, command)():
            pass
    except StediError as error:
        return error.message
    return "done"


def calls_of(sandbox: Sandbox, command: str, **aws: Any) -> list[Call]:
    """Run a command without a fault, and return what it asked AWS for."""
    with sandbox.recording() as made:
        assert attempt(command, **aws) == "done"
    assert len(made) > 30
    return made


def converge(
    sandbox: Sandbox, command: str, name: str, place: dict[str, Any] | None, **aws: Any
) -> None:
    """Run a command under a fault, then, where that failed, again without."""
    if place is None:
        assert attempt(command, **aws) == "done"
        return
    with Strike(sandbox, place) as strike:
        told = attempt(command, **aws)
    if name == "reset":
        assert told == "done"
        assert len(strike.hits) > 30
    # Where boto3 got over it, a second command would find nothing to do.
    assert told == "done" or attempt(command, **aws) == "done", f"{command}: {strike}: {told}"


@pytest.mark.parametrize("name", FAULTS)
def test_up_and_down_converge_after_a_fault_at_any_call(sandbox: Sandbox, name: str) -> None:
    before = inventory(sandbox)
    up, down = (places(name, calls_of(sandbox, command), few=FAULTS) for command in ("up", "down"))
    assert inventory(sandbox) == before
    for at_up, at_down in zip_longest(up, down):
        converge(sandbox, "up", name, at_up)
        assert {change.action for change in infrastructure().plan().changes} == {"keep"}, at_up
        converge(sandbox, "down", name, at_down)
        assert inventory(sandbox) == before, (at_up, at_down)


# What each setting lets the commands ask for beside what they always do.
SETTINGS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "a role that is there": (
        {"role_arn": LAB},
        {"GetRole", "ListRolePolicies", "GetPolicyVersion", "PutBucketTagging"},
    ),
    "a boundary, tags": (
        {**LIMITED, "tags": {"team": "steps"}},
        {"CreateRole", "GetTags"},
    ),
    "an endpoint that another uses": ({}, {"DescribeNetworkInterfaces", "CreateTags"}),
    "grants of Lake Formation": (
        {"lake_formation": True},
        {
            *("ListResources", "ListPermissions", "UpdateDatabase"),
            *("GrantPermissions", "RevokePermissions", "DeleteDatabase"),
        },
    ),
}


@pytest.mark.parametrize("name", ["denied", "answer lost", "killed"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_what_a_setting_asks_for_may_fail_too(sandbox: Sandbox, setting: str, name: str) -> None:
    aws, actions = SETTINGS[setting]
    shared = not aws
    lab_role(sandbox, {"Effect": "Allow", "Action": "*", "Resource": "*"})
    if aws.get("lake_formation"):
        sandbox.govern(ADMIN)
        register(sandbox)
    before = inventory(sandbox)
    walks = []
    for command in ("up", "down"):
        if shared and command == "down":
            list(infrastructure(**OTHER).up())
        made = calls_of(sandbox, command, **aws)
        walks.append(places(name, made, few=FAULTS, actions=actions))
    assert any(walks)
    if shared:
        list(infrastructure(**OTHER).down())
    assert inventory(sandbox) == before
    for at_up, at_down in zip_longest(*walks):
        converge(sandbox, "up", name, at_up, **aws)
        assert {c.action for c in infrastructure(**aws).plan().changes} == {"keep"}, at_up
        if shared:
            list(infrastructure(**OTHER).up())
        converge(sandbox, "down", name, at_down, **aws)
        if shared:
            list(infrastructure(**OTHER).down())
        assert inventory(sandbox) == before, (at_up, at_down)
