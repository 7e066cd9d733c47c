"""What a validation was told is kept, and taken while all that it depends on is the same."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, Lake, Result
from small import FOLDERS, JOBS, STRICT, C, customer, step, write_lake
from test_seals import flip

from stedi_cli.checks import kept_answers
from stedi_cli.checks.validation import Validation
from stedi_cli.checks.verdict import Report
from stedi_cli.errors import StediError
from stedi_cli.local import kept as kept_file
from stedi_cli.local.questions import Questions
from stedi_cli.project.check import ACCOUNT_CHECK
from stedi_cli.project.folder import copy_out

CHECK = "customers_curated_readings"
NOTE = "step_readings_of_nobody"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queries that were asked, in their order; cleared by whoever looks."""
    found: list[str] = []
    ask_all = Questions.ask_all

    def noting(self: Questions, questions: Sequence[Any]) -> Any:
        found.extend(question.sql for question in questions)
        return ask_all(self, questions)

    monkeypatch.setattr(Questions, "ask_all", noting)
    return found


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A project of one's own."""
    copy_out(PROJECT, tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def told(lake: Lake, asked: list[str]) -> Lake:
    """The small lake, built and validated."""
    lake.run()
    assert lake.validate().ok
    assert asked
    asked.clear()
    return lake


def kept(report: Report) -> set[str]:
    return {check.check for check in report.checks if check.kept}


def of_sql(lake: Lake) -> set[str]:
    return {check.name for check in lake.model.checks}


def of_lines() -> set[str]:
    """The checks that every line of the landing tables is accounted for, and every row of jobs."""
    return {ACCOUNT_CHECK.format(table=name) for name in (*FOLDERS, *JOBS.values())}


def record(lake: Lake) -> dict[str, Any]:
    """What is kept, by title: what it depends on, the tables that it is about, and the answer."""
    digest, body = lake.layout.kept.read_bytes().split(b"\n", 1)
    assert hashlib.sha256(body).hexdigest().encode() == digest
    found: dict[str, Any] = json.loads(body)
    return found


def keep(lake: Lake, body: bytes) -> None:
    """Keep something else, as one would who knows how."""
    digest = hashlib.sha256(body).hexdigest().encode()
    lake.layout.kept.write_bytes(digest + b"\n" + body)


# --- Kept ----------------------------------------------------------------------------------------


def test_what_was_told_is_kept_and_asked_again_on_demand(
    told: Lake, asked: list[str], invoke: Callable[..., Result]
) -> None:
    root = ["--root", told.settings.root, "validate"]
    again = invoke(*root, "--again", "--json").json()
    assert len(asked) == len(of_sql(told)) + 2 + len(told.model.notes) + len(JOBS)
    asked.clear()
    now = invoke(*root, "--json").json()
    assert asked == []
    assert {c["check"] for c in now["checks"] if c["kept"]} == of_sql(told) | of_lines()
    assert not any(check["kept"] for check in again["checks"])
    for report in (again, now):
        for check in report["checks"]:
            del check["kept"]
    assert now == again
    shown = invoke(*root).out
    assert shown.count("ok, kept") == len(of_sql(told) | of_lines())
    assert "--again" in shown
    assert "kept" not in invoke(*root, "--again").out
    assert told.validate().left_out[NOTE]


@pytest.mark.slow
def test_a_validation_says_what_it_asks_right_now(told: Lake) -> None:
    said: list[str] = []
    with told.opened() as opened:
        validation = Validation(told.model, opened, None, again=True)
        titles = list(validation.queries())
        validation.run(said.append)
        assert [one.partition(",")[0] for one in said[1:-2]] == titles
        assert said[-3].endswith(f", {len(titles)} of {len(titles)}")
        # What is kept is not asked.
        said.clear()
        Validation(told.model, opened, None).run(said.append)
    assert said == ["comparing with what is expected"]


@pytest.mark.slow
def test_it_holds_for_any_policy_and_any_counts_that_are_expected(
    told: Lake, asked: list[str], tmp_path: Path
) -> None:
    assert told.validate("published").policy == "published"
    data = write_lake(tmp_path / "known")
    files = {
        path.relative_to(data).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in data.rglob("*.json")
    }
    counts = {"strict": STRICT | {"customer_trusted": 99}}
    expected = {"source": "by hand", "files": files, "counts": counts}
    (data / "expected.yaml").write_text(json.dumps(expected))
    told.upload(data)
    report = told.validate()
    # What may explain the other count is all that is asked.
    assert all(sql.startswith("WITH") and "AS table_rows" in sql for sql in asked)
    assert not report.ok
    assert {t.table for t in report.tables if not t.ok} == {"customer_trusted"}


# --- Asked anew ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_changed_byte_is_noticed(told: Lake, asked: list[str]) -> None:
    flip(told.data_file("customer_trusted"))
    with pytest.raises(StediError, match="is broken"):
        told.validate()
    told.run()
    assert told.validate().ok
    assert asked


@pytest.mark.slow
def test_only_what_is_about_a_touched_file_is_asked(told: Lake, asked: list[str]) -> None:
    path = told.data_file("step_trainer_trusted")
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    report = told.validate()
    assert report.ok
    left = of_sql(told) - kept(report)
    assert left == {check.name for check in told.model.checks if "step_trainer_t" in check.sql}
    assert "accelerometer_trusted_consent" not in left
    # Also the counts, and both sides of the last join.
    assert len(asked) == len(left) + 2


@pytest.mark.slow
def test_other_landing_files_and_other_tables_are_asked_about(
    told: Lake, asked: list[str], tmp_path: Path
) -> None:
    more = {"step_trainer_landing": {"more.json": [step("serial-none", C)]}}
    told.upload(write_lake(tmp_path / "more", more))
    report = told.validate()
    assert not report.ok
    assert f"{CHECK}" in kept(report)
    assert {t.table: t.rows for t in report.tables}["step_trainer_landing"] == 12
    told.run()
    asked.clear()
    report = told.validate()
    assert report.ok
    assert "step_trainer_trusted_owner" not in kept(report)
    assert asked
    told.run(force=True)
    asked.clear()
    told.validate()
    # Neither the quarantine nor the landing tables, of which the note and a job's account are.
    assert len(asked) == len(of_sql(told)) + 1 + len(JOBS) - 1


@pytest.mark.slow
def test_a_check_whose_sql_changed_is_asked_alone(own: Path, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", project=own).up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run()
    assert kept(lake.validate()) == set()
    check = own / "jobs" / "checks" / f"{CHECK}.sql"
    check.write_text("SELECT email FROM customers_curated")
    report = lake.validate()
    assert kept(report) == of_sql(lake) - {CHECK} | of_lines()
    assert {c.check: c.violations for c in report.checks if not c.ok} == {CHECK: 3}
    assert {c.check: c.violations for c in lake.validate().checks if not c.ok} == {CHECK: 3}
    assert kept(lake.validate()) == of_sql(lake) | of_lines()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["this tool", "the form", "DuckDB", "the columns"])
def test_another_version_asks_anew(
    told: Lake, asked: list[str], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    match what:
        case "this tool":
            monkeypatch.setattr(kept_answers, "__version__", "0")
        case "the form":
            monkeypatch.setattr(kept_answers, "FORM", 0)
        case "DuckDB":
            monkeypatch.setattr(kept_file, "_installed", lambda package: [package])
        case _:
            for table in told.model.tables.values():
                assert "columns_sha256" in dir(table)
            # A property is asked also where a model that is used again knows the digest.
            other = property(lambda _: "other")
            monkeypatch.setattr("stedi_cli.project.lakehouse.Table.columns_sha256", other)
    # Another digest of the columns is a problem of its own.
    assert kept(told.validate()) == set()
    assert len(asked) == len(of_sql(told)) + 2 + len(told.model.notes) + len(JOBS)
    assert kept(told.validate()) == of_sql(told) | of_lines()


@pytest.mark.slow
def test_a_young_file_is_not_trusted(
    told: Lake, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_file, "is_settled", lambda stamp, read_ns: False)
    assert kept(told.validate()) == set()
    assert kept(told.validate()) == set()


@pytest.mark.slow
def test_what_changes_while_it_is_asked_about_is_not_kept(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.run()
    ask_all = Questions.ask_all

    def meddling(self: Questions, questions: Any) -> Any:
        answers = ask_all(self, questions)
        lake.data_file("customer_trusted").touch()
        return answers

    with monkeypatch.context() as patch:
        patch.setattr(Questions, "ask_all", meddling)
        assert kept(lake.validate()) == set()
    about_it = {c.name for c in lake.model.checks if "customer_trusted" in c.sql}
    assert kept(lake.validate()) == of_sql(lake) - about_it


# --- What cannot be used, or may not be kept ------------------------------------------------------

DEEP = b"[" * 100_000
BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda body: b"",
    "null": lambda body: b"null",
    "a list": lambda body: b"[]",
    "deep": lambda body: DEEP,
    "no UTF-8": lambda body: b"\xff\xfe\0",
    "texts for numbers": lambda body: body.replace(b"0]", b'"0"]'),
    "numbers for texts": lambda body: body.replace(b'"customer_trusted"', b"1"),
    "truths for numbers": lambda body: body.replace(b"0]", b"true]"),
    "no pairs": lambda body: body.replace(b", 0]", b"]"),
    "words of others": lambda body: body.replace(b'[["', b'[["\\u001b[31m'),
    "large numbers": lambda body: body.replace(b"0]", b"9" * 400 + b"]"),
    "huge": lambda body: body + b" " * (1 << 20),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", BROKEN)
def test_what_is_kept_badly_is_asked_anew(told: Lake, asked: list[str], what: str) -> None:
    good = told.validate()
    body = told.layout.kept.read_bytes().split(b"\n", 1)[1]
    bad = BROKEN[what](body)
    assert bad != body
    keep(told, bad)
    report = told.validate()
    assert asked
    assert report.left_out == good.left_out
    assert [(c.check, c.violations) for c in report.checks] == [
        (c.check, c.violations) for c in good.checks
    ]
    assert report.ok
    assert kept(told.validate()) == of_sql(told) | of_lines()


@pytest.mark.slow
def test_a_flipped_digit_is_noticed(told: Lake, asked: list[str]) -> None:
    content = told.layout.kept.read_bytes()
    told.layout.kept.write_bytes(content.replace(b", 0]", b", 7]"))
    assert told.validate().ok
    assert len(asked) == len(of_sql(told)) + 2 + len(told.model.notes) + len(JOBS)


@pytest.mark.slow
def test_counts_are_those_that_the_runs_tell(told: Lake, asked: list[str]) -> None:
    found = record(told)
    for pair in found["counts"][2]:
        pair[1] += 1
    keep(told, json.dumps(found).encode())
    assert {t.table: t.rows for t in told.validate().tables} == STRICT
    assert len(asked) == 1


@pytest.mark.slow
@pytest.mark.parametrize("what", ["a folder", "a pipe", "a link"])
def test_what_is_no_file_is_not_read(
    told: Lake, asked: list[str], tmp_path: Path, what: str, invoke: Callable[..., Result]
) -> None:
    path = told.layout.kept
    content = path.read_bytes()
    path.unlink()
    (tmp_path / "else").write_bytes(content)
    match what:
        case "a folder":
            path.mkdir()
        case "a pipe":
            os.mkfifo(path)
        case _:
            path.symlink_to(tmp_path / "else")
    told.layout.checked.unlink()
    told.layout.checked.mkdir()
    doctor = invoke("--root", told.settings.root, "doctor", "--json").json()
    assert {f["what"] for f in doctor if not f["ok"]} == {
        "kept answers",
        "checked configs",
    }
    assert told.validate().ok
    assert len(asked) == len(of_sql(told)) + 2 + len(told.model.notes) + len(JOBS)
    assert (tmp_path / "else").read_bytes() == content
    if what != "a folder":
        assert stat.S_ISREG(path.lstat().st_mode)
        assert kept(told.validate()) == of_sql(told) | of_lines()


@pytest.mark.slow
def test_where_nothing_can_be_written_all_is_asked(
    lake: Lake, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.run()

    def full(*_: Any, **__: Any) -> Any:
        raise StediError("Cannot write.")

    monkeypatch.setattr(kept_file, "replaced", full)
    for _ in range(2):
        assert lake.validate().ok
        assert len(asked) == len(of_sql(lake)) + 2 + len(lake.model.notes) + len(JOBS)
        asked.clear()
    assert not lake.layout.kept.exists()


@pytest.mark.slow
def test_a_word_that_is_not_the_projects_is_not_kept(
    own: Path, tmp_path: Path, asked: list[str]
) -> None:
    note = own / "jobs" / "notes" / "people.sql"
    note.write_text("SELECT email AS reason, 1 AS number FROM customer_trusted")
    lake = Lake(tmp_path / "lake", project=own).up()
    people = {"customer_landing": {"c.json": [customer("eve@x.org", "s", C)]}}
    lake.upload(write_lake(tmp_path / "data", {name: {} for name in FOLDERS} | people))
    lake.run()
    for _ in range(2):
        assert lake.validate().left_out["people"] == [("…", 1)]
    assert asked[-1:] == [note.read_text()]
    assert len([query for query in asked if query == note.read_text()]) == 2
    assert "note people" not in record(lake)
    assert b"eve" not in lake.layout.kept.read_bytes()
    assert f"note {NOTE}" in record(lake)


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", ["epoch_ms(now()) % 2", "max(CAST(phone AS BIGINT))", "CAST(random() * 9 AS INT)"]
)
def test_what_is_no_count_of_the_same_tables_is_asked_anew(
    own: Path, tmp_path: Path, asked: list[str], number: str
) -> None:
    note = own / "jobs" / "notes" / "told.sql"
    note.write_text(f"SELECT 'told' AS reason, {number} AS number FROM customer_trusted")
    if "phone" not in number:
        note.write_text(f"SELECT 'told' AS reason, {number} AS number")
    lake = Lake(tmp_path / "lake", project=own).up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run()
    for _ in range(2):
        assert lake.validate().left_out["told"]
    assert asked.count(note.read_text()) == 2
    assert "note told" not in record(lake)
    assert f"note {NOTE}" in record(lake)


@pytest.mark.slow
def test_what_is_kept_goes_with_the_lakehouse(told: Lake, invoke: Callable[..., Result]) -> None:
    assert stat.S_IMODE(told.layout.kept.stat().st_mode) == 0o600
    assert set(JOBS.values()) < {table for _, reads, _ in record(told).values() for table in reads}
    assert invoke("--root", told.settings.root, "infra", "down", "--yes").code == 0
    assert not told.settings.root.exists()
