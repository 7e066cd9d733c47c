"""The lock of a lakehouse on AWS: who holds it, who is refused, who takes over what was left."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import Ask, Result
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.s3.models import s3_backends
from sandbox.faults import How
from sandbox.server import Sandbox
from small import write_lake

from aws.cloud_lake import HURRY, CloudLake, small_lake
from aws.places import CONFIG, inventory
from stedi_cli.aws import lock as locking
from stedi_cli.aws.layout import TAG
from stedi_cli.aws.lock import SECONDS, Lock
from stedi_cli.aws.runner import GlueRunner
from stedi_cli.errors import BusyError, StediError
from stedi_cli.lake.job_run import JobDone
from stedi_cli.lake.records import RunOptions
from stedi_cli.runs.pipeline import Pipeline

pytestmark = pytest.mark.slow

FIRST = "customer_landing_to_trusted"
STEDI = (sys.executable, "-m", "stedi_cli", "--config", str(CONFIG))


@pytest.fixture
def cloud(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CloudLake:
    return small_lake(sandbox, tmp_path, monkeypatch)


@pytest.fixture
def bucket(sandbox: Sandbox) -> CloudLake:
    """A bucket with nothing in it."""
    made = CloudLake(sandbox)
    where = {"LocationConstraint": sandbox.region}
    made.s3.create_bucket(Bucket=made.layout.bucket, CreateBucketConfiguration=where)
    return made


@pytest.fixture
def ask(invoke: Ask) -> Ask:
    return lambda *words: invoke("--config", CONFIG, *words)


def stored(cloud: CloudLake) -> Any:
    """The lock as moto has it; None where there is none."""
    bucket = s3_backends[ACCOUNT]["aws"].buckets[cloud.layout.bucket]
    return bucket.keys.get(cloud.layout.lock)


def age(cloud: CloudLake, seconds: float) -> None:
    """Let it have been written so long ago, by the clock of S3."""
    stored(cloud).last_modified -= timedelta(seconds=seconds)


def told(cloud: CloudLake) -> dict[str, Any]:
    return dict(json.loads(stored(cloud).value))


def lock_of(cloud: CloudLake) -> Lock:
    return Lock(cloud.layout, HURRY)


@contextmanager
def another(cloud: CloudLake, command: str = "jobs run") -> Iterator[Lock]:
    """Another command at work."""
    lock = lock_of(cloud)
    with lock.held(command, wait=False):
        yield lock


def test_who_holds_it_is_told_to_all_who_are_refused(
    cloud: CloudLake, ask: Ask, stedi: Ask, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    write_lake(again)
    (again / "customer" / "landing" / "new.json").write_text('{"serialNumber": "s"}\n')
    landed = cloud.keys("landing/")
    with another(cloud):
        for run in (ask, lambda *words: stedi("--config", CONFIG, *words)):
            for words in (("upload", again), ("jobs", "run", "--all")):
                refused = run(*words)
                assert refused.code == 1, refused.err
                assert "`stedi jobs run` has been at work on the lakehouse since" in refused.err
                who = f"on {socket.gethostname()} as process {os.getpid()}."
                assert who in " ".join(refused.err.split())
                assert "or add --wait. If it was killed, try again in 1" in refused.err
        # What changes nothing has nobody to wait for.
        assert ask("upload", tmp_path / "data").code == 0
        (tmp_path / "data" / "expected.yaml").write_text("source: x\nfiles: {}\ncounts: {}\n")
        assert ask("upload", tmp_path / "data").code == 1
        assert cloud.keys(cloud.layout.expected) == []
    assert stored(cloud) is None
    assert cloud.keys("landing/") == landed
    assert cloud.sandbox.runs.started == []
    assert ask("upload", again).code == 0
    assert stored(cloud) is None


def test_a_command_that_cannot_wait_is_not_told_to(bucket: CloudLake) -> None:
    tags = {"TagSet": [{"Key": TAG, "Value": "stedi"}]}
    bucket.s3.put_bucket_tagging(Bucket=bucket.layout.bucket, Tagging=tags)
    with another(bucket), bucket.opened() as opened, pytest.raises(BusyError) as refused:
        opened.landing.expect(b"")
    assert str(refused.value.hint).startswith("Let it finish, then try again. If it was killed,")


def test_another_is_waited_for(cloud: CloudLake) -> None:
    process = subprocess.Popen(
        [*STEDI, "jobs", "run", FIRST, "--wait"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    cloud.script(1)
    with another(cloud):
        refused = counted(cloud, "PutObject", 412)
        until(lambda: counted(cloud, "PutObject", 412) > refused + 1)
        assert cloud.sandbox.runs.started == []
    assert process.wait(60) == 0
    assert stored(cloud) is None


def counted(cloud: CloudLake, action: str, status: int = 200) -> int:
    """How many calls there were about the lock."""
    calls = [c for c in cloud.sandbox.calls if cloud.layout.lock in c.resource]
    return sum((call.action, call.status) == (action, status) for call in calls)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_is_renewed_while_it_is_held(bucket: CloudLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "RENEWED_AFTER", 0.01)
    with another(bucket):
        age(bucket, SECONDS + 1)
        until(lambda: told(bucket)["renewed"] > 2)
        with pytest.raises(BusyError), another(bucket):
            pass


def test_no_one_is_named_in_it(bucket: CloudLake, monkeypatch: pytest.MonkeyPatch) -> None:
    with another(bucket):
        assert told(bucket).keys() == {
            *("id", "host", "process", "space", "command", "since", "renewed")
        }


def test_one_that_was_not_renewed_is_taken_over(cloud: CloudLake, ask: Ask) -> None:
    """As of a laptop that slept; it sees that before it does anything that cannot be undone."""
    cloud.script(1)
    with another(cloud) as sleeping:
        age(cloud, SECONDS + 1)
        assert ask("jobs", "run", FIRST).code == 0
        with another(cloud, "upload"), pytest.raises(BusyError, match="gave no sign for 120 s"):
            sleeping.assure()
        with pytest.raises(BusyError):
            sleeping.assure()
        with another(cloud, "upload") as awake:
            sleeping._release()
            awake.assure()
    assert stored(cloud) is None


def test_between_two_runs_nobody_waits_for_a_lock_that_was_taken_over(cloud: CloudLake) -> None:
    cloud.script(2)
    with cloud.opened() as opened:
        pipeline = Pipeline(cloud.settings.lakehouse(), opened, "strict")
        events = pipeline.run(RunOptions("glue", separate=True, wait=True))
        assert any(isinstance(event, JobDone) for event in events)
        cloud.s3.put_object(Bucket=cloud.layout.bucket, Key=cloud.layout.lock, Body=b"{}")
        with pytest.raises(BusyError, match="gave no sign for 120 s"):
            list(events)
    assert len(cloud.sandbox.runs.started) == 1


def test_whoever_lost_it_starts_no_run(
    cloud: CloudLake, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = GlueRunner._refuse_changed

    def sleep(runner: GlueRunner, tasks: Any) -> None:
        known(runner, tasks)
        age(cloud, SECONDS + 1)
        with another(cloud, "upload"):
            pass

    monkeypatch.setattr(GlueRunner, "_refuse_changed", sleep)
    told = ask("jobs", "run", FIRST)
    assert (told.code, "gave no sign for 120 s" in told.err) == (1, True), told.err
    assert cloud.sandbox.runs.started == []


@pytest.mark.parametrize("content", [b"", b"[]", b'{"id": 1}', b"\xff"])
def test_one_that_cannot_be_read_counts_as_long_as_any(bucket: CloudLake, content: bytes) -> None:
    bucket.s3.put_object(Bucket=bucket.layout.bucket, Key=bucket.layout.lock, Body=content)
    with pytest.raises(BusyError, match="Another command is at work"):
        lock_of(bucket)._take(locking._this("upload"), wait=False)
    age(bucket, SECONDS + 1)
    with another(bucket):
        assert told(bucket)["command"] == "jobs run"


def left_by(cloud: CloudLake, **changes: Any) -> None:
    """Leave a lock of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = replace(locking._this("jobs run"), process=ended.pid)
    body = json.dumps({**asdict(left), **changes}).encode()
    cloud.s3.put_object(Bucket=cloud.layout.bucket, Key=cloud.layout.lock, Body=body)


def test_a_process_of_this_machine_that_has_ended_holds_nothing(bucket: CloudLake) -> None:
    left_by(bucket)
    with another(bucket):
        pass
    # Of another machine or container nobody can tell.
    for changes in ({"space": "another"}, {"space": ""}):
        left_by(bucket, **changes)
        with pytest.raises(BusyError), another(bucket):
            pass


def test_on_a_machine_that_cannot_tell_its_processes_time_decides(
    bucket: CloudLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "_space", lambda: "")
    left_by(bucket)
    with pytest.raises(BusyError), another(bucket):
        pass


def test_what_a_killed_client_left_at_work_counts(cloud: CloudLake, ask: Ask) -> None:
    """Its lock counts no more, and its run does, until it has ended."""
    cloud.script(1, *["RUNNING"] * 3, "SUCCEEDED")
    killed: list[subprocess.Popen[bytes]] = []
    cloud.sandbox.fail(lambda _: killed[0].kill(), action="GetJobRun")
    killed.append(subprocess.Popen([*STEDI, "jobs", "run", FIRST], stderr=subprocess.DEVNULL))
    assert killed[0].wait(60) == -signal.SIGKILL
    (run,) = cloud.sandbox.runs.started
    assert told(cloud)["process"] == killed[0].pid
    # Of another job, which Glue would start.
    refused = ask("jobs", "run", "--all")
    at_work = f"Run {run.job_run_id} of stedi-{FIRST} is at work"
    assert (refused.code, at_work in refused.err) == (1, True), refused.err
    assert stored(cloud) is None
    cloud.script(1)
    waited = ask("jobs", "run", "--all", "--wait")
    assert (waited.code, waited.out.count("unchanged")) == (0, 1), waited.err


@pytest.mark.parametrize("how", [How.LOST, ("ConditionalRequestConflict", "Again.", 409)])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_write_that_is_not_answered_or_met_another_is_done_once(
    bucket: CloudLake, how: Any, nth: int
) -> None:
    bucket.sandbox.fail(how, action="PutObject", resource=bucket.layout.lock, nth=nth)
    with another(bucket) as lock:
        lock.assure()
        lock.assure()
        assert told(bucket)["renewed"] == 2
    assert stored(bucket) is None


@pytest.mark.parametrize("action", ["PutObject", "DeleteObject"])
def test_one_that_could_not_be_given_back_is_free_all_the_same(
    bucket: CloudLake, action: str
) -> None:
    with another(bucket) as lock:
        bucket.sandbox.fail(How.DENIED, action=action, resource=bucket.layout.lock, calls=None)
        if action == "PutObject":
            with pytest.raises(StediError, match="s3:PutObject jobs/lock"):
                lock.assure()
    bucket.sandbox.heal()
    with another(bucket):
        pass
    assert stored(bucket) is None


def test_on_a_versioned_bucket_it_is_free_again(bucket: CloudLake) -> None:
    bucket.s3.put_bucket_versioning(
        Bucket=bucket.layout.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    for _ in range(2):
        with another(bucket) as lock:
            lock.assure()


# --- Removal -------------------------------------------------------------------------------------


def test_nothing_is_removed_while_a_command_is_at_work(sandbox: Sandbox, ask: Ask) -> None:
    cloud = CloudLake(sandbox).up()
    held = inventory(sandbox)
    with another(cloud):
        during = {**held["buckets"], cloud.layout.bucket: cloud.keys("")}
        for words in (("--yes",), ("--yes", "--keep-data")):
            told = ask("infra", "down", *words)
            assert told.code == 1, told.err
            assert "`stedi jobs run` has been at work on the lakehouse since" in told.err
            assert "then try again" in told.err
            assert "--wait" not in told.err
            assert inventory(sandbox) == {**held, "buckets": during}
    assert ask("infra", "down", "--yes", "--keep-data").code == 0
    assert cloud.keys("") == []


def test_nothing_is_removed_while_a_run_is_at_work(sandbox: Sandbox, ask: Ask) -> None:
    before = inventory(sandbox)
    cloud = CloudLake(sandbox).up()
    held = inventory(sandbox)
    sandbox.runs.script(*("RUNNING",) * 20)
    run = sandbox.client("glue").start_job_run(JobName=cloud.layout.job_for_all)["JobRunId"]
    for words in (("--yes",), ("--yes", "--keep-data")):
        told = ask("infra", "down", *words)
        assert told.code == 1, told.err
        assert f"Run {run} of stedi-all is at work on the lakehouse" in told.err
        assert "stedi jobs stop" in told.err
        assert inventory(sandbox) == held
    assert ask("jobs", "stop").code == 0
    assert ask("infra", "down", "--yes").code == 0
    assert inventory(sandbox) == before


def test_nobody_begins_while_it_is_removed(sandbox: Sandbox, tmp_path: Path) -> None:
    cloud = CloudLake(sandbox).up()
    with cloud.opened() as opened, sandbox.recording() as calls:
        going = opened.infrastructure.down()
        next(going)
        with pytest.raises(BusyError, match="`stedi infra down` has been at work"):
            cloud.upload(write_lake(tmp_path / "data"))
        list(going)
    # Also where the key of KMS that is the bucket's default is gone.
    taken = next(call for call in calls if call.resource.endswith(cloud.layout.lock))
    assert taken.headers["x-amz-server-side-encryption"] == "AES256"


def test_nothing_is_put_into_a_bucket_that_is_not_ours(
    sandbox: Sandbox, cloud: CloudLake, ask: Ask
) -> None:
    cloud.s3.delete_bucket_tagging(Bucket=cloud.layout.bucket)
    refused: Result = ask("jobs", "run", "--all")
    assert refused.code == 1, refused.err
    assert counted(cloud, "PutObject", 200) == 1
