"""Whoever withdrew is in no older snapshot either where Spark runs the jobs, here and on Glue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Lake, Result
from small import JOBS, C, customer, motion, step
from test_forgetting import (
    ALL,
    ANN,
    _hold,
    _snapshots,
    _stored,
    _write,
    by_chance,
    judge_otherwise,
)

from stedi_cli.lake.records import RunOptions
from stedi_cli.local import spark
from stedi_cli.runs import spark_request
from stedi_cli.runs.pipeline import Event, Pipeline
from stedi_cli.tables.history import RefRemoved

pytestmark = [pytest.mark.spark, pytest.mark.slow]
HOUR_MS = 3_600_000


@pytest.fixture
def by_the_script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """As on Glue, where the script itself expires, and nobody else does."""

    def ask(keep: int, spare_ms: int) -> None:
        asked = spark_request.request
        changed = {"keep": keep, "spare_ms": spare_ms}
        monkeypatch.setattr(spark_request, "request", lambda *a, **k: asked(*a, **{**k, **changed}))
        monkeypatch.setattr(spark.SparkRunner, "_expire", lambda self, work: None)

    return ask


@pytest.fixture
def twice(ran: Lake) -> Lake:
    """The small lake, run twice by DuckDB, so that each table has two equal snapshots."""
    ran.run(force=True)
    return ran


def _spark(lake: Lake, *jobs: str, **how: Any) -> list[Event]:
    with lake.opened() as opened:
        return list(Pipeline(lake.model, opened, "strict").run(RunOptions("spark", **how), jobs))


def _come(lake: Lake) -> None:
    _write(lake, "e.json", [customer("gus@x.org", "serial-gus", C)])
    _write(lake, "e.json", [motion("gus@x.org", C + k) for k in range(9)], "accelerometer")
    _write(lake, "e.json", [step("serial-gus", C + k) for k in range(9)], "step_trainer")


def _withdraw(lake: Lake) -> None:
    _write(lake, "d.json", [customer(*ANN, C + 5000, None)])


def test_who_came_keeps_them_and_who_withdrew_does_not(twice: Lake) -> None:
    _come(twice)
    _spark(twice)
    assert _snapshots(twice) == dict.fromkeys(ALL, 3)
    _hold(twice)
    _withdraw(twice)
    events = _spark(twice)
    assert _snapshots(twice) == dict.fromkeys(ALL, 1)
    for name in ALL:
        assert len(_stored(twice, name)) == len(twice.rows(name))
    removed = {(e.table, e.kind, e.name) for e in events if isinstance(e, RefRemoved)}
    assert removed == {
        ("customer_trusted", "tag", "before"),
        ("customer_trusted", "branch", "aside"),
    }


def test_what_dies_before_it_forgets_forgets_next_time(
    twice: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    _come(twice)
    _withdraw(twice)
    first, *_ = JOBS
    with monkeypatch.context() as patch:
        patch.setattr(spark.SparkRunner, "_expire", lambda self, work: None)
        _spark(twice, first)
    assert _snapshots(twice)["customer_trusted"] == 3
    with twice.opened() as opened:
        plans = Pipeline(twice.model, opened, "strict").plan()
    assert plans[0].stale == "snapshots that have to go are left"
    twice.run()
    # The one that forgets may stay: no row of hers is in it.
    assert _snapshots(twice) == dict.fromkeys(ALL, 1) | {"customer_trusted": 2}


def test_the_script_forgets_who_withdrew_with_what_holds_them(
    twice: Lake, by_the_script: Callable[..., None]
) -> None:
    by_the_script(10, HOUR_MS)
    _come(twice)
    _spark(twice)
    assert _snapshots(twice) == dict.fromkeys(ALL, 3)
    held = _hold(twice)
    _withdraw(twice)
    _spark(twice)
    assert _snapshots(twice) == dict.fromkeys(ALL, 1)
    assert set(held.refresh().refs()) == {"main"}
    for name in ALL:
        assert len(_stored(twice, name)) == len(twice.rows(name))


@pytest.mark.parametrize(("spare_ms", "left"), [(HOUR_MS, 3), (0, 1)])
def test_what_was_current_within_the_hour_stays_for_its_readers(
    twice: Lake, by_the_script: Callable[..., None], spare_ms: int, left: int
) -> None:
    by_the_script(1, spare_ms)
    first, *_ = JOBS
    _spark(twice, first, force=True)
    assert _snapshots(twice)["customer_trusted"] == left


def test_a_value_that_went_to_the_column_beside_it_is_a_row_that_went(twice: Lake) -> None:
    """Spark's hash passes over a NULL: by it alone both rows were the same."""
    first, *_ = JOBS
    known = customer("gus@x.org", "serial-gus", C)
    told = "1977-07-07"
    _write(twice, "e.json", [{**known, "phone": told, "birthDay": None}])
    _spark(twice, first)
    before = _snapshots(twice)["customer_trusted"]
    _write(twice, "e.json", [{**known, "phone": None, "birthDay": told}])
    _spark(twice, first)
    assert (before, _snapshots(twice)["customer_trusted"]) == (3, 1)


def test_rows_that_depend_on_more_than_the_inputs_are_compared(
    twice: Lake, tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    lake = by_chance(twice, tmp_path / "project", invoke)
    for force in (False, True):
        _spark(lake, force=force)
        left = _snapshots(lake)
        assert (left["customer_trusted"], left["customers_curated"]) == (1, 1)


def test_rows_of_files_that_are_read_again_are_compared(
    twice: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        judge_otherwise(patch)
        twice.run(force=True)
    first, *_ = JOBS
    _spark(twice, first, force=True)
    assert _snapshots(twice)["customer_trusted"] == 1
    assert not any(row[0].isupper() for row in _stored(twice, "customer_trusted"))
