"""Bytes that were changed under their names: told by doctor and validate, rebuilt by the run."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Lake, Result
from small import JOBS, STRICT

from stedi_cli.local import seals
from stedi_cli.local.layout import to_path
from stedi_cli.local.stamp import stamp_of

Invoke = Callable[..., Result]


@pytest.fixture
def root(lake: Lake) -> Path:
    """The root of the small lake, its jobs run there: a copy has no stamps that were recorded."""
    lake.run()
    return lake.settings.root


def flip(path: Path) -> None:
    """Change a byte in the middle, keeping size and time of change."""
    times = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    with path.open("r+b") as stream:
        stream.write(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (times.st_size, times.st_mtime_ns)


def newest(lake: Lake, table: str, glob: str) -> Path:
    found = (lake.layout.warehouse / table).glob(glob)
    return max(found, key=lambda path: path.stat().st_mtime_ns)


def rot(lake: Lake, path: Path) -> None:
    """Flip a byte as a failing medium does, which changes no stamp: the recorded one is the new."""
    flip(path)
    rot_stamp(lake, path)


def rot_stamp(lake: Lake, path: Path) -> None:
    """Write a file's stamp as it is now where the run recorded its."""
    with closing(sqlite3.connect(lake.layout.catalog)) as db, db:
        query = "SELECT read_ns FROM stedi_files WHERE path = ?"
        assert db.execute(query, [str(path)]).fetchone()
        db.execute(
            "UPDATE stedi_files SET stamp = ?, read_ns = ? WHERE path = ?",
            [json.dumps(stamp_of(path)), path.stat().st_ctime_ns + 10**10, str(path)],
        )


FILES = {
    "data": lambda lake, table: lake.data_file(table),
    "manifest list": lambda lake, table: newest(lake, table, "metadata/snap-*.avro"),
    "manifest": lambda lake, table: newest(lake, table, "metadata/*-m0.avro"),
}


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("table", ["customer_trusted", "machine_learning_curated"])
def test_flipped_bytes_are_told_and_rebuilt(
    root: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, table: str, file: str
) -> None:
    monkeypatch.setenv("STEDI_ROOT", str(root))
    lake = Lake(root)
    before = {name: sorted(lake.rows(name)) for name in JOBS.values()}
    flip(FILES[file](lake, table))
    doctor = invoke("doctor", "--json")
    assert doctor.code == 1
    (wrong,) = [f for f in doctor.json() if not f["ok"]]
    assert wrong["what"] == table
    assert "is broken" in wrong["found"]
    assert "jobs run --all" in wrong["todo"]
    told = invoke("validate")
    assert told.code in (1, 3)
    assert table in told.out + told.err
    if file == "data":
        shown = invoke("preview", table)
        assert (shown.code, shown.out) == (1, "")
        assert "jobs run --all" in shown.err
    assert table in lake.built()
    assert {name: sorted(lake.rows(name)) for name in JOBS.values()} == before
    assert invoke("doctor").code == 0
    assert invoke("validate").code == 0
    assert lake.built() == set()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["doctor", "validate"])
@pytest.mark.parametrize("file", FILES)
def test_rot_that_changes_no_stamp_is_told_and_then_rebuilt(
    root: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, file: str, command: str
) -> None:
    monkeypatch.setenv("STEDI_ROOT", str(root))
    lake = Lake(root)
    before = sorted(lake.rows("customer_trusted"))
    rot(lake, FILES[file](lake, "customer_trusted"))
    told = invoke(command)
    assert told.code in (1, 3)
    assert "customer_trusted" in told.out + told.err
    assert "customer_trusted" in lake.built()
    assert sorted(lake.rows("customer_trusted")) == before
    assert invoke(command).code == 0
    assert lake.built() == set()


@pytest.mark.slow
def test_rotten_metadata_is_told_and_made_again(
    root: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEDI_ROOT", str(root))
    lake = Lake(root)
    path = to_path(lake.states()["step_trainer_trusted"].metadata)
    path.write_text(path.read_text().replace("Taken at", "taken At"))
    rot_stamp(lake, path)
    assert invoke("doctor").code == 1
    assert invoke("jobs", "run", "--all").code == 1
    assert invoke("infra", "up", "--no-data").code == 0
    assert "step_trainer_trusted" in lake.built()
    assert invoke("doctor").code == 0


@pytest.mark.slow
def test_flipped_metadata_is_told_and_costs_no_other_table(
    root: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEDI_ROOT", str(root))
    lake = Lake(root)
    before = lake.states()
    path = to_path(before["step_trainer_trusted"].metadata)
    text = path.read_text()
    assert "Taken at" in text
    # It is metadata still, of the same size.
    path.write_text(text.replace("Taken at", "taken At"))
    for command in ("doctor", "validate", "jobs run --all"):
        told = invoke(*command.split())
        assert told.code == 1
        assert "step_trainer_trusted" in told.out + told.err
        assert "infra up" in told.out + told.err
    assert invoke("infra", "up", "--no-data").code == 0
    assert lake.built() == {"step_trainer_trusted", "machine_learning_curated"}
    assert lake.counts() == STRICT
    assert lake.states()["customer_trusted"] == before["customer_trusted"]
    assert invoke("doctor").code == 0


@pytest.mark.slow
def test_a_touched_file_is_read_once_and_left(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(root)
    read: list[Path] = []
    digest = seals._digest
    monkeypatch.setattr(seals, "_digest", lambda path: read.append(path) or digest(path))
    assert lake.built() == set()
    assert read == []
    path = lake.data_file("customer_trusted")
    path.touch()
    assert lake.built() == set()
    assert set(read) == {path}


@pytest.mark.slow
def test_a_lake_of_an_older_version_is_sealed_by_its_next_run(root: Path) -> None:
    lake = Lake(root)
    with closing(sqlite3.connect(lake.layout.catalog)) as db, db:
        db.execute("DROP TABLE stedi_files")
    assert lake.built() == set()
    flip(lake.data_file("customers_curated"))
    assert "customers_curated" in lake.built()
