"""Whoever withdrew is in no older snapshot; whoever only came keeps the older snapshots."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Lake, Result, mostly_slow
from pyiceberg.table import Table as IcebergTable
from small import CUSTOMERS, JOBS, MOTIONS, C, customer, lines, motion, step, write_lake

from stedi_cli.errors import StediError
from stedi_cli.landing import guard, ledger
from stedi_cli.local.engine import Engine
from stedi_cli.local.lost_rows import Comparison
from stedi_cli.local.runner import DuckRunner
from stedi_cli.local.table_files import open_catalog
from stedi_cli.project.lakehouse import Column, Table

ALL = list(JOBS.values())
FIRST, *LATER = JOBS
ANN = ("ann@x.org", "serial-ann")


def _write(lake: Lake, name: str, records: list[dict[str, Any]], table: str = "customer") -> None:
    (lake.layout.landing / table / name).write_bytes(lines(records))


def _new_file(lake: Lake) -> None:
    _write(lake, "d.json", [customer(*ANN, C + 5000, None)])


def _changed_file(lake: Lake) -> None:
    _write(lake, "c.json", [*CUSTOMERS, customer(*ANN, C + 5000, None)])


def _removed_records(lake: Lake) -> None:
    _write(lake, "c.json", [r for r in CUSTOMERS if r["email"] != ANN[0]])


def _removed_file(lake: Lake) -> None:
    (lake.layout.landing / "customer" / "c.json").unlink()


def _later_consent(lake: Lake) -> None:
    _write(lake, "d.json", [customer(*ANN, C + 5000, C + 5000)])


def _others_came_too(lake: Lake) -> None:
    _new_file(lake)
    came = [f"new{number}@x.org" for number in range(9)]
    _write(lake, "e.json", [customer(email, f"serial-{email}", C) for email in came])
    _write(lake, "e.json", [motion(e, C + k) for e in came for k in range(9)], "accelerometer")
    _write(
        lake, "e.json", [step(f"serial-{e}", C + k) for e in came for k in range(9)], "step_trainer"
    )


def _spoilt_record(lake: Lake) -> None:
    path = lake.layout.landing / "customer" / "c.json"
    path.write_bytes(path.read_bytes().replace(b'"ann@x.org"', b'["ann@x.org"]'))


WAYS: dict[str, Callable[[Lake], None]] = {
    "a new file": _new_file,
    "a changed file": _changed_file,
    "records removed": _removed_records,
    "a file removed": _removed_file,
    "consent given anew, later": _later_consent,
    "while others came": _others_came_too,
    "a record that cannot be used": _spoilt_record,
}


@pytest.fixture
def twice(ran: Lake) -> Lake:
    """The small lake, run twice, so that each table has two equal snapshots."""
    lake = Lake(ran.settings.root, max_bad_rows=100)
    lake.run(force=True)
    assert _snapshots(lake) == dict.fromkeys(ALL, 2)
    return lake


def _snapshots(lake: Lake) -> dict[str, int]:
    return {name: len(lake.states()[name].snapshots) for name in ALL}


def _stored(lake: Lake, table: str) -> list[tuple[Any, ...]]:
    """All rows in all Parquet files of a table, whichever snapshot they are of."""
    files = (lake.layout.warehouse / table).rglob("*.parquet")
    return [tuple(row.values()) for path in files for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize("way", mostly_slow(WAYS))
def test_who_withdrew_is_in_no_older_snapshot(twice: Lake, way: str) -> None:
    WAYS[way](twice)
    twice.run()
    assert _snapshots(twice) == dict.fromkeys(ALL, 1)
    for name in ALL:
        assert sorted(_stored(twice, name), key=str) == sorted(twice.rows(name), key=str)


@pytest.mark.slow
def test_who_only_came_keeps_the_older_snapshots(twice: Lake) -> None:
    _write(twice, "e.json", [customer("gus@x.org", "serial-gus", C)])
    _write(twice, "e.json", [motion("gus@x.org", C + 1)], "accelerometer")
    _write(twice, "e.json", [step("serial-gus", C + 1)], "step_trainer")
    twice.run()
    assert _snapshots(twice) == dict.fromkeys(ALL, 3)


@pytest.mark.slow
def test_jobs_run_one_by_one_forget_too(twice: Lake) -> None:
    _others_came_too(twice)
    left = dict.fromkeys(ALL, 2)
    for name in JOBS:
        twice.run(name)
        left[JOBS[name]] = 1
        assert _snapshots(twice) == left
    for name in ALL:
        assert len(_stored(twice, name)) == len(twice.rows(name))


@pytest.mark.slow
def test_what_reads_a_table_that_forgot_forgets_whatever_came_between(twice: Lake) -> None:
    _new_file(twice)
    twice.run(FIRST)
    (twice.layout.landing / "customer" / "d.json").unlink()
    twice.run()
    # Ann came back: her rows are again those of before, and lost from no other table.
    assert _snapshots(twice) == dict.fromkeys(ALL, 1) | {"customer_trusted": 2}


@pytest.mark.slow
def test_a_double_that_goes_is_a_row_that_goes(twice: Lake) -> None:
    """As published, a customer with two records stands there twice, and so do the readings."""
    twice.run(policy="published")
    twice.run(policy="published", force=True)
    assert _snapshots(twice) == dict.fromkeys(ALL, 2)
    kept = [*MOTIONS, motion("fay@x.org", C + 7)]
    kept.remove(motion("ann@x.org", C + 10))
    _write(twice, "a.json", kept, "accelerometer")
    twice.run(policy="published")
    assert _snapshots(twice)["accelerometer_trusted"] == 1
    assert _snapshots(twice)["customer_trusted"] == 2


@pytest.mark.slow
def test_a_reader_puts_it_off_until_the_next_command(twice: Lake) -> None:
    with twice.opened() as reader:
        before = reader.questions.ask("SELECT count(*) FROM customer_trusted")
        _new_file(twice)
        twice.run()
        assert len(_stored(twice, "customer_trusted")) > len(twice.rows("customer_trusted"))
        assert next(before.rows) == (4,)
    assert twice.built() == set()
    for name in ALL:
        assert len(_stored(twice, name)) == len(twice.rows(name))


# --- Tags and branches ------------------------------------------------------------------------


def _hold(lake: Lake, table: str = "customer_trusted") -> IcebergTable:
    """Hold a table's oldest snapshot by a tag and a branch."""
    held = open_catalog(lake.layout).load_table(f"stedi.{table}")
    oldest = held.metadata.snapshots[0].snapshot_id
    held.manage_snapshots().create_tag(oldest, "before").create_branch(oldest, "aside").commit()
    return held


REMOVED = [
    {"table": "customer_trusted", "kind": "tag", "name": "before"},
    {"table": "customer_trusted", "kind": "branch", "name": "aside"},
]


@pytest.mark.slow
def test_a_tag_and_a_branch_hold_nothing_that_has_to_go(twice: Lake, stedi: Any) -> None:
    held = _hold(twice)
    _new_file(twice)
    told = stedi("--root", twice.settings.root, "jobs", "run", "--all", "--json")
    assert told.code == 0, told.err
    key = {"tag": 0, "branch": 1}
    assert sorted(json.loads(told.out)["removed"], key=lambda r: key[r["kind"]]) == REMOVED
    assert "Removed tag before of customer_trusted: its snapshot had to go." in told.err
    assert set(held.refresh().refs()) == {"main"}
    assert _snapshots(twice)["customer_trusted"] == 1


WITH_A_BROKEN_HISTORY = {
    "a run": ["jobs", "run", "--all", "--force", "--json"],
    "a run with nothing to do": ["jobs", "run", "--all", "--json"],
    "an upload": ["upload"],
    "infra up": ["infra", "up", "--no-data"],
    "infra down": ["infra", "down", "--keep-data", "--yes"],
}


@pytest.mark.slow
@pytest.mark.parametrize("command", WITH_A_BROKEN_HISTORY)
def test_what_goes_with_a_broken_history_is_said(
    twice: Lake, tmp_path: Path, stedi: Any, command: str
) -> None:
    held = _hold(twice)
    broken = held.metadata.snapshots[0].manifest_list
    Path(broken.removeprefix("file://")).write_bytes(b"broken")
    # As after a run that died.
    (twice.settings.root / "journal.json").write_text('{"tables": ["customer_trusted"]}')
    asked = WITH_A_BROKEN_HISTORY[command]
    folder = [write_lake(tmp_path / "data")] if asked == ["upload"] else []
    told = stedi("--root", twice.settings.root, *asked, *folder)
    assert told.code == 0, told.err
    for kind, name in (("tag", "before"), ("branch", "aside")):
        said = f"Removed {kind} {name} of customer_trusted: its snapshot had to go."
        assert told.err.count(said) == 1
    if "--json" in asked:
        assert sorted(told.json()["removed"], key=str) == sorted(REMOVED, key=str)
    assert set(held.refresh().refs()) == {"main"}


@pytest.mark.slow
def test_a_name_that_may_be_an_address_is_not_said(twice: Lake, stedi: Any) -> None:
    held = open_catalog(twice.layout).load_table("stedi.customer_trusted")
    oldest = held.metadata.snapshots[0].snapshot_id
    held.manage_snapshots().create_tag(oldest, "ann@x.org").commit()
    _new_file(twice)
    told = stedi("--root", twice.settings.root, "jobs", "run", "--all", "--json")
    assert told.json()["removed"] == [{"table": "customer_trusted", "kind": "tag", "name": "…"}]
    assert "x.org" not in told.out + told.err


@pytest.mark.slow
def test_a_change_of_policy_removes_what_holds_the_other(twice: Lake, stedi: Any) -> None:
    held = _hold(twice)
    told = stedi("--root", twice.settings.root, "jobs", "run", "--all", "--policy", "published")
    assert told.code == 0, told.err
    assert "Removed branch aside of customer_trusted" in told.err
    assert set(held.refresh().refs()) == {"main"}


@pytest.mark.slow
def test_a_snapshot_beyond_the_number_goes_with_its_tag(twice: Lake) -> None:
    held = _hold(twice)
    lake = Lake(twice.settings.root, keep_snapshots=2)
    lake.run(force=True)
    assert set(held.refresh().refs()) == {"main"}
    assert _snapshots(lake) == dict.fromkeys(ALL, 2)


@pytest.mark.slow
def test_a_tag_on_a_snapshot_that_is_kept_stays(twice: Lake, stedi: Any) -> None:
    held = _hold(twice)
    told: Result = stedi("--root", twice.settings.root, "jobs", "run", "--all", "--force", "--json")
    assert told.json()["removed"] == []
    assert set(held.refresh().refs()) == {"main", "before", "aside"}


@pytest.mark.slow
def test_a_branch_that_went_on_does_not_push_the_table_out(twice: Lake) -> None:
    """A branch's snapshots are later than the table's own, and count for no more than others."""
    held = _hold(twice, "machine_learning_curated")
    held.append(held.scan().to_arrow(), branch="aside")
    _new_file(twice)
    twice.run()
    assert set(held.refresh().refs()) == {"main"}
    assert _snapshots(twice) == dict.fromkeys(ALL, 1)


@pytest.mark.slow
@pytest.mark.parametrize("forgot", [True, False])
def test_a_branch_written_later_goes_with_the_next_run(
    twice: Lake, stedi: Any, forgot: bool
) -> None:
    if forgot:
        _new_file(twice)
        twice.run()
    held = open_catalog(twice.layout).load_table("stedi.customer_trusted")
    held.manage_snapshots().create_branch(held.metadata.current_snapshot_id, "aside").commit()
    held.append(held.scan().to_arrow(), branch="aside")
    told = stedi("--root", twice.settings.root, "jobs", "run", "--all", "--json")
    assert told.json()["removed"] == [REMOVED[1]]
    assert set(held.refresh().refs()) == {"main"}
    assert _snapshots(twice)["customer_trusted"] == 1
    assert twice.built() == set()


def by_chance(lake: Lake, project: Path, invoke: Callable[..., Result]) -> Lake:
    """A lakehouse whose first job gives other rows each time, as many as before."""
    invoke("init", project)
    text = project / "jobs" / f"{FIRST}.sql"
    text.write_text(text.read_text().replace("l.phone,", "concat('', random()) AS phone,"))
    return Lake(lake.settings.root, project=project)


def by_any_tie(lake: Lake, project: Path, invoke: Callable[..., Result]) -> Lake:
    """A lakehouse whose first job does not say which of two records counts that differ by phone."""
    invoke("init", project)
    text = project / "jobs" / f"{FIRST}.sql"
    text.write_text(text.read_text().replace("phone NULLS LAST, ", ""))
    return Lake(lake.settings.root, project=project)


def judge_otherwise(
    patch: pytest.MonkeyPatch, name: str = "customerName", value: str = "upper(raw.customerName)"
) -> None:
    """Be a version that takes another value out of each line of the same files."""

    def given(column: Column) -> str:
        return value if column.name == name else own(column)

    own = guard._given
    patch.setattr(guard, "_given", given)
    patch.setattr(ledger, "JUDGEMENT", ledger.JUDGEMENT + 1)


@pytest.mark.slow
def test_rows_that_depend_on_more_than_the_inputs_are_compared(
    twice: Lake, tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    """As where readings of a year ago are left out: nothing changed, and rows go all the same."""
    lake = by_chance(twice, tmp_path / "project", invoke)
    for force in (False, True):
        lake.run(force=force)
        assert _snapshots(lake) == dict.fromkeys(ALL, 1)


@pytest.mark.slow
def test_rows_of_files_that_are_read_again_are_compared(
    twice: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge_otherwise(monkeypatch)
    twice.run(force=True)
    assert _snapshots(twice)["customer_trusted"] == 1
    assert all(row[0].isupper() for row in _stored(twice, "customer_trusted"))


@pytest.mark.slow
def test_rows_of_files_that_a_run_read_again_before_it_died_are_compared(
    twice: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> int:
        raise StediError("killed")

    judge_otherwise(monkeypatch, "x", "raw.x + 1")
    with monkeypatch.context() as patch:
        patch.setattr(DuckRunner, "_write", die)
        with pytest.raises(StediError, match="killed"):
            twice.run(force=True)
    twice.run(force=True)
    left = {"customer_trusted": 3, "accelerometer_trusted": 1}
    assert {name: _snapshots(twice)[name] for name in left} == left


@pytest.mark.slow
def test_a_forced_run_compares_what_its_sql_leaves_open_and_no_more(
    twice: Lake, tmp_path: Path, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Told(Comparison):
        def __init__(self, engine: Engine, table: Table, before: list[Path], after: Path) -> None:
            super().__init__(engine, table, before, after)
            self.table = table.name

        def is_same(self) -> bool:
            compared.append(self.table)
            return super().is_same()

    compared: list[str] = []
    monkeypatch.setattr("stedi_cli.local.runner.Comparison", Told)
    twice.run(force=True)
    assert compared == []
    assert _snapshots(twice) == dict.fromkeys(ALL, 3)
    lake = by_any_tie(twice, tmp_path / "project", invoke)
    lake.run()
    compared.clear()
    lake.run(force=True)
    assert compared == ["customer_trusted"]


def test_rows_made_to_have_one_hash_are_told_apart(lake: Lake, tmp_path: Path) -> None:
    """DuckDB's hash of (1, 2) is that of another pair, whatever is hashed after them."""
    columns = (Column("x", "long", ""), Column("y", "long", ""))
    table = Table("pairs", "trusted", "", columns)
    files = [tmp_path / "before.parquet", tmp_path / "after.parquet"]
    for path, y in zip(files, ([1, 2], [3, -2539529385689456101]), strict=True):
        pq.write_table(pa.table({"x": [y[0]], "y": [y[1]]}), path)
    with closing(Engine(lake.layout, lake.settings, [tmp_path], None)) as engine:
        other = Comparison(engine.open(), table, files[:1], files[1])
        same = Comparison(engine, table, files[:1], files[0])
        assert (other.is_same(), other.loses_rows()) == (False, True)
        assert (same.is_same(), same.loses_rows()) == (True, False)
