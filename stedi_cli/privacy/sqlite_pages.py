"""SQLite databases: rows, and what is left in pages that are used no more."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing

from stedi_cli.privacy.needles import INSTANT, Needles
from stedi_cli.privacy.unreadable import UnreadableError

MAGIC = b"SQLite format 3\0"
LARGEST = 1 << 29
_LOGS = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7")
_ROWS = 1000

Found = Counter[tuple[str, str]]


def is_log(start: bytes, name: str) -> bool:
    """Tell whether a file is the log or journal of a database, which holds pages."""
    return start.startswith(_LOGS) or name.endswith(("-wal", "-journal"))


def read_sqlite(data: bytes, needles: Needles, found: Found) -> None:
    """Count what stands in a database, by view and kind.

    Raises:
        UnreadableError: If it cannot be read to its end; what was found by then is counted.
    """
    # One with a log is opened as one without: nobody writes to this copy.
    copy = data[:18] + b"\1\1" + data[20:]
    try:
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
            database.deserialize(copy)
            database.text_factory = bytes
            _rows(database, needles, found)
            database.execute("VACUUM")
            live = database.serialize()
    except (sqlite3.Error, MemoryError, OverflowError, UnicodeError) as error:
        count_left(data, b"", needles, found)
        raise UnreadableError("it is damaged") from error
    count_left(data, live, needles, found)


def count_left(data: bytes, live: bytes, needles: Needles, found: Found) -> None:
    """Count what pages hold beyond what is live; there nothing tells where a value begins."""
    lowered, kept = data.lower(), live.lower()
    is_wide = data.startswith(MAGIC) and data[59:60] in (b"\2", b"\3")
    for literal, kind in needles.literals():
        # As UTF-16 has it, whichever byte comes first.
        value = (
            b"\0".join(literal[at : at + 1] for at in range(len(literal))) if is_wide else literal
        )
        left = lowered.count(value)
        if left and (left := left - kept.count(value)) > 0:
            found["sqlite pages", kind] += left


def _rows(database: sqlite3.Connection, needles: Needles, found: Found) -> None:
    master = database.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    _count([row[2] for row in master if row[2]], needles, found)
    for kind, name, _ in master:
        if kind != b"table":
            continue
        quoted = name.replace(b'"', b'""').decode("utf-8", "surrogateescape")
        rows = database.execute(f'SELECT * FROM "{quoted}"')
        while some := rows.fetchmany(_ROWS):
            _count([value for row in some for value in row], needles, found)


def _count(values: list[object], needles: Needles, found: Found) -> None:
    numbers = sum(value in needles.values.instants for value in values if _is_number(value))
    if numbers:
        found["sqlite", INSTANT] += numbers
    texts = [value for value in values if isinstance(value, bytes)]
    if needles.kinds(b"\0".join(texts)):
        for value in texts:
            for kind, number in needles.kinds(value).items():
                found["sqlite", kind] += number


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)
