"""The ledger of exports of a local lakehouse: a file that lines are only ever added to."""

from __future__ import annotations

import fcntl
import os

from stedi_cli.durable import UNWRITABLE, sync
from stedi_cli.errors import StediError
from stedi_cli.lake.exports import ExportEntry, Exports
from stedi_cli.local.access import private
from stedi_cli.local.place import Place

# A link in its place is not followed: what it points to is not ours.
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class ExportLedger:
    """The ledger, which lies below the root.

    Args:
        place: The lakehouse.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    @private
    def add(self, entry: ExportEntry) -> bool:
        path = self._place.layout.exports
        is_new = not path.exists()
        try:
            descriptor = os.open(path, _FLAGS, 0o666)
            try:
                # Whatever the line's length, no other one is written into it.
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                _append(descriptor, entry.line())
            finally:
                os.close(descriptor)
            if is_new:
                sync(path.parent)
        except OSError as error:
            if error.errno in UNWRITABLE:
                return False
            raise StediError(
                f"Cannot write {path}: {error.strerror}, so nothing was exported.",
                hint="Look at free space there, and that it is a plain file, then try again.",
            ) from error
        return True

    def read(self) -> Exports:
        layout = self._place.layout
        layout.require()
        try:
            content = layout.exports.read_bytes()
        except FileNotFoundError:
            return Exports()
        except OSError as error:
            raise StediError(
                f"Cannot read {layout.exports}: {error.strerror}.",
                hint="Look at its permissions.",
            ) from error
        entries, unreadable = [], 0
        for line in content.split(b"\n"):
            if line.strip():
                try:
                    entries.append(ExportEntry.from_line(line))
                except ValueError:
                    unreadable += 1
        return Exports(tuple(entries), unreadable)

    def remove(self) -> bool:
        """Remove it, where it is there; what was exported stays where it is."""
        path = self._place.layout.exports
        is_there = path.is_file() and not path.is_symlink()
        if is_there:
            path.unlink()
        return is_there


def _append(descriptor: int, line: bytes) -> None:
    """Add a line, and make it survive a power failure."""
    size = os.fstat(descriptor).st_size
    # What a writer that died began stays a line of its own.
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        line = b"\n" + line
    try:
        while line:
            line = line[os.write(descriptor, line) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise
