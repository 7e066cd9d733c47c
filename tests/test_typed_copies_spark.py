"""The typed copies on Spark: shared with DuckDB, and read as seldom."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, Lake
from pyiceberg.manifest import ManifestEntry, ManifestEntryStatus
from small import FOLDERS, TYPED, C, lines, motion
from test_typed_copies import COPY, READINGS, copied, data_files, put, read, remove

from stedi_cli.errors import BadDataError, StediError, UsageError
from stedi_cli.lake.records import RunOptions
from stedi_cli.local import spark_submit
from stedi_cli.local.landing_zone import LandingZone
from stedi_cli.local.table_files import open_catalog
from stedi_cli.project.folder import copy_out
from stedi_cli.runs.pipeline import Pipeline

pytestmark = [pytest.mark.spark, pytest.mark.slow]
__all__ = ["read"]


def run(lake: Lake, engine: str = "spark", **how: Any) -> None:
    with lake.opened() as opened:
        list(Pipeline(lake.model, opened, "strict").run(RunOptions(engine, **how)))


def ledgers(lake: Lake) -> dict[str, str]:
    """The name of each copy's ledger."""
    states = lake.states()
    return {name: state.current.ledger for name in TYPED if (state := states[name]).current}


def entries(lake: Lake) -> Iterator[ManifestEntry]:
    """All entries of the manifests of a copy's current snapshot."""
    table = open_catalog(lake.layout).load_table(f"stedi.{COPY}")
    snapshot = table.current_snapshot()
    assert snapshot is not None
    for manifest in snapshot.manifests(table.io):
        yield from manifest.fetch_manifest_entry(table.io, discard_deleted=False)


def test_engines_share_copies(lake: Lake, tmp_path: Path, read: list[str]) -> None:
    put(lake, tmp_path, "goes.json", [motion("ann@x.org", C + 77)])
    lake.run()
    by_duckdb = data_files(lake)
    # Names that Spark tells encoded, or that are a part of a path elsewhere.
    for name in ("a b+é(1).json", "x=1,2.json"):
        put(lake, tmp_path, name, [motion("ann@x.org", C + 78)])
    put(lake, tmp_path, "packed.json.gz", gzip.compress(b"\n"))
    rows = sorted(lake.rows(READINGS))
    run(lake)
    after = data_files(lake)
    # What was there stays where it is; a run has one file for all that it read.
    assert {*by_duckdb} < {*after}
    assert len(after) == len(by_duckdb) + 1
    assert {"a b+é(1).json": 1, "x=1,2.json": 1}.items() <= copied(lake).items()
    read.clear()
    assert sorted(lake.rows(READINGS)) == rows
    assert lake.validate().problems == []
    lake.run(force=True)
    assert read == []
    remove(lake, "goes.json")
    run(lake)
    assert "goes.json" not in copied(lake)
    assert by_duckdb[0] not in data_files(lake)
    assert {*after} - {*by_duckdb} < {*data_files(lake)}
    (snapshot,) = lake.states()[COPY].snapshots
    folder = lake.layout.warehouse / COPY / "data"
    assert {path.name for path in folder.iterdir()} == snapshot.files.keys()
    assert {entry.status for entry in entries(lake)} == {ManifestEntryStatus.ADDED}
    assert not any(entry.data_file.lower_bounds for entry in entries(lake))
    assert sorted(path.name for path in lake.layout.ledgers.iterdir()) == sorted(
        ledgers(lake).values()
    )
    written = ledgers(lake)
    run(lake, "duckdb", reread=True, force=True)
    assert ledgers(lake) == written
    assert lake.validate().problems == []


def test_unusable_lines_are_judged_once(lake: Lake, tmp_path: Path, read: list[str]) -> None:
    dirty = Lake(lake.settings.root, max_bad_rows=3)
    put(dirty, tmp_path, "bad.json", b"{}\nnonsense\n")
    run(dirty)
    before = dirty.states()
    put(dirty, tmp_path, "worse.json", b"more nonsense\n{}\n")
    with pytest.raises(BadDataError, match=r"4 of 12 lines"):
        run(dirty)
    after = dirty.states()
    assert {name: after[name].current for name in TYPED} == {
        name: before[name].current for name in TYPED
    }
    remove(dirty, "bad.json")
    run(dirty)
    read.clear()
    dirty.run(force=True)
    assert read == []
    assert [row[1:3] for row in sorted(dirty.rows("quarantine"))] == [
        ("worse.json", 1),
        ("worse.json", 2),
    ]
    assert dirty.validate().problems == []


def test_a_large_file_is_read_in_blocks_with_the_numbers_of_its_lines(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each block of a file is read by a task that knows nothing of the others."""
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "spark-defaults.conf").write_text("spark.sql.files.maxPartitionBytes 20000\n")
    monkeypatch.setenv("SPARK_CONF_DIR", str(conf))
    # Java lists methods in another order with the options that a large run has.
    monkeypatch.setattr(spark_submit, "SMALL", 0)
    kinds = (b"", b" \t", b"\r", b"nonsense", b"{}", b'{"user":"\xff"}')
    told = [lines([motion("ann@x.org", C + 1000 + n)]) for n in range(700)]
    # Right, but not in canonical form.
    told[::7] = [line.replace(b",", b" , ") for line in told[::7]]
    odd = dict(zip(range(0, 700, 9), kinds * 13, strict=True))
    for place, line in odd.items():
        told[place] = line + b"\n"
    bad = {place + 1 for place, line in odd.items() if line.strip()}
    files = {"large.json": told, "marked.json": [b"\xef\xbb\xbf", *told], "small.json": told[:20]}
    for name, content in files.items():
        put(lake, tmp_path, name, b"".join(content))
    put(lake, tmp_path, "packed.json.gz", gzip.compress(b"".join(told)))
    loose = Lake(lake.settings.root, max_bad_rows=200)
    run(loose)
    numbers = dict.fromkeys(("large.json", "marked.json", "packed.json.gz"), bad)
    numbers["small.json"] = {number for number in bad if number <= 20}
    quarantined = loose.rows("quarantine")
    assert len(quarantined) == sum(map(len, numbers.values()))
    assert {(file, line) for _, file, line, _ in quarantined} == {
        (name, line) for name, bad in numbers.items() for line in bad
    }
    usable = len(told) - len(odd)
    assert {name: copied(loose)[name] for name in numbers} == {
        "large.json": usable,
        "marked.json": usable,
        "packed.json.gz": usable,
        "small.json": 17,
    }
    by_spark = sorted(loose.rows(READINGS)), sorted(quarantined)
    run(loose, "duckdb", reread=True, force=True)
    assert by_spark == (sorted(loose.rows(READINGS)), sorted(loose.rows("quarantine")))


def test_places_that_another_run_found_in_other_files_are_not_taken_over(
    lake: Lake, tmp_path: Path
) -> None:
    good = lines([motion("ann@x.org", C + 77)])
    one, strict = Lake(lake.settings.root, max_bad_rows=1), Lake(lake.settings.root, max_bad_rows=0)
    before = {"k.json": good * 2 + b"nonsense\n" + good * 2, "l.json": good}
    other = {"k.json": good * 4 + b"nonsense\n", "l.json": good * 2}
    for name, content in before.items():
        put(one, tmp_path, name, content)
    one.run()
    for name, content in other.items():
        put(strict, tmp_path, name, content)
    with pytest.raises(BadDataError):
        strict.run()
    assert [row[1:3] for row in one.rows("quarantine")] == [("k.json", 5)]
    for name, content in before.items():
        put(one, tmp_path, name, content)
    run(one)
    assert [row[1:3] for row in one.rows("quarantine")] == [("k.json", 3)]
    assert one.validate().problems == []


def test_files_that_change_meanwhile_leave_no_copy(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(self: LandingZone, table: str, state: Any) -> None:
        raise StediError(f"Landing files of {table} changed during the run.")

    with monkeypatch.context() as patch:
        patch.setattr(LandingZone, "refuse_changed", changed)
        with pytest.raises(StediError, match="changed during the run"):
            run(lake)
    assert COPY.replace("accelerometer", "customer") not in lake.states()
    (lake.layout.landing / FOLDERS[READINGS] / "a.json").touch()
    run(lake)
    assert lake.validate().problems == []


def test_a_script_of_another_version_is_refused(tmp_path: Path) -> None:
    copy_out(PROJECT, tmp_path / "p")
    (tmp_path / "p" / "jobs" / "typed_landing.py").unlink()
    lake = Lake(tmp_path / "lake", project=tmp_path / "p").up()
    with pytest.raises(UsageError, match=r"glue_job\.py is of another version"):
        run(lake)


def test_all_is_read_again_where_that_is_asked(lake: Lake, read: list[str]) -> None:
    lake.run()
    before = data_files(lake)
    run(lake, reread=True, force=True)
    assert not {*before} & {*data_files(lake)}
    assert lake.validate().problems == []
