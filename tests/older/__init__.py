"""Lakehouses that an older version made, moved to where a test wants them.

Tables name their files by absolute paths. So what is stored was made, and is unpacked, below a
folder whose path has a fixed length, in uncompressed Avro: one path takes the other's place.
"""

from __future__ import annotations

import hashlib
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

ARCHIVE = Path(__file__).with_name("lakehouses.tar.xz")
LENGTH = 200
"""Bytes of the path of the folder that lakehouses lie in."""
STORED = "/" + "o" * (LENGTH - 1)
"""The path that stands in the archive."""


def folder_in(folder: Path) -> Path:
    """Return a folder below one, whose path has the fixed length."""
    return folder / ("o" * (LENGTH - 1 - len(str(folder))))


def replace_paths(folder: Path, before: str, after: str) -> None:
    """Let one path take another's place in all files below a folder."""
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in (".db", ".parquet"):
            content = path.read_bytes()
            if before.encode() in content:
                path.write_bytes(content.replace(before.encode(), after.encode()))
    for path in folder.rglob("catalog.db"):
        _in_catalog(path, before, after)


def _in_catalog(catalog: Path, before: str, after: str) -> None:
    with closing(sqlite3.connect(catalog)) as db, db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        for table in tables:
            for column in [row[1] for row in db.execute(f"PRAGMA table_info({table})")]:
                db.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
                    f" WHERE typeof({column}) = 'text'",
                    (before, after),
                )
        if "stedi_files" in tables:
            # A seal is of the bytes, which are others now.
            found = [row[0] for row in db.execute("SELECT DISTINCT path FROM stedi_files")]
            seals = [(hashlib.sha256(Path(p).read_bytes()).hexdigest(), p) for p in found]
            db.executemany("UPDATE stedi_files SET sha256 = ? WHERE path = ?", seals)


def unpacked(folder: Path) -> Path:
    """Unpack the lakehouses below a folder, and return where they lie."""
    made = folder_in(folder)
    made.mkdir(parents=True)
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(made, filter="data")
    replace_paths(made, STORED, str(made))
    return made
