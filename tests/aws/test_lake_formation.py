"""An account in which Lake Formation decides: what is granted to whom, and taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Ask
from sandbox import lake_formation
from sandbox.faults import How
from sandbox.lake_formation import ADMIN, EVERYBODY
from sandbox.server import Credentials, Sandbox
from small import write_lake

from aws.cloud_lake import CloudLake, hurry
from aws.faults_everywhere import without_pauses
from aws.places import CONFIG, infrastructure, inventory, settings
from aws.test_given_role import LAB, LAB_WIDE, config_with, lab_role
from stedi_cli.aws.account import Account
from stedi_cli.errors import StediError, UsageError
from stedi_cli.lake.records import Change

FIRST = "customer_landing_to_trusted"
ON: dict[str, Any] = {"lake_formation": True}
ROLE = "arn:aws:iam::123456789012:role/stedi-glue"
TABLES = {"Table": {"DatabaseName": "stedi", "TableWildcard": {}}}
DATABASE = {"Database": {"Name": "stedi"}}
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def change(verb: str, sandbox: Sandbox, who: str, thing: dict[str, Any], *permissions: str) -> None:
    """Grant or revoke as somebody else."""
    client = sandbox.client("lakeformation")
    getattr(client, f"{verb}_permissions")(
        Principal={"DataLakePrincipalIdentifier": who}, Resource=thing, Permissions=permissions
    )


def register(sandbox: Sandbox, place: str = "") -> dict[str, Any]:
    """Register the bucket, or what lies in it, as an administrator does."""
    arn = f"arn:aws:s3:::stedi-{sandbox.account}-{sandbox.region}{place}"
    sandbox.client("lakeformation").register_resource(ResourceArn=arn, UseServiceLinkedRole=True)
    return {"DataLocation": {"ResourceArn": arn}}


def held(sandbox: Sandbox, *principals: str) -> dict[tuple[str, str], str]:
    """What is granted, but for what the maker of something has."""
    return {
        (who, thing.table or thing.kind): " ".join(permissions)
        for who, thing, permissions in lake_formation.grants(sandbox.region)
        if (not principals or who in principals) and who != EVERYBODY and "ALL" not in permissions
    }


def grants(**aws: Any) -> Change | None:
    found = [c for c in infrastructure(**aws).plan().changes if c.kind == "grants"]
    return found[0] if found else None


def up(**aws: Any) -> None:
    list(infrastructure(**aws).up())


@contextmanager
def acting(person: Credentials) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in person.environment.items():
            patch.setenv(name, value)
        patch.setattr("aws.places.account", Account)
        yield


# --- Jobs ----------------------------------------------------------------------------------------


def as_jobs_do(sandbox: Sandbox) -> str | None:
    """Do with the catalog what a run does, as the jobs' role; return what it is refused."""
    glue = sandbox.client("glue", sandbox.assume(ROLE))
    name = "customer_trusted"
    place = f"s3://stedi-{sandbox.account}-{sandbox.region}/warehouse/{name}"
    table = {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"table_type": "ICEBERG", "metadata_location": f"{place}/metadata/1"},
        "StorageDescriptor": {"Location": place},
    }
    try:
        glue.get_database(Name="stedi")
        glue.get_table(DatabaseName="stedi", Name="customer_landing")
        try:
            glue.get_table(DatabaseName="stedi", Name=name)
            glue.update_table(DatabaseName="stedi", TableInput=table)
        except glue.exceptions.EntityNotFoundException:
            glue.create_table(DatabaseName="stedi", TableInput=table)
    except ClientError as refused:
        return str(refused)
    return None


def test_jobs_are_refused_without_it_and_run_with_it(
    sandbox: Sandbox, invoke: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_pauses(monkeypatch)
    hurry(monkeypatch)
    sandbox.govern(ADMIN)
    before = inventory(sandbox)
    cloud = CloudLake(sandbox, **ON)
    data = write_lake(tmp_path / "data")
    assert invoke("--config", CONFIG, "infra", "up", "--data", data).code == 0
    refused = as_jobs_do(sandbox)
    assert refused is not None
    assert "Required Describe on stedi" in refused
    sandbox.runs.script("FAILED", error=f"Error: {refused}")
    told = invoke("--config", CONFIG, "jobs", "run", FIRST)
    assert told.code == 1
    assert "Insufficient Lake Formation permission(s): Required Describe on stedi" in told.err
    assert "Hint: Lake Formation decides here" in told.err
    assert "lake_formation: true" in told.err.splitlines()[-1]
    config = config_with(tmp_path, "lake_formation: true")
    told = invoke("--config", config, "infra", "up", "--no-data")
    assert told.code == 0, told.err
    assert as_jobs_do(sandbox) is None
    sandbox.client("glue").delete_table(DatabaseName="stedi", Name="customer_trusted")
    cloud.script(1)
    assert invoke("--config", config, "jobs", "run", FIRST).code == 0
    assert invoke("--config", config, "infra", "down", "--yes").code == 0
    assert inventory(sandbox) == before


NEEDED = [(DATABASE, p) for p in ("CREATE_TABLE", "DESCRIBE")]
NEEDED += [(TABLES, p) for p in ("ALTER", "DESCRIBE")]


def test_what_the_role_is_granted_is_what_its_calls_need(sandbox: Sandbox) -> None:
    sandbox.govern(ADMIN)
    up(**ON)
    glue = sandbox.client("glue")
    for thing, permission in NEEDED:
        change("revoke", sandbox, ROLE, thing, permission)
        if permission == "ALTER":
            # Of a table that it made itself, it would not need it.
            glue.create_table(DatabaseName="stedi", TableInput={"Name": "customer_trusted"})
        assert "Insufficient Lake Formation" in str(as_jobs_do(sandbox)), permission
        assert grants(**ON) is not None
        up(**ON)
        assert as_jobs_do(sandbox) is None
        glue.delete_table(DatabaseName="stedi", Name="customer_trusted")


@pytest.mark.aws
@pytest.mark.usefixtures("glue")
def test_a_job_that_really_runs(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.govern(ADMIN)
    register(sandbox)
    cloud = CloudLake(sandbox).up()
    cloud.upload(write_lake(tmp_path / "data"))
    with pytest.raises(StediError, match="Insufficient Lake Formation permission") as told:
        cloud.events(FIRST)
    assert "lake_formation: true" in str(told.value.hint)
    cloud = CloudLake(sandbox, **ON).up()
    cloud.events(FIRST)
    assert cloud.snapshot("customer_trusted")


# --- What is granted -----------------------------------------------------------------------------


def test_the_role_and_the_caller_get_what_they_need_and_no_more(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = inventory(sandbox)
    sandbox.govern(ADMIN)
    register(sandbox, "/warehouse")
    register(sandbox, "/jobs")
    register(sandbox, "-of-another")
    with sandbox.recording() as made:
        up(**ON)
    # Who makes the database has it all there.
    assert held(sandbox) == {
        (ROLE, "Database"): "CREATE_TABLE DESCRIBE",
        (ROLE, "ALL_TABLES"): "ALTER DESCRIBE SELECT",
        (ROLE, "DataLocation"): "DATA_LOCATION_ACCESS",
        (ADMIN, "ALL_TABLES"): "ALTER DESCRIBE DROP SELECT",
        (ADMIN, "DataLocation"): "DATA_LOCATION_ACCESS",
    }
    assert [call.action for call in made].count("GrantPermissions") == 5
    assert [call.action for call in made].count("UpdateDatabase") == 1
    with sandbox.recording() as calls:
        second = infrastructure(**ON)
        done = list(second.up(second.plan()))
    assert {resource.state for resource in done} == {"there"}
    assert all(call.reads for call in calls)
    asked = [f"{call.name} {call.resource} {call.query} {call.body}" for call in calls]
    # Beside what is read without it: the locations, and what is granted on three things.
    assert len(asked) <= 25 + 4, asked
    assert len(asked) == len(set(asked))
    monkeypatch.setattr(lake_formation, "PAGE", 1)
    assert getattr(grants(**ON), "action", None) == "keep"
    list(infrastructure(**ON).down())
    assert inventory(sandbox) == before


def test_without_it_lake_formation_is_not_asked(sandbox: Sandbox) -> None:
    with sandbox.recording() as calls:
        up()
        infrastructure().status()
        list(infrastructure().down())
    assert not [call for call in calls if call.service == "lakeformation"]


def test_drift_is_named_by_principal_and_thing_and_mended(sandbox: Sandbox) -> None:
    sandbox.govern(ADMIN)
    up(**ON)
    change("revoke", sandbox, ROLE, TABLES, "ALTER")
    found = grants(**ON)
    assert found is not None
    assert found.action == "change"
    who = "role stedi-glue on tables"
    assert found.fields == ((who, "DESCRIBE, SELECT", "ALTER, DESCRIBE, SELECT"),)
    (part,) = [r for r in infrastructure(**ON).status() if r.kind == "grants"]
    assert (part.state, part.name, part.note) == ("changed", "stedi", who)
    with sandbox.recording() as calls:
        up(**ON)
    assert [call.action for call in calls if not call.reads] == ["GrantPermissions"]
    # A location that is registered afterwards is drift too.
    register(sandbox)
    found = grants(**ON)
    assert found is not None
    assert [field.partition(" on ")[2] for field, *_ in found.fields] == [
        f"stedi-{sandbox.account}-{sandbox.region}"
    ] * 2
    up(**ON)
    assert getattr(grants(**ON), "action", None) == "keep"


def test_other_drift_of_the_database_forgets_no_grant(sandbox: Sandbox) -> None:
    lab_role(sandbox, LAB_WIDE)
    sandbox.govern(ADMIN)
    register(sandbox)
    given = {**ON, "role_arn": LAB}
    before = inventory(sandbox)
    up(**given)
    glue = sandbox.client("glue")
    there = glue.get_database(Name="stedi")["Database"]
    database = {key: there[key] for key in ("Name", "Parameters", "LocationUri")}
    glue.update_database(Name="stedi", DatabaseInput={**database, "Description": "mine"})
    list(infrastructure(**given).up(infrastructure(**given).plan()))
    list(infrastructure(**given).down())
    assert inventory(sandbox) == before


def test_up_waits_until_a_new_role_can_be_granted_something(sandbox: Sandbox) -> None:
    sandbox.govern(ADMIN)
    unknown = ("InvalidInputException", f"Invalid principal, arn: {ROLE}")
    sandbox.fail(unknown, service="lakeformation", action="GrantPermissions", calls=2)
    waited: list[float] = []
    list(infrastructure(sleep=waited.append, **ON).up())
    assert len(waited) == 2
    assert getattr(grants(**ON), "action", None) == "keep"
    # Of one that was there, no time would change it.
    lab_role(sandbox, LAB_WIDE)
    list(infrastructure(**ON).down())
    sandbox.fail(unknown, service="lakeformation", action="GrantPermissions", calls=None)
    with pytest.raises(StediError, match="Invalid principal") as told:
        list(infrastructure(sleep=waited.append, role_arn=LAB, **ON).up())
    assert "role_arn" in str(told.value.hint)


# --- What is taken back --------------------------------------------------------------------------


def test_what_somebody_else_granted_stays(sandbox: Sandbox) -> None:
    lab_role(sandbox, LAB_WIDE)
    place = register(sandbox)
    change("grant", sandbox, LAB, place, "DATA_LOCATION_ACCESS")
    sandbox.govern(ADMIN)
    before = inventory(sandbox)
    given = {**ON, "role_arn": LAB}
    up(role_arn=LAB)
    change("grant", sandbox, LAB, TABLES, "SELECT", "INSERT")
    up(**given)
    assert getattr(grants(**given), "action", None) == "keep"
    assert held(sandbox, LAB)[LAB, "ALL_TABLES"] == "ALTER DESCRIBE INSERT SELECT"
    # While the data stay, what whoever calls may do with them stays, and jobs there are none.
    kept = list(infrastructure(**given).down(keep_data=True))
    assert "left" in {r.state for r in kept if r.kind == "grants"}
    assert held(sandbox, LAB) == {
        (LAB, "ALL_TABLES"): "INSERT SELECT",
        (LAB, "DataLocation"): "DATA_LOCATION_ACCESS",
    }
    assert held(sandbox, ADMIN)[ADMIN, "ALL_TABLES"] == "ALTER DESCRIBE DROP SELECT"
    up(**given)
    list(infrastructure(**given).down())
    assert inventory(sandbox) == before


def test_what_was_taken_back_by_hand_is_no_failure(sandbox: Sandbox) -> None:
    lab_role(sandbox, LAB_WIDE)
    sandbox.govern(ADMIN)
    before = inventory(sandbox)
    given = {**ON, "role_arn": LAB}
    up(**given)
    change("revoke", sandbox, LAB, TABLES, "ALTER")
    change("revoke", sandbox, LAB, DATABASE, "CREATE_TABLE", "DESCRIBE")
    list(infrastructure(**given).down(keep_data=True))
    assert held(sandbox, LAB) == {}
    # Nor is it that somebody is gone.
    gone = ("InvalidInputException", f"Invalid principal, arn: {LAB}")
    sandbox.fail(gone, action="RevokePermissions", calls=None)
    list(infrastructure(**given).down())
    assert inventory(sandbox) == before


def test_a_location_that_is_registered_no_more_keeps_nothing_from_being_removed(
    sandbox: Sandbox,
) -> None:
    sandbox.govern(ADMIN)
    place = register(sandbox)
    up(**ON)
    sandbox.fail(How.DENIED, action="RevokePermissions", calls=None)
    with pytest.raises(StediError, match="RevokePermissions failed"):
        list(infrastructure(**ON).down())
    sandbox.heal()
    location = place["DataLocation"]["ResourceArn"]
    sandbox.client("lakeformation").deregister_resource(ResourceArn=location)
    list(infrastructure(**ON).down())
    assert {thing for _, thing in held(sandbox)} <= {"DataLocation"}
    assert {c.action for c in infrastructure(**ON).plan().changes} == {"create"}


def test_a_note_of_grants_that_cannot_be_read_is_named(sandbox: Sandbox) -> None:
    sandbox.govern(ADMIN)
    up(**ON)
    there = sandbox.client("glue").get_database(Name="stedi")["Database"]
    for broken in ("{", "[1]", '{"a": {"b": 1}}'):
        parameters = {**there["Parameters"], "stedi:grants": broken}
        database = {"Name": "stedi", "Parameters": parameters}
        sandbox.client("glue").update_database(Name="stedi", DatabaseInput=database)
        with pytest.raises(StediError, match="stedi:grants of database stedi cannot be read"):
            list(infrastructure(**ON).down())


def test_no_longer_asked_for_it_is_taken_back(sandbox: Sandbox) -> None:
    sandbox.govern(ADMIN)
    before = inventory(sandbox)
    up(**ON)
    found = grants()
    assert found is not None
    assert (found.action, found.note) == ("remove", "lake_formation is false")
    up()
    assert held(sandbox) == {}
    assert grants() is None
    assert {c.action for c in infrastructure().plan().changes} == {"keep"}
    up(**ON)
    list(infrastructure().down())
    assert inventory(sandbox) == before


def test_each_caller_gets_theirs_and_the_last_takes_all_back(sandbox: Sandbox) -> None:
    before = inventory(sandbox)
    people = [f"arn:aws:iam::{sandbox.account}:user/{name}" for name in ("ann", "bob", "eve")]
    ann, bob, eve = (sandbox.user(ALL, arn.rpartition("/")[2]) for arn in people)
    sandbox.govern(*people[:2])
    register(sandbox)
    with acting(ann):
        up(**ON)
    # Of a database that others made, an administrator sees what is there, and drops nothing.
    with acting(bob):
        found = grants(**ON)
        assert found is not None
        assert {field.partition(" on ")[0] for field, *_ in found.fields} == {"user bob"}, found
        up(**ON)
    with acting(eve), pytest.raises(StediError, match="Lake Formation permission") as told:
        up(**ON)
    assert "lake_formation: true" in str(told.value.hint)
    with acting(ann):
        assert getattr(grants(**ON), "action", None) == "keep"
    with acting(bob):
        assert as_jobs_do(sandbox) is None
        list(infrastructure(**ON).down())
    assert inventory(sandbox) == before


def test_who_may_not_grant_is_told_who_has_to(
    sandbox: Sandbox, invoke: Ask, tmp_path: Path
) -> None:
    before = inventory(sandbox)
    config = config_with(tmp_path, "lake_formation: true")
    with acting(sandbox.user(ALL, "ann")):
        sandbox.govern()
        told = invoke("--config", config, "infra", "up", "--no-data")
        assert told.code == 1
        assert "grants stedi, role stedi-glue on tables: GrantPermissions failed" in told.err
        assert "administrator of the data lake has to run" in told.err
        assert invoke("--config", config, "infra", "down", "--yes").code == 0
    assert inventory(sandbox) == before


# --- Who calls -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arn", "principal"),
    [
        ("arn:aws:iam::123456789012:user/team/ann", "arn:aws:iam::123456789012:user/team/ann"),
        ("arn:aws:sts::123456789012:assumed-role/LabRole/me", LAB),
        ("arn:aws:sts::123456789012:assumed-role/Gone/x", "NoSuchEntity"),
        ("arn:aws:iam::123456789012:root", "You are .*:root, to whom nothing can be granted"),
        ("arn:aws:sts::123456789012:federated-user/x", "to whom nothing can be granted"),
    ],
)
def test_whom_grants_name(sandbox: Sandbox, arn: str, principal: str) -> None:
    lab_role(sandbox, LAB_WIDE)
    account = Account(settings())
    vars(account)["_identity"] = {"Account": sandbox.account, "Arn": arn}
    if principal.startswith("arn:"):
        assert account.principal == principal
        sandbox.fail(How.DENIED, service="iam", action="GetRole")
        del vars(account)["principal"]
        # Where that may not be read, it has no path.
        assert account.principal == principal.replace("/lab/", "/")
        return
    with pytest.raises(StediError, match=principal):
        _ = account.principal


def test_nothing_is_made_for_somebody_to_whom_nothing_can_be_granted(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = inventory(sandbox)
    root = {"Account": sandbox.account, "Arn": f"arn:aws:iam::{sandbox.account}:root"}
    monkeypatch.setattr(Account, "_identity", root)
    with pytest.raises(UsageError, match="nothing can be granted"):
        up(**ON)
    assert inventory(sandbox) == before


# --- The caller's policy, and doctor -------------------------------------------------------------


def builder(sandbox: Sandbox, name: str, policy: dict[str, Any]) -> Credentials:
    """Return the keys of a role with a path, as people have it who sign in by SSO."""
    trusted = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
    iam = sandbox.client("iam")
    iam.create_role(
        RoleName=name,
        Path="/aws-reserved/",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trusted]}),
    )
    text = json.dumps(policy)
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=text)
    return sandbox.assume(f"arn:aws:iam::{sandbox.account}:role/aws-reserved/{name}")


def test_the_printed_policy_suffices_and_each_of_it_is_needed(
    sandbox: Sandbox, invoke: Ask, tmp_path: Path
) -> None:
    config = config_with(tmp_path, "lake_formation: true", "s3_endpoint: false")
    policy = invoke("--config", config, "infra", "policy").json()
    plain = infrastructure(s3_endpoint=False)
    own = {"LakeFormation", "OwnRole"}
    listed = {s["Sid"]: s for s in policy["Statement"]}
    ours = [s for s in policy["Statement"] if s["Sid"] not in own]
    without = invoke(
        "--config", config_with(tmp_path / "plain", "s3_endpoint: false"), "infra", "policy"
    )
    assert ours == without.json()["Statement"]
    assert plain.layout.settings.lake_formation is False
    can = builder(sandbox, "can", policy)
    less = {**policy, "Statement": [s for s in policy["Statement"] if s["Sid"] != "LakeFormation"]}
    cannot = builder(sandbox, "cannot", less)
    roles = f"arn:aws:iam::{sandbox.account}:role/aws-reserved"
    sandbox.govern(f"{roles}/can", f"{roles}/cannot")
    register(sandbox)
    before = inventory(sandbox)
    with acting(can):
        for words in (("up", "--no-data"), ("status",), ("plan",), ("down", "--yes")):
            told = invoke("--config", config, "infra", *words)
            assert told.code == 0, told.err + told.out
        invoke("--config", config, "doctor")
    assert not [str(call) for call in sandbox.calls if call.denied]
    asked = {need.action for need in sandbox.needed[can.key]}
    assert set(listed["LakeFormation"]["Action"]) - asked == {"lakeformation:GetDataAccess"}
    assert inventory(sandbox) == before
    with acting(cannot):
        told = invoke("--config", config, "infra", "up", "--no-data")
        assert told.code == 1
        assert "with lake_formation set" in told.err


def doctor(ask: Callable[..., Any], config: Path) -> dict[str, Any]:
    found = ask("--config", config, "doctor", "--json").json()
    (one,) = [f for f in found if f["what"] == "Lake Formation"]
    return dict(one)


def test_doctor_tells_whether_it_decides(sandbox: Sandbox, invoke: Ask, tmp_path: Path) -> None:
    config = config_with(tmp_path, "lake_formation: true")
    assert doctor(invoke, CONFIG)["found"] == "leaves new databases and tables to IAM"
    sandbox.govern()
    found = doctor(invoke, CONFIG)
    assert "you are none of its administrators" in found["found"]
    assert "lake_formation: true" in found["todo"]
    sandbox.govern(ADMIN)
    assert "you are one of its administrators" in doctor(invoke, config)["found"]
    assert doctor(invoke, config)["ok"]
    sandbox.fail(How.DENIED, service="lakeformation", calls=None)
    found = doctor(invoke, config)
    assert found["ok"]
    assert "lakeformation:GetDataLakeSettings is denied" in found["found"]
    sandbox.heal()
    sandbox.fail(("OptInRequired", "no", 400), service="lakeformation", calls=None)
    assert "Sign up" in doctor(invoke, config)["todo"]
