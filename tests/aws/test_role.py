"""The jobs' role: runs succeed as it, need all of it, and fail naming what is taken away."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Ask
from sandbox.access import Need, permits
from sandbox.server import Sandbox
from small import BROKEN, JOBS, write_lake

from aws.cloud_lake import CloudLake
from aws.places import CONFIG
from stedi_cli.aws.backoff import Backoff

pytestmark = [pytest.mark.aws, pytest.mark.slow, pytest.mark.usefixtures("glue")]

Grant = tuple[str, str]

FIRST, TABLE = next(iter(JOBS.items()))
POLICIES = ("s3-access", "glue-access")

BAD = ("--max-bad-rows", "1")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are looked at five times a second."""
    impatient = Backoff(sleep=lambda _: time.sleep(0.2))
    monkeypatch.setattr("stedi_cli.aws.lake.Backoff", lambda: impatient)


@pytest.fixture
def ask(invoke: Ask) -> Ask:
    return lambda *words: invoke("--config", CONFIG, *words)


@pytest.fixture
def cloud(sandbox: Sandbox, tmp_path: Path) -> CloudLake:
    """The small lake, uploaded, one of its lines unusable."""
    made = CloudLake(sandbox, max_bad_rows=1).up()
    bad: dict[str, dict[str, bytes]] = {"customer_landing": {"bad.json": BROKEN}}
    made.upload(write_lake(write_lake(tmp_path / "data"), bad))
    return made


def documents(cloud: CloudLake) -> dict[str, dict[str, Any]]:
    """The policies of the role, as they stand."""
    iam, role = cloud.sandbox.client("iam"), cloud.layout.role
    found = {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }
    assert set(found) == set(POLICIES)
    return found


def grants(document: dict[str, Any]) -> set[Grant]:
    """What a policy allows: actions, each on each of its resources."""
    assert {statement["Effect"] for statement in document["Statement"]} == {"Allow"}
    return {
        (action, resource)
        for statement in document["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def rewrite(cloud: CloudLake, change: Callable[[set[Grant]], set[Grant]]) -> None:
    """Let the role's policies allow something else."""
    for name, document in documents(cloud).items():
        allowed = change(grants(document))
        listed = [{"Effect": "Allow", "Action": a, "Resource": r} for a, r in sorted(allowed)]
        cloud.sandbox.client("iam").put_role_policy(
            RoleName=cloud.layout.role,
            PolicyName=name,
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": listed}),
        )


def is_for(grant: Grant, need: Need) -> bool:
    """Tell whether a grant alone allows what was asked for."""
    statement = {"Effect": "Allow", "Action": grant[0], "Resource": grant[1]}
    return permits([{"Statement": [statement]}], need)


def test_runs_ask_for_all_that_the_role_may_do_and_for_nothing_else(
    cloud: CloudLake, ask: Ask
) -> None:
    sandbox = cloud.sandbox
    # The second run replaces tables, and drops what the other policy made with its files.
    for name in ("published", "strict"):
        done = ask("jobs", "run", "--all", "--policy", name, *BAD)
        assert done.code == 0, done.err
    taken = {call.resource for call in sandbox.calls if call.name == "sts:AssumeRole"}
    assert taken == {cloud.layout.role_arn}
    # Every call of Spark's was made as the role, and IAM decided about it.
    assert {call.key for call in sandbox.calls if "aws-sdk-java" in call.agent} == set(
        sandbox.needed
    )
    assert not [str(call) for call in sandbox.calls if call.denied]
    needs = [need for asked in sandbox.needed.values() for need in asked]
    granted = {grant for document in documents(cloud).values() for grant in grants(document)}
    idle = {grant for grant in granted if not any(is_for(grant, need) for need in needs)}
    assert idle == set()


READS = ("s3:GetObject", "/warehouse/*")
DELETES = ("s3:DeleteObject", "/warehouse/*")
MAY_NOT = "role stedi-glue may not {action} on arn:aws:"
# By action, the end of the resources, and what the message says.
TAKEN = [
    ("s3:ListBucket", "", MAY_NOT),
    # A refusal of HEAD has no body that says which action.
    ("s3:GetObject", "/landing/*", "/landing/customer"),
    ("s3:GetObject", "/jobs/*", MAY_NOT),
    (*READS, MAY_NOT),
    ("s3:PutObject", "/warehouse/*", MAY_NOT),
    (*DELETES, "{action} failed for files of old snapshots below s3://"),
    ("glue:GetDatabase", "", MAY_NOT),
    ("glue:GetTable", "", MAY_NOT),
    ("glue:CreateTable", "", MAY_NOT),
    ("glue:UpdateTable", "", MAY_NOT),
]


@pytest.mark.parametrize(("action", "ending", "said"), TAKEN)
def test_without_one_permission_a_run_fails_and_names_it(
    cloud: CloudLake, ask: Ask, action: str, ending: str, said: str
) -> None:
    if (action, ending) in (READS, DELETES):
        # What is in quarantine is read by the next run, and nothing is kept aside that it removes.
        assert ask("jobs", "run", FIRST, *BAD).code == 0
    # An earlier table of the other policy, whose files have to go.
    cloud.write(TABLE, {"run": "earlier", "job": FIRST, "policy": "published"})
    gone: set[Grant] = set()

    def without(allowed: set[Grant]) -> set[Grant]:
        taken = {g for g in allowed if g[0] == action and g[1].endswith(ending)}
        gone.update(taken)
        return (allowed - taken) | but_metadata(taken)

    before = cloud.snapshot(TABLE)
    rewrite(cloud, without)
    assert gone
    told = ask("jobs", "run", FIRST, "--force", *BAD)
    assert told.code == 1, told.out
    error, hint = told.err.splitlines()[-2:]
    assert error.startswith(f"Error: Job {FIRST} failed on Glue")
    assert said.format(action=action) in error
    assert len(error) < 700
    assert "The jobs' role lacks a permission" in hint
    if action != "s3:DeleteObject":
        assert cloud.snapshot(TABLE) == before


def but_metadata(taken: set[Grant]) -> set[Grant]:
    """Leave the reading of tables' metadata, which Iceberg tries for a minute and a half."""
    return {
        (action, f"{place.removesuffix('*')}*/metadata/*")
        for action, place in taken
        if action == "s3:GetObject" and place.endswith("/warehouse/*")
    }


def test_without_its_logs_a_run_succeeds_and_shows_none(cloud: CloudLake, ask: Ask) -> None:
    def without(allowed: set[Grant]) -> set[Grant]:
        return {grant for grant in allowed if not grant[0].startswith("logs:")}

    for limit, shown in (("0", True), ("0", False)):
        if not shown:
            rewrite(cloud, without)
        told = ask("jobs", "run", FIRST, "--max-bad-rows", limit)
        assert told.code == 3
        assert ("  | " in told.err) == shown


def test_every_permission_is_in_the_list_above(cloud: CloudLake) -> None:
    allowed = {grant for document in documents(cloud).values() for grant in grants(document)}
    taken = {
        (action, place)
        for action, place in allowed
        for listed, ending, _ in TAKEN
        if listed == action and place.endswith(ending)
    }
    assert {action.partition(":")[0] for action, _ in allowed - taken} == {"logs"}
