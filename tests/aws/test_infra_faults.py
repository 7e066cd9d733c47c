"""A fault at every call of `infra up` and `down`: the same command again converges."""

from __future__ import annotations

from collections import Counter
from itertools import zip_longest
from typing import Any

import pytest
from sandbox.calls import Call
from sandbox.server import Sandbox

from aws.faults_everywhere import FAULTS, without_pauses
from aws.places import infrastructure, inventory
from aws.test_endpoint import OTHER
from aws.test_given_role import LAB, LIMITED, lab_role
from stedi_cli.errors import StediError

pytestmark = [pytest.mark.slow, pytest.mark.faults]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 does not wait."""
    without_pauses(monkeypatch)


def attempt(command: str, **aws: Any) -> str:
    """Run a command; what it raises is an error for people."""
    opened = infrastructure(**aws)
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


def places(name: str, made: list[Call]) -> list[dict[str, Any]]:
    """Say where faults strike, one a command: at every call, but not at every one of many alike.

    Of the calls for a dozen objects, made side by side, the first, second and last are struck.
    A reset changes nothing and boto3 gets over it, so all calls are struck in one command.
    """
    if name == "reset":
        return [{"calls": None}]
    if name == "killed":
        return [{"nth": number} for number in range(1, len(made) + 1)]
    alike = Counter((call.service, call.action) for call in made)
    return [
        {"service": service, "action": action, "nth": number}
        for (service, action), many in alike.items()
        for number in range(1, many + 1)
        if many <= 3 or number in (1, 2, many)
    ]


def converge(
    sandbox: Sandbox, command: str, name: str, place: dict[str, Any] | None, **aws: Any
) -> None:
    """Run a command under a fault, then, where that failed, again without."""
    if place is None:
        assert attempt(command, **aws) == "done"
        return
    fault = sandbox.fail(**{**FAULTS[name], **place}, agent="stedi")
    told = attempt(command, **aws)
    sandbox.heal()
    assert fault.hits, f"{command}: no {place}: {told}"
    if name == "reset":
        assert told == "done"
        assert len(fault.hits) > 30
    # Where boto3 got over it, a second command would find nothing to do.
    assert told == "done" or attempt(command, **aws) == "done", f"{command}: {fault.hits}: {told}"


@pytest.mark.parametrize("name", FAULTS)
def test_up_and_down_converge_after_a_fault_at_any_call(sandbox: Sandbox, name: str) -> None:
    before = inventory(sandbox)
    up, down = (places(name, calls_of(sandbox, command)) for command in ("up", "down"))
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
}


@pytest.mark.parametrize("name", ["denied", "answer lost", "killed"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_what_a_setting_asks_for_may_fail_too(sandbox: Sandbox, setting: str, name: str) -> None:
    aws, actions = SETTINGS[setting]
    shared = not aws
    lab_role(sandbox, {"Effect": "Allow", "Action": "*", "Resource": "*"})
    before = inventory(sandbox)
    walks = []
    for command in ("up", "down"):
        if shared and command == "down":
            list(infrastructure(**OTHER).up())
        made = calls_of(sandbox, command, **aws)
        many = Counter(call.action for call in made if call.action in actions)
        struck = [{"action": a, "nth": n} for a, last in many.items() for n in {1, last}]
        numbers = [{"nth": n} for n, call in enumerate(made, 1) if call.action in actions]
        walks.append(numbers if name == "killed" else struck)
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
