"""Uploads: by content, whole files, and nothing from elsewhere."""

from __future__ import annotations

import errno
import gzip
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import pytest
from conftest import Ask, Lake, Result, mostly_slow, uploaded
from rich.text import Text
from small import CUSTOMERS, FOLDERS, LANDING_COUNTS, MOTIONS, SMALL, STRICT, lines, write_lake
from terminal import on_terminal

from stedi_cli.cli import render
from stedi_cli.durable import body_in
from stedi_cli.errors import StediError, UsageError
from stedi_cli.lake.events import Uploaded
from stedi_cli.landing.delivery import unknown_keys
from stedi_cli.local import landing_zone, staging

CONTENT = lines(CUSTOMERS)


def one(folder: Path, name: str, content: bytes = CONTENT) -> Path:
    """A folder with one customer file."""
    return write_lake(folder, {"customer_landing": {name: content}})


def zone(lake: Lake) -> dict[str, bytes]:
    """Every file in the landing zone and what it holds."""
    files = [path for path in lake.layout.landing.rglob("*") if not path.is_dir()]
    return {str(path.relative_to(lake.layout.landing)): path.read_bytes() for path in files}


def states(lake: Lake, folder: Path, *, replace: bool = False) -> list[tuple[str, str]]:
    return [(done.file, done.state) for done in lake.upload(folder, replace=replace)]


@pytest.fixture
def empty(tmp_path: Path) -> Lake:
    """A lakehouse without landing files."""
    return Lake(tmp_path / "lake").up()


# --- What is brought in --------------------------------------------------------------------------


@pytest.mark.parametrize("below", ["landing", "."])
def test_with_and_without_landing_below(empty: Lake, tmp_path: Path, below: str) -> None:
    folder = write_lake(tmp_path / "data", below=below)
    assert {state for _, state in states(empty, folder)} == {"new"}
    assert set(zone(empty)) == {"customer/c.json", "accelerometer/a.json", "step_trainer/s.json"}
    assert zone(empty)["customer/c.json"] == CONTENT


@pytest.mark.slow
def test_compressed_files_give_the_same_tables(empty: Lake, tmp_path: Path) -> None:
    files = {
        table: {f"{table}.json.gz": _packed(named, members)}
        for members, (table, named) in enumerate(SMALL.items(), start=1)
    }
    assert {state for _, state in states(empty, write_lake(tmp_path / "gz", files))} == {"new"}
    empty.run()
    assert empty.counts() == STRICT
    assert empty.rows("quarantine") == []


def _packed(named: object, members: int) -> bytes:
    """A gzip file of so many members."""
    (records,) = named.values()  # type: ignore[attr-defined]
    parts = [records[number::members] for number in range(members)]
    return b"".join(gzip.compress(lines(part)) for part in parts)


def test_other_files_are_left_alone(empty: Lake, tmp_path: Path) -> None:
    names = {"c.json": CONTENT, ".hidden.json": b"x", "notes.txt": b"x", "c.json.part": b"x"}
    names |= {"README": b"x", "_SUCCESS": b"", "d.JSONL": CONTENT, "e": gzip.compress(CONTENT)}
    states(empty, write_lake(tmp_path / "data", {"customer_landing": names}))
    assert set(zone(empty)) == {"customer/c.json", "customer/d.json", "customer/e.json.gz"}


@pytest.mark.slow
def test_files_in_folders_are_read_by_their_paths(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", max_bad_rows=5).up()
    large = b"".join(lines(MOTIONS) for _ in range(2000)) + b"nonsense\n"
    files = {
        "2023/01/a": lines(CUSTOMERS[:3]) + b"nonsense\n",
        "2023/02/a": lines(CUSTOMERS[3:]) + b"\nnonsense\n",
        "dt=2023/b.ndjson": gzip.compress(b"{}\n"),
    }
    data = write_lake(tmp_path / "data")
    (data / "customer" / "landing" / "c.json").unlink()
    for name, content in files.items():
        path = data / "customer" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (data / "accelerometer" / "landing" / "x.y").mkdir()
    (data / "accelerometer" / "landing" / "x.y" / "large").write_bytes(large)
    assert {file for file, state in states(lake, data)} == {
        *("2023/01/a.json", "2023/02/a.json", "dt=2023/b.json.gz"),
        *("a.json", "x.y/large.json", "s.json"),
    }
    lake.run()
    assert lake.counts()["customer_trusted"] == STRICT["customer_trusted"]
    assert sorted(lake.rows("quarantine")) == [
        ("accelerometer_landing", "x.y/large.json", 16_001, "not-json"),
        ("customer_landing", "2023/01/a.json", 4, "not-json"),
        ("customer_landing", "2023/02/a.json", 6, "not-json"),
        ("customer_landing", "dt=2023/b.json.gz", 1, "missing:email"),
    ]
    with lake.opened() as opened:
        places = [(table, file, line) for table, file, line, _ in lake.rows("quarantine")]
        assert set(opened.landing.lines(places)) == {"nonsense", "{}"}
    assert lake.built() == set()
    assert all(check.ok for check in lake.validate().checks)
    assert {state for _, state in states(lake, data)} == {"unchanged"}


def test_a_file_that_is_removed_takes_its_empty_folders_along(lake: Lake, tmp_path: Path) -> None:
    customers = lake.layout.landing / "customer"
    data = one(tmp_path / "more", "d.json")
    for name in ("01/02/a.json", "01/b.json"):
        path = data / "customer" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)
    lake.upload(data)
    (data / "customer" / "01" / "02" / "a.json").unlink()
    assert ("01/02/a.json", "removed") in states(lake, data, replace=True)
    assert sorted(path.name for path in customers.rglob("*")) == ["01", "b.json", "d.json"]


def test_replace_leaves_what_no_upload_stored(lake: Lake, tmp_path: Path) -> None:
    for name in ("mine.txt", "part-r-00000", "old.json"):
        (lake.layout.landing / "customer" / name).write_bytes(CONTENT)
    told = dict(states(lake, tmp_path / "data", replace=True))
    assert told["old.json"] == "removed"
    assert (told["mine.txt"], told["part-r-00000"]) == ("mixed", "mixed")
    assert {"customer/mine.txt", "customer/part-r-00000"} <= set(zone(lake))


def test_only_files_of_tables_that_the_folder_has_files_of_are_removed(
    lake: Lake, tmp_path: Path
) -> None:
    folder = one(tmp_path / "more", "d.json")
    (folder / "accelerometer").mkdir()
    lake.upload(folder, replace=True)
    assert set(zone(lake)) == {"customer/d.json", "accelerometer/a.json", "step_trainer/s.json"}


@pytest.mark.parametrize("answer", [True, False])
def test_on_a_terminal_replace_asks_what_it_removes(
    lake: Lake,
    tmp_path: Path,
    invoke: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    answer: bool,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(render, "is_interactive", lambda: True)
    monkeypatch.setattr(render, "confirm", lambda question: asked.append(question) or answer)
    folder, before = one(tmp_path / "more", "d.json"), zone(lake)
    told = invoke("--root", lake.settings.root, "upload", folder, "--replace")
    assert asked == [f"Remove landing files that are not in {folder}: 1 of customer_landing?"]
    assert told.code == (0 if answer else 1)
    if answer:
        assert set(zone(lake)) == {"customer/d.json", *(before.keys() - {"customer/c.json"})}
    else:
        assert told.err.endswith("Nothing was uploaded or removed.\n")
        assert zone(lake) == before


def test_what_came_since_somebody_was_asked_stays(lake: Lake, tmp_path: Path) -> None:
    with lake.opened() as opened:
        delivery = opened.landing.find(one(tmp_path / "more", "d.json"))
        asked = opened.landing.replaced_by(delivery)
        (lake.layout.landing / "customer" / "late.json").write_bytes(CONTENT)
        done = list(opened.landing.upload(delivery, remove=asked, wait=False))
    told = {event.file: event.state for event in done if isinstance(event, Uploaded)}
    assert (told["c.json"], told["late.json"]) == ("removed", "mixed")
    assert "customer/late.json" in zone(lake)


def test_down_takes_files_in_folders_and_empty_folders_along(
    lake: Lake, tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    folder = tmp_path / "data" / "customer" / "2023" / "01"
    folder.mkdir(parents=True)
    (folder / "a").write_bytes(CONTENT)
    lake.upload(tmp_path / "data")
    # As an upload that died before it moved a file there.
    (lake.layout.landing / "customer" / "2024" / "02").mkdir(parents=True)
    told = invoke("--root", lake.settings.root, "infra", "down", "--yes", "--json")
    assert {part["state"] for part in told.json()} == {"removed"}
    assert not lake.settings.root.exists()


@pytest.mark.parametrize("place", ["01", "01/a.json"])
def test_a_file_or_a_link_in_the_way_of_a_folder_is_told(
    lake: Lake, tmp_path: Path, place: str
) -> None:
    folder = tmp_path / "more" / "customer" / "01" / "a.json"
    folder.mkdir(parents=True)
    (folder / "b.json").write_bytes(CONTENT)
    (tmp_path / "more" / "customer" / "00.json").write_bytes(CONTENT)
    (tmp_path / "elsewhere").mkdir()
    customers = lake.layout.landing / "customer"
    (customers / place).parent.mkdir(exist_ok=True)
    for there in ("link", "file"):
        if there == "link":
            (customers / place).symlink_to(tmp_path / "elsewhere")
        else:
            (customers / place).write_bytes(CONTENT)
        with pytest.raises(StediError, match=str(customers / place)):
            lake.upload(tmp_path / "more")
        (customers / place).unlink()
    assert not (customers / "00.json").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert not list(lake.layout.root.rglob("*.part"))


def test_a_folder_that_holds_the_lakehouse_is_uploaded_without_it(
    lake: Lake, tmp_path: Path, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = zone(lake)
    told = invoke("--root", "lake", "upload", ".", "--json")
    assert told.code == 0, told.err
    assert "The landing files are those of data." in told.err
    assert [table["unchanged"] for table in told.json()] == [1, 1, 1]
    assert zone(lake) == before
    inside = invoke("--root", "lake", "upload", "lake/landing/customer")
    assert inside.code == 2
    assert "name the one above it" in inside.err


MISLEADING = {
    "c2.json": gzip.compress(CONTENT),
    "c2": gzip.compress(CONTENT),
    "c2.GZ": gzip.compress(CONTENT),
    "c2.json.gz": CONTENT,
    "c2.json.bz2": CONTENT,
    "01/c2.ZST": CONTENT,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MISLEADING)
def test_a_misleading_suffix_in_the_landing_zone_stops_the_run(lake: Lake, name: str) -> None:
    path = lake.layout.landing / "customer" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(MISLEADING[name])
    with pytest.raises(UsageError, match="compressed") as refused:
        lake.run()
    assert str(path) in refused.value.message
    assert "Rename it to end in .json" in str(refused.value.hint)
    path.rename(path.with_name("c2.json.gz" if path.read_bytes()[:2] == b"\x1f\x8b" else "c2.json"))
    lake.run()
    assert lake.counts()["customer_landing"] == 2 * LANDING_COUNTS["customer_landing"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["c2", "c2.jsonl", "01/c2.txt"])
def test_other_suffixes_in_the_landing_zone_are_read(lake: Lake, name: str) -> None:
    path = lake.layout.landing / "customer" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(CONTENT)
    (path.parent / "_SUCCESS").touch()
    lake.run()
    assert lake.counts()["customer_landing"] == 2 * LANDING_COUNTS["customer_landing"]


@pytest.mark.slow
def test_a_run_takes_the_digests_of_the_upload(
    empty: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty.upload(write_lake(tmp_path / "in", SMALL))

    def read(*_: object) -> None:
        raise AssertionError("a landing file was hashed again")

    monkeypatch.setattr(landing_zone, "read_facts", read)
    empty.run()
    assert empty.counts() == STRICT


def test_a_file_that_changes_while_the_upload_ends_is_hashed_again(
    empty: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = empty.layout.landing / FOLDERS["customer_landing"] / "c.json"

    def change(seconds: float) -> None:
        time.sleep(seconds)
        path.write_bytes(CONTENT.swapcase())
        time.sleep(seconds)

    monkeypatch.setattr(landing_zone, "time", SimpleNamespace(time_ns=time.time_ns, sleep=change))
    empty.upload(one(tmp_path / "in", "c.json"))
    with empty.opened() as opened:
        facts = opened.landing.states()["customer_landing"].files["c.json"]
    assert facts.sha256 == sha256(CONTENT.swapcase()).hexdigest()


def test_coarse_time_stamps_are_not_trusted_at_once(
    empty: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a file system that keeps whole seconds: a second change shows in no time stamp.
    changed = 1_700_000_000_000_000_000
    clock = SimpleNamespace(time_ns=lambda: changed + 1_000_000_000, sleep=time.sleep)
    monkeypatch.setattr(landing_zone, "time", clock)
    monkeypatch.setattr(
        landing_zone, "stamp_of", lambda path: [Path(path).stat().st_size, *[changed] * 3]
    )
    empty.upload(one(tmp_path / "in", "c.json"))
    path = empty.layout.landing / FOLDERS["customer_landing"] / "c.json"
    path.write_bytes(CONTENT.swapcase())
    with empty.opened() as opened:
        facts = opened.landing.states()["customer_landing"].files["c.json"]
    assert facts.sha256 == sha256(CONTENT.swapcase()).hexdigest()


def test_by_content_not_by_time_or_size(empty: Lake, tmp_path: Path) -> None:
    folder = one(tmp_path / "data", "c.json")
    path = folder / "customer" / "landing" / "c.json"
    assert states(empty, folder) == [("c.json", "new")]
    landed = empty.layout.landing / "customer" / "c.json"
    before = landed.stat()
    os.utime(path, (1, 1))
    assert states(empty, folder) == [("c.json", "unchanged")]
    assert landed.stat() == before
    path.write_bytes(CONTENT.replace(b"ann@", b"eve@"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert states(empty, folder) == [("c.json", "changed")]
    assert zone(empty) == {"customer/c.json": path.read_bytes()}
    assert states(empty, folder) == [("c.json", "unchanged")]


def test_the_same_content_under_another_name_is_another_file(empty: Lake, tmp_path: Path) -> None:
    folder = write_lake(
        tmp_path / "data", {"customer_landing": {"a.json": CONTENT, "b.json": CONTENT}}
    )
    assert states(empty, folder) == [("a.json", "new"), ("b.json", "new")]
    with empty.opened() as opened:
        assert (
            opened.landing.states()["customer_landing"].lines
            == 2 * LANDING_COUNTS["customer_landing"]
        )


def test_files_that_came_without_an_upload_are_compared_too(lake: Lake, tmp_path: Path) -> None:
    folder = lake.layout.landing / "customer"
    (folder / "again.jsonl").write_bytes((folder / "c.json").read_bytes())
    (folder / "broken.gz").write_bytes(b"no gzip")
    with lake.opened() as opened:
        uploaded(opened, write_lake(tmp_path / "data", {"customer_landing": {"d.json": b""}}))
        told = opened.landing.same_content()
    assert told["customer_landing"] == [["again.jsonl", "c.json"]]


def test_the_landing_zone_itself_can_be_uploaded(lake: Lake) -> None:
    before = zone(lake)
    assert {state for _, state in states(lake, lake.layout.landing)} == {"unchanged"}
    assert zone(lake) == before
    # What came in without an upload has the name that it has.
    (lake.layout.landing / "customer" / "landing").mkdir()
    (lake.layout.landing / "customer" / "landing" / "more.jsonl").write_bytes(CONTENT)
    before = zone(lake)
    for folder in (lake.layout.landing, lake.settings.root):
        assert {state for _, state in states(lake, folder, replace=True)} == {"unchanged"}
        assert zone(lake) == before


# --- How it is brought in ------------------------------------------------------------------------


def meanwhile(monkeypatch: pytest.MonkeyPatch, path: Path, act: Callable[[], object]) -> None:
    """Let something happen once the first bytes of a file are copied."""
    copy, acts = os.copy_file_range, [act]

    def copied(source: int, *args: int) -> int:
        done = copy(source, *args)
        while acts and Path(f"/proc/self/fd/{source}").readlink() == path:
            acts.pop()()
        return done

    monkeypatch.setattr(os, "copy_file_range", copied)


@pytest.mark.parametrize("how", ["appended", "overwritten", "replaced", "removed"])
def test_a_file_that_changes_while_it_is_uploaded_is_refused(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    folder = write_lake(tmp_path / "more", {name: {"new.json": CONTENT} for name in FOLDERS})
    path = folder / "accelerometer" / "landing" / "new.json"

    def change() -> None:
        if how == "appended":
            with path.open("ab") as stream:
                stream.write(CONTENT)
        elif how == "overwritten":
            with path.open("r+b") as stream:
                stream.write(CONTENT.swapcase())
        elif how == "replaced":
            (tmp_path / "x").write_bytes(CONTENT)
            (tmp_path / "x").replace(path)
        else:
            path.unlink(missing_ok=True)

    before = zone(lake)
    meanwhile(monkeypatch, path, change)
    with pytest.raises(StediError) as refused:
        lake.upload(folder)
    assert refused.value.message == f"{path} changed while it was uploaded."
    assert zone(lake) == before
    assert not list(lake.layout.root.rglob("*.part"))


@pytest.mark.parametrize("by_itself", [True, False])
def test_a_file_that_grows_as_fast_as_it_is_copied_is_refused(
    empty: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_itself: bool
) -> None:
    folder = one(tmp_path / "in", "c.json")
    (path,) = folder.rglob("c.json")
    copy, growths = os.copy_file_range, 0

    def growing(source: int, sink: int, _: int) -> int:
        nonlocal growths
        growths += 1
        assert growths < 9, "copied without end"
        done = copy(source, sink, len(CONTENT)) if by_itself else 0
        with path.open("ab") as stream:
            stream.write(CONTENT)
        return done

    monkeypatch.setattr(os, "copy_file_range", growing)
    with pytest.raises(StediError, match="changed while it was uploaded"):
        empty.upload(folder)
    assert zone(empty) == {}


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("code", [errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, 0])
def test_where_the_file_system_copies_nothing_by_itself(
    empty: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, code: int
) -> None:
    copy, calls = os.copy_file_range, 0

    def refusing(source: int, sink: int, _: int) -> int:
        nonlocal calls
        calls += 1
        if calls <= at:
            return copy(source, sink, 100)
        if code:
            raise OSError(code, os.strerror(code))
        return 0

    monkeypatch.setattr(os, "copy_file_range", refusing)
    assert states(empty, one(tmp_path / "in", "c.json")) == [("c.json", "new")]
    assert zone(empty) == {"customer/c.json": CONTENT}


@pytest.mark.parametrize("there", [False, True])
def test_a_source_that_cannot_be_read_to_its_end_is_named(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    (name,) = SMALL["customer_landing"] if there else ["new.json"]
    folder = one(tmp_path / "in", name)
    (path,) = folder.rglob(name)
    read = staging.pieces

    def failing(stream: BinaryIO) -> Iterator[bytes]:
        if Path(stream.name) == path:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        yield from read(stream)

    monkeypatch.setattr(staging, "pieces", failing)
    monkeypatch.setattr(os, "copy_file_range", lambda *_: 0)
    before = zone(lake)
    with pytest.raises(StediError) as refused:
        lake.upload(folder)
    assert refused.value.message == f"Cannot read {path}: Input/output error."
    assert zone(lake) == before


def test_how_much_is_read_is_told_within_a_file_too(empty: Lake, tmp_path: Path) -> None:
    content = b"".join(b'{"email": "%d"}\n' % n for n in range(300_000))
    folder = one(tmp_path / "in", "c.json", content)
    for state in ("new", "unchanged"):
        told: list[tuple[int, int]] = []
        with empty.opened() as opened:
            (done,) = opened.landing.upload(
                opened.landing.find(folder),
                remove={},
                wait=False,
                tell=lambda done, total: told.append((done, total)),  # noqa: B023 - used at once
            )
        assert isinstance(done, Uploaded)
        assert done.state == state
        assert {total for _, total in told} == {len(content)}
        steps = [step for step, _ in told]
        assert steps == sorted(steps)
        assert len(set(steps)) > 3
        assert steps[-1] == len(content)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 40])
def test_on_a_terminal_an_upload_shows_bytes_and_rate(
    empty: Lake, tmp_path: Path, columns: int
) -> None:
    folder = one(tmp_path / "in", "c.json", CONTENT * 200_000)
    told = on_terminal(
        "--root", empty.settings.root, "upload", folder, "--allow-missing", columns=columns
    )
    assert told.code == 0, told.out
    shown = Text.from_ansi(told.out.replace("\r", "\n")).plain.splitlines()
    lines = [line.rstrip() for line in shown if line.startswith("Uploading")]
    assert all(len(line) <= columns for line in lines)
    assert re.search(r"\d/\d+\.\d MB +(\d+\.\d .B/s|\?)$", lines[-1]), lines


def test_what_is_there_already_is_not_copied(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copied(*_: int) -> int:
        raise AssertionError("copied")

    monkeypatch.setattr(os, "copy_file_range", copied)
    assert {state for _, state in states(lake, tmp_path / "data")} == {"unchanged"}


def test_all_is_synced_before_the_first_is_moved(
    empty: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, Path]] = []
    fsync, move = os.fsync, Path.replace

    def syncing(descriptor: int) -> None:
        fsync(descriptor)
        done.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink()))

    def moving(path: Path, to: Path) -> Path:
        if path.parent.parent == empty.layout.temp:
            done.append(("move", path))
        return move(path, to)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(Path, "replace", moving)
    files = {name: {f"{n}.json": CONTENT for n in range(5)} for name in FOLDERS}
    empty.upload(write_lake(tmp_path / "in", files))
    moved = [path for what, path in done if what == "move"]
    first = done.index(("move", moved[0]))
    assert len(moved) == 15
    assert set(moved) <= {path for what, path in done[:first] if what == "sync"}
    folders = [path for what, path in done[first:] if path.parent == empty.layout.landing]
    assert sorted(path.name for path in folders) == sorted(FOLDERS.values())


def test_an_older_index_is_not_believed_since_it_says_no_shape(lake: Lake) -> None:
    array = lake.layout.landing / "customer" / "array.json"
    array.write_bytes(json.dumps(CUSTOMERS).encode())
    with lake.opened() as opened:
        before = opened.landing.states()
    index = json.loads(body_in(lake.layout.index.read_bytes()))
    for entry in index.values():
        del entry["facts"]["shape"]
    lake.layout.index.write_text(json.dumps(index))
    time.sleep(0.05)
    with lake.opened() as opened:
        assert opened.landing.states() == before
    assert before["customer_landing"].files["array.json"].shape.startswith("a JSON array;")


def test_an_index_that_rots_is_not_believed(ran: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a number of lines that is wrong would fail each validation, whatever is run again."""
    monkeypatch.setattr(landing_zone, "is_settled", lambda stamp, read_ns: True)
    with ran.opened() as opened:
        before = opened.landing.states()
    kept = ran.layout.index.read_bytes()
    rotten = kept.replace(b'"lines": 7,', b'"lines": 6,')
    assert rotten != kept
    ran.layout.index.write_bytes(rotten)
    with ran.opened() as opened:
        assert opened.landing.states() == before
    assert ran.validate().ok


# --- Keys that nobody knows ----------------------------------------------------------------------


@pytest.mark.slow
def test_unknown_keys_are_looked_for_in_so_many_lines_of_a_table(
    lake: Lake, tmp_path: Path
) -> None:
    table = lake.settings.lakehouse().tables["customer_landing"]

    def found(*odd: int) -> list[set[str]]:
        """Keys found in files of 700 lines, of which one each is odd."""
        paths = []
        for number, line in enumerate(odd):
            rows = [dict(CUSTOMERS[0], odd=1) if at == line else {} for at in range(1, 701)]
            paths.append(tmp_path / f"{number}.json")
            paths[-1].write_bytes(lines(rows))
        keys = unknown_keys(paths, table)
        return [set(keys.get(path, set())) for path in paths]

    assert found(700) == [{"odd"}]
    assert found(500, 500) == [{"odd"}, {"odd"}]
    assert found(501, 501) == [set(), set()]
    (tmp_path / "short.json").write_bytes(lines([{}] * 400))
    paths = [tmp_path / "short.json", tmp_path / "0.json"]
    found(600)
    assert set(unknown_keys(paths, table)) == {tmp_path / "0.json"}
    many = [tmp_path / f"many{number}.json" for number in range(2001)]
    for path in many:
        path.write_bytes(lines([{"odd": 1}]))
    assert list(unknown_keys(many, table)) == many[::3]
    assert unknown_keys([], table) == {}


# --- Empty ones ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_empty_files_are_empty_tables(empty: Lake, tmp_path: Path) -> None:
    files = {name: {"e.json": b"", "g.json.gz": gzip.compress(b"")} for name in FOLDERS}
    files["step_trainer_landing"]["blank.json"] = b"\n \r\n\t\n"
    empty.upload(write_lake(tmp_path / "data", files))
    assert {event.rows for event in empty.run().values()} == {0}
    assert set(empty.counts().values()) == {0}
    report = empty.validate()
    assert (report.verdict, report.problems) == ("empty", [])
    assert all(check.ok for check in report.checks)


@pytest.mark.slow
def test_a_table_without_files_is_empty(empty: Lake, tmp_path: Path) -> None:
    empty.upload(one(tmp_path / "data", "c.json"))
    empty.run()
    assert empty.counts() == dict.fromkeys(STRICT, 0) | {"customer_landing": 7} | {
        "customer_trusted": 4
    }
    report = empty.validate()
    assert (report.verdict, report.problems) == ("empty", [])
    assert all(check.ok for check in report.checks)


# --- What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["customer", "customer/landing"])
def test_a_file_where_a_folder_should_be_is_refused(
    empty: Lake, tmp_path: Path, place: str
) -> None:
    files = {name: named for name, named in SMALL.items() if name != "customer_landing"}
    folder = write_lake(tmp_path / "data", files)
    (folder / place).parent.mkdir(exist_ok=True)
    (folder / place).write_bytes(CONTENT)
    with pytest.raises(UsageError, match="customer"):
        empty.upload(folder)
    assert zone(empty) == {}


def test_a_file_in_the_place_of_a_tables_folder_is_not_passed_over(ran: Lake, invoke: Ask) -> None:
    folder = ran.layout.landing / FOLDERS["accelerometer_landing"]
    shutil.rmtree(folder)
    folder.write_bytes(CONTENT)
    counts = {name: state.current for name, state in ran.states().items()}
    query = ["query", "SELECT * FROM accelerometer_landing"]
    for words in (["jobs", "run", "--all"], ["validate"], query, ["upload"]):
        told = invoke("--root", ran.settings.root, *words)
        assert (told.code, "accelerometer is not a folder" in told.err) == (2, True), words
    assert {name: state.current for name, state in ran.states().items()} == counts


HOSTILE = ["a'b.json", 'a"b.json', "a\nb.json", "a*.json", "a?.json", "[a].json", "{a,b}.json"]
HOSTILE += ["a%20b.json", "a;b.json", "a#b.json", "a:b.json", "a\\b.json", "a\x1b[31m.json"]
HOSTILE += ["~.json", "$HOME.json", "a`b`.json", "a|b.json", "a\udcff.json", "a" * 240 + ".json"]
HOSTILE += [" a.json", "a\u202eb.json", "_a.json"]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_is_refused_or_does_no_harm(
    lake: Lake, tmp_path: Path, invoke: Callable[..., Result], name: str
) -> None:
    folder = one(tmp_path / "hostile", name)
    before = zone(lake)
    told = invoke("--root", lake.settings.root, "upload", folder)
    assert (told.code, told.out) == (2, "")
    assert len(told.err.splitlines()) == 3, told.err
    assert told.err.replace("\n", "").isprintable()
    assert zone(lake) == before


@pytest.mark.parametrize(
    "name", mostly_slow(["-rf.json", "--help.json", "a b (1).json", "日本=+,_.json"])
)
def test_an_odd_name_that_does_no_harm_works(lake: Lake, tmp_path: Path, name: str) -> None:
    lake.upload(one(tmp_path / "odd", name), replace=True)
    assert zone(lake).keys() - {"accelerometer/a.json", "step_trainer/s.json"} == {
        f"customer/{name}"
    }
    lake.run()
    assert lake.counts()["customer_trusted"] == STRICT["customer_trusted"]


@pytest.mark.parametrize("link", ["file", "folder", "dangling"])
def test_a_link_out_of_the_folder_is_refused(lake: Lake, tmp_path: Path, link: str) -> None:
    outside = one(tmp_path / "outside", "secret.json") / "customer"
    folder = write_lake(tmp_path / "data")
    if link == "folder":
        (folder / "customer" / "landing" / "c.json").unlink()
        (folder / "customer" / "landing").rmdir()
        (folder / "customer" / "landing").symlink_to(outside / "landing")
    else:
        source = outside / "landing" / ("secret.json" if link == "file" else "nowhere.json")
        (folder / "customer" / "landing" / "link.json").symlink_to(source)
    before = zone(lake)
    with pytest.raises(UsageError, match=r"link|not a file"):
        lake.upload(folder)
    assert zone(lake) == before


def test_a_link_inside_the_folder_brings_its_content(empty: Lake, tmp_path: Path) -> None:
    folder = one(tmp_path / "data", "c.json")
    (folder / "customer" / "landing" / "link.json").symlink_to("c.json")
    empty.upload(folder)
    assert zone(empty) == {"customer/c.json": CONTENT, "customer/link.json": CONTENT}
    assert not (empty.layout.landing / "customer" / "link.json").is_symlink()


def test_a_link_in_the_landing_zone_is_refused(lake: Lake, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_bytes(b"secret")
    landed = lake.layout.landing / "customer" / "link.json"
    landed.symlink_to(secret)
    for refused in (lake.run, lake.counts, lambda: lake.upload(tmp_path / "data")):
        with pytest.raises(UsageError, match=r"link\.json"):
            refused()
    assert secret.read_bytes() == b"secret"
    assert landed.is_symlink()
    landed.unlink()
    lake.run()
    assert lake.counts() == STRICT


@pytest.mark.parametrize("content", [b"secret", CONTENT])
def test_a_link_in_the_place_of_a_landing_file_is_never_written_through(
    lake: Lake, tmp_path: Path, content: bytes
) -> None:
    secret = tmp_path / "secret.json"
    secret.write_bytes(content)
    landed = lake.layout.landing / "customer" / "c.json"
    landed.unlink()
    landed.symlink_to(secret)
    for refused in (lake.run, lake.counts):
        with pytest.raises(UsageError, match=r"c\.json"):
            refused()
    with suppress(UsageError):
        lake.upload(tmp_path / "data")
        assert not landed.is_symlink()
    assert secret.read_bytes() == content


WHOLE = gzip.compress(CONTENT)
BROKEN = {
    "truncated": WHOLE[:-9],
    "without its checksum": WHOLE[:-8],
    "with another checksum": WHOLE[:-8] + b"\0\0\0\0" + WHOLE[-4:],
    "followed by something": WHOLE + b"something",
    "its first bytes": WHOLE[:5],
    "empty": b"",
    # 100 MB in 100 kB.
    "a bomb": gzip.compress(b"\0" * 100_000_000),
}


@pytest.mark.parametrize("broken", mostly_slow(BROKEN, quick=2))
def test_a_broken_gzip_file_is_refused(lake: Lake, tmp_path: Path, broken: str) -> None:
    folder = one(tmp_path / "broken", "z.json.gz", BROKEN[broken])
    before = zone(lake)
    for replace in (False, True):
        with pytest.raises(UsageError, match=r"z\.json\.gz"):
            lake.upload(folder, replace=replace)
        assert zone(lake) == before
    assert not list(lake.layout.root.rglob("*.part"))


@pytest.mark.parametrize("table", FOLDERS)
def test_files_beside_a_broken_one_are_not_brought_in(
    lake: Lake, tmp_path: Path, table: str
) -> None:
    folder = write_lake(tmp_path / "broken", {name: {"new.json": CONTENT} for name in FOLDERS})
    write_lake(folder, {table: {"z.json.gz": WHOLE[:-9]}})
    before = zone(lake)
    for replace in (False, True):
        with pytest.raises(UsageError, match=r"z\.json\.gz"):
            lake.upload(folder, replace=replace)
        assert zone(lake) == before


@pytest.mark.slow
def test_a_broken_gzip_file_leaves_the_file_of_its_name(lake: Lake, tmp_path: Path) -> None:
    lake.upload(one(tmp_path / "whole", "c.json.gz", WHOLE), replace=True)
    with pytest.raises(UsageError, match="gzip"):
        lake.upload(one(tmp_path / "broken", "c.json.gz", WHOLE[:-9]))
    assert zone(lake)["customer/c.json.gz"] == WHOLE
    assert "customer/c.json" not in zone(lake)
    lake.run()
    assert lake.counts()["customer_landing"] == LANDING_COUNTS["customer_landing"]


def test_a_broken_file_in_the_landing_zone_is_replaced_by_a_whole_one(
    lake: Lake, tmp_path: Path
) -> None:
    content = gzip.compress(CONTENT)
    place = lake.layout.landing / "customer" / "late.json.gz"
    for broken in (content[:40], b"nonsense", b""):
        place.write_bytes(broken)
        delivery = one(tmp_path / "late", "late.json.gz", content)
        assert dict(states(lake, delivery))["late.json.gz"] == "changed"
        assert place.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_told(lake: Lake, tmp_path: Path) -> None:
    landed = lake.layout.landing / "customer" / "d.json"
    landed.mkdir()
    with pytest.raises(StediError) as refused:
        lake.upload(one(tmp_path / "more", "d.json"))
    assert str(landed) in refused.value.message
    assert not list(lake.layout.root.rglob("*.part"))
    assert landed.is_dir()
