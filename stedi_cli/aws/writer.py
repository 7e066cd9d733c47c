"""Who may write now: one command at a time, into no bucket that is not ours, nor beside a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from stedi_cli.aws.infra.infrastructure import Infrastructure
from stedi_cli.aws.lock import Lock
from stedi_cli.aws.runs import Runs
from stedi_cli.lake.elsewhere import remove_abandoned


class Writer:
    """Whoever changes a lakehouse, one at a time.

    Args:
        infrastructure: What it stands on.
        runs: The runs of the Glue jobs.
        lock: Keeps other commands out.
    """

    def __init__(self, infrastructure: Infrastructure, runs: Runs, lock: Lock) -> None:
        self.layout = infrastructure.layout
        self._infrastructure = infrastructure
        self._runs = runs
        self._lock = lock

    @contextmanager
    def locked(self, command: str, *, wait: bool | None = None) -> Iterator[bool]:
        """Be the only writer; a run that somebody's command has left at work counts as one.

        What is done by a command that has the lock goes on in it.

        Args:
            command: The command, as others are told who are refused meanwhile.
            wait: Whether to wait for others that are at work; None where the command cannot be
                told to.

        Yields:
            Whether others were waited for.

        Raises:
            BusyError: If others are at work and ``wait`` is not true.
            StediError: If the bucket is not ours.
        """
        if self._lock.is_held:
            yield False
            return
        remove_abandoned()
        self._infrastructure.refuse_foreign_bucket()
        with self._lock.held(command, wait=wait) as waited:
            # One that waits for a run keeps others from starting the next.
            yield self._runs.refuse_active(wait=wait) or waited

    @contextmanager
    def removing(self) -> Iterator[None]:
        """Be the only one at work while the lakehouse is removed.

        Without a bucket of ours there is no lock to hold, nor anybody who holds it.

        Raises:
            BusyError: If others are at work.
        """
        with ExitStack() as stack:
            if self._infrastructure.has_bucket():
                stack.enter_context(self._lock.held("infra down", wait=None))
            self._runs.refuse_active(wait=None)
            yield

    def assure(self) -> None:
        """Raise BusyError if others may write by now, since this command was held up for long."""
        self._lock.assure()
