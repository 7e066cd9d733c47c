"""What ``validate`` says of counts: expected, unknown, published, explained."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from conftest import PROJECT, Lake, Result
from small import (
    FOLDERS,
    JOBS,
    LANDING_COUNTS,
    PUBLISHED,
    SMALL,
    STRICT,
    TABLES,
    C,
    customer,
    step,
    write_lake,
)
from test_checks import KEYS, OTHER_CHECKS, SQL_CHECKS

from stedi_cli.datasets.synthetic import Request, generate
from stedi_cli.errors import StediError, UsageError
from stedi_cli.project.folder import copy_out

ZONES = {"customers_curated": "curated", "machine_learning_curated": "curated"}
PUBLIC_STRICT = {"accelerometer_trusted": 32_025, "step_trainer_trusted": 11_297}
PUBLIC_STRICT |= {"customers_curated": 464, "machine_learning_curated": 32_025}
PUBLIC_PUBLISHED = {"accelerometer_trusted": 40_981, "step_trainer_trusted": 14_460}
PUBLIC_PUBLISHED |= {"customers_curated": 482, "machine_learning_curated": 43_681}


def zone(table: str) -> str:
    return "landing" if table in FOLDERS else ZONES.get(table, "trusted")


def known_lake(folder: Path, **counts: dict[str, int]) -> Path:
    """The small lake with an expected.yaml beside it."""
    write_lake(folder)
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.json")
    }
    content: dict[str, Any] = {"source": "the small lake", "files": files, "counts": counts}
    content["figures"] = [
        {"table": "step_trainer_trusted", "rows": 5, "means": "what somebody else counted"}
    ]
    (folder / "expected.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.fixture
def validate(invoke: Callable[..., Result], lake: Lake) -> Callable[..., Result]:
    """The command on the small lake."""
    return lambda *args: invoke("--root", lake.settings.root, "validate", *args)


# --- JSON ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_json_of_an_unknown_data_set(lake: Lake, validate: Callable[..., Result]) -> None:
    told = validate("--json")
    assert told.code == 0
    unknown = {"expected": None, "ok": True, "verdict": "unknown", "why": None}
    holds = {"violations": 0, "ok": True, "verdict": "ok", "error": None, "kept": False}
    names = sorted(SQL_CHECKS | OTHER_CHECKS)
    rules = lake.model.rules

    def file(name: str) -> str | None:
        return str(rules[name].file) if name in SQL_CHECKS else None

    assert all(rule.rule for rule in rules.values())
    note = "These landing files are no known data set, so no counts are expected."
    assert told.json() == {
        "policy": "strict",
        "source": None,
        "tables": [
            {"table": name, "zone": zone(name), "rows": STRICT[name], **unknown} for name in TABLES
        ],
        "checks": [
            {"check": name, "rule": rules[name].rule, "file": file(name), **holds} for name in names
        ],
        "stale": [],
        "nearest": None,
        "notes": [note],
        "problems": [],
        "held_back": 0,
        "verdict": "unknown",
        "summary": f"{len(names)} rules hold; counts of these landing files are not known.",
        "ok": True,
    }
    assert note in validate().out


@pytest.mark.slow
def test_counts_from_the_uploaded_folder(
    lake: Lake, validate: Callable[..., Result], tmp_path: Path
) -> None:
    lake.upload(known_lake(tmp_path / "known", strict=STRICT, published=PUBLISHED))
    for policy, counts in (("strict", STRICT), ("published", PUBLISHED)):
        lake.run(policy=policy)
        report = validate("--json").json()
        assert (report["policy"], report["ok"]) == (policy, True)
        assert {t["table"]: t["expected"] for t in report["tables"]} == counts
    assert "the small lake" in validate().out


@pytest.mark.slow
def test_a_wrong_count_fails_and_is_explained(
    lake: Lake, validate: Callable[..., Result], tmp_path: Path
) -> None:
    expected = STRICT | {"step_trainer_trusted": 7, "customer_trusted": 2}
    published = PUBLISHED | {"customer_trusted": 4}
    lake.upload(known_lake(tmp_path / "known", strict=expected, published=published))
    lake.run()
    told = validate("--json")
    assert told.code == 3
    report = told.json()
    assert not report["ok"]
    wrong = {t["table"]: (t["rows"], t["expected"]) for t in report["tables"] if not t["ok"]}
    assert wrong == {"step_trainer_trusted": (5, 7), "customer_trusted": (4, 2)}
    shown = validate()
    assert shown.code == 3
    assert "customer_trusted: 4 is what policy published gives." in shown.out
    assert "step_trainer_trusted: 5 is what somebody else counted." in shown.out
    assert "-2" in shown.out
    assert "+2" in shown.out


@pytest.mark.slow
def test_a_data_set_mixed_with_other_files_is_unknown(
    lake: Lake, validate: Callable[..., Result], tmp_path: Path
) -> None:
    lake.upload(known_lake(tmp_path / "known", strict=STRICT))
    more = {"step_trainer_landing": {"more.json": [step("serial-none", C)]}}
    lake.upload(write_lake(tmp_path / "more", more))
    lake.run()
    report = validate("--json").json()
    assert {t["expected"] for t in report["tables"]} == {None}
    assert report["ok"]
    # Alone again, under other names and in other order, it is known.
    renamed = {name: {"other.json": files[next(iter(files))]} for name, files in SMALL.items()}
    lake.upload(write_lake(tmp_path / "renamed", renamed), replace=True)
    lake.run()
    report = validate("--json").json()
    assert {t["table"]: t["expected"] for t in report["tables"]} == STRICT


def test_a_file_under_another_table_is_not_the_data_set(
    lake: Lake, validate: Callable[..., Result], tmp_path: Path
) -> None:
    lake.upload(known_lake(tmp_path / "known", strict=STRICT))
    content = SMALL["step_trainer_landing"]
    swapped = {
        "step_trainer_landing": SMALL["customer_landing"],
        "customer_landing": content,
        "accelerometer_landing": SMALL["accelerometer_landing"],
    }
    lake.upload(write_lake(tmp_path / "swapped", swapped), replace=True)
    assert {t["expected"] for t in validate("--json").json()["tables"]} == {None}


# --- What is not right -------------------------------------------------------------------------


def test_before_the_jobs_have_run(lake: Lake, validate: Callable[..., Result]) -> None:
    told = validate("--json")
    assert told.code == 3
    rows = {t["table"]: (t["rows"], t["ok"]) for t in told.json()["tables"]}
    landing = {name: (count, True) for name, count in LANDING_COUNTS.items()}
    assert rows == landing | dict.fromkeys(JOBS.values(), (None, False))
    shown = validate().out
    assert "Not built yet" in shown
    assert "jobs run --all" in shown


@pytest.mark.slow
def test_a_check_is_run_whatever_its_comments_and_texts_name(tmp_path: Path) -> None:
    copy_out(PROJECT, tmp_path / "project")
    check = tmp_path / "project" / "jobs" / "checks" / "no_ann.sql"
    check.write_text(
        "-- Also true of customers_curated, which need not be built.\n"
        "SELECT email, 'machine_learning_curated' AS x FROM Customer_Trusted"
        " WHERE email = 'ann@x.org'"
    )
    lake = Lake(tmp_path / "lake", project=tmp_path / "project").up()
    lake.upload(write_lake(tmp_path / "data"))
    assert "no_ann" not in {c.check for c in lake.validate().checks}
    lake.run("customer_landing_to_trusted")
    found = {c.check: c.violations for c in lake.validate().checks}
    assert found["no_ann"] == 1
    assert "customers_curated_one_row_each" not in found


def test_a_row_of_a_check_stands_for_as_many_as_it_says(tmp_path: Path) -> None:
    copy_out(PROJECT, tmp_path / "project")
    checks = tmp_path / "project" / "jobs" / "checks"
    numbers = "FROM (VALUES (3), (1), (NULL), (0), (-9)) t(n), customer_trusted c"
    only = "WHERE c.email = 'ann@x.org'"
    # What is there counts, whatever it says.
    (checks / "several.sql").write_text(f"SELECT t.n AS Violations {numbers} {only}")
    (checks / "one_each.sql").write_text(f"SELECT t.n AS number {numbers} {only}")
    (checks / "none.sql").write_text(f"SELECT t.n AS violations {numbers} WHERE false")
    lake = Lake(tmp_path / "lake", project=tmp_path / "project").up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run("customer_landing_to_trusted")
    found = {c.check: c.violations for c in lake.validate().checks}
    assert (found["several"], found["one_each"], found["none"]) == (3 + 1 + 1 + 1 + 1, 5, 0)


@pytest.mark.slow
def test_checks_and_queries_spill_to_disk_beyond_their_memory(tmp_path: Path) -> None:
    generate(tmp_path / "data", Request(customers=956, seed=3))

    def lake(check_memory: str = "32MB", **limits: str) -> Lake:
        return Lake(tmp_path / "lake", threads=2, check_memory=check_memory, **limits)

    lake().up().upload(tmp_path / "data")
    lake().run()
    assert lake().validate().ok
    # At 32MB the checks spill only where two of them meet, so they get half of it here.
    with pytest.raises(StediError, match="out of memory") as told:
        lake("16MB", temp_limit="1KB").validate(again=True)
    assert not isinstance(told.value, UsageError)
    assert "check_memory" in str(told.value.hint)
    starved = pytest.raises(StediError, match="out of memory")
    with lake(temp_limit="1KB").opened() as opened, starved:
        list(opened.questions.ask(DISTINCT).rows)
    with lake().opened() as opened:
        ((number,),) = opened.questions.ask(DISTINCT).rows
        assert number > 600_000


DISTINCT = """
SELECT count(*)
FROM (SELECT DISTINCT md5(user || timestamp || x || range) FROM accelerometer_trusted, range(20))
"""


@pytest.mark.slow
def test_tables_of_a_policy_that_has_left_the_model_are_stale(
    tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    (project / "jobs" / "mine").mkdir()
    lake = Lake(tmp_path / "lake", project=project).up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run(policy="mine")
    (project / "jobs" / "mine").rmdir()
    at = ("--config", project / "configs" / "local.yaml", "--root", lake.settings.root)
    told = invoke(*at, "validate", "--json")
    report = told.json()
    assert (told.code, report["verdict"], report["policy"]) == (3, "stale", "strict")
    stale = [{"table": table, "why": "built under policy mine"} for table in JOBS.values()]
    assert sorted(report["stale"], key=str) == sorted(stale, key=str)
    shown = " ".join(invoke(*at, "validate").out.split())
    assert "customer_trusted (built under policy mine)" in shown
    assert "Run `stedi jobs run --all`." in shown
    shown = " ".join(invoke(*at, "flow").out.split())
    assert "customer_trusted (built under policy mine)" in shown
    assert "Run `stedi jobs run --all`." in shown
    assert "No account" not in shown
    assert {job["why"] for job in invoke(*at, "jobs", "list", "--json").json()} == {
        "built under policy mine"
    }
    lake.run()
    assert lake.validate().ok


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_tables_of_two_policies_side_by_side(lake: Lake, validate: Callable[..., Result]) -> None:
    lake.run("customer_landing_to_trusted", policy="published")
    told = validate()
    assert told.code == 3
    assert "several policies" in told.out
    assert not validate("--json").json()["ok"]


@pytest.mark.slow
def test_the_policy_of_the_tables_is_compared_and_another_on_demand(
    lake: Lake, validate: Callable[..., Result], tmp_path: Path
) -> None:
    lake.upload(known_lake(tmp_path / "known", strict=STRICT, published=PUBLISHED))
    lake.run()
    told = validate("--policy", "published")
    assert told.code == 3
    assert "built under strict, not published" in told.out
    assert "machine_learning_curated: 4 is what policy strict gives." in told.out
    report = validate("--policy", "published", "--json").json()
    assert report["policy"] == "published"
    assert {t["table"]: t["expected"] for t in report["tables"]} == PUBLISHED
    assert validate("--policy", "nonsense").code == 2


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_the_policy_of_the_environment_is_compared_unless_another_is_named(
    lake: Lake, validate: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEDI_POLICY", "published")
    assert validate("--json").json()["policy"] == "published"
    assert validate("--policy", "strict", "--json").json()["policy"] == "strict"
    monkeypatch.setenv("STEDI_POLICY", "nonsense")
    assert validate().code == 2
    monkeypatch.setenv("STEDI_POLICY", "")
    assert validate("--json").json()["policy"] == "strict"


@pytest.mark.usefixtures("ran")
def test_a_withdrawal_that_no_job_has_seen_yet_is_reported(
    lake: Lake, validate: Callable[..., Result], tmp_path: Path
) -> None:
    withdrawn = [customer("fay@x.org", "serial-fay", C + 1, None)]
    lake.upload(write_lake(tmp_path / "more", {"customer_landing": {"more.json": withdrawn}}))
    told = validate("--json")
    assert told.code == 3
    broken = {c["check"]: c["violations"] for c in told.json()["checks"] if not c["ok"]}
    assert broken == {"customer_trusted_consent": 1, "customer_trusted_accounted": 1}


def own(lake: Lake, tmp_path: Path) -> Lake:
    """The small lake beside a project of its own, its jobs run."""
    copy_out(PROJECT, tmp_path / "project")
    made = Lake(lake.settings.root, project=tmp_path / "project")
    made.run()
    assert made.validate().problems == []
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            "configs/lakehouse.yaml",
            "{name: serialNumber, type: string, required: true",
            "{name: serialNumber, type: string",
            "Stale: customer_trusted (the model changed), accelerometer_trusted (an input",
        ),
        (
            "jobs/customer_trusted_to_curated.sql",
            "SELECT",
            "SELECT /* otherwise */",
            "Stale: customers_curated (its SQL changed), step_trainer_trusted (an input",
        ),
    ],
)
def test_a_recipe_that_changed_since_is_a_problem(
    lake: Lake, tmp_path: Path, file: str, old: str, new: str, told: str
) -> None:
    own(lake, tmp_path)
    path = tmp_path / "project" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    changed = Lake(lake.settings.root, project=tmp_path / "project")
    report = changed.validate()
    assert any(problem.startswith(told) for problem in report.problems)
    assert all(problem.endswith("Run `stedi jobs run --all`.") for problem in report.problems)
    assert not report.ok
    changed.run()
    assert changed.validate().problems == []


@pytest.mark.slow
@pytest.mark.parametrize("change", ["rename", "swap", "add"])
def test_landing_files_that_changed_since_are_a_problem(
    lake: Lake, validate: Callable[..., Result], change: str
) -> None:
    folder = lake.layout.landing / "customer"
    (folder / "a.json").write_bytes(b"\n")
    (folder / "b.json").write_bytes(b"\n\n")
    lake.run()
    assert validate().code == 0
    if change == "rename":
        (folder / "a.json").rename(folder / "d.json")
    elif change == "swap":
        (folder / "a.json").rename(folder / "d.json")
        (folder / "b.json").rename(folder / "a.json")
        (folder / "d.json").rename(folder / "b.json")
    else:
        (folder / "d.json").write_bytes(b"\n")
    told = validate()
    assert told.code == 3
    assert "No run has read customer_landing as it is now." in told.out
    assert validate("--json").json()["ok"] is False
    lake.run()
    assert validate().code == 0


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_a_table_built_again_is_a_problem_for_what_is_built_from_it(lake: Lake) -> None:
    lake.run("customer_landing_to_trusted", force=True)
    told = "Stale: accelerometer_trusted (customer_trusted changed), "
    assert any(problem.startswith(told) for problem in lake.validate().problems)


# --- Public data -------------------------------------------------------------------------------


def _columns(out: str) -> dict[str, list[str]]:
    """The cells of the count table by table name."""
    found = (line.split() for line in out.splitlines())
    return {cells[0]: cells[1:] for cells in found if cells and cells[0] in TABLES}


@pytest.mark.slow
def test_published_counts_stand_beside_under_policy_strict(
    public_lake: Lake, invoke: Callable[..., Result]
) -> None:
    told = invoke("--root", public_lake.settings.root, "validate")
    assert told.code == 0
    assert "which policy published gives" in told.out
    cells = _columns(told.out)
    for name, count in PUBLIC_STRICT.items():
        published = PUBLIC_PUBLISHED[name]
        assert cells[name][1:4] == [f"{count:,}", f"{count:,}", f"{published:,}"]


@pytest.mark.slow
def test_published_counts_stand_beside_under_policy_published(
    public_data: Path, invoke: Callable[..., Result], tmp_path: Path
) -> None:
    lake = Lake(tmp_path / "lake").up()
    lake.upload(public_data)
    lake.run(policy="published")
    told = invoke("--root", lake.settings.root, "validate")
    assert told.code == 0
    cells = _columns(told.out)
    for name, count in PUBLIC_PUBLISHED.items():
        assert cells[name][1:4] == [f"{count:,}"] * 3
    asked = invoke("--root", lake.settings.root, "validate", "--policy", "strict").out
    assert "accelerometer_trusted: 40,981 is what policy published gives." in asked


@pytest.mark.slow
def test_json_holds_the_same_keys_on_public_data(
    public_lake: Lake, invoke: Callable[..., Result]
) -> None:
    report = invoke("--root", public_lake.settings.root, "validate", "--json").json()
    assert set(report) >= {"policy", "tables", "checks", "ok"}
    assert report["verdict"] == "ok"
    assert report["summary"] == "Everything is as it should be."
    assert {t["verdict"] for t in report["tables"]} == {"ok"}
    assert all(t["rows"] == t["expected"] for t in report["tables"])


# --- SQL ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_sql_can_be_run_elsewhere(
    lake: Lake, validate: Callable[..., Result], tmp_path: Path
) -> None:
    told = validate("--sql")
    assert told.code == 0
    with duckdb.connect() as connection:
        for name in (*TABLES, "quarantine", "held_back"):
            file = tmp_path / f"{name}.parquet"
            with lake.opened() as opened:
                opened.questions.export(name, file)
            connection.execute(f"CREATE VIEW {name} AS FROM '{file}'")
        answers = [
            dict(connection.execute(statement.query).fetchall())
            for statement in duckdb.extract_statements(told.out)
        ]
    asked, notes = answers[: -len(JOBS)], len(lake.model.notes)
    counts, *checks, quarantined = asked[:-notes]
    assert counts == STRICT
    assert {k: v for check in checks for k, v in check.items()} == dict.fromkeys(
        SQL_CHECKS | KEYS, 0
    )
    assert quarantined == {}
    assert all(isinstance(n, int) for note in asked[-notes:] for n in note.values())
    left_out = [sum(told.values()) for told in answers[-len(JOBS) :]]
    # Of the last join both sides: four readings and five steps for four pairs.
    assert left_out == [7 - 4, 8 - 4, 4 - 3, 11 - 5, 4 - 4 + 5 - 4]


@pytest.mark.usefixtures("ran")
def test_step_readings_that_are_nobodys_are_counted(lake: Lake) -> None:
    # One serial number has no holder. Of the two holders of another nobody is there at C; at
    # C + 20 bob is, at C + 30 cid.
    told = lake.validate().left_out["step_readings_of_nobody"]
    assert sorted(number for _, number in told) == [1, 1]
    assert len({reason for reason, _ in told}) == 2


def test_sql_needs_no_built_tables(lake: Lake, validate: Callable[..., Result]) -> None:
    told = validate("--sql")
    assert told.code == 0
    assert all(name in told.out for name in LANDING_COUNTS)
    assert not any(f"FROM {name}" in told.out for name in JOBS.values())


@pytest.mark.slow
def test_a_broken_expected_file_is_refused_at_upload(lake: Lake, tmp_path: Path) -> None:
    folder = write_lake(tmp_path / "broken")
    (folder / "expected.yaml").write_text("source: 7\n")
    with pytest.raises(UsageError, match="expected"):
        lake.upload(folder)
    assert lake.run()
    assert lake.validate().ok
