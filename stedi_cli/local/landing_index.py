"""The cache of landing files' facts, on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from stedi_cli.durable import body_in, replaced, with_digest
from stedi_cli.errors import StediError
from stedi_cli.landing.file_facts import FileFacts, facts_from
from stedi_cli.landing.origin import Origin, origin_from
from stedi_cli.local.layout import Layout


class Entry(NamedTuple):
    """Facts of a file, valid while its stamp is the same.

    Args:
        stamp: That stamp.
        hashed_ns: When it was hashed.
        facts: The facts.
        origin: What it was converted from, valid while its digest is the same.
    """

    stamp: list[int]
    hashed_ns: int
    facts: FileFacts
    origin: Origin | None = None


class LandingIndex:
    """What is known of landing files, by their paths below the folder of the landing zones.

    A cache that is not as it was written is empty, and one that cannot be written is no error.

    Args:
        layout: The lakehouse.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._read: dict[str, Entry] | None = None
        self._stored: dict[str, Entry] = {}

    def __getitem__(self, key: str) -> Entry:
        return self._entries()[key]

    def __setitem__(self, key: str, entry: Entry) -> None:
        self._entries()[key] = entry

    def get(self, key: str) -> Entry | None:
        """Return what is known of a file."""
        return self._entries().get(key)

    def doubt(self) -> None:
        """Have each file read again, whatever its stamp says."""
        for key, entry in self._entries().items():
            self[key] = entry._replace(hashed_ns=0)

    def drop(self, key: str) -> None:
        """Know nothing of a file any more."""
        self._entries().pop(key, None)

    def save(self, there: Iterable[str]) -> None:
        """Write what is known of the files that are there, where that is not what is written."""
        if self._read is None or not self._layout.root.is_dir():
            return
        there = set(there)
        found = {key: entry for key, entry in self._read.items() if key in there}
        if found == self._stored:
            return
        content = {
            key: {
                **entry._asdict(),
                "facts": entry.facts._asdict(),
                "origin": vars(entry.origin) if entry.origin else None,
            }
            for key, entry in found.items()
        }
        try:
            with replaced(self._layout.index, self._layout.temp) as sink:
                sink.write(with_digest(json.dumps(content, sort_keys=True).encode()))
        except (OSError, StediError):
            return
        self._stored = found

    def _entries(self) -> dict[str, Entry]:
        if self._read is None:
            try:
                content = self._layout.index.read_bytes()
                # An older version wrote no digest.
                raw = json.loads(content if content.startswith(b"{") else body_in(content))
                self._stored = {key: _entry(entry) for key, entry in raw.items()}
            except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
                self._stored = {}
            self._read = dict(self._stored)
        return self._read


def _entry(raw: dict[str, Any]) -> Entry:
    """Read an entry of the cache; raise TypeError where a value is of another type."""
    stamp, hashed_ns = list(raw["stamp"]), raw["hashed_ns"]
    if {int} != {type(hashed_ns), *map(type, stamp)}:
        raise TypeError
    return Entry(stamp, hashed_ns, facts_from(raw["facts"]), origin_from(raw.get("origin")))
