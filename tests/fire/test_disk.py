"""A disk that is full, fails, or may not be written: told in a line, tables as before or after."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small import STRICT, TYPED, C, lines, motion, write_lake

from fire.arena import Arena, build, make_arena, until
from fire.launcher import Ended, Launcher
from fire.state import listing, read, stray
from fire.trial import Trial, side_by_side

NOBODY = 65534


def assert_told(ended: Ended, how: str) -> None:
    """One line that says what is wrong, one that says what to do, and nothing else."""
    assert ended.code == 1, (how, ended)
    told = ended.told()
    assert len(told) == 2, (how, told)
    assert told[0].startswith("Error: "), (how, told)
    assert told[1].startswith("Hint: "), (how, told)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["up", "upload of changed files", "run with everything"])
def test_full_before_a_change_and_from_then_on(
    launchers: list[Launcher], tmp_path: Path, name: str
) -> None:
    def starve(trial: Trial, number: int) -> None:
        ended = trial.at("full", number)
        how = f"full from {number}: {ended.changes[number - 1 : number]}"
        if ended.code != 0:
            assert_told(ended, how)
            assert "space" in ended.err, (how, ended)
        trial.assert_as_before_or_after(how)
        trial.assert_mended(how)

    side_by_side(launchers, name, tmp_path, starve, every=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["upload", "first run", "down"])
def test_one_change_fails(launchers: list[Launcher], tmp_path: Path, name: str) -> None:
    def fail(trial: Trial, number: int) -> None:
        ended = trial.at("fail", number)
        how = f"failed at {number}: {ended.changes[number - 1 : number]}"
        if ended.code != 0:
            assert_told(ended, how)
        trial.assert_as_before_or_after(how)
        trial.assert_mended(how)

    side_by_side(launchers, name, tmp_path, fail, every=4)


@pytest.mark.parametrize("largest", [1_000, 4_096, 8_192, 40_000])
def test_no_file_may_grow_beyond_a_size(arena: Arena, largest: int) -> None:
    """What the engine, pyarrow and SQLite write themselves fails too."""
    for words in (["infra", "up", "--data", arena.data], ["jobs", "run", "--all"]):
        before = read(arena.root)
        ended = arena.run(*words, largest=largest)
        if ended.code != 0:
            assert_told(ended, f"{words} with {largest} bytes a file")
            assert read(arena.root).lies_between(before, before) or words[0] == "infra"
        arena.done(*words)
    assert arena.counts() == STRICT
    assert stray(arena.root) == set()


# --- A disk of its own ---------------------------------------------------------------------------


@pytest.fixture
def small_disk(launcher: Launcher, tmp_path: Path) -> Iterator[Arena]:
    """A built lakehouse on a disk of three megabytes."""
    arena = make_arena(launcher, tmp_path / "disk")
    arena.root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(arena.root)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield build(arena)
    finally:
        subprocess.run(["umount", "-l", str(arena.root)], check=True)


@pytest.mark.slow
def test_a_disk_that_fills_up_during_a_run(small_disk: Arena) -> None:
    arena = small_disk
    before = read(arena.root)
    more = {"accelerometer_landing": {"b.json": lines([motion("ann@x.org", C + 99)])}}
    write_lake(arena.data, more)
    arena.done("upload", arena.data)
    filler = arena.root / "landing" / "filler"
    failed = 0
    for blocks in range(0, 60, 3):
        _fill(filler, arena.root, blocks * 4096)
        ended = arena.run("jobs", "run", "--all", "--force")
        filler.unlink()
        if ended.code == 0:
            break
        failed += 1
        assert_told(ended, f"{blocks} blocks left")
        now = read(arena.root).tables
        assert now.keys() == before.tables.keys()
        copies = {name: len(rows) for name, rows in now.items() if name in TYPED}
        assert set(copies.values()) <= {7, 8, 9, 11}
        assert {len(rows) for name, rows in now.items() if name not in copies} <= {3, 4, 5}
    assert failed >= 5
    arena.done("jobs", "run", "--all")
    assert arena.counts() == STRICT | {"accelerometer_landing": 9, "accelerometer_trusted": 5}
    assert stray(arena.root) == set()


def _fill(filler: Path, root: Path, left: int) -> None:
    """Leave so many bytes free."""
    free = os.statvfs(root).f_bavail * os.statvfs(root).f_frsize
    with filler.open("wb") as stream:
        stream.write(b"\0" * max(0, free - left))


# --- A place that may not be written -------------------------------------------------------------


def opened(arena: Arena) -> Arena:
    """Let everybody look into a lakehouse, as into one of an older version."""
    for path in [arena.root, *arena.root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return arena


@pytest.fixture
def public(launcher: Launcher) -> Iterator[Arena]:
    """A built lakehouse where another user may look, since pytest's folders are private."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    folder = Path("/tmp") / f"stedi-fire-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        yield opened(build(make_arena(launcher, folder)))
    finally:
        shutil.rmtree(folder)


WRITERS = ["jobs run --all --force", "upload {0}", "infra up --data {0}", "infra down --yes"]


@pytest.mark.parametrize("words", WRITERS)
def test_a_root_that_may_not_be_written(public: Arena, words: str) -> None:
    before = read(public.root)
    words_ = words.format(public.data).split()
    ended = public.run(*words_, uid=NOBODY, cwd=public.data)
    assert_told(ended, words)
    assert str(public.root) in ended.err
    assert "ermission" in ended.err
    assert read(public.root) == before
    assert stray(public.root) == set()
    assert public.counts() == STRICT


def test_what_may_not_be_written_can_be_looked_at(public: Arena) -> None:
    for words in (["tables"], ["history"], ["jobs", "list"], ["jobs", "run", "--all"]):
        ended = public.run(*words, uid=NOBODY, cwd=public.data)
        assert (ended.code, ended.told()) == (0, []), ended
    assert_answers(public, uid=NOBODY, cwd=public.data)


def test_a_file_system_that_is_only_read_can_be_looked_at(public: Arena) -> None:
    bound = ["mount", "--bind", public.root, public.root]
    if subprocess.run(bound, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", public.root], check=True)
        with pytest.raises(OSError, match="Read-only"):
            (public.root / "x").touch()
        assert_answers(public)
    finally:
        subprocess.run(["umount", public.root], check=True)


def test_no_one_else_can_look_at_what_is_kept_elsewhere(public: Arena) -> None:
    elsewhere = public.root.parent / "elsewhere"
    elsewhere.mkdir(mode=0o777)
    elsewhere.chmod(0o777)
    endless = "SELECT count(*) FROM range(9999999) a, range(9999999) b WHERE a.range + b.range < 0"
    started = public.start("query", endless, uid=NOBODY, cwd=public.data, TMPDIR=str(elsewhere))
    # Python tries a temporary folder with a file of its own.
    (made,) = until(lambda: list(elsewhere.glob("stedi-*")))
    assert (made.stat().st_uid, made.stat().st_mode & 0o777) == (NOBODY, 0o700)
    os.kill(started.pid, signal.SIGTERM)
    assert started.end().code == 130
    assert list(elsewhere.iterdir()) == []


def test_what_a_killed_question_kept_elsewhere_is_told_and_goes(public: Arena) -> None:
    elsewhere = public.root.parent / "elsewhere"
    elsewhere.mkdir(mode=0o777)
    elsewhere.chmod(0o777)
    how: dict[str, Any] = {"uid": NOBODY, "cwd": public.data, "TMPDIR": str(elsewhere)}
    short = ["query", "SELECT count(*) FROM customer_trusted"]
    endless = "SELECT count(*) FROM range(9999999) a, range(9999999) b WHERE a.range + b.range < 0"
    started = public.start("query", endless, **how)
    (made,) = until(lambda: list(elsewhere.glob("stedi-*/stedi.lock")))
    (made.parent / "rows").write_text("ann@x.org")
    assert public.run(*short, **how).code == 0
    assert _told_elsewhere(public, **how) == []
    started.kill()
    started.end()
    assert (made.parent / "rows").is_file()
    (told,) = _told_elsewhere(public, **how)
    assert str(made.parent) in told["found"]
    assert told["todo"] == "Run `stedi validate --again`: it removes that."
    # It is no one else's to tell of, nor to remove.
    assert _told_elsewhere(public, TMPDIR=str(elsewhere)) == []
    assert public.run("jobs", "run", "--all", TMPDIR=str(elsewhere)).code == 0
    assert made.is_file()
    assert public.run("validate", "--again", **how).code == 0
    assert list(elsewhere.iterdir()) == []
    assert _told_elsewhere(public, **how) == []


def _told_elsewhere(arena: Arena, **how: Any) -> list[dict[str, Any]]:
    findings = json.loads(arena.run("doctor", "--json", **how).out)
    return [finding for finding in findings if finding["what"] == "temporary files elsewhere"]


def assert_answers(arena: Arena, **how: Any) -> None:
    """Questions are answered, from temporary files elsewhere of which nothing is left."""
    elsewhere = arena.root.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    elsewhere.chmod(0o777)
    before = listing(arena.root)
    how["TMPDIR"] = str(elsewhere)
    told = arena.run("query", "SELECT count(*) AS n FROM customer_trusted", "--json", **how)
    assert told.json() == [{"n": STRICT["customer_trusted"]}]
    told = arena.run("preview", "machine_learning_curated", "--json", **how)
    assert len(told.json()) == STRICT["machine_learning_curated"]
    report = arena.run("validate", "--json", **how)
    assert report.code == 0, report
    assert {t["table"]: t["rows"] for t in report.json()["tables"]} == STRICT
    assert listing(arena.root) == before
    assert list(elsewhere.iterdir()) == []
    found = arena.run("doctor", "--json", **how)
    assert found.code == 1, found
    by_name = {finding["what"]: finding for finding in json.loads(found.out)}
    assert "cannot be written" in by_name["root"]["found"]
    assert str(elsewhere) in by_name["temporary folder"]["found"]


def test_where_temporary_files_go_is_said(built: Arena) -> None:
    findings = {finding["what"]: finding for finding in built.run("doctor", "--json").json()}
    assert str(built.root / "tmp") in findings["temporary folder"]["found"]


def test_a_new_root_where_nothing_may_be_made(public: Arena) -> None:
    root = public.root.parent / "new"
    ended = public.launcher.run(
        "--root", root, "infra", "up", "--data", public.data, uid=NOBODY, cwd=public.data
    )
    assert_told(ended, "infra up")
    assert not root.exists()


def test_a_disk_that_fails(built: Arena) -> None:
    ended = built.run("jobs", "run", "--all", "--force", action="full", at=20, error=errno.EIO)
    assert_told(ended, "EIO")
    built.done("jobs", "run", "--all", "--force")
    assert built.counts() == STRICT
    assert stray(built.root) == set()
