"""What a command that was killed left holds landing lines: it is told, and it goes."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Lake, Result
from small import write_lake

from stedi_cli.lake.elsewhere import Elsewhere, abandoned, remove_abandoned
from stedi_cli.local.lock import exclusive

Ask = Callable[..., Result]


def _left(root: Path) -> list[Path]:
    """What a run and an upload that were killed leave."""
    folder = root / "tmp" / "0123456789abcdef"
    folder.mkdir()
    (folder / "customer.c.json.kept.json").write_text('{"email": "ann@x.org"}\n')
    part = root / "tmp" / "fedcba9876543210.part"
    part.write_text('{"email": "ann@x.org"}\n')
    return [folder, part]


def _there(root: Path) -> list[Path]:
    return sorted((root / "tmp").rglob("*"))


@pytest.mark.slow
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_the_log_of_a_spark_run_that_failed_goes_after_any_run(
    root: Path, stedi: Ask, force: tuple[str, ...]
) -> None:
    log = root / "spark.log"
    log.write_text("ann@x.org\n")
    told = stedi("--root", root, "doctor", "--json")
    wrong = [finding for finding in told.json() if not finding["ok"]]
    assert [finding["what"] for finding in wrong] == ["Spark's log"]
    assert log.exists()
    assert stedi("--root", root, "jobs", "run", "--all", *force).code == 0
    assert not log.exists()
    assert stedi("--root", root, "doctor").code == 0


def test_doctor_tells_of_them_and_then_of_nothing(root: Path, invoke: Ask) -> None:
    _left(root)
    told = invoke("--root", root, "doctor", "--json")
    assert told.code == 1, told.err
    wrong = [finding for finding in told.json() if not finding["ok"]]
    assert [finding["what"] for finding in wrong] == ["temporary files"]
    assert "2 in" in wrong[0]["found"] and "landing lines" in wrong[0]["found"]
    assert invoke("--root", root, "jobs", "run", "--all").code == 0
    assert invoke("--root", root, "doctor").code == 0


# --- Of a question of a root that could not be written to, where temporary files lie ------------


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def _dead(elsewhere: Path, name: str = f"stedi-{0:032x}", mode: int = 0o700) -> Path:
    folder = elsewhere / name
    folder.mkdir(mode=mode)
    folder.chmod(mode)
    (folder / "stedi.lock").touch()
    (folder / "deep").mkdir()
    (folder / "deep" / "rows").write_text("ann@x.org")
    (folder / "link").symlink_to(elsewhere.parent / "mine")
    return folder


@pytest.mark.slow
def test_every_command_that_may_write_removes_what_died_elsewhere(
    root: Path, stedi: Ask, elsewhere: Path
) -> None:
    mine = elsewhere.parent / "mine"
    mine.mkdir()
    (mine / "file").touch()
    _dead(elsewhere)
    told = stedi("--root", root, "doctor", "--json")
    (wrong,) = [finding for finding in told.json() if not finding["ok"]]
    assert wrong["what"] == "temporary files elsewhere"
    assert "`stedi jobs run --all`" in wrong["todo"]
    for words in (["jobs", "run", "--all"], ["infra", "up", "--no-data"], ["infra", "down", "-y"]):
        assert len(list(elsewhere.iterdir())) == 1
        assert stedi("--root", root, *words).code == 0
        assert list(elsewhere.iterdir()) == [], words
        _dead(elsewhere)
    told = stedi("--root", root, "doctor", "--json")
    assert "temporary files elsewhere" in [finding["what"] for finding in told.json()]
    assert (mine / "file").is_file()


def test_nothing_else_is_removed_where_temporary_files_lie(elsewhere: Path) -> None:
    _dead(elsewhere, "stedi-mine")
    _dead(elsewhere, f"stedi-{1:032x}", mode=0o755)
    (_dead(elsewhere, f"stedi-{2:032x}") / "stedi.lock").unlink()
    (elsewhere / f"stedi-{3:032x}").symlink_to(_dead(elsewhere, "other"))
    linked = _dead(elsewhere, f"stedi-{4:032x}") / "stedi.lock"
    linked.unlink()
    linked.symlink_to(elsewhere / "other" / "stedi.lock")
    (elsewhere / f"stedi-{5:032x}").touch()
    fifo = _dead(elsewhere, f"stedi-{6:032x}") / "stedi.lock"
    fifo.unlink()
    os.mkfifo(fifo)
    before = sorted(elsewhere.rglob("*"))
    assert abandoned() == []
    remove_abandoned()
    assert sorted(elsewhere.rglob("*")) == before


def test_a_folder_that_was_taken_for_a_dead_one_is_made_again(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, taken = fcntl.flock, list[Path]()

    def late(descriptor: int, operation: int) -> None:
        # Folders of other commands, in other places, are locked as well.
        if not taken and any(elsewhere.iterdir()):
            taken.extend(elsewhere.iterdir())
            shutil.rmtree(taken[0])
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    made = Elsewhere()
    folder = made.make()
    assert folder.is_dir()
    assert folder != taken[0]
    assert abandoned() == []
    made.remove()
    assert list(elsewhere.iterdir()) == []


@pytest.mark.slow
def test_doctor_says_nothing_of_those_of_a_command_at_work(root: Path, stedi: Ask) -> None:
    _left(root)
    with exclusive(root / "lock"):
        assert stedi("--root", root, "doctor").code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [("upload", "../data", "--replace"), ("jobs", "run", "--all", "--force")]
)
def test_a_missing_folder_for_them_is_made_again(
    root: Path, stedi: Ask, words: tuple[str, ...], tmp_path: Path
) -> None:
    write_lake(tmp_path / "data")
    shutil.rmtree(root / "tmp")
    told = stedi("--root", root, *words)
    assert told.code == 0, told.err
    assert (root / "tmp").is_dir()


@pytest.mark.slow
def test_a_run_that_stops_at_bad_lines_with_nothing_to_do_removes_them(
    root: Path, stedi: Ask, tmp_path: Path
) -> None:
    lake = Lake(root, max_bad_rows=1)
    lake.upload(write_lake(tmp_path / "bad", {"customer_landing": {"bad.json": b"{}\n"}}))
    lake.run()
    _left(root)
    assert stedi("--root", root, "jobs", "run", "--all", "--max-bad-rows", "0").code == 3
    assert _there(root) == []


@pytest.mark.slow
def test_doctor_tells_of_landing_folders_that_no_table_has(root: Path, stedi: Ask) -> None:
    folder = root / "landing" / "people"
    folder.mkdir()
    assert stedi("--root", root, "doctor").code == 0
    (folder / "c.json").write_text('{"email": "ann@x.org"}\n')
    told = stedi("--root", root, "doctor", "--json")
    (wrong,) = [finding for finding in told.json() if not finding["ok"]]
    assert wrong["what"] == "landing zone landing/people"
    assert str(folder) in wrong["found"]
    (folder / "c.json").rename(folder / "c.txt")
    (wrong,) = [f for f in stedi("--root", root, "doctor", "--json").json() if not f["ok"]]
    assert wrong["what"] == "landing folder"
    assert "ann@x.org" not in told.out


def test_doctor_tells_of_files_beside_the_tables_folders(root: Path, stedi: Ask) -> None:
    (root / "landing" / ".DS_Store").write_bytes(b"x")
    assert stedi("--root", root, "doctor").code == 0
    (root / "landing" / "customer_landing.json").write_text('{"email": "ann@x.org"}\n')
    told = stedi("--root", root, "doctor", "--json")
    (wrong,) = [finding for finding in told.json() if not finding["ok"]]
    assert wrong["found"].startswith(f"1 file right in {root / 'landing'}, where no table looks")
    assert "ann@x.org" not in told.out


WRITERS = {
    "a run with nothing to do": ("jobs", "run", "--all"),
    "a job with nothing to do": ("jobs", "run", "customer_landing_to_trusted"),
    "a run": ("jobs", "run", "--all", "--force"),
    "set up again": ("infra", "up", "--no-data"),
    "an upload of the same": ("upload", "../data"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", WRITERS)
def test_every_command_that_may_write_removes_them(
    root: Path, stedi: Ask, what: str, tmp_path: Path
) -> None:
    write_lake(tmp_path / "data")
    _left(root)
    told = stedi("--root", root, *WRITERS[what])
    assert told.code == 0, told.err
    assert _there(root) == []


@pytest.mark.slow
@pytest.mark.parametrize("what", WRITERS)
def test_none_removes_them_under_a_reader(
    root: Path, stedi: Ask, what: str, tmp_path: Path
) -> None:
    write_lake(tmp_path / "data")
    with Lake(root).opened() as reader:
        answer = reader.questions.ask("SELECT count(*) FROM customer_landing")
        own = _there(root)
        assert len(own) == 1
        assert stedi("--root", root, *WRITERS[what]).code == 0
        assert own[0].is_dir()
        assert len(list(answer.rows)) == 1
    assert _there(root) == []
