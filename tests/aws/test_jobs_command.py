"""`stedi jobs` on AWS, as a person sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import PROJECT, Ask, Result
from sandbox.faults import How
from sandbox.server import Sandbox
from small import JOBS, write_lake

from aws.cloud_lake import CloudLake, small_lake
from aws.places import CONFIG
from stedi_cli.aws.backoff import Backoff
from stedi_cli.cli import render

FIRST = "customer_landing_to_trusted"


@pytest.fixture
def cloud(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CloudLake:
    return small_lake(sandbox, tmp_path, monkeypatch)


@pytest.fixture
def ask(invoke: Ask) -> Ask:
    return lambda *words: invoke("--config", PROJECT / "configs" / "aws.yaml", *words)


def test_a_run_shows_rows_time_and_money(cloud: CloudLake, ask: Ask) -> None:
    cloud.script(5, seconds=60)
    done = ask("jobs", "run", "--all", "--separate")
    assert done.code == 0, done.err
    assert all(table in done.out for table in JOBS.values())
    # A minute on two DPU each.
    for run in cloud.sandbox.runs.started:
        assert f"Run {run.job_run_id}: 60 s, 0.033 DPU-hours, 0.015 USD." in done.err
    assert "5 runs: 0.167 DPU-hours, 0.073 USD." in done.err
    again = ask("jobs", "run", "--all")
    assert again.out.count("unchanged") == 5
    assert "USD" not in again.err


def test_as_json(cloud: CloudLake, ask: Ask) -> None:
    cloud.script(1, seconds=60)
    (job,) = ask("jobs", "run", FIRST, "--json").json()["jobs"]
    run = cloud.sandbox.runs.started[0].job_run_id
    assert job["usage"] == {"run": run, "seconds": 60, "dpu_hours": 0.033333, "usd": 0.014667}


def test_a_failure_shows_reason_log_and_place(cloud: CloudLake, ask: Ask) -> None:
    printed = "said before\nTraceback (most recent call last):\n" + "\n".join(
        f'  File "/tmp/{number}.py", line\x1b[31m red' for number in range(20)
    )
    cloud.sandbox.runs.script(
        "RUNNING", "FAILED",
        error="ValueError: the reason",
        output=f"{printed}\nValueError: the reason", log="Spark's own words\n" * 30,
    )  # fmt: skip
    done = ask("jobs", "run", FIRST)
    run = cloud.sandbox.runs.started[0].job_run_id
    assert done.code == 1
    assert f"Error: Job {FIRST} failed on Glue, FAILED: ValueError: the reason." in done.err
    shown = [line for line in done.err.splitlines() if line.startswith("  | ")]
    assert len(shown) == 15
    assert shown[-1] == "  | ValueError: the reason"
    assert "Spark's own words" not in done.err
    assert "said before" not in done.err
    assert "\x1b" not in done.err
    assert f"/aws-glue/stedi/output and /error, log stream {run}" in done.err.replace("\n", " ")


def test_a_run_that_dies_without_a_traceback_shows_what_spark_says(
    cloud: CloudLake, ask: Ask
) -> None:
    printed = 'STEDI {"job": "x", "rows": 3}'
    cloud.sandbox.runs.script("FAILED", error="exit code 137", output=printed, log="out of memory")
    assert "  | out of memory\n" in (told := ask("jobs", "run", FIRST).err)
    assert "STEDI {" not in told


def test_a_failure_shows_what_was_done_before_and_what_all_cost(cloud: CloudLake, ask: Ask) -> None:
    cloud.script(2, seconds=60)
    cloud.sandbox.runs.script("RUNNING", "TIMEOUT", seconds=120)
    done = ask("jobs", "run", "--all", "--separate")
    assert done.code == 1
    assert all(f"{table}\t" in done.out for table in list(JOBS.values())[:2])
    assert "\ttimeout" in done.out
    assert done.out.count("not started") == 2
    assert "3 runs: 0.133 DPU-hours, 0.059 USD." in done.err


def test_all_jobs_are_one_run_and_one_that_fails_is_gone_on_with(
    cloud: CloudLake, ask: Ask
) -> None:
    first, second, third, *others = JOBS
    half = partial(cloud.commit, jobs=2)
    cloud.sandbox.runs.script("RUNNING", "FAILED", error="no luck", effect=half, seconds=60)
    done = ask("jobs", "run", "--all")
    assert done.code == 1
    later = ", ".join(others)
    assert f"Done: {first}, {second}. Failed: {third}. Not started: {later}.\n" in done.err
    assert f"The same command goes on with {third}.\n" in done.err
    assert done.out.count("not started") == len(others)
    cloud.script(1, seconds=60)
    again = ask("jobs", "run", "--all")
    assert again.code == 0, again.err
    assert again.out.count("unchanged") == 2
    one, two = cloud.sandbox.runs.started
    assert one.job.name == two.job.name == "stedi-all"
    asked = cloud.read(two.arguments["--request"])["jobs"]
    assert [job["name"] for job in asked] == [third, *others]
    assert "60 s, 0.033 DPU-hours, 0.015 USD." in again.err


@pytest.mark.parametrize("words", [(), ("--separate",)], ids=["one session", "separate"])
def test_as_json_a_failure_says_what_is_done_and_what_not(
    cloud: CloudLake, ask: Ask, words: tuple[str, ...]
) -> None:
    first, second, third, *others = JOBS
    if words:
        cloud.script(2)
    half = None if words else partial(cloud.commit, jobs=2)
    cloud.sandbox.runs.script("RUNNING", "FAILED", error="no luck", effect=half)
    done = ask("jobs", "run", "--all", *words, "--json")
    assert done.code == 1
    assert f"Job {third} failed on Glue" in done.err
    told = done.json()
    assert [job["job"] for job in told["jobs"]] == [first, second]
    assert (told["failed"], told["not_started"]) == (third, others)


def test_as_json_nothing_is_said_of_jobs_whose_run_goes_on(cloud: CloudLake, ask: Ask) -> None:
    cloud.script(1, "RUNNING", "RUNNING", "SUCCEEDED")
    cloud.sandbox.fail(How.EXPIRED, action="GetJobRun", nth=2)
    done = ask("jobs", "run", "--all", "--json")
    assert done.code == 1
    assert "goes on without us" in done.err
    told = done.json()
    assert (told["jobs"], told["failed"], told["not_started"]) == ([], None, [])


def test_separate_runs_have_to_be_waited_for(cloud: CloudLake, ask: Ask) -> None:
    done = ask("jobs", "run", "--all", "--separate", "--detach")
    assert done.code == 2
    assert "--separate and --detach exclude each other" in done.err
    assert not cloud.sandbox.runs.started


@pytest.mark.parametrize("words", [(), ("--wait",)], ids=["refused", "waiting"])
def test_of_two_clients_at_the_same_instant_one_runs(cloud: CloudLake, words: Any) -> None:
    cloud.script(1, "RUNNING", "RUNNING", "SUCCEEDED")
    # What each writes first is the lock.
    cloud.sandbox.meet("PutObject")
    command = [sys.executable, "-m", "stedi_cli", "--config", CONFIG, "jobs", "run", "--all"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    both = [subprocess.Popen([*map(str, command), *words], text=True, **pipes) for _ in range(2)]
    told = [(process.communicate(timeout=120), process.returncode) for process in both]
    assert len(cloud.sandbox.runs.started) == 1
    built, other = sorted(told, key=lambda end: (end[1], end[0][0].count("unchanged")))
    assert built[1] == 0, built
    assert "unchanged" not in built[0][0]
    if words:
        # What the other one built is not built again.
        assert (other[1], other[0][0].count("unchanged")) == (0, 5), other
    else:
        assert other[1] == 1, other
        assert "`stedi jobs run` has been at work on the lakehouse since" in other[0][1]


def test_bad_data_is_exit_code_3(cloud: CloudLake, ask: Ask) -> None:
    error = "TooManyBadLines: customer_landing: 5 of 7 lines cannot be used"
    cloud.sandbox.runs.script("FAILED", error=error)
    done = ask("jobs", "run", "--all", "--json")
    assert done.code == 3
    assert "stedi quarantine" in done.err
    assert (done.json()["failed"], done.json()["not_started"]) == (FIRST, list(JOBS)[1:])


def test_detached_status_and_stop(cloud: CloudLake, ask: Ask) -> None:
    assert ask("jobs", "status").out == "There is no run.\n"
    cloud.script(1, *["RUNNING"] * 20)
    done = ask("jobs", "run", "--all", "--detach", "--json")
    (run,) = cloud.sandbox.runs.started
    assert run.job_run_id in done.err
    assert (done.code, done.json()["failed"], done.json()["not_started"]) == (0, None, [])
    (told,) = ask("jobs", "status", "--json").json()
    assert (told["run"], told["state"], told["active"]) == (run.job_run_id, "RUNNING", True)
    heads, shown = (line.split("\t") for line in ask("jobs", "status").out.splitlines())
    assert heads == ["job", "state", "started", "used", "run", "error"]
    assert (shown[:2], shown[4:]) == (["stedi-all", "RUNNING"], [run.job_run_id, ""])
    busy = ask("jobs", "run", "--all", "--json")
    assert busy.code == 1
    assert run.job_run_id in busy.err
    assert (busy.json()["failed"], busy.json()["not_started"]) == (None, list(JOBS))
    assert f"Stopping run {run.job_run_id}" in ask("jobs", "stop").out
    assert [r["state"] for r in ask("jobs", "status", "--json").json()] == ["STOPPED"]
    assert ask("jobs", "stop").out == "No run is at work.\n"


@pytest.fixture
def interrupted(cloud: CloudLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes at the first wait, a person sits at the terminal."""

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stedi_cli.aws.lake.Backoff", lambda: Backoff(sleep=interrupt))
    monkeypatch.setattr(render, "is_interactive", lambda: True)
    cloud.script(1, *["RUNNING"] * 9)


@pytest.mark.parametrize("answer", [True, False])
@pytest.mark.usefixtures("interrupted")
def test_interrupted(
    cloud: CloudLake, ask: Ask, monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    def confirm(text: str, **how: Any) -> bool:
        asked.append(text)
        return answer

    asked: list[str] = []
    monkeypatch.setattr(typer, "confirm", confirm)
    done: Result = ask("jobs", "run", FIRST)
    (run,) = cloud.sandbox.runs.started
    assert done.code == 130
    assert run.job_run_id in asked[0]
    assert (run.status == "STOPPING") is answer
    assert ("goes on" in done.err) is not answer


def test_no_identifier_of_a_person_is_told(cloud: CloudLake, ask: Ask) -> None:
    cloud.script(5)
    done = ask("jobs", "run", "--all")
    told = done.out + done.err + json.dumps([c.query for c in cloud.sandbox.calls])
    assert "@x.org" not in told


def test_here_there_is_no_run_to_detach(invoke: Ask, tmp_path: Path) -> None:
    root = tmp_path / "lake"
    assert invoke("--root", root, "infra", "up", "--data", write_lake(tmp_path / "d")).code == 0
    done = invoke("--root", root, "jobs", "run", "--all", "--detach")
    assert done.code == 2
    assert "end with this command" in done.err
    assert invoke("--root", root, "jobs", "status").out == "There is no run.\n"
