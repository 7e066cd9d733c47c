"""The index beside the landing zone on S3: what each file's bytes told, so that none is read twice.

Nothing else tells what a file was converted from. So the index is written only where it is as it
was read: whoever has no lock may meet an upload, and takes over what that noted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from stedi_cli.aws.backoff import Backoff
from stedi_cli.aws.conditional import Conditional
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.storage import Storage, Stored
from stedi_cli.errors import StediError
from stedi_cli.landing.file_facts import FileFacts, facts_from
from stedi_cli.landing.origin import Origin, origin_from

_TRIES = 5


@dataclass(frozen=True)
class Entry:
    """Facts of an object, valid while its ETag and size are the same.

    Args:
        etag: Its ETag.
        facts: The facts.
        origin: What it was converted from, valid while its digest is the same.
    """

    etag: str
    facts: FileFacts
    origin: Origin | None = None

    def is_of(self, found: Stored) -> bool:
        """Tell whether it is of an object as a listing shows it."""
        return (self.etag, self.facts.size) == (found.etag, found.size)

    def after(self, before: Entry | None) -> Entry:
        """Return it with the origin that one before knows of the same bytes."""
        if self.origin or before is None or before.facts.sha256 != self.facts.sha256:
            return self
        return replace(self, origin=before.origin)


class LandingIndex:
    """The index, read when it is first asked for.

    Args:
        layout: Names.
        storage: The bucket.
        backoff: How to wait before a write that met another is tried again.
    """

    def __init__(self, layout: Layout, storage: Storage, backoff: Backoff) -> None:
        self._key = layout.landing_index
        self._storage = storage
        self._conditional = Conditional(storage, backoff)
        self._entries: dict[str, Entry] = {}
        self._is_read = False
        self._stored: dict[str, Entry] = {}
        self._etag: str | None = None

    def entries(self) -> dict[str, Entry]:
        """Return the entries by key, to be looked at and changed."""
        if not self._is_read:
            self._stored, self._etag = self._load()
            # What others wrote since it was last read counts.
            self._entries |= self._stored
            self._is_read = True
        return self._entries

    def forget(self) -> None:
        """Read it again when it is next asked for."""
        self._is_read = False

    def save(self, there: Mapping[str, Stored], again: Callable[[], Mapping[str, Stored]]) -> None:
        """Write it if it changed; that it cannot be written is no error.

        Args:
            there: The landing files by key, listed after it was read; of others nothing is kept.
            again: Lists them anew, where somebody else wrote the index meanwhile.
        """
        for _ in range(_TRIES):
            kept = {key: entry for key, entry in self.entries().items() if key in there}
            if kept == self._stored:
                return
            content = {key: _record(entry) for key, entry in sorted(kept.items())}
            try:
                etag = self._conditional.put(
                    self._key, json.dumps(content).encode(), etag=self._etag
                )
                if etag is not None:
                    self._stored, self._etag = kept, etag
                    return
                there = self._merged(again)
            except StediError:
                return

    def _merged(self, again: Callable[[], Mapping[str, Stored]]) -> Mapping[str, Stored]:
        """Take over what others noted; what was changed here stays where it is of what is there."""
        own = {k: e for k, e in self._entries.items() if e != self._stored.get(k)}
        self.forget()
        entries = self.entries()
        # Listed after that, so that whatever an entry of theirs is of is in it.
        there = again()
        for key, entry in own.items():
            if key in there and entry.is_of(there[key]):
                entries[key] = entry.after(entries.get(key))
        return there

    def _load(self) -> tuple[dict[str, Entry], str | None]:
        found = self._storage.look(self._key)
        if found is None:
            return {}, None
        try:
            raw = json.loads(found.content)
            return {key: _entry(dict(entry)) for key, entry in raw.items()}, found.etag
        except (ValueError, KeyError, TypeError, AttributeError):
            return {}, found.etag


def _record(entry: Entry) -> dict[str, Any]:
    """Return an entry as the index holds it."""
    origin = {"origin": asdict(entry.origin)} if entry.origin else {}
    return {"etag": entry.etag, **entry.facts._asdict(), **origin}


def _entry(raw: dict[str, Any]) -> Entry:
    """Read an entry of the index; raise TypeError where a value is of another type."""
    etag = raw.pop("etag")
    return Entry(str(etag), facts_from(raw), origin_from(raw.get("origin")))
