"""A landing line that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stedi_cli.landing.traces import Trace


@dataclass(frozen=True)
class BadLine:
    """A landing line that cannot be used.

    Args:
        file: Name of its file.
        line: Its number, from 1.
        reason: Why it cannot be used.
        traces: What can be made out of it; nothing where nobody asks.
    """

    file: str
    line: int
    reason: str
    traces: tuple[Trace, ...] = ()
