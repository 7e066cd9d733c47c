"""A power failure: what was never synced is lost, and the catalog names nothing of it.

A machine cannot be switched off in a test. So it is recorded what is synced when, and from that
what a disk would hold at each commit of the catalog. SQLite syncs its own file.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import Lake
from small import JOBS, LANDING_COUNTS, STRICT, C, motion, write_lake

from stedi_cli.local.catalog import SqliteCatalog

TABLES = sorted(JOBS.values())
Content = dict[Path, bytes | None]


@dataclass
class Disk:
    """What of a lakehouse a disk surely holds: content by inode, and names by folder."""

    root: Path
    contents: dict[int, bytes] = field(default_factory=dict)
    names: dict[Path, dict[str, int]] = field(default_factory=dict)
    failures: list[Content] = field(default_factory=list)

    def sync(self, path: Path) -> None:
        if path.is_dir():
            self.names[path] = {child.name: child.lstat().st_ino for child in path.iterdir()}
        else:
            self.contents[path.stat().st_ino] = path.read_bytes()

    def left(self) -> Content:
        """What is there after a power failure now: files by path, folders as None."""
        found: Content = {}
        self._add(self.root.parents[2], found)
        catalog = self.root / "catalog.db"
        if catalog.exists() and self.root in found:
            found[catalog] = catalog.read_bytes()
        return found

    def _add(self, folder: Path, found: Content) -> None:
        for name, inode in self.names.get(folder, {}).items():
            path = folder / name
            if path in self.names or (path.is_dir() and path.stat().st_ino == inode):
                found[path] = None
                self._add(path, found)
            else:
                found[path] = self.contents.get(inode, b"")

    def fail(self, content: Content) -> None:
        """Leave what a power failure left."""
        shutil.rmtree(self.root, ignore_errors=True)
        for path, held in sorted(content.items()):
            if path == self.root or path.is_relative_to(self.root):
                if held is None:
                    path.mkdir()
                else:
                    path.write_bytes(held)
        self.contents.clear()
        for path in [*self.root.rglob("*"), self.root, *self.root.parents[:3]]:
            self.sync(path)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk that notes what is synced, and what it holds at each commit of the catalog."""
    made = Disk(tmp_path / "deep" / "er" / "lake")
    fsync, connect = os.fsync, SqliteCatalog._connect

    def noting(descriptor: int) -> None:
        fsync(descriptor)
        if stat.S_IFMT(os.fstat(descriptor).st_mode) in (stat.S_IFREG, stat.S_IFDIR):
            made.sync(Path(f"/proc/self/fd/{descriptor}").readlink())

    @contextmanager
    def committing(catalog: SqliteCatalog) -> Iterator[object]:
        with connect(catalog) as db:
            yield db
        left = made.left()
        if not made.failures or made.failures[-1] != left:
            made.failures.append(left)

    monkeypatch.setattr(os, "fsync", noting)
    monkeypatch.setattr(SqliteCatalog, "_connect", committing)
    return made


def rows(lake: Lake) -> dict[str, list[object]]:
    return {name: sorted(lake.rows(name), key=repr) for name in lake.states() if name in TABLES}


def survives(disk: Disk, lake: Lake, command: Callable[[Lake], object]) -> None:
    """Run a command, and look at what is left at each of its commits and after it."""
    before = rows(lake) if (lake.settings.root / "stedi.json").exists() else {}
    disk.failures.clear()
    command(lake)
    after = rows(lake)
    returned, noted = disk.left(), list(disk.failures)
    assert noted
    kept = {p: p.read_bytes() if p.is_file() else None for p in disk.root.rglob("*")}
    for content in noted:
        if disk.root / "stedi.json" not in content:
            continue
        disk.fail(content)
        for name, found in rows(lake).items():
            assert found in (before.get(name), after[name]), name
    disk.fail(returned)
    assert rows(lake) == after
    disk.fail({disk.root: None, **kept})


def test_a_power_failure_at_any_commit_and_after_any_command(disk: Disk, tmp_path: Path) -> None:
    lake = Lake(disk.root, keep_snapshots=1)
    data = write_lake(tmp_path / "data")
    lake.up()
    lake.upload(data)
    disk.fail(disk.left())
    landing = lake.settings.root / "landing"
    assert len([path for path in landing.rglob("*.json") if path.read_bytes()]) >= 3
    survives(disk, lake, lambda lake: lake.run())
    assert lake.validate().ok
    assert lake.counts() == STRICT
    survives(disk, lake, lambda lake: lake.run(force=True))
    more = {"accelerometer_landing": {"b.json": [motion("ann@x.org", C + 99)]}}
    lake.upload(write_lake(tmp_path / "more", more))
    disk.fail(disk.left())
    survives(disk, lake, lambda lake: lake.run())
    accelerometer = "accelerometer_landing"
    assert lake.counts()[accelerometer] == LANDING_COUNTS[accelerometer] + 1
    assert lake.validate().ok


def test_a_removed_landing_file_stays_removed(disk: Disk, tmp_path: Path) -> None:
    lake = Lake(disk.root).up()
    more = {"accelerometer_landing": {"b.json": [motion("ann@x.org", C + 99)]}}
    lake.upload(write_lake(tmp_path / "data"))
    lake.upload(write_lake(tmp_path / "more", more))
    folder = lake.settings.root / "landing" / "accelerometer"
    assert disk.left()[folder / "b.json"]
    lake.upload(write_lake(tmp_path / "data"), replace=True)
    assert folder / "b.json" not in disk.left()
