"""One writer at a time on AWS: an object that is there while a command holds it, and says who does.

S3 decides: it is made only where none is there, and renewed or taken over only as it was read.
Whoever dies leaves it, and it counts only for a while after it was last renewed, by S3's own clock.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, RLock, Thread

from stedi_cli.aws.backoff import Backoff
from stedi_cli.aws.conditional import Conditional
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.storage import Storage, StoredContent
from stedi_cli.errors import BusyError

SECONDS = 120
"""How long a lock counts after it was last renewed."""
RENEWED_AFTER = 30.0
"""Seconds after which whoever holds it renews it."""
# The locks of this process.
_held: set[str] = set()


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, as its object says; nothing in it is of a person.

    Args:
        id: Nobody else's.
        host: The machine's name.
        process: The process.
        space: What tells the processes of this machine or container from those of others; empty
            where that is not known.
        command: The command.
        since: Since when.
        renewed: How often it was renewed, so that no two objects of it are the same.
    """

    id: str
    host: str
    process: int
    space: str
    command: str
    since: str
    renewed: int = 0

    @property
    def has_ended(self) -> bool:
        """Whether it is known to be at work no more; a machine can tell of its own processes."""
        if not self.space or self.space != _space():
            return False
        if self.process == os.getpid():
            return self.id not in _held
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass
        return False


class Lock:
    """The lock of a lakehouse.

    Args:
        layout: Names.
        backoff: How to wait.
    """

    def __init__(self, layout: Layout, backoff: Backoff) -> None:
        self._key = layout.lock
        self._storage = Storage(layout)
        # It holds no data, and is to be had where the lakehouse's key is gone: for its removal.
        self._conditional = Conditional(self._storage, backoff, own_key=True)
        self._backoff = backoff
        self._holder: Holder | None = None
        self._etag = ""
        # Renewed by a thread of its own, too.
        self._mutex = RLock()

    @property
    def is_held(self) -> bool:
        """Whether this command has it."""
        return self._holder is not None

    @contextmanager
    def held(self, command: str, *, wait: bool | None) -> Iterator[bool]:
        """Hold the lock.

        Args:
            command: The command, as others are told.
            wait: Whether to wait for another holder instead of refusing; None where the command
                cannot be told to.

        Yields:
            Whether it was waited for.

        Raises:
            BusyError: If another holds it and ``wait`` is not true; it names who does.
        """
        holder = _this(command)
        _held.add(holder.id)
        done = Event()
        thread = Thread(target=self._keep, args=(done,), daemon=True)
        try:
            waited = self._take(holder, wait=wait)
            thread.start()
            yield waited
        finally:
            done.set()
            if thread.ident is not None:
                thread.join()
            self._release()
            _held.discard(holder.id)

    def assure(self) -> None:
        """Renew it, right before what must not be done beside others.

        Raises:
            BusyError: If another took it over, since this command gave no sign for so long.
        """
        with self._mutex:
            assert self._holder is not None
            holder = _next(self._holder)
            etag = self._conditional.put(self._key, _content(holder), etag=self._etag)
            if etag is None:
                raise BusyError(
                    f"This command gave no sign for {SECONDS} s, and others may write by now.",
                    hint="Run it again.",
                )
            self._holder, self._etag = holder, etag

    def _take(self, holder: Holder, *, wait: bool | None) -> bool:
        pauses = self._backoff.pauses()
        waited = False
        etag: str | None = None
        while True:
            taken = self._conditional.put(self._key, _content(holder), etag=etag)
            if taken is not None:
                self._holder, self._etag = holder, taken
                return waited
            found = self._storage.look(self._key)
            etag = found.etag if found and _is_left(found) else None
            if found is None or etag is not None:
                continue
            if not wait:
                raise _busy(found, wait)
            waited = True
            next(pauses)

    def _keep(self, done: Event) -> None:
        while not done.wait(RENEWED_AFTER):
            # What cannot be renewed now may be the next time; who needs to know asks.
            with suppress(Exception):
                self.assure()

    def _release(self) -> None:
        with self._mutex:
            if self._holder is not None:
                self._holder = None
                # It counts for nobody as soon as this process has ended.
                with suppress(Exception):
                    self._conditional.remove(self._key, etag=self._etag)


def _this(command: str) -> Holder:
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    host = socket.gethostname()
    return Holder(uuid.uuid4().hex, host, os.getpid(), _space(), command, since)


def _next(holder: Holder) -> Holder:
    return Holder(**{**asdict(holder), "renewed": holder.renewed + 1})


def _space() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        told = f"{boot}{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _content(holder: Holder) -> bytes:
    return json.dumps(asdict(holder)).encode()


def _holder_of(found: StoredContent) -> Holder | None:
    try:
        return Holder(**json.loads(found.content))
    except (ValueError, TypeError):
        return None


def _is_left(found: StoredContent) -> bool:
    """Tell whether nobody is at work who holds it."""
    holder = _holder_of(found)
    return found.age > SECONDS or (holder is not None and holder.has_ended)


def _busy(found: StoredContent, wait: bool | None) -> BusyError:
    holder = _holder_of(found)
    who = "Another command is at work on the lakehouse"
    if holder is not None:
        who = (
            f"`stedi {holder.command}` has been at work on the lakehouse since {holder.since}, on"
            f" {holder.host} as process {holder.process}"
        )
    left = max(1, SECONDS - int(found.age))
    instead = "then try again" if wait is None else "or add --wait"
    return BusyError(
        f"{who}.", hint=f"Let it finish, {instead}. If it was killed, try again in {left} s."
    )
