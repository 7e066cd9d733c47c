"""In which unit an implausible instant may have been written."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable

from stedi_cli.landing.contract import IMPLAUSIBLE
from stedi_cli.project.lakehouse import Table

# How many milliseconds one of them is.
_UNITS = {"seconds": 1e3, "microseconds": 1e-3, "nanoseconds": 1e-6, "days": 86_400e3}


def looks_like(table: Table, reason: str, lines: Iterable[str]) -> str:
    """Return which unit a column looks like, in words; an empty text where it looks like none.

    Args:
        table: The landing table.
        reason: Why some of its lines cannot be used.
        lines: Some of these lines, at least one.
    """
    code, _, name = reason.partition(":")
    plausible = {column.name: column.plausible for column in table.columns}.get(name)
    if code != IMPLAUSIBLE or plausible is None:
        return ""
    units = {_unit(line, name, plausible) for line in lines}
    unit = units.pop() if len(units) == 1 else ""
    return f"{name} looks like {unit}" if unit else ""


def _unit(line: str, name: str, plausible: range) -> str:
    try:
        value = float(json.loads(line)[name])
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    if not math.isfinite(value):
        return ""
    return next((unit for unit, size in _UNITS.items() if int(value * size) in plausible), "")
