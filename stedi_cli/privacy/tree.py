"""What lies below a root: every name, without following a link, and which part each belongs to."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from stedi_cli.errors import UsageError
from stedi_cli.privacy.unreadable import UnreadableError

LANDING = "landing"
PARTS = {
    LANDING: "landing files",
    "typed": "the typed copies of landing tables",
    "tables": "the other tables",
    "quarantine": "the table of lines that cannot be used",
    "held_back": "the table of people who are held back",
    "ledgers": "which files each typed copy holds",
    "aside": "what a run that stopped had read",
    "temp": "intermediate files",
    "catalog": "the Iceberg catalog",
    "index": "facts of landing files",
    "log": "what Spark said",
    "notes": "files for the command's own use",
    "others": "everything else",
}
"""The parts of a lakehouse, and what each is."""
_BY_NAME = {
    "landing": "landing",
    "ledgers": "ledgers",
    "aside": "aside",
    "tmp": "temp",
    "landing-index.json": "index",
    "spark.log": "log",
    **dict.fromkeys(("stedi.json", "validation.json", "checked", "expected.yaml"), "notes"),
    **dict.fromkeys(("journal.json", "lock", "readers", "answered.json"), "notes"),
}
_SIGNS = ("stedi.json", "landing", "warehouse", "catalog.db")


@dataclass(frozen=True)
class Entry:
    """A name below a root.

    Args:
        place: The path below the root.
        is_file: Whether it is a plain file.
        odd: What it is if it is neither file nor folder, or why it cannot be read; else empty.
    """

    place: str
    is_file: bool
    odd: str = ""


def require_lakehouse(root: str) -> None:
    """Raise UsageError unless a folder holds some part of a lakehouse."""
    if not any(os.path.lexists(Path(root, sign)) for sign in _SIGNS):
        raise UsageError(
            f"There is no lakehouse in {root}, nor anything that is left of one.",
            hint="Name its root, as in `stedi --root DIR privacy scan`.",
        )


def part_of(place: str) -> str:
    """Return the part of a lakehouse that a path below its root belongs to."""
    first, _, rest = place.partition("/")
    if first == "warehouse":
        table = rest.partition("/")[0]
        if table in ("quarantine", "held_back"):
            return table
        return "typed" if table.endswith("_typed") else "tables"
    if first.startswith("catalog.db"):
        return "catalog"
    return _BY_NAME.get(first, "others")


def entries(root: str) -> Iterator[Entry]:
    """Yield every name below a root, each folder before what is in it."""
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(Path(root, folder)) as found:
                names = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            yield Entry(folder or ".", False, _said(error))
            continue
        below = []
        for entry in names:
            place = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_symlink():
                yield Entry(place, False, "a link, which is not followed")
            elif entry.is_dir(follow_symlinks=False):
                yield Entry(place, False)
                below.append(place)
            elif entry.is_file(follow_symlinks=False):
                yield Entry(place, True)
            else:
                yield Entry(place, False, "no file, but a device, pipe or socket")
        folders += reversed(below)


def open_file(root: str, place: str) -> BinaryIO:
    """Open a plain file below a root, without following a link or waiting for anybody.

    Raises:
        UnreadableError: If it cannot be opened, or is no plain file any more.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        number = os.open(Path(root, place), flags)
    except OSError as error:
        raise UnreadableError(_said(error)) from error
    file = os.fdopen(number, "rb")
    if not stat.S_ISREG(os.fstat(number).st_mode):
        file.close()
        raise UnreadableError("it is no plain file any more")
    return file


def state_of(file: BinaryIO) -> tuple[int, ...]:
    """Return what changes where a file's bytes do."""
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _said(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "it went while the scan was at work"
    return (error.strerror or "the system refuses it").lower()
