"""The name of a bucket that was just deleted: waited for some minutes, and then said what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import Result
from sandbox.server import Sandbox

from aws.cloud_lake import hurry
from aws.places import CONFIG, infrastructure, inventory
from stedi_cli.errors import StediError

Invoke = Callable[..., Result]
SAID = (
    "OperationAborted",
    "A conflicting conditional operation is currently in progress against this resource. Please"
    " try again.",
    409,
)


def keep_name(sandbox: Sandbox, calls: int | None) -> None:
    """Let S3 be busy with the bucket's name, as after a bucket of that name was deleted."""
    sandbox.fail(SAID, service="s3", action="CreateBucket", calls=calls)


def test_a_name_that_is_not_free_yet_is_waited_for(sandbox: Sandbox) -> None:
    before = inventory(sandbox)
    keep_name(sandbox, 3)
    waited: list[float] = []
    done = list(infrastructure(sleep=waited.append).up())
    told = [resource for resource in done if resource.state == "waiting"]
    assert [resource.kind for resource in told] == ["bucket"] * 3
    assert "not free yet" in told[0].note
    assert len(waited) == 3
    # What was asked for beside it is made once.
    names = [(r.kind, r.name) for r in done if r.state != "waiting"]
    assert len(names) == len(set(names))
    assert {change.action for change in infrastructure().plan().changes} == {"keep"}
    list(infrastructure().down())
    assert inventory(sandbox) == before


@pytest.mark.parametrize(
    "action", ["PutBucketTagging", "PutBucketPolicy", "PutBucketLifecycleConfiguration"]
)
def test_a_bucket_that_is_busy_is_waited_for(sandbox: Sandbox, action: str) -> None:
    before = inventory(sandbox)
    fault = sandbox.fail(SAID, service="s3", action=action, calls=2)
    waited: list[float] = []
    done = list(infrastructure(sleep=waited.append).up())
    told = [resource for resource in done if resource.state == "waiting"]
    assert len({call.invocation for call in fault.hits}) == len(told) == len(waited) == 2
    assert "still busy with bucket" in told[0].note
    assert {change.action for change in infrastructure().plan().changes} == {"keep"}
    fault = sandbox.fail(SAID, service="s3", action="DeleteBucket")
    waited.clear()
    list(infrastructure(sleep=waited.append).down())
    assert fault.hits
    assert [seconds for seconds in waited if seconds]
    assert inventory(sandbox) == before


def test_a_name_that_stays_taken_ends_with_what_to_do(sandbox: Sandbox) -> None:
    keep_name(sandbox, None)
    waited: list[float] = []
    with pytest.raises(StediError, match=r"stedi-.* is not free yet") as told:
        list(infrastructure(sleep=waited.append).up())
    assert 300 <= sum(waited) <= 900
    assert "an hour" in str(told.value.hint)
    assert "another bucket" in str(told.value.hint)


def test_waiting_is_told_once_and_interrupted_at_will(
    sandbox: Sandbox, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = inventory(sandbox)
    hurry(monkeypatch)
    keep_name(sandbox, 2)
    told = invoke("--config", CONFIG, "infra", "up", "--no-data", "--json")
    assert told.code == 0, told.err
    assert {resource["state"] for resource in told.json()["resources"]} == {"made"}
    assert told.err.count("not free yet") == 1
    list(infrastructure().down())

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    keep_name(sandbox, None)
    with pytest.raises(KeyboardInterrupt):
        list(infrastructure(sleep=interrupt).up())
    sandbox.heal()
    list(infrastructure().up())
    list(infrastructure().down())
    assert inventory(sandbox) == before
