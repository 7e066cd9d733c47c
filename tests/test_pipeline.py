"""What is built, what is skipped, what is refused."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PROJECT, Lake, Result, mostly_slow
from small import BROKEN, FOLDERS, JOBS, PUBLISHED, STRICT, TABLES, C, customer, step, write_lake

from stedi_cli.errors import BadDataError, StediError, UsageError
from stedi_cli.lake.records import RunOptions
from stedi_cli.local.table_files import open_catalog
from stedi_cli.local.tables import Tables
from stedi_cli.project.folder import copy_out
from stedi_cli.project.lakehouse import Job, JobText, Lakehouse
from stedi_cli.runs.pipeline import Pipeline

ALL = set(JOBS.values())
FROM_READINGS = ALL - {"customer_trusted"}
FROM_STEPS = {"step_trainer_trusted", "machine_learning_curated"}
# In the order of TABLES, from the issue.
PUBLIC_STRICT = (956, 81_273, 28_680, 482, 32_025, 11_297, 464, 32_025)
PUBLIC_PUBLISHED = (956, 81_273, 28_680, 482, 40_981, 14_460, 482, 43_681)
PUBLIC_ON_ACCELEROMETER = (956, 81_273, 28_680, 482, 32_025, 13_920, 464, 34_437)


# --- Counts --------------------------------------------------------------------------------


@pytest.mark.slow
def test_public_data_strict(public_lake: Lake) -> None:
    assert public_lake.counts() == dict(zip(TABLES, PUBLIC_STRICT, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "rows"),
    [("published", PUBLIC_PUBLISHED), ("consent_on_accelerometer", PUBLIC_ON_ACCELEROMETER)],
)
def test_public_data_under_another_policy(
    public_data: Path, tmp_path: Path, policy: str, rows: tuple[int, ...]
) -> None:
    lake = Lake(tmp_path / "lake").up()
    lake.upload(public_data)
    done = lake.run(policy=policy)
    counts = dict(zip(TABLES, rows, strict=True))
    assert lake.counts() == counts
    assert {event.job.writes: event.rows for event in done.values()} == {n: counts[n] for n in ALL}
    report = lake.validate()
    assert (report.policy, report.ok) == (policy, True)
    assert {t.table: t.expected for t in report.tables} == counts


def test_small_lake_under_both_policies_and_back(lake: Lake) -> None:
    assert list(lake.run()) == list(JOBS)
    assert lake.counts() == STRICT
    assert lake.built(policy="published") == ALL
    assert lake.counts() == PUBLISHED
    assert lake.built(policy="strict") == ALL
    assert lake.counts() == STRICT


# --- Up to date ----------------------------------------------------------------------------


def test_an_unchanged_run_builds_nothing_and_changes_nothing(lake: Lake) -> None:
    first = lake.run()
    before = lake.states()
    again = lake.run()
    assert {event.status for event in first.values()} == {"built"}
    assert {event.status for event in again.values()} == {"unchanged"}
    assert {name: event.rows for name, event in again.items()} == {
        name: STRICT[table] for name, table in JOBS.items()
    }
    assert lake.states() == before


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_a_forced_run_builds_all_with_the_same_counts(lake: Lake) -> None:
    before = {
        name: sorted(lake.rows(name)) for name in ("step_trainer_trusted", "customer_landing")
    }
    assert lake.built(force=True) == ALL
    assert lake.counts() == STRICT
    assert {name: sorted(lake.rows(name)) for name in before} == before


@pytest.mark.slow
@pytest.mark.parametrize("force", [True, False])
def test_what_is_costly_is_looked_at_only_where_nothing_else_tells(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    """Data files of a table that is to be built anyway; each SQL file more than once."""
    lake.run(policy="published")
    looked: list[str] = []
    read: list[str] = []
    model = lake.model
    job_text = type(model).job_text

    def counted(self: Lakehouse, job: Job, policy: str) -> JobText:
        read.append(job.name)
        return job_text(self, job, policy)

    monkeypatch.setattr(Lakehouse, "job_text", counted)
    monkeypatch.setattr(Tables, "is_whole", lambda _, table: looked.append(table) or True)
    with lake.opened() as opened:
        list(Pipeline(model, opened, "strict").run(RunOptions("duckdb", force=force)))
    assert looked == []
    assert sorted(read) == sorted(JOBS)
    read.clear()
    with lake.opened() as opened:
        list(Pipeline(model, opened, "strict").run(RunOptions("duckdb", force=force)))
    assert looked == ([] if force else list(JOBS.values()))
    assert sorted(read) == sorted(JOBS)


@pytest.mark.usefixtures("ran")
def test_jobs_that_are_forced_leave_what_lies_between_them(lake: Lake) -> None:
    ends = ("customer_landing_to_trusted", "machine_learning_curated")
    assert lake.built(*ends, force=True) == {JOBS[job] for job in ends}


def _landing(lake: Lake, table: str) -> Path:
    return lake.layout.landing / FOLDERS[table]


def _change_a_byte(lake: Lake) -> None:
    path = _landing(lake, "step_trainer_landing") / "s.json"
    times = path.stat()
    with path.open("r+b") as stream:
        content = stream.read()
        stream.seek(content.index(b"218"))
        stream.write(b"219")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (times.st_size, times.st_mtime_ns)


def _add_readings(lake: Lake) -> None:
    (_landing(lake, "accelerometer_landing") / "more.json").write_text("")


def _remove_customers(lake: Lake) -> None:
    (_landing(lake, "customer_landing") / "c.json").unlink()


def _forget_table(lake: Lake) -> None:
    open_catalog(lake.layout).drop_table("stedi.customers_curated")


def _delete_data(lake: Lake) -> None:
    lake.data_file("accelerometer_trusted").unlink()


def _truncate_data(lake: Lake) -> None:
    path = lake.data_file("machine_learning_curated")
    os.truncate(path, path.stat().st_size - 1)


def _new_input_snapshot(lake: Lake) -> None:
    assert lake.built("customer_trusted_to_curated", force=True) == {"customers_curated"}


def _break_the_landing_index(lake: Lake) -> None:
    lake.layout.index.write_text("{")


CHANGES: dict[str, tuple[Callable[[Lake], None], set[str]]] = {
    "a landing byte, size and mtime kept": (_change_a_byte, FROM_STEPS),
    "a landing file added": (_add_readings, FROM_READINGS),
    "a landing file removed": (_remove_customers, ALL),
    "an input's snapshot": (_new_input_snapshot, FROM_STEPS),
    "a table dropped": (_forget_table, {"customers_curated"} | FROM_STEPS),
    "a data file deleted": (_delete_data, FROM_READINGS),
    "a data file truncated": (_truncate_data, {"machine_learning_curated"}),
    "only the cache": (_break_the_landing_index, set()),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", mostly_slow(CHANGES))
def test_a_change_rebuilds_what_depends_on_it(lake: Lake, change: str) -> None:
    apply, expected = CHANGES[change]
    lake.run()
    apply(lake)
    assert lake.built() == expected
    assert lake.built() == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("jobs/step_trainer_trusted.sql", "-- Step", "-- The step", FROM_STEPS),
        (
            "jobs/machine_learning_curated.sql",
            "-- Each",
            "-- Every",
            {"machine_learning_curated"},
        ),
        ("jobs/published/machine_learning_curated.sql", "-- The", "-- A", set()),
        ("jobs/checks/step_trainer_trusted_owner.sql", "-- Every", "-- Each", set()),
        (
            "configs/lakehouse.yaml",
            "name: distanceFromObject, type: long, required: true",
            "name: distanceFromObject, type: long",
            FROM_STEPS,
        ),
        ("configs/lakehouse.yaml", "Acceleration along x", "Along x", set()),
    ],
)
def test_a_change_of_the_project(
    tmp_path: Path, file: str, old: str, new: str, expected: set[str]
) -> None:
    copy_out(PROJECT, tmp_path / "project")
    lake = Lake(tmp_path / "lake", project=tmp_path / "project").up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run()
    path = tmp_path / "project" / file
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    assert lake.built() == expected
    assert lake.counts() == STRICT


@pytest.mark.slow
def test_a_policy_of_ones_own_rebuilds_all_even_where_one_job_differs(tmp_path: Path) -> None:
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    lake = Lake(tmp_path / "lake", project=project).up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run()
    (project / "jobs" / "mine").mkdir()
    sql = (project / "jobs" / "machine_learning_curated.sql").read_text()
    own = project / "jobs" / "mine" / "machine_learning_curated.sql"
    own.write_text(f"SELECT * FROM ({sql}) WHERE sensorReadingTime > {C}")
    assert lake.built(policy="mine") == ALL
    # Of the four strict rows one is of C itself.
    assert lake.counts() == STRICT | {"machine_learning_curated": 3}
    made = [lake.states()[name].snapshots for name in ALL]
    assert [[s.provenance.policy for s in one if s.provenance] for one in made] == [["mine"]] * 5
    assert lake.validate().policy == "mine"
    assert lake.built(policy="mine") == set()


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_a_change_of_landing_files_changes_what_is_built(lake: Lake, tmp_path: Path) -> None:
    more = [step("serial-fay", C + 60), step("serial-none", C + 60)]
    lake.upload(write_lake(tmp_path / "more", {"step_trainer_landing": {"more.json": more}}))
    lake.run()
    assert lake.counts() == STRICT | {"step_trainer_landing": 13, "step_trainer_trusted": 6}
    withdrawn = [customer("fay@x.org", "serial-fay", C + 1, None)]
    lake.upload(write_lake(tmp_path / "x", {"customer_landing": {"more.json": withdrawn}}))
    lake.run()
    assert lake.counts() == {
        "customer_landing": 8,
        "accelerometer_landing": 8,
        "step_trainer_landing": 13,
        "customer_trusted": 3,
        "accelerometer_trusted": 3,
        "customers_curated": 2,
        "step_trainer_trusted": 4,
        "machine_learning_curated": 3,
    }


# --- Failures ------------------------------------------------------------------------------


def test_as_json_a_failure_says_what_is_done_and_what_not(
    tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    first, second, third, *others = JOBS
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    lake = Lake(tmp_path / "lake", project=project).up()
    lake.upload(write_lake(tmp_path / "data"))
    path = project / "jobs" / f"{third}.sql"
    path.write_text(f"SELECT * FROM ({path.read_text()}\n) WHERE CAST(email AS INTEGER) = 1")
    config = ["--config", project / "configs" / "local.yaml", "--root", lake.settings.root]
    told = invoke(*config, "jobs", "run", "--all", "--json")
    assert told.code == 1
    assert f"Error: Job {third} failed" in told.err
    done = told.json()
    assert [(job["job"], job["status"]) for job in done["jobs"]] == [
        (first, "built"),
        (second, "built"),
    ]
    assert (done["failed"], done["not_started"]) == (third, others)
    # What is refused before it is known what to do leaves no document.
    assert invoke(*config, "jobs", "run", third, "--policy", "published", "--json").out == ""
    (lake.layout.landing / "step_trainer" / "bad.json").write_bytes(b"nonsense\n")
    told = invoke(*config, "jobs", "run", "--all", "--max-bad-rows", "0", "--json")
    assert told.code == 3
    done = told.json()
    assert [(job["job"], job["status"]) for job in done["jobs"]] == [
        (first, "unchanged"),
        (second, "unchanged"),
    ]
    assert (done["failed"], done["not_started"]) == (third, others)


# --- Refusals ------------------------------------------------------------------------------


UNDECLARED = {
    "a join": "SELECT s.* FROM ({sql}) s LEFT JOIN customers_curated c ON false",
    "in any case": 'SELECT s.* FROM ({sql}) s LEFT JOIN "Customers_Curated" c ON false',
    "a subquery": "SELECT * FROM ({sql}) WHERE NOT EXISTS (SELECT 1 FROM customers_curated)",
    "a WITH": "WITH c AS (FROM customers_curated) SELECT s.* FROM ({sql}) s LEFT JOIN c ON false",
    "its namespace": "SELECT s.* FROM ({sql}) s LEFT JOIN stedi.customers_curated c ON false",
}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["duckdb", "spark"])
@pytest.mark.parametrize("kind", UNDECLARED)
def test_a_job_that_reads_what_its_reads_do_not_name_is_refused(
    tmp_path: Path, invoke: Callable[..., Result], kind: str, engine: str
) -> None:
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    lake = Lake(tmp_path / "lake", project=project).up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run()
    before = lake.states()
    path = project / "jobs" / "accelerometer_landing_to_trusted.sql"
    path.write_text(UNDECLARED[kind].format(sql=path.read_text().strip()))
    config = ["--config", project / "configs" / "local.yaml", "--root", lake.settings.root]
    told = invoke(*config, "jobs", "run", "--all", "--engine", engine)
    assert (told.code, told.out) == (2, "")
    error, hint = told.err.splitlines()[-2:]
    assert "accelerometer_landing_to_trusted reads customers_curated" in error
    assert "in its reads" in error
    assert "jobs.accelerometer_landing_to_trusted.reads" in hint
    assert lake.states() == before


@pytest.mark.slow
def test_a_name_in_a_text_or_comment_or_of_a_with_is_no_read(tmp_path: Path) -> None:
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    lake = Lake(tmp_path / "lake", project=project).up()
    lake.upload(write_lake(tmp_path / "data"))
    path = project / "jobs" / "accelerometer_landing_to_trusted.sql"
    sql = path.read_text().strip()
    path.write_text(
        f"WITH customers_curated AS ({sql}) SELECT * FROM customers_curated"
        " WHERE 'step_trainer_landing' <> '' -- and quarantine\n"
    )
    lake.run()
    assert lake.counts() == STRICT


def _commands(hint: str) -> list[list[str]]:
    return [shlex.split(text)[1:] for text in re.findall(r"`(stedi [^`]+)`", hint)]


@pytest.mark.slow
@pytest.mark.parametrize("refused", ["nothing built", "other policy", "stale input"])
def test_a_single_job_with_stale_inputs_is_refused_with_what_mends_it(
    lake: Lake, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    monkeypatch.setenv("STEDI_ROOT", str(lake.settings.root))
    command = ["jobs", "run", "machine_learning_curated"]
    if refused != "nothing built":
        lake.run()
    if refused == "other policy":
        command += ["--policy", "published"]
    if refused == "stale input":
        _change_a_byte(lake)
    before = lake.states()
    told = invoke(*command)
    assert told.code == 2
    assert "Error: machine_learning_curated reads " in told.err
    assert lake.states() == before
    mending = _commands(told.err)
    assert mending
    for one in mending:
        assert invoke(*one).code == 0, one
    assert invoke(*command).code == 0


def test_an_unknown_job_policy_or_engine_is_refused(lake: Lake) -> None:
    with pytest.raises(UsageError, match="There is no job 'nonsense'") as refused:
        lake.run("nonsense")
    assert all(job in str(refused.value.hint) for job in JOBS)
    with pytest.raises(UsageError, match="There is no policy 'nonsense'"):
        lake.run(policy="nonsense")


@pytest.mark.parametrize("state", mostly_slow(["no lakehouse", "up to date", "stale"]))
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--engine", "nonsense"], "There is no engine 'nonsense'."),
        (["--detach"], "end with this command"),
        (["--max-bad-rows", "-1"], "is no limit"),
        (["--policy", "nonsense"], "There is no policy 'nonsense'."),
    ],
)
def test_options_are_checked_before_anything_is_looked_at(
    lake: Lake,
    tmp_path: Path,
    invoke: Callable[..., Result],
    state: str,
    words: list[str],
    told: str,
) -> None:
    if state == "up to date":
        lake.run()
    root = tmp_path / "none" if state == "no lakehouse" else lake.settings.root
    done = invoke("--root", root, "jobs", "run", "--all", *words)
    assert (done.code, done.out) == (2, "")
    assert told in done.err


@pytest.mark.slow
def test_the_limit_of_bad_lines_counts_where_nothing_has_to_run(
    lake: Lake, tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    bad: dict[str, dict[str, bytes]] = {"customer_landing": {"bad.json": BROKEN * 2}}
    lake.upload(write_lake(tmp_path / "bad", bad))

    def run(*words: str) -> Result:
        return invoke("--root", lake.settings.root, "jobs", "run", *words)

    assert run("--all", "--max-bad-rows", "2").code == 0
    before = lake.states()
    for words in (["--all"], ["customer_landing_to_trusted"], ["--all", "--json"]):
        for limit in ("0", "1", "22%"):
            refused = run(*words, "--max-bad-rows", limit)
            assert (refused.code, refused.out) == (3, "")
            assert "customer_landing: 2 of 9 lines cannot be used" in refused.err
        assert run(*words, "--max-bad-rows", "23%").code == 0
    # Of the readings alone no line is bad.
    assert run("accelerometer_landing_to_trusted", "--max-bad-rows", "0").code == 0
    # Where another job has to run, none does.
    dropped = "step_trainer_trusted"
    open_catalog(lake.layout).drop_table(f"stedi.{dropped}")
    assert run("--all", "--max-bad-rows", "1").code == 3
    assert lake.states() == {name: state for name, state in before.items() if name != dropped}


@pytest.mark.usefixtures("ran")
def test_too_many_bad_lines_stop_the_run_with_tables_as_before(lake: Lake, tmp_path: Path) -> None:
    before = lake.states()
    bad: dict[str, dict[str, bytes]] = {"accelerometer_landing": {"bad.json": b"{}\nnonsense\n"}}
    lake.upload(write_lake(tmp_path / "bad", bad))
    with pytest.raises(BadDataError, match="2 of 10 lines"):
        lake.run()
    assert lake.counts() == STRICT
    after = lake.states()
    assert {n: s for n, s in after.items() if n in ALL} == {n: before[n] for n in ALL}
    assert sorted(lake.rows("quarantine")) == [
        ("accelerometer_landing", "bad.json", 1, "missing:user"),
        ("accelerometer_landing", "bad.json", 2, "not-json"),
    ]
    tolerant = Lake(lake.settings.root, max_bad_rows=2)
    assert tolerant.built() == FROM_READINGS
    assert tolerant.counts() == STRICT


@pytest.mark.slow
def test_broken_sql_names_the_job_and_leaves_the_tables(tmp_path: Path) -> None:
    copy_out(PROJECT, tmp_path / "project")
    lake = Lake(tmp_path / "lake", project=tmp_path / "project").up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run()
    before = lake.states()
    job = tmp_path / "project" / "jobs" / "customer_trusted_to_curated.sql"
    for sql, told in [
        ("SELECT 1 AS x", "gives the columns x"),
        ("SELEC", "Job customer_trusted_to_curated failed"),
        ("DROP TABLE customer_trusted", "Job customer_trusted_to_curated failed"),
        ("SELECT error('boom') AS x FROM customer_trusted", "customer_trusted_to_curated"),
    ]:
        job.write_text(sql)
        with pytest.raises(StediError, match=told):
            lake.run()
        assert lake.states() == before
        assert not list(lake.layout.temp.iterdir())
