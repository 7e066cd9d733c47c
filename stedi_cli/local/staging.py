"""A delivery beside the landing zone: copied, digested and synced before a file of it is moved."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import BinaryIO

from stedi_cli.durable import sync, writing
from stedi_cli.errors import StediError
from stedi_cli.lake.events import Reading
from stedi_cli.landing.file_facts import FileFacts, digest, pieces, read_facts
from stedi_cli.landing.names import shown
from stedi_cli.local.stamp import TICK_NS, stamp_in, stamp_of

# Syncs of more at once gain nothing, and few machines read faster.
_AT_ONCE = 4
_COPIED_AT_ONCE = 16 << 20
_PASSES = 2
_LARGE = 1 << 20

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Delivered:
    """A file of a delivery.

    Args:
        table: Its landing table.
        name: Its name in the landing zone.
        source: Where it was found.
        destination: Where it goes.
        is_there: Whether a file of that name is there.
        before: Its facts; None where there is none, or it cannot be used.
    """

    table: str
    name: str
    source: Path
    destination: Path
    is_there: bool
    before: FileFacts | None


@dataclass(frozen=True)
class Staged:
    """A file that waits to be moved into the landing zone.

    Args:
        table: Its landing table.
        name: Its name in the landing zone.
        part: Where it lies meanwhile; None where the zone has the same bytes already.
        destination: Where it goes.
        facts: Its facts.
        state: ``new``, ``changed`` or ``unchanged``.
    """

    table: str
    name: str
    part: Path | None
    destination: Path
    facts: FileFacts
    state: str


def stage_all(files: Sequence[Delivered], temp: Path, tell: Tell | None = None) -> list[Staged]:
    """Copy a delivery, so that a broken file in it leaves the zone as it was.

    Args:
        files: The files.
        temp: A folder of its own on the zone's file system, which the caller removes.
        tell: Takes how many bytes were read, and of how many.

    Returns:
        What is to be moved; it survives a power failure.

    Raises:
        UsageError: If one is a broken gzip file.
        StediError: If one cannot be read or written, or changed meanwhile.
    """
    staging = _Staging(files, tell)
    parts = [temp / f"{number}.part" for number in range(len(files))]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            staged = list(pool.map(staging.stage, files, parts))
            # All in one go: the file system writes many with little more than one.
            list(pool.map(_sync, [file for file in staged if file.part is not None]))
        except BaseException:
            staging.stopped.set()
            raise
    return staged


class _Staging:
    """Stages files, in several threads, until it is stopped."""

    def __init__(self, files: Sequence[Delivered], tell: Tell | None) -> None:
        self.stopped = Event()
        self._tell = tell or (lambda done, total: None)
        # Each file is copied, and the copy read; an unchanged one is read once.
        self._reading = Reading(_PASSES * sum(_size(file.source) for file in files), self._told)

    def stage(self, file: Delivered, part: Path) -> Staged:
        with _read(file.source) as source:
            before = stamp_in(os.fstat(source.fileno()))
            if 0 <= time.time_ns() - before[2] < TICK_NS:
                # A change from now on might have the time stamp of the last one.
                time.sleep(TICK_NS / 1e9)
            same = self._is_there(source, file, before[0])
            if not same:
                self._copy(source, file, part, before[0])
            copied = before[0] if same else part.stat().st_size
            if copied != before[0] or _stamp_now(file.source) != before:
                raise StediError(
                    f"{shown(str(file.source))} changed while it was uploaded.",
                    hint="Nothing of the delivery was taken; upload again when it is whole.",
                )
        if same and file.before is not None:
            return Staged(file.table, file.name, None, file.destination, file.before, "unchanged")
        with _read(part) as copy:
            facts = read_facts(self._pieces(copy, part), file.name, str(file.source))
        state = "changed" if file.is_there else "new"
        return Staged(file.table, file.name, part, file.destination, facts, state)

    def _is_there(self, source: BinaryIO, file: Delivered, size: int) -> bool:
        """Tell whether the zone has the same bytes already."""
        if file.before is None or file.before.size != size:
            return False
        same = digest(self._pieces(source, file.source)) == file.before.sha256
        self._reading.add(size if same else -size)
        source.seek(0)
        return same

    def _copy(self, source: BinaryIO, file: Delivered, part: Path, size: int) -> None:
        """Copy a file; one that turns out to be longer is refused, so not followed."""
        with writing(file.destination), part.open("wb", buffering=0) as sink:
            # Where the file systems refuse, or say that there is nothing, the rest is read.
            with suppress(OSError, AttributeError):
                while sink.tell() <= size and (
                    copied := os.copy_file_range(source.fileno(), sink.fileno(), _COPIED_AT_ONCE)
                ):
                    self._go_on(copied)
            for piece in self._pieces(source, file.source):
                rest = memoryview(piece)
                while rest:
                    rest = rest[sink.write(rest) :]
                if sink.tell() > size:
                    break
            if size >= _LARGE:
                # Writes to the disk while it is digested, so that its sync has less to wait for.
                with suppress(OSError, AttributeError):
                    os.posix_fadvise(sink.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def _pieces(self, stream: BinaryIO, path: Path) -> Iterator[bytes]:
        # Whoever takes a piece may write it, which fails in another place.
        with _reading(path):
            for piece in pieces(stream):
                self._go_on(len(piece))
                yield piece

    def _go_on(self, size: int) -> None:
        if self.stopped.is_set():
            raise StediError("The upload was stopped.")
        self._reading.add(size)

    def _told(self, done: int, total: int) -> None:
        self._tell(done // _PASSES, total // _PASSES)


def _sync(file: Staged) -> None:
    assert file.part is not None
    with writing(file.destination):
        sync(file.part)


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _stamp_now(path: Path) -> list[int] | None:
    try:
        return stamp_of(path)
    except FileNotFoundError:
        return None


@contextmanager
def _read(path: Path) -> Iterator[BinaryIO]:
    with _reading(path), path.open("rb", buffering=0) as stream:
        yield stream


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StediError(
            f"Cannot read {shown(str(path))}: {error.strerror}.",
            hint="Look at its permissions, then upload again.",
        ) from error
