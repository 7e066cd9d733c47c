"""One writer at a time: an advisory lock on a file, released by the kernel when its owner dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stedi_cli.durable import UNWRITABLE
from stedi_cli.errors import BusyError, StediError

_RETRY_SECONDS = 0.05
# A link in a lock's place is not followed: what it points to would be truncated.
_FLAGS = os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
# The readers' lock files by which this process keeps all others out, but not itself.
_kept_out: set[Path] = set()


@contextmanager
def exclusive(path: Path, *, wait: bool | None = None) -> Iterator[int]:
    """Hold the lock of a lakehouse.

    Args:
        path: The lock file, made where it is missing.
        wait: Whether to wait for another holder instead of refusing; None where the command
            cannot be told to.

    Yields:
        The lock's descriptor; a child that inherits it holds the lock as long as it lives.

    Raises:
        BusyError: If another process holds it and ``wait`` is not true; it names the process.
    """
    descriptor = _acquire(path, wait)
    try:
        name_holder(descriptor, os.getpid())
        yield descriptor
    finally:
        os.close(descriptor)


def name_holder(descriptor: int, process: int) -> None:
    """Say in a lock's file which process holds it, for those who are refused.

    Args:
        descriptor: The lock's.
        process: This process, or a child that may hold the lock for longer than this one lives.
    """
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(process).encode(), 0)


def is_lock(path: Path) -> bool:
    """Tell whether a file is a lock of this project, which holds a process id or nothing."""
    if not path.is_file() or path.is_symlink():
        return False
    with path.open("rb") as stream:
        content = stream.read(21)
    return not content or content.isdigit()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Hold off sweeping while this process reads; any number may read at once.

    Args:
        path: The readers' lock file. Where it is missing and cannot be made, reading goes on
            without it: what is swept meanwhile is then told as missing.
    """
    if path in _kept_out:
        yield
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | _FLAGS, 0o644)
    except OSError as error:
        if error.errno not in UNWRITABLE or path.exists():
            raise
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def without_readers(path: Path) -> Iterator[bool]:
    """Keep readers waiting, if none reads now.

    Args:
        path: The readers' lock file.

    Yields:
        Whether no one reads.
    """
    if path in _kept_out:
        yield True
        return
    descriptor = os.open(path, os.O_RDONLY | _FLAGS, 0o644)
    try:
        yield _is_locked(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def keeping_out(path: Path, *, wait: bool) -> Iterator[None]:
    """Keep all readers waiting but this process itself.

    Args:
        path: The readers' lock file.
        wait: Whether to wait for those who read now instead of refusing.

    Raises:
        BusyError: If somebody reads and ``wait`` is false.
    """
    descriptor = os.open(path, os.O_RDONLY | _FLAGS, 0o644)
    try:
        while not _is_locked(descriptor):
            if not wait:
                raise BusyError(
                    f"Somebody is reading {path.parent}; nothing was changed.",
                    hint="Let them finish, or add --wait.",
                )
            time.sleep(_RETRY_SECONDS)
        _kept_out.add(path)
        yield
    finally:
        _kept_out.discard(path)
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Tell whether any process holds a lock right now; nothing is made."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _acquire(path: Path, wait: bool | None) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | _FLAGS, 0o644)
        except FileNotFoundError as error:
            raise StediError(
                f"There is no lakehouse in {path.parent} any more.",
                hint="Make one with `stedi infra up`.",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            written = os.pread(descriptor, 20, 0)
            holder = written.decode() if written.isdigit() else "unknown"
            os.close(descriptor)
            if not wait:
                instead = "then try again" if wait is None else "or add --wait"
                raise BusyError(
                    f"Another process, {holder}, is changing {path.parent}.",
                    hint=f"Let it finish, {instead}.",
                ) from None
            time.sleep(_RETRY_SECONDS)
            continue
        if _is_current(descriptor, path):
            return descriptor
        os.close(descriptor)


def _is_current(descriptor: int, path: Path) -> bool:
    """Tell whether the file was not removed by `infra down` while this process waited."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
