"""The typed copies of landing tables: each landing file is read once, and gone when it is gone."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import PROJECT, Lake, Result, mostly_slow
from small import FOLDERS, JOBS, TYPED, C, lines, motion, write_lake

from stedi_cli.errors import BadDataError, StediError
from stedi_cli.landing.contract import LONGEST_LINE
from stedi_cli.landing.sieve import Sieve
from stedi_cli.local import landing_zone
from stedi_cli.local.kept_aside import Aside, KeptAside
from stedi_cli.local.landing_reader import LandingReader
from stedi_cli.local.lock import exclusive
from stedi_cli.local.stamp import stamp_of
from stedi_cli.project.lakehouse import LANDING_FILE
from stedi_cli.tables import iceberg

READINGS = "accelerometer_landing"
COPY = "accelerometer_landing_typed"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The landing files that were read, in their order; cleared by whoever looks."""
    found: list[str] = []
    read = LandingReader.read

    def noting(self: LandingReader, table: Any, files: Any, path: Path) -> Any:
        found.extend(f"{file.parent.name}/{file.name}" for file in files)
        return read(self, table, files, path)

    monkeypatch.setattr(LandingReader, "read", noting)
    return found


def copied(lake: Lake, copy: str = COPY) -> dict[str, int]:
    """Rows of a copy by landing file, from its data files."""
    found: dict[str, int] = {}
    for path in data_files(lake, copy):
        for row in pq.read_table(path, columns=[LANDING_FILE], partitioning=None).to_pylist():
            found[row[LANDING_FILE]] = found.get(row[LANDING_FILE], 0) + 1
    return found


def data_files(lake: Lake, copy: str = COPY) -> list[Path]:
    current = lake.states()[copy].current
    assert current is not None
    folder = lake.layout.warehouse / copy / "data"
    assert {path.name for path in folder.iterdir()} >= current.files.keys()
    return [folder / name for name in sorted(current.files)]


def put(lake: Lake, tmp_path: Path, name: str, content: bytes | list[dict[str, Any]]) -> None:
    """Upload one file of accelerometer readings, or other bytes under its name."""
    lake.upload(write_lake(tmp_path / "more" / str(random.random()), {READINGS: {name: content}}))


def copied_project(tmp_path: Path) -> Path:
    """A project of its own, whose model can be changed."""
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("tests", ".*", "stedi_cli"))
    return project


def remove(lake: Lake, name: str) -> None:
    (lake.layout.landing / FOLDERS[READINGS] / name).unlink()


def test_a_file_is_read_once(lake: Lake, tmp_path: Path, read: list[str]) -> None:
    lake.run()
    first = sorted(read)
    assert first == sorted(
        str(path.relative_to(lake.layout.landing)) for path in lake.layout.landing.rglob("*.json")
    )
    read.clear()
    lake.run(force=True)
    lake.counts()
    lake.validate()
    assert read == []
    put(lake, tmp_path, "new.json", [motion("ann@x.org", C + 77)])
    before = copied(lake)
    lake.run()
    assert read == [f"{FOLDERS[READINGS]}/new.json"]
    assert copied(lake) == {**before, "new.json": 1}


@pytest.mark.slow
def test_reread_tells_what_it_reads_by_its_bytes(
    lake: Lake, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A medium that fails changes no stamp, and an old digest would vouch for other lines."""
    lake.run()
    path = lake.layout.landing / FOLDERS[READINGS] / "a.json"
    stamp = stamp_of(path)
    path.write_bytes(path.read_bytes().replace(b"-1.0", b"-7.0"))
    of = landing_zone.stamp_of
    failing = {str(path): stamp}
    monkeypatch.setattr(landing_zone, "stamp_of", lambda p: failing.get(str(p)) or of(p))
    monkeypatch.setattr(landing_zone, "is_settled", lambda stamp, read_ns: read_ns > 0)
    assert lake.built() == set()
    lake.run(force=True)
    assert {row[3] for row in lake.rows(READINGS)} == {-1.0}
    again = invoke("--root", lake.settings.root, "jobs", "run", "--all", "--reread")
    assert again.code == 0
    assert {row[3] for row in lake.rows(READINGS)} == {-7.0}
    current = lake.states()[COPY].current
    assert current is not None
    ledger = json.loads((lake.layout.ledgers / current.ledger).read_bytes())
    assert ledger["files"]["a.json"][0] == sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_reread_reads_all_again(lake: Lake, invoke: Callable[..., Result], read: list[str]) -> None:
    lake.run()
    first, rows = sorted(read), sorted(lake.rows(READINGS))
    for option, again in (("--force", []), ("--reread", first)):
        read.clear()
        told = invoke("--root", lake.settings.root, "jobs", "run", "--all", option, "--json")
        assert {job["status"] for job in told.json()["jobs"]} == {"built"}
        assert sorted(read) == again
    assert sorted(lake.rows(READINGS)) == rows
    assert sum(copied(lake).values()) == len(rows)


@pytest.mark.slow
def test_files_of_the_same_bytes_count_twice(lake: Lake, tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        put(lake, tmp_path, name, [motion("ann@x.org", C + 77)])
    before = len(lake.rows(READINGS))
    lake.run()
    assert (copied(lake)["one.json"], copied(lake)["two.json"]) == (1, 1)
    assert len(lake.rows(READINGS)) == before == sum(copied(lake).values())


@pytest.mark.slow
def test_a_file_that_goes_takes_its_rows_along(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, "goes.json", [motion("ann@x.org", C + 77)])
    put(lake, tmp_path, "stays.json", [motion("ann@x.org", C + 78)])
    lake.run()
    put(lake, tmp_path, "later.json", [motion("ann@x.org", C + 79)])
    lake.run()
    assert len(data_files(lake)) == 2
    before = set(data_files(lake))
    remove(lake, "goes.json")
    lake.run()
    assert "goes.json" not in copied(lake)
    assert {"stays.json", "later.json"} <= copied(lake).keys()
    # The file that held no row of it is as it was; no older snapshot gives the others back.
    assert len(before & set(data_files(lake))) == 1
    (snapshot,) = lake.states()[COPY].snapshots
    folder = lake.layout.warehouse / COPY / "data"
    assert {path.name for path in folder.iterdir()} == snapshot.files.keys()
    assert lake.validate().problems == []


@pytest.mark.slow
def test_a_root_called_like_the_column_keeps_no_row_of_a_file_that_goes(tmp_path: Path) -> None:
    lake = Lake(tmp_path / f"{LANDING_FILE}=a.json" / "lake").up()
    lake.upload(write_lake(tmp_path / "data"))
    put(lake, tmp_path, "goes.json", [motion("ann@x.org", C + 77)])
    lake.run()
    remove(lake, "goes.json")
    lake.run()
    assert copied(lake).keys() == {"a.json"}


@pytest.mark.slow
def test_a_file_that_changes_is_read_again(lake: Lake, tmp_path: Path, read: list[str]) -> None:
    put(lake, tmp_path, "a.json", [motion("ann@x.org", C + 77, x=0.25)])
    lake.run()
    read.clear()
    put(lake, tmp_path, "a.json", [motion("ann@x.org", C + 77, x=0.75)] * 2)
    lake.run()
    assert read == [f"{FOLDERS[READINGS]}/a.json"]
    assert copied(lake)["a.json"] == 2
    assert [row for row in lake.rows(READINGS) if row[2] == 0.25] == []


@pytest.mark.slow
def test_the_history_tells_no_bounds_and_no_deleted_entries(lake: Lake, tmp_path: Path) -> None:
    from pyiceberg.manifest import ManifestEntryStatus

    from stedi_cli.local.table_files import open_catalog

    put(lake, tmp_path, "goes.json", [motion("ann@x.org", C + 77)])
    lake.run()
    put(lake, tmp_path, "more.json", [motion("ann@x.org", C + 78)])
    lake.run()
    remove(lake, "goes.json")
    lake.run()
    table = open_catalog(lake.layout).load_table(f"stedi.{COPY}")
    snapshot = table.current_snapshot()
    assert snapshot is not None and snapshot.summary is not None
    entries = [e for m in snapshot.manifests(table.io) for e in m.fetch_manifest_entry(table.io)]
    status = sorted(entry.status for entry in entries)
    assert status == [ManifestEntryStatus.EXISTING, ManifestEntryStatus.ADDED]
    assert not any(entry.data_file.lower_bounds for entry in entries)
    rows = sum(copied(lake).values())
    told = snapshot.summary.additional_properties
    assert (int(told["total-records"]), int(told["total-data-files"])) == (rows, 2)
    assert table.scan().to_arrow().num_rows == rows


@pytest.mark.slow
def test_unusable_lines_stay_known_file_by_file(lake: Lake, tmp_path: Path) -> None:
    dirty = Lake(lake.settings.root, max_bad_rows=10)
    put(dirty, tmp_path, "bad.json", b"{}\nnonsense\n")
    dirty.run()
    put(dirty, tmp_path, "worse.json", b"more nonsense\n")
    dirty.run()
    entries = sorted(dirty.rows("quarantine"))
    assert [(row[1], row[2]) for row in entries] == [
        ("bad.json", 1),
        ("bad.json", 2),
        ("worse.json", 1),
    ]
    remove(dirty, "bad.json")
    dirty.run()
    assert [(row[1], row[2]) for row in dirty.rows("quarantine")] == [("worse.json", 1)]
    assert dirty.validate().problems == []


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_the_limit_counts_all_lines_and_leaves_the_copies(lake: Lake, tmp_path: Path) -> None:
    before = lake.states()
    put(lake, tmp_path, "bad.json", b"{}\n" * 9)
    with pytest.raises(BadDataError, match=r"9 of 17 lines"):
        lake.run()
    after = lake.states()
    assert {name: after[name].current for name in TYPED} == {
        name: before[name].current for name in TYPED
    }
    assert sorted(path.name for path in lake.layout.ledgers.iterdir()) == sorted(
        state.current.ledger for name in TYPED if (state := after[name]).current
    )
    Lake(lake.settings.root, max_bad_rows=9).run()
    assert len(lake.rows("quarantine")) == 9


def kept_aside(lake: Lake) -> list[str]:
    """What is kept in no snapshot."""
    return sorted(path.suffix for path in lake.layout.aside.iterdir())


def stopped(lake: Lake, tmp_path: Path) -> Lake:
    """The lake with a limit that allows all, after a run that the old one stopped."""
    put(lake, tmp_path, "bad.json", lines([motion("ann@x.org", C + 77)]) + b"{}\nnonsense\n")
    put(lake, tmp_path, "good.json", [motion("ann@x.org", C + 78, x=0.0)])
    with pytest.raises(BadDataError):
        lake.run()
    return Lake(lake.settings.root, max_bad_rows=9)


def as_if_never_stopped(lake: Lake, tmp_path: Path) -> None:
    """Compare with a lake whose run read the same landing files at once."""
    other = Lake(tmp_path / "other", max_bad_rows=9).up()
    other.upload(lake.layout.landing)
    other.run()
    for table in (*FOLDERS, *JOBS.values(), "quarantine"):
        assert sorted(lake.rows(table), key=repr) == sorted(other.rows(table), key=repr)
    assert copied(lake) == copied(other)
    assert lake.validate().problems == []
    assert kept_aside(lake) == []


@pytest.mark.slow
def test_a_raised_limit_commits_what_was_read(lake: Lake, tmp_path: Path, read: list[str]) -> None:
    raised = stopped(lake, tmp_path)
    assert len(read) == 5
    assert kept_aside(lake) == [".kept"] * 3 + [".parquet"] * 3
    assert COPY not in lake.states()
    read.clear()
    # Once more too many: nothing is read again for that either.
    with pytest.raises(BadDataError, match=r"2 of 12 lines"):
        lake.run()
    raised.run()
    assert read == []
    as_if_never_stopped(raised, tmp_path)


def _changed(lake: Lake, tmp_path: Path) -> None:
    path = lake.layout.landing / FOLDERS[READINGS] / "bad.json"
    path.write_bytes(lines([motion("ann@x.org", C + 79)]) + b"[]\n")


def _replaced(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, "bad.json", lines([motion("ann@x.org", C + 79)]) + b"[]\n")


def _added(lake: Lake, tmp_path: Path) -> None:
    put(lake, tmp_path, "more.json", lines([motion("ann@x.org", C + 79)]) + b"[]\n")


def _removed(lake: Lake, tmp_path: Path) -> None:
    remove(lake, "bad.json")


def _renamed_file(lake: Lake, tmp_path: Path) -> None:
    folder = lake.layout.landing / FOLDERS[READINGS]
    (folder / "bad.json").rename(folder / "other.json")


def _kept(lake: Lake, suffix: str) -> list[Path]:
    return [path for path in lake.layout.aside.iterdir() if path.suffix == suffix]


def _flipped_rows(lake: Lake, tmp_path: Path) -> None:
    for path in _kept(lake, ".parquet"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)


def _no_rows(lake: Lake, tmp_path: Path) -> None:
    for path in _kept(lake, ".parquet"):
        path.unlink()


def _cut_record(lake: Lake, tmp_path: Path) -> None:
    for path in _kept(lake, ".kept"):
        path.write_bytes(path.read_bytes()[:-1])


def _empty_record(lake: Lake, tmp_path: Path) -> None:
    for path in _kept(lake, ".kept"):
        path.write_bytes(b"")


ALL = {"accelerometer/a.json", "accelerometer/bad.json", "accelerometer/good.json"}
ALL |= {"customer/c.json", "step_trainer/s.json"}
MEANWHILE: list[tuple[Callable[[Lake, Path], None], set[str]]] = [
    (_changed, {"accelerometer/bad.json"}),
    (_flipped_rows, ALL),
    (_replaced, {f"accelerometer/{name}.json" for name in ("a", "bad", "good")}),
    (_added, {"accelerometer/more.json"}),
    (_removed, set()),
    (_renamed_file, {"accelerometer/other.json"}),
    (_no_rows, ALL),
    (_cut_record, ALL),
    (_empty_record, ALL),
]


@pytest.mark.slow
@pytest.mark.parametrize(("change", "again"), MEANWHILE)
def test_what_is_no_longer_what_was_read_is_read_again(
    lake: Lake,
    tmp_path: Path,
    read: list[str],
    change: Callable[[Lake, Path], None],
    again: set[str],
) -> None:
    raised = stopped(lake, tmp_path)
    change(lake, tmp_path)
    read.clear()
    raised.run()
    assert set(read) == again
    as_if_never_stopped(raised, tmp_path)


@pytest.mark.slow
def test_what_another_model_read_is_read_again(
    lake: Lake, tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = stopped(lake, tmp_path)
    monkeypatch.setattr("stedi_cli.landing.kept.JUDGEMENT", 0)
    read.clear()
    raised.run()
    assert set(read) == ALL


@pytest.mark.slow
def test_what_a_run_does_not_read_stays_kept(lake: Lake, tmp_path: Path, read: list[str]) -> None:
    raised = stopped(lake, tmp_path)
    read.clear()
    for _ in range(2):
        # The second time there is nothing to be done.
        raised.run("customer_landing_to_trusted")
        assert kept_aside(raised) == [".kept"] * 2 + [".parquet"] * 2
    raised.run()
    assert read == []
    as_if_never_stopped(raised, tmp_path)


@pytest.mark.slow
def test_what_an_upload_takes_away_is_not_kept(lake: Lake, tmp_path: Path) -> None:
    raised = stopped(lake, tmp_path)
    more = {READINGS: {"more.json": [motion("bob@x.org", C + 77)]}}
    raised.upload(write_lake(tmp_path / "new", more))
    assert len(kept_aside(raised)) == 6
    raised.upload(write_lake(tmp_path / "new", more), replace=True)
    names = {path.stem for path in raised.layout.aside.glob("*.kept")}
    assert names == FOLDERS.keys() - {READINGS}
    assert kept_aside(raised) == [".kept"] * 2 + [".parquet"] * 2
    raised.run()
    as_if_never_stopped(raised, tmp_path)


class Death(BaseException):
    """The end of a process, of which nothing is tidied up."""


def killed(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run, and die as soon as all is read."""

    def die(*_: object, **__: object) -> None:
        raise Death

    with monkeypatch.context() as patch:
        patch.setattr("stedi_cli.local.quarantine.Quarantine.replace", die)
        patch.setattr("stedi_cli.local.writer.Writer.clean", lambda *_: None)
        with pytest.raises(Death):
            lake.run()


@pytest.mark.slow
def test_what_was_read_before_a_death_is_not_read_again(
    lake: Lake, tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(lake, monkeypatch)
    assert len(read) == 3
    read.clear()
    raised = Lake(lake.settings.root, max_bad_rows=9)
    raised.run()
    assert read == []
    as_if_never_stopped(raised, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("links", [True, False])
def test_what_was_read_outlives_a_commit_that_fails(
    lake: Lake, tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    replace = iceberg.replace

    def fail(*_: object, **__: object) -> None:
        raise StediError("No.")

    def no_links(*_: object) -> None:
        raise OSError

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    lake = Lake(lake.settings.root, max_bad_rows=9)
    monkeypatch.setattr(iceberg, "replace", fail)
    with pytest.raises(StediError, match=r"No\."):
        lake.run()
    assert kept_aside(lake)[:3] == [".kept"] * 3
    monkeypatch.setattr(iceberg, "replace", replace)
    read.clear()
    lake.run()
    assert len(read) == (0 if links else 1)
    as_if_never_stopped(lake, tmp_path)
    monkeypatch.undo()
    with lake.opened() as opened:
        assert opened.tables.is_whole(COPY)
    assert {path.stat().st_nlink for path in data_files(lake)} == {1}


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_a_full_disk_is_told_with_what_was_at_work(
    lake: Lake, tmp_path: Path, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, tmp_path, "new.json", [motion("ann@x.org", C + 10)])

    def full(*_: object) -> NoReturn:
        # As of a write: the system names no file.
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def told(*words: str) -> str:
        said = invoke("--root", lake.settings.root, *words)
        assert said.code == 1
        return said.err

    with monkeypatch.context() as patch:
        patch.setattr(Sieve, "add", full)
        # Small files are read by it where they are not clean.
        patch.setattr(LandingReader, "_doubtful", lambda self, table, files, read: set(files))
        patch.setattr(LandingReader, "_with_words", lambda self, doubtful, files: doubtful)
        for words in (["jobs", "run", "--all"], ["query", f"SELECT * FROM {READINGS}"]):
            assert f"The landing files of {READINGS} cannot be read: No space left" in told(*words)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        kept = lake.layout.aside / f"{READINGS}.kept"
        assert f"Cannot write {kept}: No space left" in told("jobs", "run", "--all")
    lake.run()
    assert copied(lake)["new.json"] == 1


@pytest.mark.slow
def test_a_file_that_changes_while_it_is_read_is_not_kept(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = LandingReader.read

    def growing(self: LandingReader, table: Any, files: Any, path: Path) -> Any:
        found = first(self, table, files, path)
        for file in files:
            with file.open("ab") as stream:
                stream.write(b"\n")
        return found

    monkeypatch.setattr(LandingReader, "read", growing)
    with pytest.raises(StediError, match="changed during the run"):
        lake.run()
    assert kept_aside(lake) == []


@pytest.mark.slow
def test_reread_reads_what_is_kept_aside(
    lake: Lake, tmp_path: Path, invoke: Callable[..., Result], read: list[str]
) -> None:
    raised = stopped(lake, tmp_path)
    read.clear()
    told = invoke(
        "--root", lake.settings.root, "jobs", "run", "--all", "--reread", "--max-bad-rows", "9"
    )
    assert told.code == 0, told.err
    assert set(read) == ALL
    as_if_never_stopped(raised, tmp_path)


@pytest.mark.slow
def test_nothing_is_kept_aside_for_ever(
    lake: Lake, tmp_path: Path, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.run()
    put(lake, tmp_path, "good.json", [motion("ann@x.org", C + 78)])
    killed(lake, monkeypatch)
    assert kept_aside(lake) == [".kept", ".parquet"]
    root, mine = lake.settings.root, lake.layout.aside / "mine.txt"
    assert {path.stat().st_mode & 0o077 for path in lake.layout.aside.iterdir()} == {0}
    mine.write_text("mine")
    (lake.layout.aside / f"{'0' * 32}.parquet").write_text("nobody's")

    def found() -> set[str]:
        return {finding["what"] for finding in invoke("--root", root, "doctor", "--json").json()}

    assert "kept aside" in found()
    with exclusive(lake.layout.lock):
        # A run at work needs it.
        assert "kept aside" not in found()
    remove(lake, "good.json")
    # There is nothing to be done, so nothing that it could be of use for.
    told = invoke("--root", root, "jobs", "run", "--all", "--json")
    assert {job["status"] for job in told.json()["jobs"]} == {"unchanged"}
    assert kept_aside(lake) == [".txt"]


@pytest.mark.slow
def test_what_others_put_beside_it_is_not_touched(lake: Lake, tmp_path: Path) -> None:
    raised = stopped(lake, tmp_path)
    aside = KeptAside(lake.layout)
    ours = aside.size()
    mine = [lake.layout.aside / name for name in ("my notes.kept", "2024.kept", "a.b.kept.part")]
    for path in mine:
        path.write_text("mine")
    assert aside.size() == ours
    raised.run()
    assert sorted(lake.layout.aside.iterdir()) == sorted(mine)


@pytest.mark.slow
def test_a_record_names_rows_and_no_other_record(lake: Lake, tmp_path: Path) -> None:
    raised = stopped(lake, tmp_path)
    aside, table = KeptAside(lake.layout), lake.model.tables[READINGS]
    other = lake.layout.aside / "customer_landing.kept"
    kept = aside.of(table)
    assert kept.files
    aside.keep(table, Aside((other,), kept.files, kept.told))
    assert aside.of(table) == Aside()
    raised.run()
    as_if_never_stopped(raised, tmp_path)


@pytest.mark.slow
def test_no_file_that_tells_ids_of_columns_becomes_one_of_a_copy(
    lake: Lake, tmp_path: Path, read: list[str]
) -> None:
    """Spark gives those of the copy as it was, by which readers would go."""
    raised = stopped(lake, tmp_path)
    aside, table = KeptAside(lake.layout), lake.model.tables[READINGS]
    kept = aside.of(table)
    rows = pq.read_table(kept.paths[0], partitioning=None)
    fields = [
        field.with_metadata({"PARQUET:field_id": str(9 - number)})
        for number, field in enumerate(rows.schema)
    ]
    by_spark = lake.layout.aside / "00000-3-0a1b2c3d-1111-4222-8333-944455556666-0-00001.parquet"
    pq.write_table(rows.cast(pa.schema(fields)), by_spark)
    assert pq.read_schema(by_spark).field(0).metadata
    aside.keep(table, Aside((by_spark,), kept.files, kept.told))
    read.clear()
    raised.run()
    assert read == []
    (path,) = data_files(lake)
    assert not any(field.metadata for field in pq.read_schema(path))
    as_if_never_stopped(raised, tmp_path)


def test_what_goes_while_it_is_looked_at_has_no_size(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KeptAside, "files", lambda self: [lake.layout.aside / "gone.kept"])
    assert KeptAside(lake.layout).size() == 0


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--yes",), ("--yes", "--keep-data")])
def test_down_removes_what_is_kept_aside(
    lake: Lake, tmp_path: Path, invoke: Callable[..., Result], words: tuple[str, ...]
) -> None:
    stopped(lake, tmp_path)
    told = invoke("--root", lake.settings.root, "infra", "down", *words)
    assert told.code == 0
    assert not lake.layout.aside.exists() or kept_aside(lake) == []
    assert lake.settings.root.exists() == ("--keep-data" in words)


def _no_ledger(lake: Lake) -> None:
    for path in lake.layout.ledgers.iterdir():
        path.unlink()


def _other_ledger(lake: Lake) -> None:
    for path in lake.layout.ledgers.iterdir():
        path.write_bytes(path.read_bytes().replace(b",0]", b",1]", 1))


def _no_data(lake: Lake) -> None:
    for path in data_files(lake):
        path.unlink()


def _flipped(lake: Lake) -> None:
    path = data_files(lake)[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _no_table(lake: Lake) -> None:
    from stedi_cli.local.table_files import open_catalog

    open_catalog(lake.layout).drop_table(f"stedi.{COPY}")


def _renamed(lake: Lake) -> None:
    from stedi_cli.local.table_files import open_catalog

    with open_catalog(lake.layout).load_table(f"stedi.{COPY}").update_schema() as update:
        update.rename_column("x", "w")


LOST: list[Callable[[Lake], None]] = [
    *(_no_ledger, _other_ledger, _no_data, _flipped, _no_table, _renamed)
]


@pytest.mark.parametrize("lose", mostly_slow(LOST))
@pytest.mark.usefixtures("ran")
def test_a_copy_that_cannot_be_used_is_made_again(
    lake: Lake, invoke: Callable[..., Result], read: list[str], lose: Callable[[Lake], None]
) -> None:
    rows, counts = sorted(lake.rows(READINGS)), lake.counts()
    lose(lake)
    # Whoever asks meanwhile is answered from the landing files.
    assert sorted(lake.rows(READINGS)) == rows
    root = lake.settings.root
    listed = invoke("--root", root, "jobs", "list", "--json").json()
    why = next(job["why"] for job in listed if not job["up_to_date"])
    assert why.startswith("the typed copy of ") and why.endswith(" is lost or cannot be used")
    assert f"({why})" in lake.validate().problems[-1]
    findings = invoke("--root", root, "doctor", "--json").json()
    assert COPY in {finding["what"] for finding in findings if not finding["ok"]}
    read.clear()
    lake.run()
    assert f"{FOLDERS[READINGS]}/a.json" in read
    assert sorted(lake.rows(READINGS)) == rows
    assert lake.counts() == counts
    read.clear()
    assert sorted(lake.rows(READINGS)) == rows
    assert read == []
    assert lake.validate().problems == []
    assert lake.built() == set()


def _other_instants(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (project / "configs" / "lakehouse.yaml").open("a") as model:
        model.write("\ninstants: {since: 2001-01-01, before: 2100-01-01}\n")


def _other_version(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stedi_cli.landing.ledger.JUDGEMENT", 999)


@pytest.mark.slow
@pytest.mark.parametrize("change", [_other_instants, _other_version])
def test_lines_that_are_judged_otherwise_by_now_are_read_again(
    tmp_path: Path,
    read: list[str],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    project = copied_project(tmp_path)
    lake = Lake(tmp_path / "lake", project=project).up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run()
    change(project, monkeypatch)
    read.clear()
    assert lake.built() == {*JOBS.values()}
    assert f"{FOLDERS[READINGS]}/a.json" in read
    assert lake.built() == set()


@pytest.mark.slow
def test_a_broken_copy_that_no_run_makes_again_goes(tmp_path: Path) -> None:
    project = copied_project(tmp_path)
    model = project / "configs" / "lakehouse.yaml"
    text = model.read_text()
    with_job = text.replace("\n  customer_trusted:\n", OTHER, 1).replace("\njobs:\n", OTHER_JOB, 1)
    model.write_text(with_job)
    job = project / "jobs" / "weather_landing_to_trusted.sql"
    job.write_text("SELECT filename FROM weather_landing\n")
    lake = Lake(tmp_path / "lake", project=project).up()
    (lake.layout.landing / "weather" / "a.json").write_text('{"filename": "of a"}\n')
    lake.run()
    job.unlink()
    model.write_text(text.replace("\n  customer_trusted:\n", OTHER_UNREAD, 1))
    lake.run()
    assert "weather_landing_typed" in lake.states()
    lake.data_file("weather_landing_typed").unlink()
    assert lake.built() == set()
    assert "weather_landing_typed" not in lake.states()
    assert not (lake.layout.warehouse / "weather_landing_typed").exists()
    assert lake.rows("weather_landing") == [("of a",)]


@pytest.mark.slow
def test_questions_read_what_no_run_has_read(lake: Lake, tmp_path: Path, read: list[str]) -> None:
    before = len(lake.rows(READINGS))
    lake.run()
    put(lake, tmp_path, "new.json", [motion("ann@x.org", C + 77)])
    states = lake.states()
    read.clear()
    assert len(lake.rows(READINGS)) == before + 1
    assert read == [f"{FOLDERS[READINGS]}/new.json"]
    assert lake.states() == states


@pytest.mark.slow
def test_another_model_is_read_again(tmp_path: Path, read: list[str]) -> None:
    project = copied_project(tmp_path)
    lake = Lake(tmp_path / "lake", project=project).up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run()
    read.clear()
    model = project / "configs" / "lakehouse.yaml"
    text = model.read_text()
    changed = text.replace("name: z\n", "name: z\n        required: false\n", 1)
    changed = changed if changed != text else text.replace("required: true", "required: false", 1)
    assert changed != text
    model.write_text(changed)
    lake = Lake(tmp_path / "lake", project=project)
    lake.run()
    assert read != []


OTHER = """
  weather_landing:
    zone: landing
    folder: weather
    doc: Of the tests.
    columns:
      - {name: filename, type: string, required: true, doc: What engines call a row's file.}
  weather_trusted: {zone: trusted, doc: The same., columns_of: weather_landing}
  customer_trusted:
"""
OTHER_UNREAD = OTHER.replace(
    "  weather_trusted: {zone: trusted, doc: The same., columns_of: weather_landing}\n", ""
)
OTHER_JOB = """
jobs:
  weather_landing_to_trusted: {doc: Takes all., reads: [weather_landing], writes: weather_trusted}
"""


def test_a_column_may_be_called_as_engines_call_files(tmp_path: Path) -> None:
    project = copied_project(tmp_path)
    model = project / "configs" / "lakehouse.yaml"
    text = model.read_text().replace("\n  customer_trusted:\n", OTHER, 1)
    model.write_text(text.replace("\njobs:\n", OTHER_JOB, 1))
    job = project / "jobs" / "weather_landing_to_trusted.sql"
    job.write_text("SELECT filename FROM weather_landing\n")
    lake = Lake(tmp_path / "lake", project=project).up()
    folder = lake.layout.landing / "weather"
    for name in ("a", "b"):
        (folder / f"{name}.json").write_text(f'{{"filename": "of {name}"}}\n')
    lake.run()
    (folder / "a.json").unlink()
    lake.run()
    assert lake.rows("weather_landing") == lake.rows("weather_trusted") == [("of b",)]


@pytest.mark.parametrize("name", ["customer_landing_typed", "Customer_landing_typed"])
@pytest.mark.usefixtures("ran")
def test_names_of_copies_are_taken(lake: Lake, invoke: Callable[..., Result], name: str) -> None:
    told = invoke("--root", lake.settings.root, "query", f"SELECT count(*) FROM {name}")
    assert told.code == 2
    assert "There is no table" in told.err


@pytest.mark.usefixtures("ran")
def test_down_and_doctor_know_them(lake: Lake, invoke: Callable[..., Result]) -> None:
    root = lake.settings.root
    told = invoke("--root", root, "doctor", "--json")
    assert {finding["what"] for finding in told.json()} >= set(TYPED)
    assert all(finding["ok"] for finding in told.json())
    assert "left" not in invoke("--root", root, "infra", "down", "--yes").out
    assert not root.exists()


@pytest.mark.slow
def test_many_small_files_of_a_copy_become_one(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stedi_cli.local.ingestion._MOST_FILES", 3)
    for number in range(4):
        put(lake, tmp_path, f"{number}.json", [motion("ann@x.org", C + number)])
        lake.run()
    assert len(data_files(lake)) == 2
    assert {f"{number}.json" for number in range(4)} <= copied(lake).keys()
    assert sum(copied(lake).values()) == len(lake.rows(READINGS))


@pytest.mark.slow
@pytest.mark.parametrize(
    "content", [b"{}", b"x", b"x" * (LONGEST_LINE + 1)], ids=["small", "byte", "large"]
)
def test_a_file_without_a_usable_line_leaves_no_data_file(
    lake: Lake, tmp_path: Path, content: bytes
) -> None:
    dirty = Lake(lake.settings.root, max_bad_rows=10)
    dirty.run()
    before = data_files(dirty)
    put(dirty, tmp_path, "bad.json", content)
    dirty.run()
    assert data_files(dirty) == before
    assert sorted((lake.layout.warehouse / COPY / "data").iterdir()) == before
    assert len(dirty.rows("quarantine")) == 1


def _row_of_another_file(lake: Lake) -> None:
    """Write the copy anew with a row under another file's name, as a mistake of ours would."""
    from stedi_cli.local.layout import to_uri
    from stedi_cli.local.table_files import open_catalog
    from stedi_cli.tables import iceberg
    from stedi_cli.tables.summary import files_to_summary, ledger_to_summary

    (path,) = data_files(lake)
    rows = pq.read_table(path, partitioning=None)
    files = rows[LANDING_FILE].to_pylist()
    files[files.index("a.json")] = "b.json"
    place = rows.schema.get_field_index(LANDING_FILE)
    other = path.with_name("other.parquet")
    pq.write_table(rows.set_column(place, LANDING_FILE, pa.array(files)), other)
    current = lake.states()[COPY].current
    assert current is not None
    summary = files_to_summary({other.name: other.stat().st_size})
    summary |= ledger_to_summary(current.ledger)
    typed = lake.model.tables[READINGS].typed
    iceberg.replace(
        open_catalog(lake.layout), typed, {to_uri(other): other}, summary, keep=9, forget=False
    )


def _line_of_another_file(lake: Lake) -> None:
    from stedi_cli.landing.bad_line import BadLine
    from stedi_cli.local.place import place_of
    from stedi_cli.local.quarantine import Quarantine

    place = place_of(lake.settings, lake.model)
    current = place.tables.states()["quarantine"].current
    assert current is not None
    quarantine = Quarantine(place, 9)
    quarantine.replace({READINGS: [BadLine("a.json", 1, "not-json")]}, current.judged)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [_row_of_another_file, _line_of_another_file])
def test_lines_are_accounted_for_file_by_file(
    lake: Lake, tmp_path: Path, mistake: Callable[[Lake], None]
) -> None:
    lake = Lake(lake.settings.root, max_bad_rows=9)
    put(lake, tmp_path, "b.json", lines([motion("ann@x.org", C + 77)]) + b"{}\n")
    lake.run()
    found = {check.check: check.violations for check in lake.validate().checks}
    assert {number for name, number in found.items() if name.endswith("_accounted")} == {0}
    mistake(lake)
    for _ in range(2):
        wrong = {check.check: check.violations for check in lake.validate().checks if not check.ok}
        assert wrong == {f"{READINGS}_accounted": 2}


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_down_leaves_what_is_no_ledger(lake: Lake, invoke: Callable[..., Result]) -> None:
    mine = lake.layout.ledgers / "mine.json"
    mine.write_text("{}")
    lake.run(force=True)
    told = invoke("--root", lake.settings.root, "infra", "down", "--yes")
    assert mine.is_file()
    assert "mine.json" in "".join(told.out.split())
