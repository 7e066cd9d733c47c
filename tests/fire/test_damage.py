"""What is broken or lost, before a command or under its feet: told, found by doctor, and mended."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from small import STRICT, C, lines, motion, write_lake

from fire.arena import Arena
from fire.launcher import Ended
from fire.state import catalog, listing, path_of, read, stray


def assert_told(ended: Ended, code: int = 1) -> str:
    """One line that says what is wrong, one that says what to do; return the latter."""
    assert ended.code == code, ended
    error, hint = ended.told()
    assert error.startswith("Error: "), ended
    assert hint.startswith("Hint: "), ended
    return hint


def assert_found(arena: Arena) -> list[str]:
    """Doctor finds something wrong; return what it says should be done."""
    found = arena.run("doctor", "--json")
    assert found.code == 1, found
    assert found.told() == []
    return [finding["todo"] for finding in json.loads(found.out) if not finding["ok"]]


def do(arena: Arena, hint: str) -> None:
    """Do what a hint says."""
    commands = [part for part in hint.split("`")[1::2] if part.startswith("stedi ")]
    assert commands, hint
    for command in commands:
        words = command.split()[1:]
        arena.done(*words, *(["--no-data"] if words == ["infra", "up"] else []))


def assert_whole(arena: Arena) -> None:
    assert arena.counts() == STRICT
    assert stray(arena.root) == set()
    assert arena.run("doctor").code == 0
    assert arena.foreign().keys() >= {"lake.txt", "neighbour/catalog.db"}


# --- Files of a table ----------------------------------------------------------------------------


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _zero(path: Path) -> None:
    """Same size, no content: what a power failure may leave."""
    path.write_bytes(b"\0" * path.stat().st_size)


def _one(arena: Arena, glob: str) -> Path:
    (found,) = (arena.root / "warehouse" / "customer_trusted").glob(glob)
    return found


def _metadata(arena: Arena) -> Path:
    return path_of(catalog(arena.root)["customer_trusted"])


FILES: dict[str, Callable[[Arena], Path]] = {
    "data": lambda arena: _one(arena, "data/*.parquet"),
    "metadata": _metadata,
    "manifest list": lambda arena: _one(arena, "metadata/snap-*.avro"),
    "manifest": lambda arena: _one(arena, "metadata/*-m0.avro"),
    "catalog": lambda arena: arena.root / "catalog.db",
    "marker": lambda arena: arena.root / "stedi.json",
}
HARMS: dict[str, Callable[[Path], object]] = {
    "lost": Path.unlink,
    "cut short": _cut,
    "empty": lambda path: os.truncate(path, 0),
    "zeroed": _zero,
}


CASES = [(file, harm) for file in FILES for harm in HARMS]
# Without its marker a folder is taken for someone else's.
CASES.remove(("marker", "lost"))


@pytest.mark.parametrize(("file", "harm"), CASES)
def test_a_broken_file_is_found_and_what_doctor_says_mends_it(
    built: Arena, file: str, harm: str
) -> None:
    before = read(built.root)
    HARMS[harm](FILES[file](built))
    for words in (["validate"], ["preview", "customer_trusted"], ["jobs", "list"], ["history"]):
        ended = built.run(*words)
        assert ended.code in (0, 1, 2, 3), ended
        assert ended.code != 1 or len(ended.told()) == 2, ended
    if file in ("data", "metadata"):
        assert_told(built.run("preview", "customer_trusted"))
    (todo,) = assert_found(built)[:1]
    do(built, todo)
    assert read(built.root) == before
    assert_whole(built)


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("file", ["manifest list", "manifest"])
def test_a_broken_history_stops_no_run(built: Arena, file: str, harm: str) -> None:
    HARMS[harm](FILES[file](built))
    (built.root / "journal.json").write_text(json.dumps({"tables": ["customer_trusted"]}))
    built.done("jobs", "run", "--all", "--force")
    built.done("jobs", "run", "--all", "--policy", "published")
    built.done("jobs", "run", "--all")
    assert_whole(built)


@pytest.mark.parametrize("harm", ["lost", "cut short", "zeroed"])
@pytest.mark.parametrize("glob", ["data/*.parquet", "metadata/*-m0.avro"])
def test_a_broken_quarantine(arena: Arena, glob: str, harm: str) -> None:
    write_lake(arena.data, {"step_trainer_landing": {"bad.json": b"{}\n"}})
    arena.done("infra", "up", "--data", arena.data)
    arena.done("jobs", "run", "--all", "--max-bad-rows", "1")
    (path,) = (arena.root / "warehouse" / "quarantine").glob(glob)
    HARMS[harm](path)
    assert_told(arena.run("quarantine"))
    assert_found(arena)
    arena.done("jobs", "run", "--all", "--force", "--max-bad-rows", "1")
    assert_whole(arena)
    assert arena.done("quarantine", "--json").json()[0]["lines"] == 1


# --- The catalog ---------------------------------------------------------------------------------


# With so small a cache, changes reach the file before the commit.
CRASH = """
import os, signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN IMMEDIATE")
db.execute("UPDATE iceberg_tables SET metadata_location = 'file:///nowhere'")
insert = "INSERT INTO iceberg_namespace_properties VALUES ('x', 'x', ?, ?)"
for number in range(200):
    db.execute(insert, (str(number), "v" * 200))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_crash_within_a_commit_is_rolled_back_by_whoever_reads_next(built: Arena) -> None:
    before = read(built.root)
    died = subprocess.run([sys.executable, "-c", CRASH, built.root / "catalog.db"], check=False)
    assert died.returncode == -signal.SIGKILL
    assert (built.root / "catalog.db-journal").stat().st_size > 0
    built.save()
    for words in (["tables"], ["doctor"], ["validate"], ["jobs", "run", "--all"], ["infra", "up"]):
        built.restore()
        built.done(*words, *(["--no-data"] if words[0] == "infra" else []))
        assert read(built.root) == before
        assert_whole(built)


@pytest.mark.slow
@pytest.mark.parametrize("words", ["tables", "jobs run --all", "infra up --no-data", "doctor"])
def test_a_catalog_locked_by_another_program_is_not_called_broken(built: Arena, words: str) -> None:
    before = read(built.root)
    db = sqlite3.connect(built.root / "catalog.db", isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    ended = built.run(*words.split())
    db.rollback()
    db.close()
    assert ended.code == 1, ended
    assert "locked" in ended.err + ended.out
    assert "infra up" not in ended.err
    assert read(built.root) == before
    assert_whole(built)


# --- Under its feet ------------------------------------------------------------------------------


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + lines([motion("ann@x.org", C + 77)]))


UNDER: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "longer": _append,
    "empty": lambda path: os.truncate(path, 0),
    "other bytes": lambda path: path.write_bytes(path.read_bytes().replace(b"ann", b"bob")),
    "joined": lambda path: path.with_name("b.json").write_bytes(b"{}\n"),
}


def _order(root: Path) -> list[str]:
    """The landing tables in the order in which a run reads them: the largest first."""
    folders = sorted((root / "landing").iterdir())
    sizes = {f.name: sum(path.stat().st_size for path in f.iterdir()) for f in folders}
    return sorted(sizes, key=sizes.__getitem__, reverse=True)


@pytest.mark.parametrize("change", UNDER)
@pytest.mark.parametrize("sooner", [1, 0])
def test_a_landing_file_that_changes_before_it_is_read(
    built: Arena, change: str, sooner: int
) -> None:
    """While the table before it is read, or just before it is."""
    before = read(built.root)
    content = listing(built.root / "landing")
    at = _order(built.root).index("accelerometer") + 1 - sooner
    started = built.stopped("jobs run --all --reread", "fire.copy", at=at)
    path = built.root / "landing" / "accelerometer" / "a.json"
    UNDER[change](path)
    ended = started.go_on().end()
    hint = assert_told(ended)
    assert "accelerometer" in ended.err
    assert "again" in hint
    now = read(built.root)
    assert now.tables == before.tables
    path.write_bytes(content["accelerometer/a.json"])  # type: ignore[arg-type]
    path.with_name("b.json").unlink(missing_ok=True)
    built.done("jobs", "run", "--all")
    assert_whole(built)


@pytest.mark.parametrize("change", UNDER)
@pytest.mark.parametrize("copy", [2, 5])
def test_a_landing_file_that_changes_once_it_was_read(built: Arena, change: str, copy: int) -> None:
    """The run goes on with what it read, and says no more than that."""
    before = read(built.root)
    table, *_ = _order(built.root)
    path, *_ = sorted((built.root / "landing" / table).iterdir())
    content = path.read_bytes()
    started = built.stopped("jobs run --all --reread", "fire.copy", at=copy)
    UNDER[change](path)
    assert started.go_on().end().code == 0
    assert read(built.root).tables == before.tables
    told = built.run("validate")
    assert told.code == 3
    assert f"{table}_landing" in told.out
    path.write_bytes(content)
    path.with_name("b.json").unlink(missing_ok=True)
    built.done("jobs", "run", "--all")
    assert_whole(built)


@pytest.mark.parametrize("change", ["gone", "longer", "empty"])
def test_an_uploaded_file_that_changes_during_the_upload(arena: Arena, change: str) -> None:
    arena.done("infra", "up", "--no-data")
    started = arena.stopped(f"upload {arena.data}", "open", at=3)
    source = arena.data / "accelerometer" / "landing" / "a.json"
    UNDER[change](source)
    ended = started.go_on().end()
    if change == "gone":
        assert_told(ended)
        assert str(source) in ended.err
    landed = read(arena.root).landing
    if ended.code == 0:
        assert landed["accelerometer/a.json"] == source.read_bytes()
    assert stray(arena.root) == set()
