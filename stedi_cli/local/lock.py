"""One writer at a time: an advisory lock on a file, released by the kernel when its owner dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stedi_cli.errors import StediError

_RETRY_SECONDS = 0.05


@contextmanager
def exclusive(path: Path, *, wait: bool | None = None) -> Iterator[None]:
    """Hold the lock of a lakehouse.

    Args:
        path: The lock file, made where it is missing.
        wait: Whether to wait for another holder instead of refusing; None where the command
            cannot be told to.

    Raises:
        StediError: If another process holds it and ``wait`` is not true; it names the process.
    """
    descriptor = _acquire(path, wait)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Hold off sweeping while this process reads; any number may read at once.

    Args:
        path: The readers' lock file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
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
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _acquire(path: Path, wait: bool | None) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            if not wait:
                instead = "then try again" if wait is None else "or add --wait"
                raise StediError(
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
