"""What a change of consent does on AWS, where runs and queries go by script."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from conftest import Ask, Result
from sandbox.faults import How
from sandbox.server import Sandbox
from small import JOBS, TYPED, C, customer, write_lake

from aws.cloud_lake import HURRY, CloudLake, hurry
from aws.places import CONFIG
from stedi_cli.aws.lock import Lock
from stedi_cli.consent.whose import counted, whose
from stedi_cli.errors import BusyError, StediError

pytestmark = pytest.mark.slow

ANN = "ann@x.org"
BUILT = (*JOBS.values(), *TYPED)
_HELD = [("person", "varchar"), ("email", "varchar"), ("file", "varchar")]
HELD = [*_HELD, ("line", "bigint"), ("instant", "bigint")]


class World:
    """The small lake on AWS, built twice; queries find in its tables whom they are told to."""

    def __init__(self, cloud: CloudLake, ask: Ask, folder: Path) -> None:
        self.cloud = cloud
        self.ask = ask
        self.folder = folder

    def consent(self, how: str, *words: str) -> Result:
        named = self.folder / "people.txt"
        named.write_text(ANN)
        return self.ask("consent", how, "--file", named, *words)

    def answers(self, *, left: int = 0, times: int = 1, held: Any = ()) -> None:
        """Let the queries of so many commands find people's rows, in the end so many of Ann's."""
        lakehouse, queries = self.cloud.settings.lakehouse(), self.cloud.sandbox.queries
        table = lakehouse.tables["customer_landing"]
        types = {"string": "varchar", "long": "bigint"}
        columns = [("person", "varchar"), *((c.name, types[c.type]) for c in table.columns)]
        email = [c.name for c in table.columns].index("email")
        for _ in range(times):
            found = [[str(r[email]).strip().lower(), *r] for r in self.cloud.rows[table.name]]
            queries.script(columns=columns, rows=found, contains='AS person, "customerName"')
            queries.script(columns=HELD, rows=list(held), contains="AS person, email, file")
            for rows in ([], [[ANN, str(left)]] if left else []):
                for job in lakehouse.jobs.values():
                    source = whose(lakehouse, lakehouse.tables[job.writes], "strict")
                    assert source is not None
                    queries.script(
                        columns=[("person", "varchar"), ("number", "bigint")],
                        rows=rows,
                        contains=counted(source)[:120],
                    )

    def read_again(self) -> None:
        """Let queries find what the landing files hold now."""
        for name in ("rows", "lines"):
            vars(self.cloud).pop(name, None)

    def new(self) -> list[str]:
        return [key for key in self.cloud.keys("landing/") if "/consent-" in key]

    def versions(self, prefix: str) -> list[str]:
        found = self.cloud.s3.list_object_versions(Bucket=self.cloud.layout.bucket, Prefix=prefix)
        return [v["Key"] for name in ("Versions", "DeleteMarkers") for v in found.get(name, ())]

    def keep_one(self) -> None:
        """Do what a withdrawal ends with."""
        with self.cloud.opened() as opened, opened.consent.alone(wait=False, readers=False):
            opened.consent.keep_one()

    def put(self, key: str, content: bytes = b"ann") -> None:
        self.cloud.s3.put_object(Bucket=self.cloud.layout.bucket, Key=key, Body=content)

    def snapshots(self) -> set[int]:
        with self.cloud.opened() as opened:
            states = opened.tables.states()
        return {len(states[name].snapshots) for name in BUILT}


@pytest.fixture
def world(sandbox: Sandbox, invoke: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    hurry(monkeypatch)
    cloud = CloudLake(sandbox).up()
    versioned = {"Status": "Enabled"}
    cloud.s3.put_bucket_versioning(Bucket=cloud.layout.bucket, VersioningConfiguration=versioned)
    cloud.upload(write_lake(tmp_path / "data"))
    cloud.run()
    cloud.run(force=True)
    return World(cloud, lambda *words: invoke("--config", CONFIG, *words), tmp_path)


def test_one_snapshot_of_each_table_stays_and_no_version_beside(world: World) -> None:
    cloud = world.cloud
    bucket, data = cloud.layout.bucket, cloud.layout.table_folder("customer_trusted")
    for key in ("athena-results/old.csv", f"{data}/data/stray.parquet", f"{data}/gone.parquet"):
        for _ in range(2):
            cloud.s3.put_object(Bucket=bucket, Key=key, Body=b"ann")
    cloud.s3.delete_object(Bucket=bucket, Key=f"{data}/gone.parquet")
    cloud.s3.create_multipart_upload(Bucket=bucket, Key=f"{data}/data/half.parquet")
    cloud.s3.put_object(Bucket=bucket, Key="warehouse/theirs/data/x.parquet", Body=b"theirs")
    # What is reached stays, as it is now.
    kept = next(k for k in cloud.keys("warehouse/step_trainer_landing_typed/data"))
    body = cloud.s3.get_object(Bucket=bucket, Key=kept)["Body"].read()
    cloud.s3.put_object(Bucket=bucket, Key=kept, Body=body)
    table = cloud.catalog.load_table("stedi.customer_trusted")
    table.manage_snapshots().create_tag(table.metadata.snapshots[0].snapshot_id, "keep").commit()
    assert max(world.snapshots()) == 2
    world.answers()
    cloud.script(1)
    told = world.consent("revoke", "--json")
    assert told.code == 0, told.err
    done = json.loads(told.out)
    assert (done["changed"], done["not_looked_at"]) == ([1], [])
    assert {"table": "customer_trusted", "kind": "tag", "name": "keep"} in done["removed"]
    (key,) = world.new()
    body = cloud.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert "shareWithResearchAsOfDate" not in json.loads(body)
    assert done["file"] == key.rpartition("/")[2]
    assert world.snapshots() == {1}
    assert world.versions("athena-results/") == []
    for name in BUILT:
        found = cloud.catalog.load_table(f"stedi.{name}")
        snapshot = found.current_snapshot()
        manifests = snapshot.manifests(found.io)
        files = [e.data_file.file_path for m in manifests for e in m.fetch_manifest_entry(found.io)]
        reached = [found.metadata_location, snapshot.manifest_list, *files]
        reached += [m.manifest_path for m in manifests]
        reached += [entry.metadata_file for entry in found.metadata.metadata_log]
        folder = cloud.layout.uri(cloud.layout.table_folder(name))
        there = [
            f"s3://{bucket}/{k}"
            for k in world.versions(folder.removeprefix(f"s3://{bucket}/") + "/")
        ]
        assert sorted(there) == sorted(reached)
    assert not cloud.s3.list_multipart_uploads(Bucket=bucket).get("Uploads")
    assert world.versions("warehouse/theirs/") == ["warehouse/theirs/data/x.parquet"]
    said = " ".join(told.err.split())
    assert "may hold them: theirs." in said
    assert "What jobs printed stays in the log groups /aws-glue/stedi/ for 30 days" in said
    assert cloud.keys("jobs/lock") == []


def test_no_delete_marker_is_left_of_metadata_that_an_expiry_removes(world: World) -> None:
    table = world.cloud.catalog.load_table("stedi.customer_trusted")
    for most in ("2", "1"):
        with table.transaction() as changes:
            changes.set_properties({"write.metadata.previous-versions-max": most})
    world.keep_one()
    bucket = world.cloud.layout.bucket
    found = world.cloud.s3.list_object_versions(Bucket=bucket, Prefix="warehouse/")
    assert found.get("DeleteMarkers", []) == []


def test_files_of_a_table_that_is_hidden_stay(world: World) -> None:
    """Lake Formation leaves it out of the list of tables."""
    world.put("warehouse/quarantine/data/x.parquet")
    hidden = "Insufficient Lake Formation permission(s): Required Describe on quarantine"
    refused = ("AccessDeniedException", hidden, 400)
    world.cloud.sandbox.fail(refused, action="GetTable", resource="quarantine", calls=None)
    with pytest.raises(StediError, match=r"table quarantine: .*Insufficient Lake Formation"):
        world.keep_one()
    assert world.versions("warehouse/quarantine/") == ["warehouse/quarantine/data/x.parquet"]


def test_who_lost_the_lock_removes_nothing(world: World) -> None:
    stray = "warehouse/customer_trusted/data/x.parquet"
    world.put(stray)
    lock = world.cloud.layout.lock
    world.cloud.sandbox.fail(
        lambda _: world.put(lock, b"{}"), action="ListObjectVersions", attempts=1
    )
    with pytest.raises(BusyError, match="gave no sign"):
        world.keep_one()
    assert world.versions(stray) == [stray]


def test_what_cannot_be_removed_is_named_and_nobody_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = f"warehouse/customer_trusted/{ANN}.parquet"
    world.put(key)
    with world.cloud.opened() as opened, opened.consent.alone(wait=False, readers=False):
        refused = {"Errors": [{"Key": key, "Code": "AccessDenied"}]}
        client = vars(opened.consent)["_storage"].s3
        monkeypatch.setattr(client, "delete_objects", lambda **_: refused)
        with pytest.raises(StediError, match=r"/warehouse/customer_trusted/… cannot be") as told:
            opened.consent.keep_one()
    assert ANN not in str(told.value)


def test_where_aws_gives_no_answer_metadata_are_not_called_broken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://glue")

    with world.cloud.opened() as opened, opened.consent.alone(wait=False, readers=False):
        client = vars(opened.consent)["_layout"].account.client("glue")
        monkeypatch.setattr(client, "update_table", late)
        with pytest.raises(StediError, match="Read timeout") as told:
            opened.consent.keep_one()
    assert "network" in str(told.value.hint)


def test_no_address_is_in_a_query_nor_an_answer_left(world: World) -> None:
    world.answers(left=3)
    for name in ("customer_landing", "accelerometer_landing", "step_trainer_landing"):
        world.cloud.sandbox.queries.script(
            columns=[("person", "varchar"), ("number", "bigint")], contains=f"{name}_typed"
        )
    told = world.consent("show", "--json")
    assert told.code == 0, told.err
    queries = world.cloud.sandbox.queries.started.values()
    assert len(queries) > len(JOBS)
    assert not any("@" in query.query for query in queries)
    assert world.versions("athena-results/") == []


def test_others_at_work_are_refused_before_anything_is_changed(world: World) -> None:
    world.cloud.script(1, *["RUNNING"] * 30)
    assert world.ask("jobs", "run", "--all", "--force", "--detach").code == 0
    told = world.consent("revoke")
    assert (told.code, "is at work on the lakehouse (RUNNING)" in told.err) == (1, True), told.err
    assert world.ask("jobs", "stop").code == 0
    with Lock(world.cloud.layout, HURRY).held("upload", wait=False):
        told = world.consent("grant")
        assert (told.code, "`stedi upload` has been at work" in told.err) == (1, True)
    assert world.new() == []


def test_while_it_is_at_work_no_run_begins(world: World) -> None:
    refused: list[Result] = []

    def begin(run: Any) -> None:
        refused.append(world.ask("jobs", "run", "--all"))
        world.cloud.commit(run)

    world.answers()
    world.cloud.sandbox.runs.script("RUNNING", "SUCCEEDED", effect=begin)
    assert world.consent("revoke").code == 0
    (told,) = refused
    assert (told.code, "`stedi consent` has been at work" in told.err) == (1, True), told.err


def test_files_that_no_run_has_read_are_read_first(world: World) -> None:
    """One of them may hold a later record, which would void the new one."""
    later = [customer(ANN, "serial-ann", C + 10**12)]
    more = {"customer_landing": {"later.json": later}}
    world.cloud.upload(write_lake(world.folder / "more", more))
    world.read_again()
    world.answers()
    world.cloud.script(2)
    before = len(world.cloud.sandbox.runs.started)
    assert world.consent("revoke").code == 0
    assert len(world.cloud.sandbox.runs.started) == before + 2
    (key,) = world.new()
    bucket = world.cloud.layout.bucket
    body = json.loads(world.cloud.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert body["lastUpdateDate"] == C + 10**12 + 1


def test_before_the_first_run_nothing_is_changed(sandbox: Sandbox, world: World) -> None:
    for name in BUILT:
        world.cloud.catalog.drop_table(f"stedi.{name}")
    told = world.consent("revoke")
    assert (told.code, "No run has read customer_landing; nothing was changed." in told.err) == (
        2,
        True,
    ), told.err
    assert world.new() == []


def test_a_table_of_others_among_the_files_is_named(world: World) -> None:
    cloud = world.cloud
    glue, place = cloud.sandbox.client("glue"), cloud.layout.table_folder("customer_trusted")
    glue.create_database(DatabaseInput={"Name": "theirs"})
    where = {"Location": cloud.layout.uri(f"{place}/data")}
    glue.create_table(DatabaseName="theirs", TableInput={"Name": "old", "StorageDescriptor": where})
    told = world.consent("revoke")
    assert (told.code, "another table, theirs.old" in " ".join(told.err.split())) == (2, True)
    glue.delete_database(Name="theirs")
    # In our database and of our name, and Iceberg's all the same is not its kind.
    where = {"Location": cloud.layout.uri("warehouse/quarantine")}
    table = {"Name": "quarantine", "StorageDescriptor": where}
    glue.create_table(DatabaseName="stedi", TableInput=table)
    told = world.consent("revoke")
    assert (told.code, "another table, stedi.quarantine" in " ".join(told.err.split())) == (2, True)
    assert world.new() == []


def test_a_line_that_was_answered_is_told_to_the_run(world: World) -> None:
    cloud, bucket = world.cloud, world.cloud.layout.bucket
    record = customer(ANN, "serial-ann", C + 2, None)
    broken = b"\n" + json.dumps(record).encode()[:-1] + b', "phone\n'
    cloud.upload(write_lake(world.folder / "more", {"customer_landing": {"b.json": broken}}))
    world.read_again()
    world.answers(times=2, held=[[ANN, ANN, "b.json", "2", None]])
    cloud.script(1)
    told = world.consent("grant")
    assert (told.code, "b.json:2" in told.err) == (3, True), told.err
    assert world.new() == []
    cloud.script(1)
    assert world.consent("grant", "--supersede").code == 0
    (key,) = world.new()
    asked = cloud.read(cloud.sandbox.runs.started[-1].arguments["--request"])
    updated = json.loads(cloud.s3.get_object(Bucket=bucket, Key=key)["Body"].read())[
        "lastUpdateDate"
    ]
    assert asked["answered"] == [["customer_landing", "b.json", 2, updated - 1]]
    # Moved, the line is the same; in a file that changed it is another.
    cloud.s3.copy_object(
        Bucket=bucket,
        CopySource=f"{bucket}/landing/customer/b.json",
        Key="landing/customer/moved.json",
    )
    cloud.s3.put_object(Bucket=bucket, Key="landing/customer/b.json", Body=broken * 2)
    cloud.script(1)
    assert world.ask("jobs", "run", "--all").code == 0
    asked = cloud.read(cloud.sandbox.runs.started[-1].arguments["--request"])
    assert asked["answered"] == [["customer_landing", "moved.json", 2, updated - 1]]


def test_whoever_has_the_callers_policy_may_do_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = world.cloud.sandbox
    somebody = sandbox.user(world.ask("infra", "policy").json())
    for name, value in somebody.environment.items():
        monkeypatch.setenv(name, value)
    world.answers(times=2)
    for how in ("revoke", "grant"):
        world.cloud.script(1)
        told = world.consent(how)
        assert told.code == 0, told.err
    assert not [str(call) for call in sandbox.calls if call.denied]


BEFORE = 2 + len(JOBS)
"""The answers that `revoke` has removed before it changes anything."""
STEPS: dict[str, dict[str, Any]] = {
    "before it is recorded": {"action": "PutObject", "resource": "/consent-"},
    "before the run": {"action": "StartJobRun"},
    "in the run": {"action": "GetJobRun"},
    "at the first expiry": {"action": "UpdateTable", "agent": "stedi"},
    "at a later expiry": {"action": "UpdateTable", "agent": "stedi", "nth": 4},
    "at the sweep": {"action": "DeleteObjects", "nth": BEFORE + 1},
    "at the results": {"action": "DeleteObjects", "nth": BEFORE + 2},
}


@pytest.mark.parametrize("step", STEPS)
def test_what_is_killed_half_way_is_completed(world: World, step: str) -> None:
    cloud = world.cloud
    world.answers(times=3)
    cloud.script(1)
    killed: list[subprocess.Popen[bytes]] = []
    cloud.sandbox.fail(lambda _: killed[0].kill(), **STEPS[step])
    (world.folder / "ann.txt").write_text(ANN)
    words = ["--config", CONFIG, "consent", "revoke", "--file", world.folder / "ann.txt"]
    killed.append(subprocess.Popen([sys.executable, "-m", "stedi_cli", *map(str, words)]))
    assert killed[0].wait(60) == -signal.SIGKILL
    assert len(world.new()) == (step != "before it is recorded")
    # What was recorded and not read yet is read first.
    world.read_again()
    cloud.script(2)
    again = world.consent("revoke", "--wait")
    assert again.code == 0, again.err
    assert world.snapshots() == {1}
    assert world.versions("athena-results/") == []
    assert cloud.keys("jobs/lock") == []


def test_a_run_that_fails_shows_why_as_elsewhere(world: World) -> None:
    world.answers()
    runs = world.cloud.sandbox.runs
    runs.script(
        "RUNNING", "FAILED", error="no luck", output="Traceback (most recent call last):\nno"
    )
    told = world.consent("revoke")
    assert told.code == 1
    assert "The withdrawal is recorded, but not carried out yet" in told.err
    assert "  | Traceback (most recent call last):\n  | no\n" in told.err
    assert f"log stream {runs.started[-1].job_run_id}" in told.err.replace("\n", " ")


@pytest.mark.parametrize("step", ["in the run", "at the sweep"])
def test_what_is_refused_half_way_says_what_is_to_be_done(world: World, step: str) -> None:
    world.answers()
    world.cloud.script(1)
    world.cloud.sandbox.fail(How.DENIED, calls=None, **STEPS[step])
    told = world.consent("revoke")
    assert told.code == 1
    assert "The withdrawal is recorded, but not carried out yet" in told.err
    assert "infra policy" in told.err
    assert "Then give this command again." in told.err
