"""Jobs: which run, which are up to date, and what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import FOLDERS, JOBS, C, lines, step, write_lake

from places.place import Place

BUILT = dict.fromkeys(JOBS, "built")
UNCHANGED = dict.fromkeys(JOBS, "unchanged")
FROM_STEPS = ("step_trainer_trusted", "machine_learning_curated")


@pytest.fixture
def uploaded(up: Place, data: Path) -> Place:
    """A lakehouse with the small lake's landing files, its jobs not run."""
    up.done("upload", data)
    return up


@pytest.mark.slow
def test_only_what_is_not_up_to_date_is_built(uploaded: Place, tmp_path: Path) -> None:
    assert uploaded.run() == BUILT
    held = uploaded.everything()
    assert uploaded.run() == UNCHANGED
    assert uploaded.everything() == held
    more = {"step_trainer_landing": {"t.json": lines([step("serial-ann", C + 1)])}}
    uploaded.done("upload", write_lake(tmp_path / "more", more))
    listed = uploaded.done("jobs", "list", "--json").json()
    assert {job["job"] for job in listed if not job["up_to_date"]} == set(FROM_STEPS)
    assert uploaded.run() == UNCHANGED | dict.fromkeys(FROM_STEPS, "built")
    assert uploaded.run() == UNCHANGED


@pytest.mark.slow
def test_a_lost_ledger_of_typed_copies_is_told_and_they_are_made_again(uploaded: Place) -> None:
    uploaded.run()
    uploaded.lose_ledgers()
    first, *_ = uploaded.done("jobs", "list", "--json").json()
    assert first["why"] == "the typed copy of customer_landing is lost or cannot be used"
    told = uploaded.validate().out
    assert f"({first['why']})" in told
    copies = {f"{table}_typed" for table in FOLDERS}
    findings = uploaded.ask("doctor", "--json").json()
    assert {finding["what"] for finding in findings if not finding["ok"]} == copies
    assert uploaded.run() == BUILT
    assert uploaded.run() == UNCHANGED
    assert first["why"] not in uploaded.validate().out


@pytest.mark.slow
def test_another_policy_and_force_build_again(uploaded: Place) -> None:
    first = next(iter(JOBS))
    uploaded.run()
    assert uploaded.run("--policy", "published") == BUILT
    assert uploaded.run("--policy", "published") == UNCHANGED
    assert uploaded.run(first, "--policy", "published", "--force") == {first: "built"}


WRONG = {
    "no such job": ["jobs", "run", "nonsense"],
    "no job": ["jobs", "run"],
    "no such policy": ["jobs", "run", "--all", "--policy", "nonsense"],
    "no such engine": ["jobs", "run", "--all", "--engine", "nonsense"],
    "no limit": ["jobs", "run", "--all", "--max-bad-rows", "many"],
    "no such table": ["preview", "nonsense"],
    "no such format": ["export", "customer_trusted", "out.txt"],
    "no SELECT": ["query", "DROP TABLE customer_trusted"],
    "no landing table": ["quarantine", "customer_trusted"],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_usage_is_refused_with_a_hint(up: Place, wrong: str) -> None:
    held = up.everything()
    told = up.ask(*WRONG[wrong])
    assert (told.code, told.out) == (2, "")
    shown = [line.split(" ")[0] for line in told.err.splitlines() if not line.startswith("stedi: ")]
    assert shown == ["Error:", "Hint:"], told.err
    assert up.everything() == held


def test_what_is_not_built_is_no_valid_lakehouse(uploaded: Place) -> None:
    told = uploaded.ask("validate")
    assert told.code == 3
    assert "Not built yet" in told.out
    rows = {row["table"]: row["rows"] for row in uploaded.done("tables", "--json").json()}
    assert rows.keys() >= {*FOLDERS, *JOBS.values()}
    assert {rows[table] for table in JOBS.values()} == {None}
