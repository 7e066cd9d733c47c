"""A clock that was ahead and is set back: no snapshot is older than what it follows."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import Lake
from pyiceberg.expressions import EqualTo
from small import JOBS, STRICT, TYPED

from stedi_cli.lake.job_run import JobDone
from stedi_cli.lake.records import RunOptions
from stedi_cli.local.layout import to_path
from stedi_cli.local.table_files import open_catalog
from stedi_cli.runs.pipeline import Pipeline

HOUR = 3_600_000
TIMES = {"timestamp-ms", "last-updated-ms"}


def metadata(lake: Lake) -> dict[str, dict[str, Any]]:
    """The current metadata of each table."""
    return {
        name: json.loads(to_path(state.metadata).read_text())
        for name, state in lake.states().items()
    }


def shift(value: Any, by: int) -> Any:
    """The same metadata, written by a clock that was ahead."""
    if isinstance(value, dict):
        return {k: v + by if k in TIMES else shift(v, by) for k, v in value.items()}
    return [shift(item, by) for item in value] if isinstance(value, list) else value


def put(lake: Lake, name: str, content: dict[str, Any]) -> None:
    """Put other metadata in the place of a table's; no run has recorded what they are."""
    to_path(lake.states()[name].metadata).write_text(json.dumps(content))
    with closing(sqlite3.connect(lake.layout.catalog)) as db, db:
        db.execute("DELETE FROM stedi_files")


def times_of(content: dict[str, Any]) -> dict[str, list[int]]:
    """The times of each series, in the order in which things happened."""
    snapshots = sorted(content["snapshots"], key=lambda s: int(s["sequence-number"]))
    last = [content["last-updated-ms"]]
    series = {"snapshots": snapshots}
    series |= {log: content[log] for log in ("snapshot-log", "metadata-log")}
    return {name: [entry["timestamp-ms"] for entry in s] + last for name, s in series.items()}


def assert_in_order(lake: Lake) -> None:
    for name, content in metadata(lake).items():
        for series, times in times_of(content).items():
            assert times == sorted(times), (name, series)


@pytest.fixture
def ahead(ran: Lake) -> Lake:
    """The small lake, built twice by a clock that was an hour ahead."""
    ran.run(force=True)
    for name, content in metadata(ran).items():
        put(ran, name, shift(content, HOUR))
    return ran


@pytest.mark.slow
def test_no_snapshot_is_older_than_its_parent(ahead: Lake) -> None:
    latest = {name: content["last-updated-ms"] for name, content in metadata(ahead).items()}
    assert len(ahead.built(force=True)) == 5
    assert_in_order(ahead)
    for name, state in ahead.states().items():
        # Nothing new was quarantined, and no landing file read.
        if name not in JOBS.values():
            continue
        assert state.current is not None
        assert state.current.committed_ms >= latest[name] > time.time() * 1000
    assert ahead.counts() == STRICT
    assert ahead.built() == set()


@pytest.mark.slow
def test_any_change_of_a_table_keeps_its_times_in_order(ahead: Lake) -> None:
    table = open_catalog(ahead.layout).load_table("stedi.customer_trusted")
    table.delete(EqualTo("email", "ann@x.org"))
    with table.transaction() as transaction:
        transaction.set_properties({"a": "1"})
    assert_in_order(ahead)
    assert ahead.built() == set(STRICT) & set(ahead.states())
    assert_in_order(ahead)


@pytest.mark.slow
def test_history_is_in_the_order_of_commits_whatever_the_times_say(ahead: Lake) -> None:
    name = "customer_trusted"
    content = metadata(ahead)[name]
    content["snapshots"] = sorted(content["snapshots"], key=lambda s: int(s["sequence-number"]))
    content["snapshots"][-1]["timestamp-ms"] -= 2 * HOUR
    put(ahead, name, content)
    state = ahead.states()[name]
    assert state.snapshots[-1] == state.current


def out_of_order(lake: Lake) -> None:
    """Leave what older versions wrote when the clock was set back."""
    for name, content in metadata(lake).items():
        for series in ("snapshots", "snapshot-log", "metadata-log"):
            for entry in content[series][-1:]:
                entry["timestamp-ms"] -= 2 * HOUR
        content["last-updated-ms"] -= 2 * HOUR
        put(lake, name, content)


@pytest.mark.slow
@pytest.mark.parametrize("set_back", [False, True])
def test_times_are_mended_for_spark(ahead: Lake, set_back: bool) -> None:
    if set_back:
        out_of_order(ahead)
    before = ahead.states()
    now_ms = time.time_ns() // 1_000_000
    catalog = open_catalog(ahead.layout)
    mended = {name for name in before if catalog.mend_times(f"stedi.{name}", now_ms)}
    # What was written once or never cannot be out of order.
    once = {"quarantine", "held_back", *TYPED}
    assert mended == before.keys() - (once if set_back else set())
    assert not any(catalog.mend_times(f"stedi.{name}", now_ms) for name in before)
    assert_in_order(ahead)
    for name, state in ahead.states().items():
        assert [s.id for s in state.snapshots] == [s.id for s in before[name].snapshots]
        assert max(times_of(metadata(ahead)[name])["snapshots"]) <= now_ms
    assert ahead.counts() == STRICT


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize("set_back", [False, True])
def test_spark_writes_what_a_clock_that_was_ahead_wrote(ahead: Lake, set_back: bool) -> None:
    if set_back:
        out_of_order(ahead)
    with ahead.opened() as opened:
        events = list(Pipeline(ahead.model, opened, "strict").run(RunOptions("spark", force=True)))
    assert len([event for event in events if isinstance(event, JobDone)]) == 5
    assert_in_order(ahead)
    assert ahead.counts() == STRICT
    assert not list(Path(ahead.layout.temp).iterdir())
