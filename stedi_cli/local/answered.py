"""Which lines that cannot be used were answered, so that they hold nobody back for ever.

A line is known by what its file holds: moved or packed, it is the same; in a file that changed, it
is one that nobody has seen yet. Where this cannot be read, nothing was answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from stedi_cli.durable import load_json, replaced
from stedi_cli.landing.file_facts import FileFacts
from stedi_cli.local.layout import Layout

Answered = dict[tuple[str, str, int], int]
"""The instants up to which lines count, by landing table, digest of the file, and line."""


def digest_of(facts: FileFacts) -> str:
    """Return what a landing file is known by."""
    return facts.content or facts.sha256


def read_answered(layout: Layout) -> Answered:
    """Return the lines that were answered."""
    try:
        found = {
            (str(table), str(digest), int(line)): int(instant)
            for table, digest, line, instant in load_json(layout.answered)["lines"]
        }
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    return found


def add_answered(layout: Layout, lines: Mapping[tuple[str, str, int], int]) -> None:
    """Remember that lines were answered; the caller has the lock."""
    found = read_answered(layout) | dict(lines)
    record = {"lines": [[*place, instant] for place, instant in sorted(found.items())]}
    with replaced(layout.answered, layout.temp) as sink:
        sink.write(json.dumps(record).encode())
