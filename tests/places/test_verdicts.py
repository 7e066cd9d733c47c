"""What `validate` calls a lakehouse: right only where it is, and else by what is wrong with it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, Result
from small import FOLDERS, JOBS, C, customer, lines, motion, step, write_lake

from places.place import Place
from stedi_cli.landing.row_sum import said, text_number

# As many lines as a scripted run says that it read.
PEOPLE = [customer(f"p{n}@x.org", f"serial-{n}", C) for n in range(10)]
FILES = {
    "customer_landing": {"l.json": PEOPLE},
    "accelerometer_landing": {"l.json": [motion(f"p{n}@x.org", C + n) for n in range(10)]},
    "step_trainer_landing": {"l.json": [step(f"serial-{n}", C + n) for n in range(10)]},
}
RIGHT = "Everything is as it should be."


@pytest.fixture
def uploaded(up: Place, tmp_path: Path) -> Place:
    """A lakehouse of which no counts are known, its jobs not run."""
    up.done("upload", write_lake(tmp_path / "ten", FILES))
    return up


@pytest.fixture
def built(uploaded: Place) -> Place:
    """A lakehouse of which no counts are known, its jobs run."""
    uploaded.run()
    return uploaded


@pytest.mark.slow
def test_a_known_data_set_is_known_in_any_form(up: Place, tmp_path: Path) -> None:
    plain = write_lake(tmp_path / "plain", FILES)
    digests, sums = {}, {}
    for table, folder in FOLDERS.items():
        (path,) = (plain / folder).rglob("*.json")
        content = path.read_bytes()
        digests[path.relative_to(plain).as_posix()] = hashlib.sha256(content).hexdigest()
        lines_of = [
            json.dumps(json.loads(line), separators=(",", ":")) for line in content.splitlines()
        ]
        sums[table] = said(sum(text_number(line) for line in lines_of))
        # As text mode writes it elsewhere.
        path.write_bytes(content.replace(b"\n", b"\r\n"))
    tens = dict.fromkeys((*FOLDERS, *JOBS.values()), 10)
    known = {"source": "ten", "files": digests, "sums": sums, "counts": {"strict": tens}}
    (plain / "expected.yaml").write_text(json.dumps(known))
    up.done("upload", plain)
    up.run()
    result = up.validate("--json", counts=tens)
    report = result.json()
    assert (result.code, report["source"], report["verdict"]) == (0, "ten", "ok"), report
    assert report["summary"] == RIGHT
    known["sums"] = sums | {"customer_landing": said(1)}
    (plain / "expected.yaml").write_text(json.dumps(known))
    up.done("upload", plain)
    report = told(up.validate("--json", counts=tens), 3, "incomplete")
    assert report["source"] is None
    assert report["nearest"] == "2 of 3 landing tables are ten's; customer_landing differs."


def told(result: Result, code: int, verdict: str) -> Any:
    """What JSON says; the code and verdict are these, and nothing is said to be right."""
    assert result.code == code, result.out + result.err
    report = result.json()
    assert report["verdict"] == verdict, report
    assert report["ok"] is (code == 0)
    assert RIGHT not in report["summary"]
    return report


def of_tables(report: Any) -> dict[str, str]:
    return {table["table"]: table["verdict"] for table in report["tables"]}


@pytest.mark.slow
def test_counts_of_files_that_nobody_knows_are_unknown(built: Place) -> None:
    report = told(built.validate("--json"), 0, "unknown")
    assert set(of_tables(report).values()) == {"unknown"}
    holds = sum(check["verdict"] == "ok" for check in report["checks"])
    assert holds == len(report["checks"])
    summary = f"{holds} rules hold; counts of these landing files are not known."
    assert report["summary"] == summary
    assert summary in built.validate().out


@pytest.mark.slow
def test_counts_that_are_accepted_are_the_expected_ones(built: Place) -> None:
    held = (PROJECT / "configs" / "expected.yaml").read_bytes()
    result = built.validate("--accept", "--json")
    report = result.json()
    assert (result.code, report["verdict"], report["summary"]) == (0, "ok", RIGHT)
    assert [place.rsplit("/", 1)[-1] for place in report["accepted"]] == ["expected.yaml"]
    report = built.validate("--json").json()
    assert (report["verdict"], report["source"]) == ("ok", "the accepted data set")
    assert {t["expected"] == t["rows"] for t in report["tables"]} == {True}
    assert (PROJECT / "configs" / "expected.yaml").read_bytes() == held


def test_nothing_is_built(uploaded: Place) -> None:
    report = told(uploaded.validate("--json"), 3, "not built")
    assert {of_tables(report)[table] for table in JOBS.values()} == {"not built"}
    assert "Not built yet" in uploaded.validate().out


def test_what_jobs_would_build_again_is_stale(built: Place, tmp_path: Path) -> None:
    more = {"step_trainer_landing": {"t.json": lines([step("serial-1", C + 1)])}}
    built.done("upload", write_lake(tmp_path / "more", more))
    report = told(built.validate("--json"), 3, "stale")
    listed = built.done("jobs", "list", "--json").json()
    stale = [{"table": j["writes"], "why": j["why"]} for j in listed if not j["up_to_date"]]
    assert {found["table"] for found in stale} == {
        "step_trainer_trusted",
        "machine_learning_curated",
    }
    assert sorted(report["stale"], key=str) == sorted(stale, key=str)
    verdicts = of_tables(report)
    assert {verdicts[found["table"]] for found in stale} == {"stale"}
    assert verdicts["customer_trusted"] == "unknown"
    shown = built.validate().out.replace("\n", " ")
    assert "step_trainer_trusted (step_trainer_landing changed)" in shown
    assert "Run `stedi jobs run --all`." in shown
    assert "2 tables are stale" in shown


@pytest.mark.slow
def test_tables_of_another_policy_than_is_asked_for_are_stale(built: Place) -> None:
    report = told(built.validate("--policy", "published", "--json"), 3, "stale")
    assert {found["table"] for found in report["stale"]} == set(JOBS.values())
    assert {"table": "customer_trusted", "why": "built under policy strict"} in report["stale"]
    shown = built.validate("--policy", "published").out.replace("\n", " ")
    assert "Run `stedi jobs run --all --policy published`." in shown


@pytest.mark.slow
def test_empty_tables_are_not_as_they_should_be(up: Place, tmp_path: Path) -> None:
    nobody = [{k: v for k, v in one.items() if "share" not in k} for one in PEOPLE]
    files = FILES | {"customer_landing": {"l.json": nobody}}
    up.done("upload", write_lake(tmp_path / "ten", files))
    up.run()
    none = dict.fromkeys(FOLDERS, 10) | dict.fromkeys(JOBS.values(), 0)
    report = told(up.validate("--json", counts=none), 3, "empty")
    verdicts = of_tables(report)
    assert {verdicts[table] for table in JOBS.values()} == {"empty"}
    assert {verdicts[table] for table in FOLDERS} == {"unknown"}
    assert "5 tables are empty" in up.validate(counts=none).out
