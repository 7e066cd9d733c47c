"""The part of a lakehouse by which people's consent is changed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from stedi_cli.project.lakehouse import Table


class Consent(Protocol):
    """What a change of consent needs of a place, beside what all other commands do."""

    def alone(self, *, wait: bool, readers: bool) -> AbstractContextManager[None]:
        """Let nobody else write until it ends; what this command runs goes on in it.

        Args:
            wait: Whether to wait for others instead of refusing.
            readers: Whether others may read meanwhile, where those who read can be kept out.

        Raises:
            StediError: If others are at work and ``wait`` is false; nothing is changed.
        """

    def is_read(self, table: Table) -> bool:
        """Tell whether questions about a landing table see what its files hold now.

        Where they do not, a run lets them.
        """

    def deliver(self, table: Table, content: bytes) -> str:
        """Put lines into the landing zone, all or none, in a new file.

        Returns:
            Its name, which says of nobody anything.
        """

    def answer(self, table: Table, lines: Mapping[tuple[str, int], int]) -> None:
        """Let lines that cannot be used hold their person back no longer than to an instant.

        Args:
            table: Their landing table.
            lines: The instants, by file and line.
        """

    def keep_one(self) -> None:
        """Keep one snapshot of each table, and no file that it does not reach."""

    def beyond(self) -> list[str]:
        """Return what may tell of people and is not removed, since it cannot be; a line each."""
