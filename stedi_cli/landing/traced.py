"""What is looked for in a landing table's unusable lines, and of how many it is not made out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from stedi_cli.project.lakehouse import HELD_BACK, QUARANTINE, Lakehouse, Table

if TYPE_CHECKING:
    from stedi_cli.landing.bad_line import BadLine
    from stedi_cli.landing.traces import Trace, Traced

TRACING = 3
"""What is made out of an unusable line: to be raised where that changes, so that such lines are
looked at again."""


def traced_of(table: Table) -> Traced | None:
    """Return the columns that are looked for in a table's unusable lines."""
    from stedi_cli.landing.traces import Traced

    told = table.held_back
    return Traced(told.email, told.serial, told.instant) if told else None


def traced_in(table: Table) -> str:
    """Return a digest of what is looked for in a table's unusable lines."""
    return hashlib.sha256(f"{TRACING} {table.held_back}".encode()).hexdigest()


def traced_sha256(lakehouse: Lakehouse) -> str:
    """Return a digest of what is looked for in the unusable lines of all tables."""
    told = "\n".join(f"{name} {traced_in(table)}" for name, table in lakehouse.traced.items())
    return hashlib.sha256(told.encode()).hexdigest()


def tables_of_lines(table: Table) -> list[str]:
    """Return the tables in which each unusable line of a landing table is."""
    return [QUARANTINE, *([HELD_BACK] if table.held_back else [])]


def unreadable(table: Table, lines: Iterable[BadLine]) -> int:
    """Count the unusable lines of which it is not made out what they are looked at for.

    That is whose they are and which device that person holds, for the customers; else of when.
    """
    if table.held_back is None:
        return 0
    lacks = _lacks_holder if table.held_back.serial else _lacks_instant
    return sum(any(map(lacks, line.traces)) for line in lines)


def _lacks_holder(trace: Trace) -> bool:
    return trace.email is None or trace.serial_number is None


def _lacks_instant(trace: Trace) -> bool:
    return trace.instant is None
