"""A private folder for intermediate files that can lie nowhere else, told when its command dies.

Its command holds the lock of a file in it, which goes last, so that what dies half-way is told.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stedi_cli.durable import UNWRITABLE
from stedi_cli.lake.findings import Finding

_NAME = re.compile(r"stedi-[0-9a-f]{32}")
_LOCK = "stedi.lock"
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW


class Elsewhere:
    """A folder where the system keeps temporary files."""

    def __init__(self) -> None:
        self._folders: list[Path] = []
        self._held: list[int] = []

    def make(self) -> Path:
        """Make it and return its path; what commands that died left there goes first.

        Raises:
            OSError: If it can be made nowhere.
        """
        remove_abandoned()
        *others, last = _parents()
        for parent in others:
            try:
                return self._make_in(parent)
            except OSError as error:
                if error.errno not in UNWRITABLE:
                    raise
        return self._make_in(last)

    def _make_in(self, parent: Path) -> Path:
        while True:
            folder = parent / f"stedi-{uuid.uuid4().hex}"
            # Known before it is made, so that it can be removed whenever a signal comes.
            self._folders.append(folder)
            folder.mkdir(mode=0o700)
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
            self._held.append(lock)
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Another command may have taken it for one that is dead before it was locked.
            if os.fstat(lock).st_nlink:
                return folder

    def remove(self) -> None:
        """Remove it with all that is in it, made or not."""
        for folder in self._folders:
            with suppress(OSError), _opened(folder) as descriptor:
                _empty(descriptor)
                folder.rmdir()
        while self._held:
            os.close(self._held.pop())


def parent_elsewhere() -> Path:
    """Return where such folders are made, making nothing."""
    found = (parent for parent in _parents() if os.access(parent, os.W_OK | os.X_OK))
    return next(found, _parents()[-1])


def abandoned() -> list[Path]:
    """Return the folders of commands of this user that have died."""
    found: list[Path] = []
    for folder in _candidates():
        with suppress(OSError), _dead(folder):
            found.append(folder)
    return found


def findings(remedy: str) -> list[Finding]:
    """Return what ``doctor`` says of them.

    Args:
        remedy: A command that removes them.
    """
    left = abandoned()
    if not left:
        return []
    found = f"a command that died left {', '.join(map(str, left))}, which may hold landing lines"
    return [Finding("temporary files elsewhere", found, f"Run `stedi {remedy}`: it removes that.")]


def remove_abandoned() -> None:
    """Remove the folders of commands of this user that have died."""
    for folder in _candidates():
        with suppress(OSError), _dead(folder) as descriptor:
            _empty(descriptor)
            folder.rmdir()


def _parents() -> list[Path]:
    # Those of Python's `tempfile`, which tries each with a file of its own.
    named = [os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")]
    found = [Path(name).absolute() for name in (*named, "/tmp", "/var/tmp") if name]  # noqa: S108
    return [folder for folder in dict.fromkeys(found) if folder.is_dir()] or [Path.cwd()]


def _candidates() -> list[Path]:
    found: list[Path] = []
    for parent in _parents():
        with suppress(OSError):
            found += [path for path in parent.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(found)


@contextmanager
def _dead(folder: Path) -> Iterator[int]:
    """Hold the folder of a command that has died; raise OSError where it is anything else.

    Yields:
        Its descriptor: what lies at its path may be another one at any time.
    """
    with _opened(folder) as descriptor:
        lock = os.open(_LOCK, os.O_RDWR | os.O_NONBLOCK | _FLAGS, dir_fd=descriptor)
        try:
            facts = os.fstat(lock)
            if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
                raise PermissionError
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield descriptor
        finally:
            os.close(lock)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Open a folder that is this user's alone; raise OSError where it is anything else."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | _FLAGS)
    try:
        facts = os.fstat(descriptor)
        if facts.st_uid != os.geteuid() or facts.st_mode & 0o777 != 0o700:
            raise PermissionError
        yield descriptor
    finally:
        os.close(descriptor)


def _empty(descriptor: int) -> None:
    """Remove all that is in a folder, the lock last."""
    with os.scandir(descriptor) as entries:
        found = sorted(entries, key=lambda entry: entry.name == _LOCK)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.name, dir_fd=descriptor)
        else:
            os.unlink(entry.name, dir_fd=descriptor)
