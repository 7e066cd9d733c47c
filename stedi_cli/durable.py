"""Writing a file so that it is there whole or not at all, also after a crash."""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from stat import S_ISREG
from typing import Any, BinaryIO

from stedi_cli.errors import StediError

UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)
"""Errors of whoever may read something and not write to it."""


class Sink:
    """A file being written.

    Set ``discard`` to leave the destination as it is.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.discard = False

    def write(self, data: bytes) -> int:
        """Append bytes."""
        return self._stream.write(data)


@contextmanager
def replaced(destination: Path, temp: Path, *, mode: int | None = None) -> Iterator[Sink]:
    """Write a file beside its destination and move it there in one step.

    Args:
        destination: The file to make or replace.
        temp: Folder for the unfinished file, on the same file system.
        mode: Permissions of the file; None for those of every new one.

    Raises:
        StediError: If it cannot be written; the destination is then as it was.
    """
    staged = temp / f"{uuid.uuid4().hex}.part"
    try:
        with writing(destination):
            with staged.open("wb") as stream:
                if mode is not None:
                    os.fchmod(stream.fileno(), mode)
                sink = Sink(stream)
                yield sink
                if not sink.discard:
                    stream.flush()
                    os.fsync(stream.fileno())
            if not sink.discard:
                staged.replace(destination)
                sync(destination.parent)
    finally:
        staged.unlink(missing_ok=True)


@contextmanager
def writing(destination: Path) -> Iterator[None]:
    """Say where it was that something could not be written: the system itself names no file.

    Raises:
        StediError: In the place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise StediError(
            f"Cannot write {destination}: {error.strerror}.",
            hint="Look at free space and permissions there, then try again.",
        ) from error


def read_small(path: Path, most: int = 1 << 20) -> bytes:
    """Return what a plain file holds; nothing where it is none, too large, or cannot be read."""
    # A pipe would be waited for.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError):
        return b""
    with suppress(OSError), os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if S_ISREG(status.st_mode) and status.st_size <= most:
            return stream.read(most)
    return b""


def load_json(path: Path) -> Any:
    """Read a JSON file; raise ValueError where it is broken, however it is, else OSError."""
    try:
        return json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def with_digest(body: bytes) -> bytes:
    """Return a body as it is written where what is broken must not be believed."""
    return sha256(body).hexdigest().encode() + b"\n" + body


def body_in(content: bytes) -> bytes:
    """Return the body in what `with_digest` gave; raise ValueError where that is broken."""
    digest, _, body = content.partition(b"\n")
    if digest != sha256(body).hexdigest().encode():
        raise ValueError("it is not as it was written")
    return body


def sync(path: Path) -> None:
    """Make what a file holds, or which names a folder holds, survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, with those above it, that survives a power failure."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


class Syncing:
    """Makes files survive a power failure, with the folders on the way to them.

    Args:
        root: A folder that is known to survive.
    """

    def __init__(self, root: Path) -> None:
        self._known = {root}

    def sync(self, files: Iterable[Path]) -> None:
        """Sync files, then their folders, then what new ones of these lie in."""
        folders: set[Path] = set()
        for file in files:
            sync(file)
            folders.add(file.parent)
        ways = {above for folder in folders for above in self._way(folder)}
        for folder in sorted(folders | ways, key=lambda f: len(f.parts), reverse=True):
            sync(folder)

    def _way(self, folder: Path) -> Iterator[Path]:
        """Yield the folders above one that was not seen before."""
        while folder not in self._known and folder != folder.parent:
            self._known.add(folder)
            folder = folder.parent
            yield folder


def remove_stale(folder: Path) -> None:
    """Empty a folder of intermediate files."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
