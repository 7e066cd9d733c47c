"""What lies below a folder: every name, without following a link, and its part of a lakehouse."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from stedi_cli.errors import UsageError
from stedi_cli.privacy.source import OTHERS, Entry, Opened, part_of_table
from stedi_cli.privacy.unreadable import UnreadableError

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


class Tree:
    """A lakehouse on this machine.

    Args:
        root: Its root.

    Raises:
        UsageError: Unless it holds some part of a lakehouse.
    """

    unreached = ()
    at_once = 1

    def __init__(self, root: str) -> None:
        if not any(os.path.lexists(Path(root, sign)) for sign in _SIGNS):
            raise UsageError(
                f"There is no lakehouse in {root}, nor anything that is left of one.",
                hint="Name its root, as in `stedi --root DIR privacy scan`.",
            )
        self._root = root
        self.title = f"everything below {root}"

    def entries(self) -> Iterator[Entry]:
        """Yield every name below the root, each folder before what is in it."""
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(Path(self._root, folder)) as found:
                    names = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                yield Entry(folder or ".", _part_of(folder), odd=_said(error))
                continue
            below = []
            for name in names:
                place = f"{folder}/{name.name}" if folder else name.name
                yield self._entry(name, place)
                if name.is_dir(follow_symlinks=False):
                    below.append(place)
            folders += reversed(below)

    def _entry(self, name: os.DirEntry[str], place: str) -> Entry:
        part = _part_of(place)
        if name.is_symlink():
            leads = _leads(name.path)
            return Entry(place, part, odd="a link, which is not followed", leads=leads)
        if name.is_dir(follow_symlinks=False):
            return Entry(place, part)
        if name.is_file(follow_symlinks=False):
            return Entry(place, part, "file", partial(opened, Path(self._root, place)))
        return Entry(place, part, odd="no file, but a device, pipe or socket")


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open a plain file, without following a link or waiting for anybody.

    Raises:
        UnreadableError: If it cannot be opened, is no plain file any more, or changed meanwhile.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        number = os.open(path, flags)
    except OSError as error:
        raise UnreadableError(_said(error)) from error
    with os.fdopen(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise UnreadableError("it is no plain file any more")
        before = _state_of(file)
        yield Opened(file, os.fstat(number).st_size)
        if _state_of(file) != before:
            raise UnreadableError("it changed while it was read")


def _part_of(place: str) -> str:
    """Return the part of a lakehouse that a path below its root belongs to."""
    first, _, rest = place.partition("/")
    if first == "warehouse":
        return part_of_table(rest.partition("/")[0])
    return "catalog" if first.startswith("catalog.db") else _BY_NAME.get(first, OTHERS)


def _leads(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def _state_of(file: BinaryIO) -> tuple[int, ...]:
    """Return what changes where a file's bytes do."""
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _said(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "it went while the scan was at work"
    return (error.strerror or "the system refuses it").lower()
