"""What was written out of a lakehouse: of which snapshot, when, where to, and what is personal."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class ExportEntry:
    """An entry of the ledger of exports.

    Args:
        when: When it was written, UTC, such as ``2026-11-24T09:05:05Z``.
        command: The command that wrote it, such as ``export``.
        table: The table that it was written of.
        snapshot: The table's snapshot, or the fingerprint of a landing table's files; None where
            that is not known.
        policy: The policy that the table was built under; None where no job built it.
        file: The file or folder that was written, its whole path.
        rows: The rows in it.
        personal: The personal columns in it, by name.
    """

    when: str
    command: str
    table: str
    snapshot: str | None
    policy: str | None
    file: str
    rows: int
    personal: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {**asdict(self), "personal": list(self.personal)}

    def line(self) -> bytes:
        """Return it as the ledger holds it, a line of JSON."""
        return json.dumps(self.as_json()).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> ExportEntry:
        """Read an entry; raise ValueError where it is none."""
        try:
            record = json.loads(line)
            values = {field.name: record[field.name] for field in fields(cls)}
            texts = (
                *record["personal"],
                *(values[k] for k in ("when", "command", "table", "file")),
            )
            if not all(isinstance(text, str) for text in texts):
                raise TypeError("not a text")
            return cls(
                **{**values, "rows": int(values["rows"]), "personal": (*record["personal"],)}
            )
        except (LookupError, TypeError, RecursionError) as error:
            raise ValueError(f"no entry of the ledger of exports: {error!r}") from error


@dataclass(frozen=True)
class Exports:
    """The ledger of exports.

    Args:
        entries: Its entries, oldest first.
        unreadable: How many more there are, which cannot be read.
    """

    entries: tuple[ExportEntry, ...] = ()
    unreadable: int = 0
