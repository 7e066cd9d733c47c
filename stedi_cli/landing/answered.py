"""Which lines that cannot be used were answered, so that they hold nobody back for ever.

A line is known by what its file holds: moved or packed, it is the same; in a file that changed, it
is one that nobody has seen yet. Where this cannot be read, nothing was answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from stedi_cli.errors import StediError
from stedi_cli.landing.file_facts import FileFacts
from stedi_cli.landing.files import LandingState

Answered = dict[tuple[str, str, int], int]
"""The instants up to which lines count, by landing table, digest of the file, and line."""


def digest_of(facts: FileFacts) -> str:
    """Return what a landing file is known by."""
    return facts.content or facts.sha256


def answered_in(content: bytes | None) -> Answered:
    """Return the lines that were answered, as `written` left them."""
    try:
        return {
            (str(table), str(digest), int(line)): int(instant)
            for table, digest, line, instant in json.loads(content or b"")["lines"]
        }
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return {}


def written(lines: Mapping[tuple[str, str, int], int]) -> bytes:
    """Return what is kept of lines that were answered."""
    found = [[*place, instant] for place, instant in sorted(lines.items())]
    return json.dumps({"lines": found}).encode()


def known(
    table: str, files: Mapping[str, FileFacts], lines: Mapping[tuple[str, int], int]
) -> Answered:
    """Return lines by what their files hold.

    Args:
        table: Their landing table.
        files: Its files.
        lines: The instants up to which they count, by file and line.

    Raises:
        StediError: If a file is not there any more.
    """
    found = {
        (table, digest_of(files[file]), line): instant
        for (file, line), instant in lines.items()
        if file in files
    }
    if len(found) < len(lines):
        raise StediError(f"Landing files of {table} changed meanwhile.", hint="Run it again.")
    return found


def places(
    answered: Answered, landing: Mapping[str, LandingState]
) -> Iterator[tuple[str, str, int, int]]:
    """Yield table, file, line and instant of answered lines, where they lie now."""
    files: dict[tuple[str, str], list[str]] = {}
    for table, state in landing.items():
        for name, facts in state.files.items():
            files.setdefault((table, digest_of(facts)), []).append(name)
    for (table, digest, line), instant in sorted(answered.items()):
        for name in files.get((table, digest), ()):
            yield table, name, line, instant
