"""Runs of Glue jobs: started once, waited for, understood, and paid for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT
from sandbox.faults import How
from sandbox.job_runs import Run
from sandbox.server import Sandbox
from small import JOBS, write_lake

from aws.cloud_lake import HURRY, CloudLake, detached, failure, states
from stedi_cli.aws.backoff import Backoff
from stedi_cli.aws.run import Run as GlueRun
from stedi_cli.aws.run import cost
from stedi_cli.aws.runs import Runs
from stedi_cli.errors import BadDataError, BusyError, StediError, UsageError
from stedi_cli.lake.job_run import JobDone, JobRun, JobsPlanned, JobStarted, RunFailed
from stedi_cli.lake.records import RunOptions
from stedi_cli.project.folder import copy_out
from stedi_cli.runs.pipeline import Event, Pipeline
from stedi_cli.tables.history import RefRemoved

FIRST = "customer_landing_to_trusted"


@pytest.fixture
def cloud(sandbox: Sandbox, tmp_path: Path) -> CloudLake:
    """The small lake on AWS, its files uploaded, its jobs not run."""
    made = CloudLake(sandbox).up()
    made.upload(write_lake(tmp_path / "data"))
    return made


def failing(
    cloud: CloudLake, *jobs: str, policy: str = "strict", **how: Any
) -> tuple[list[Event], StediError]:
    """Run jobs that fail; return each event that came before, and the error."""
    events: list[Event] = []
    with cloud.opened() as opened:
        pipeline = Pipeline(cloud.settings.lakehouse(), opened, policy)
        try:
            for event in pipeline.run(RunOptions("glue", **how), jobs):
                events.append(event)
        except StediError as error:
            return events, error
    pytest.fail("nothing failed")


# --- In order, up to date -----------------------------------------------------------------------


def test_all_jobs_in_order(cloud: CloudLake) -> None:
    done = cloud.run(separate=True)
    assert list(done) == list(JOBS)
    assert {event.status for event in done.values()} == {"built"}
    assert [run.job.name for run in cloud.sandbox.runs.started] == [f"stedi-{n}" for n in JOBS]
    again = cloud.run()
    assert {event.status for event in again.values()} == {"unchanged"}
    assert len(cloud.sandbox.runs.started) == len(JOBS)


def test_a_run_that_dies_before_it_forgets_the_other_policy(cloud: CloudLake) -> None:
    cloud.script(1)
    cloud.events(FIRST)
    half = partial(cloud.commit, expire=False)
    cloud.sandbox.runs.script("RUNNING", "FAILED", error="killed", effect=half)
    failing(cloud, FIRST, policy="published")
    assert cloud.policies("customer_trusted") == {"strict", "published"}
    done = cloud.run(FIRST, policy="published")[FIRST]
    assert done.why == "snapshots of another policy are left"
    assert cloud.policies("customer_trusted") == {"published"}


def test_a_tag_that_goes_with_its_snapshot_is_told(cloud: CloudLake) -> None:
    cloud.script(2)
    cloud.events(FIRST)
    held = cloud.catalog.load_table("stedi.customer_trusted")
    held.manage_snapshots().create_tag(held.current_snapshot().snapshot_id, "before").commit()
    events = cloud.events(FIRST, policy="published")
    told = [event for event in events if isinstance(event, RefRemoved)]
    assert told == [RefRemoved("customer_trusted", "tag", "before")]


def test_the_request_says_what_to_run(cloud: CloudLake) -> None:
    cloud.run(FIRST)
    (run,) = cloud.sandbox.runs.started
    request = cloud.read(run.arguments["--request"])
    (job,) = request["jobs"]
    text = cloud.settings.lakehouse().job_text(cloud.settings.lakehouse().job(FIRST), "strict")
    bucket, _, key = job["sql"].removeprefix("s3://").partition("/")
    found = cloud.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert found.decode() == text.sql
    assert job["record"]["sql"] == text.sha256
    landing = request["landing"]["customer_landing"]
    assert landing["folder"] == cloud.layout.uri("landing/customer/")
    assert list(landing["new"]) == ["c.json"]
    assert (landing["ledger"], landing["gone"]) == ("", [])
    assert "@" not in json.dumps(request)


def test_a_script_of_another_version_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    copy_out(PROJECT, tmp_path / "p")
    (tmp_path / "p" / "jobs" / "typed_landing.py").unlink()
    cloud = CloudLake(sandbox, config=tmp_path / "p" / "configs" / "aws.yaml").up()
    with pytest.raises(UsageError, match=r"glue_job\.py is of another version"):
        cloud.events(FIRST)
    assert not sandbox.runs.started


def test_one_session_is_one_run(cloud: CloudLake) -> None:
    done = cloud.run()
    assert [run.job.name for run in cloud.sandbox.runs.started] == ["stedi-all"]
    assert list(done) == list(JOBS)
    assert [event.usage is not None for event in done.values()] == [False] * 4 + [True]


def test_there_is_no_other_engine(cloud: CloudLake) -> None:
    with cloud.opened() as opened, pytest.raises(UsageError, match="no engine 'spark' on AWS"):
        list(Pipeline(cloud.settings.lakehouse(), opened, "strict").run(RunOptions("spark")))


# --- Waiting ------------------------------------------------------------------------------------


def test_states_on_the_way_are_not_the_end(cloud: CloudLake) -> None:
    way = ("WAITING", "STARTING", "RUNNING", "PONDERING", "RUNNING")
    cloud.script(1, *way, "SUCCEEDED")
    events = cloud.events(FIRST)
    assert states(events) == ["STARTING", *way]
    assert [type(event) for event in events[:3]] == [JobsPlanned, JobsPlanned, JobStarted]
    assert isinstance(events[-1], JobDone)


def test_waits_grow_to_a_limit_and_differ() -> None:
    slept: list[float] = []
    dice = iter([0.0, 1.0] * 20)
    pauses = Backoff(slept.append, lambda: next(dice), lambda: 0.0).pauses()
    for _ in range(30):
        next(pauses)
    assert slept[:3] == [0.5, 1.5, 1.125]
    assert max(slept) == 20
    assert min(slept[20:]) == 10


def test_used_time_and_money(cloud: CloudLake) -> None:
    cloud.script(1, seconds=90)
    (done,) = [event for event in cloud.events(FIRST) if isinstance(event, JobDone)]
    assert done.usage is not None
    assert done.seconds == 90
    # Two workers of one DPU.
    assert done.usage.dpu_hours == pytest.approx(90 * 2 / 3600)
    assert done.usage.dollars == pytest.approx(90 * 2 / 3600 * 0.44)


def test_a_run_costs_what_it_was_started_with(cloud: CloudLake, sandbox: Sandbox) -> None:
    cloud.script(1, seconds=90)
    cloud.events(FIRST)
    later = CloudLake(sandbox, workers=50, worker_type="G.8X", flex=True)
    with later.opened() as opened:
        (run,) = opened.account.runs()
    assert run.usage is not None
    assert run.usage.dpu_hours == pytest.approx(90 * 2 / 3600)
    assert run.usage.dollars == pytest.approx(90 * 2 / 3600 * 0.44)


def test_a_minute_is_billed_at_least(sandbox: Sandbox) -> None:
    settings = CloudLake(sandbox, worker_type="G.2X", workers=3).settings
    assert cost(settings, "jr", 10, None).dollars == pytest.approx(60 * 6 / 3600 * 0.44)


def test_what_glue_says_it_used_counts(sandbox: Sandbox) -> None:
    settings = CloudLake(sandbox, flex=True).settings
    used = cost(settings, "jr", 600, 900.0)
    assert used.dpu_hours == pytest.approx(0.25)
    assert used.dollars == pytest.approx(0.25 * 0.29)


# --- Failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "error", "said", "hint"),
    [
        ("FAILED", "AnalysisException: no such column", "no such column", "log stream jr_"),
        ("FAILED", "s3 answered: Access Denied", "Access Denied", "infra status"),
        ("FAILED", "Could not find S3 endpoint or NAT gateway", "S3 endpoint", "endpoint: true"),
        *(
            (
                "FAILED",
                f"x is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b {why}",
                "may not s3:GetObject on arn:aws:s3:::b",
                hint,
            )
            for why, hint in (
                ("because no identity-based policy allows it", "lacks a permission"),
                ("with an explicit deny in a service control policy", "Your organization"),
                ("because no permissions boundary allows the s3:GetObject action", "boundary"),
                ("because no VPC endpoint policy allows it", "VPC's S3 endpoint"),
                ("with an explicit deny in a resource-based policy", "no permission overrules"),
            )
        ),
        ("FAILED", "SlowDown: Please reduce your request rate. (503)", "SlowDown", "too busy"),
        ("FAILED", "java.lang.OutOfMemoryError: Java heap space", "heap space", "worker_type"),
        (
            "FAILED",
            "At least one security group must open all ingress ports.",
            "security group",
            "vpc_connection",
        ),
        (
            "FAILED",
            "User: x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:x:1:key/1",
            "may not kms:Decrypt on arn:aws:kms:x:1:key/1",
            "Set kms_key",
        ),
        ("TIMEOUT", None, "Glue says TIMEOUT", "timeout_minutes"),
        ("STOPPED", None, "Glue says STOPPED", "as before or as after"),
        ("ERROR", "Internal service error", "Internal service error", "run it again"),
        ("EXPIRED", None, "Glue says EXPIRED", "set flex to false"),
    ],
)
def test_a_run_that_fails(
    cloud: CloudLake, state: str, error: str | None, said: str, hint: str
) -> None:
    log = "\n".join(f"line {number}" for number in range(40))
    cloud.sandbox.runs.script("RUNNING", state, error=error, log=log)
    events, raised = failing(cloud, FIRST)
    assert said in raised.message
    assert state in raised.message
    assert FIRST in raised.message
    assert "\n" not in raised.message
    assert hint in str(raised.hint)
    assert raised.exit_code == 1
    found = failure(events)
    assert found.log[-1] == "line 39"
    assert len(found.log) == 15
    assert found.run.usage is not None
    assert found.run.id in found.where
    with cloud.opened() as opened:
        assert opened.tables.states() == {}


def test_too_many_bad_lines_are_bad_data(cloud: CloudLake) -> None:
    verdict = "TooManyBadLines: customer_landing: 5 of 7 lines cannot be used"
    cloud.sandbox.runs.script("FAILED", error=verdict)
    _, raised = failing(cloud, FIRST)
    assert isinstance(raised, BadDataError)
    assert raised.message.startswith("customer_landing: 5 of 7 lines cannot be used, more than")


def test_lines_of_nobody_are_bad_data(cloud: CloudLake) -> None:
    verdict = "UnreadableCustomers: customer_landing: 5 lines do not say whose"
    cloud.sandbox.runs.script("FAILED", error=verdict)
    _, raised = failing(cloud, FIRST)
    assert isinstance(raised, BadDataError)
    assert raised.message.startswith("customer_landing: 5 lines that cannot be used do not say")


def test_a_log_that_cannot_be_read_hides_nothing(cloud: CloudLake) -> None:
    cloud.sandbox.runs.script("FAILED", error="the reason")
    cloud.sandbox.fail(How.DENIED, service="logs")
    events, raised = failing(cloud, FIRST)
    assert failure(events).log == ()
    assert "the reason" in raised.message


def test_one_session_that_fails_on_the_way_keeps_what_is_done(cloud: CloudLake) -> None:
    effect = partial(cloud.commit, jobs=2)
    cloud.sandbox.runs.script("RUNNING", "FAILED", error="out of luck", effect=effect)
    events, raised = failing(cloud)
    built = [event.job.name for event in events if isinstance(event, JobDone)]
    assert built == list(JOBS)[:2]
    assert list(JOBS)[2] in raised.message
    assert failure(events).job.name == list(JOBS)[2]
    unchanged = [name for name, event in cloud.run().items() if event.status == "unchanged"]
    assert unchanged == built


def test_success_without_a_table_is_none(cloud: CloudLake) -> None:
    cloud.sandbox.runs.script("SUCCEEDED")
    _, raised = failing(cloud, FIRST)
    assert "succeeded, but customer_trusted is not its" in raised.message


def test_landing_files_that_change_meanwhile(cloud: CloudLake) -> None:
    def change(run: Run) -> None:
        cloud.commit(run)
        cloud.s3.put_object(Bucket=cloud.layout.bucket, Key="landing/customer/c.json", Body=b"{}\n")

    cloud.sandbox.runs.script("SUCCEEDED", effect=change)
    _, raised = failing(cloud, FIRST)
    assert "customer_landing changed during the run" in raised.message
    # What was built of other files than were found is not up to date.
    assert cloud.run(FIRST)[FIRST].status == "built"


def test_credentials_that_expire_while_waiting(cloud: CloudLake) -> None:
    cloud.script(1, "RUNNING", "RUNNING", "SUCCEEDED")
    cloud.sandbox.fail(How.EXPIRED, action="GetJobRun", nth=2)
    _, raised = failing(cloud, FIRST)
    assert "goes on without us" in raised.message
    assert "sign in again" in str(raised.hint)
    # It is found again, and nothing is built twice.
    assert cloud.run(FIRST, wait=True)[FIRST].status == "unchanged"
    assert len(cloud.sandbox.runs.started) == 1


# --- Starting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [How.LOST, How.RESET, How.THROTTLED, How.SERVER_ERROR])
def test_a_start_is_one_run_whatever_its_answer(cloud: CloudLake, how: How) -> None:
    cloud.script(1)
    cloud.sandbox.fail(how, action="StartJobRun", attempts=1)
    events = cloud.events(FIRST)
    assert isinstance(events[-1], JobDone)
    assert len(cloud.sandbox.runs.started) == 1


def test_an_answer_lost_every_time(cloud: CloudLake) -> None:
    cloud.script(1)
    cloud.sandbox.fail(How.LOST, action="StartJobRun", attempts=None)
    assert isinstance(cloud.events(FIRST)[-1], JobDone)
    assert len(cloud.sandbox.runs.started) == 1


def test_a_role_that_cannot_be_assumed_yet(cloud: CloudLake) -> None:
    cloud.script(1)
    told = ("InvalidInputException", "Role should be given assume role permissions for Glue.")
    cloud.sandbox.fail(told, action="StartJobRun", calls=2)
    assert isinstance(cloud.events(FIRST)[-1], JobDone)


def test_a_start_that_is_denied(cloud: CloudLake) -> None:
    cloud.sandbox.fail(How.DENIED, action="StartJobRun")
    _, raised = failing(cloud, FIRST)
    assert "glue:StartJobRun" in raised.message
    assert "infra policy" in str(raised.hint)


def test_without_its_job(cloud: CloudLake) -> None:
    cloud.sandbox.client("glue").delete_job(JobName=f"stedi-{FIRST}")
    _, raised = failing(cloud, FIRST)
    assert raised.message == f"There is no Glue job stedi-{FIRST}."
    assert "infra up" in str(raised.hint)


def test_without_a_lakehouse(sandbox: Sandbox) -> None:
    cloud = CloudLake(sandbox)
    with cloud.opened() as opened, pytest.raises(StediError, match="no bucket") as e:
        list(Pipeline(cloud.settings.lakehouse(), opened, "strict").run(RunOptions("glue")))
    assert "infra up" in str(e.value.hint)


# --- Others at work -----------------------------------------------------------------------------


@pytest.fixture
def other(cloud: CloudLake) -> Iterator[Run]:
    """A run that somebody else started, of the job for all."""
    cloud.sandbox.runs.script("RUNNING", "RUNNING", "RUNNING", "RUNNING", "SUCCEEDED")
    cloud.sandbox.client("glue").start_job_run(JobName="stedi-all")
    yield cloud.sandbox.runs.started[0]


def test_another_run_is_not_disturbed(cloud: CloudLake, other: Run) -> None:
    events, raised = failing(cloud, FIRST)
    assert isinstance(raised, BusyError)
    assert other.job_run_id in raised.message
    assert "--wait" in str(raised.hint)
    assert [type(event) for event in events] == [JobsPlanned]
    assert cloud.sandbox.runs.started == [other]


def test_another_run_is_waited_for(cloud: CloudLake, other: Run) -> None:
    cloud.script(1)
    done = [e for e in cloud.events(FIRST, wait=True) if isinstance(e, JobDone)]
    assert [event.status for event in done] == ["built"]
    assert other.status == "SUCCEEDED"


def test_what_the_other_run_built_is_not_built_again(cloud: CloudLake) -> None:
    cloud.script(1, "RUNNING", "RUNNING", "RUNNING", "SUCCEEDED")
    started = detached(cloud.events(detach=True))
    assert started.state == "STARTING"
    assert {event.status for event in cloud.run(wait=True).values()} == {"unchanged"}
    assert len(cloud.sandbox.runs.started) == 1


def test_between_separate_runs_somebody_else_is_seen(cloud: CloudLake) -> None:
    def start_another(run: Run) -> None:
        cloud.commit(run)
        cloud.sandbox.runs.script("RUNNING", "RUNNING", "RUNNING", "SUCCEEDED")
        cloud.sandbox.client("glue").start_job_run(JobName="stedi-all")

    cloud.sandbox.runs.script("SUCCEEDED", effect=start_another)
    _, raised = failing(cloud, separate=True)
    assert isinstance(raised, BusyError)
    _, theirs = cloud.sandbox.runs.started
    assert theirs.job_run_id in raised.message
    cloud.script(4)
    done = [e for e in cloud.events(separate=True, wait=True) if isinstance(e, JobDone)]
    assert [event.status for event in done] == ["unchanged", *["built"] * 4]
    assert theirs.status == "SUCCEEDED"


# --- Without waiting ----------------------------------------------------------------------------


def test_detached_and_looked_at_later(cloud: CloudLake) -> None:
    cloud.script(1, "RUNNING", "SUCCEEDED", seconds=70)
    run = detached(cloud.events(detach=True))
    assert run.job == "stedi-all"
    with cloud.opened() as opened:
        assert [(r.id, r.active, r.usage) for r in opened.account.runs()] == [(run.id, True, None)]
        ended = opened.account.runs()
    assert [(r.id, r.state, r.seconds) for r in ended] == [(run.id, "SUCCEEDED", 70)]
    assert ended[0].usage is not None
    assert {event.status for event in cloud.run().values()} == {"unchanged"}


def test_a_run_is_stopped(cloud: CloudLake) -> None:
    cloud.script(1, "RUNNING", "RUNNING", "RUNNING", "RUNNING")
    run = detached(cloud.events(detach=True))
    with cloud.opened() as opened:
        opened.account.stop(run)
        assert [r.state for r in opened.account.runs()] == ["STOPPED"]
        # It has ended, and that is all that was wanted.
        opened.account.stop(run)


def test_interrupted_while_waiting(cloud: CloudLake) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    cloud.script(1, *["RUNNING"] * 9)
    cloud.backoff = Backoff(sleep=interrupt, random=HURRY.random)
    seen: list[Event] = []
    with cloud.opened() as opened:
        pipeline = Pipeline(cloud.settings.lakehouse(), opened, "strict")
        with pytest.raises(KeyboardInterrupt):
            for event in pipeline.run(RunOptions("glue"), [FIRST]):
                seen.append(event)
        run = seen[-1]
        assert isinstance(run, JobRun)
        assert run.id == cloud.sandbox.runs.started[0].job_run_id
        opened.account.stop(run)
    assert not any(isinstance(event, RunFailed) for event in seen)


# --- Glue's own retries --------------------------------------------------------------------------


def test_a_retry_of_glue_is_followed(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = CloudLake(sandbox, retries=1).layout
    first = {"Id": "jr_1", "JobRunState": "FAILED", "Attempt": 0}
    second = {"Id": "jr_1_attempt_1", "Attempt": 1}
    arguments = {"Arguments": {"--request": "s3://b/request.json"}}

    class Glue:
        looks = iter([first, {**second, "JobRunState": "SUCCEEDED"}])

        def get_job_run(self, **_: str) -> Any:
            return {"JobRun": {**next(self.looks), **arguments}}

        def get_job_runs(self, **_: Any) -> Any:
            found = ({**second, "JobRunState": "RUNNING"}, first)
            return {"JobRuns": [{**run, **arguments} for run in found]}

    monkeypatch.setattr(Runs, "_glue", property(lambda self: Glue()))
    asked = Runs(layout, HURRY)
    seen = [run for run, _ in asked.follow(started("jr_1", "s3://b/request.json"))]
    assert [(run.id, run.state) for run in seen] == [
        ("jr_1_attempt_1", "RUNNING"),
        ("jr_1_attempt_1", "SUCCEEDED"),
    ]


def started(run: str, request: str) -> GlueRun:
    return GlueRun("stedi-x", run, "STARTING", request)
