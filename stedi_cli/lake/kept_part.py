"""The part of a lakehouse that keeps what a validation found for the next one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from stedi_cli.landing.files import LandingState
from stedi_cli.project.right import Right


class Kept(Protocol):
    """What a validation leaves for the next one, beside the lakehouse.

    Attributes:
        right: What was found right of the project's files.
    """

    right: Right

    def read(self) -> bytes:
        """Return what was left; nothing where that cannot be read."""

    def write(self, content: bytes) -> None:
        """Leave this and nothing else; where it cannot be written that is no error."""

    def basis(self, landing: Mapping[str, LandingState]) -> dict[str, str]:
        """Return, by table, a digest of all that a query's answer depends on, as it is now.

        Args:
            landing: The landing files.

        Returns:
            The digests, without tables that are not there or of which a change could go unseen.
        """
