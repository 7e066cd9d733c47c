"""What every file of each table's current snapshot was when the run that wrote it had ended.

Kept in the catalog's own file, which other engines read past: it changes whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

from stedi_cli.local.layout import Layout
from stedi_cli.local.stamp import TICK_NS, is_settled, stamp_of

_SCHEMA = """
CREATE TABLE IF NOT EXISTS stedi_files (
  metadata_location VARCHAR(1000) NOT NULL, path VARCHAR(1000) NOT NULL,
  sha256 VARCHAR(64) NOT NULL, stamp VARCHAR(255) NOT NULL, read_ns INTEGER NOT NULL,
  PRIMARY KEY (metadata_location, path));
"""
_CHUNK = 1 << 20
_AT_ONCE = 4
_Read = TypeVar("_Read")
_Told = TypeVar("_Told")


@dataclass(frozen=True)
class Seal:
    """What a file was: its digest, and the stamp that it had then."""

    path: Path
    sha256: str
    stamp: list[int]
    read_ns: int

    def is_unbroken(self) -> bool:
        """Tell whether the file has the same bytes; it is read only where its stamp changed."""
        try:
            if stamp_of(self.path) == self.stamp and is_settled(self.stamp, self.read_ns):
                return True
            return _digest(self.path) == self.sha256
        except OSError:
            return False

    def has_other_bytes(self) -> bool:
        """Tell whether the file is there and has other bytes, whatever its stamp."""
        try:
            return _digest(self.path) != self.sha256
        except FileNotFoundError:
            return False
        except OSError:
            return True


Seals = Mapping[str, list[Seal]]
"""Seals by the URI of the metadata file of the table's state that the files make up."""


def read_seals(layout: Layout) -> Seals:
    """Return the seals; none where there are none, or they cannot be read."""
    found: dict[str, list[Seal]] = {}
    if not layout.catalog.is_file():
        return found
    try:
        with closing(sqlite3.connect(f"{layout.catalog.as_uri()}?mode=rw", uri=True)) as db:
            rows = db.execute(
                "SELECT metadata_location, path, sha256, stamp, read_ns FROM stedi_files"
            )
            for uri, path, sha256, stamp, read_ns in rows:
                seal = Seal(Path(path), sha256, json.loads(stamp), int(read_ns))
                found.setdefault(uri, []).append(seal)
    except (sqlite3.Error, ValueError, TypeError):
        return {}
    return found


def read_again(layout: Layout) -> frozenset[Path]:
    """Read all sealed files, whatever their stamps, and return those that have other bytes.

    Later commands trust the stamps of these no more. A medium that fails changes no stamp.
    """
    seals = list(chain.from_iterable(read_seals(layout).values()))
    other = _of_each(Seal.has_other_bytes, seals)
    broken = {seal.path for seal, is_other in zip(seals, other, strict=True) if is_other}
    if broken:
        # Where the catalog cannot be written, the next command of this kind finds them again.
        with suppress(sqlite3.Error), closing(sqlite3.connect(layout.catalog)) as db, db:
            rows = [(str(path),) for path in sorted(broken)]
            db.executemany("UPDATE stedi_files SET read_ns = 0 WHERE path = ?", rows)
    return frozenset(broken)


def write_seals(layout: Layout, files: Mapping[str, Iterable[Path]], keep: Iterable[str]) -> None:
    """Seal files.

    Args:
        layout: The lakehouse, locked by the caller.
        files: Files by the URI of the metadata file.
        keep: URIs whose seals stay as they are; any other goes.
    """
    stamps = {path: stamp_of(path) for paths in files.values() for path in paths}
    # Read too soon after it was written, a file could change unseen, and would be read each time.
    young = max((stamp[2] for stamp in stamps.values()), default=0) + TICK_NS - time.time_ns()
    time.sleep(min(max(young, 0), TICK_NS) / 1e9)
    read_ns = time.time_ns()
    digests = dict(zip(stamps, _of_each(_digest, stamps), strict=True))
    rows = [
        (uri, str(path), digests[path], json.dumps(stamps[path]), read_ns)
        for uri, paths in files.items()
        for path in paths
    ]
    kept = list(keep)
    marks = ", ".join("?" * len(kept))
    # Where they cannot be written, the next run seals what it finds.
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(layout.catalog, timeout=30)) as db,
        db,
    ):
        db.executescript(_SCHEMA)
        db.execute(f"DELETE FROM stedi_files WHERE metadata_location NOT IN ({marks})", kept)
        db.executemany("INSERT OR REPLACE INTO stedi_files VALUES (?, ?, ?, ?, ?)", rows)


def _of_each(told: Callable[[_Read], _Told], files: Iterable[_Read]) -> list[_Told]:
    """Return what is told of each of some files, which are read at the same time."""
    # Late: a command that reads none is done sooner without.
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        return list(pool.map(told, files))
    finally:
        # Whoever interrupts does not wait until large files are read to their ends.
        pool.shutdown(wait=False, cancel_futures=True)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
