"""What a snapshot's summary holds beside its provenance, and a table's mark of who made it."""

from __future__ import annotations

import json
from collections.abc import Mapping

PREFIX = "stedi."
"""What the names of this project's own properties begin with."""
FORGETS = f"{PREFIX}forgets"
"""The property of a snapshot before which no other may stay."""
MARK = f"{PREFIX}table"
"""The property of a table that tells that it was made here; its value is the table's name."""
COUNTS_ONLY = {f"{PREFIX}metrics": "counts"}
"""Property of each snapshot in whose manifests no value of a column stands."""
_FILES = f"{PREFIX}files"
_LINES = f"{PREFIX}lines"
_JUDGED = f"{PREFIX}judged"
_LEDGER = f"{PREFIX}ledger"
_TRACED = f"{PREFIX}traced"


def files_to_summary(files: dict[str, int]) -> dict[str, str]:
    """Return as a snapshot property what its data files are: sizes in bytes by name."""
    return {_FILES: json.dumps(files, sort_keys=True)}


def files_from_summary(summary: dict[str, str]) -> dict[str, int]:
    """Return the sizes of data files by name; none where they are not told, or not whole."""
    try:
        return {str(name): int(size) for name, size in json.loads(summary[_FILES]).items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}


def lines_to_summary(lines: Mapping[str, int], judged: Mapping[str, str]) -> dict[str, str]:
    """Return as properties of the quarantine's snapshot what it holds.

    Args:
        lines: Its lines by landing table.
        judged: The fingerprints of the landing files that they are lines of, by landing table.
    """
    texts = {_LINES: lines, _JUDGED: {name: judged[name] for name in lines if name in judged}}
    return {name: json.dumps(value, sort_keys=True) for name, value in texts.items()}


def lines_from_summary(summary: dict[str, str]) -> dict[str, int] | None:
    """Return the quarantine's lines by landing table; None where they are not told."""
    try:
        return {str(name): int(number) for name, number in json.loads(summary[_LINES]).items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def judged_from_summary(summary: dict[str, str]) -> dict[str, str]:
    """Return the fingerprints of the landing files that the quarantine's lines are of."""
    try:
        return {str(name): str(print_) for name, print_ in json.loads(summary[_JUDGED]).items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}


def ledger_to_summary(ledger: str) -> dict[str, str]:
    """Return as a snapshot property the name of a typed copy's ledger."""
    return {_LEDGER: ledger}


def ledger_from_summary(summary: dict[str, str]) -> str:
    """Return the name of a typed copy's ledger; empty where there is none."""
    return str(summary.get(_LEDGER, ""))


def traced_to_summary(traced: str) -> dict[str, str]:
    """Return as a snapshot property what was looked for in lines that cannot be used."""
    return {_TRACED: traced}


def traced_from_summary(summary: dict[str, str]) -> str:
    """Return what was looked for in lines that cannot be used; empty where it is not told."""
    return str(summary.get(_TRACED, ""))
