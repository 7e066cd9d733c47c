"""What was read of landing files and is in no snapshot yet, so that it need not be read again.

One record a landing table, and the Parquet file of the usable lines. What can be made out of the
others is not in it, since the table ``held_back`` alone may say that. Nothing is synced: what a
power failure takes of it is known by its digest, and read again.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stedi_cli.durable import body_in, with_digest, writing
from stedi_cli.landing.bad_line import BadLine
from stedi_cli.landing.file_facts import FileFacts, digest, pieces
from stedi_cli.landing.ledger import JUDGEMENT, FileAccount
from stedi_cli.landing.traced import traced_in
from stedi_cli.local.layout import Layout
from stedi_cli.project.lakehouse import Table
from stedi_cli.project.naming import NAME

_SUFFIX = ".kept"
_DATA = re.compile(r"[0-9a-f]{32}\.parquet")
_RECORD = re.compile(rf"{NAME}\{_SUFFIX}(\.part)?")


@dataclass(frozen=True)
class Aside:
    """What was read of some landing files; by default of none.

    Args:
        path: The Parquet file with their usable lines; None where there is no such line.
        files: Their accounts by name.
        bad: Their lines that cannot be used, as they are kept without what can be made out of them.
        state: The fingerprint of the landing files that they were read among.
    """

    path: Path | None = None
    files: Mapping[str, FileAccount] = field(default_factory=dict)
    bad: tuple[BadLine, ...] = ()
    state: str = ""

    def same(self, files: Mapping[str, FileFacts]) -> dict[str, FileAccount]:
        """Return the accounts of those that are still what was read."""
        return {
            name: account
            for name, account in self.files.items()
            if name in files and account.is_of(files[name])
        }


class KeptAside:
    """Keeps what was read until it is committed, or of no use any more.

    Args:
        layout: The lakehouse, locked by the caller.
    """

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.aside

    def new_file(self) -> Path:
        """Return the path of a Parquet file to make."""
        return self._folder / f"{uuid.uuid4().hex}.parquet"

    def of(self, table: Table) -> Aside:
        """Return what is kept of a landing table and can be used."""
        try:
            record = _parsed(self._record(table.name).read_bytes())
            if {name: record[name] for name in _read_by(table)} != _read_by(table):
                return Aside()
            path = self._folder / record["data"] if record["data"] else None
            if path is not None and _digest(path) != record["sha256"]:
                return Aside()
            bad = {name: found for name, (*_, found) in record["files"].items()}
            return Aside(
                path,
                {
                    name: FileAccount(content, size, lines, len(bad[name]))
                    for name, (content, size, lines, _) in record["files"].items()
                },
                tuple(BadLine(name, *line) for name, found in bad.items() for line in found),
                record["state"],
            )
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return Aside()

    def keep(self, table: Table, aside: Aside) -> None:
        """Keep what was read of a landing table, instead of what was kept before."""
        bad: dict[str, list[tuple[Any, ...]]] = {name: [] for name in aside.files}
        for line in aside.bad:
            bad[line.file].append((line.line, line.reason))
        record = {
            **_read_by(table),
            "state": aside.state,
            "data": aside.path.name if aside.path else None,
            "sha256": _digest(aside.path) if aside.path else None,
            "files": {
                name: [account.sha256, account.size, account.lines, bad[name]]
                for name, account in aside.files.items()
            },
        }
        body = json.dumps(record, separators=(",", ":")).encode()
        place = self._record(table.name)
        part = place.with_name(f"{place.name}.part")
        with writing(place):
            part.write_bytes(with_digest(body))
            part.replace(place)
        self.sweep()

    def drop(self, table: Table) -> None:
        """Keep nothing of a landing table any more."""
        self._record(table.name).unlink(missing_ok=True)
        self.sweep()

    def sweep(self) -> None:
        """Remove the files that no record names, and records that are broken."""
        named: set[str] = set()
        for path in self.files():
            if path.suffix == _SUFFIX:
                try:
                    named |= {path.name, _parsed(path.read_bytes())["data"]}
                except (OSError, ValueError, LookupError, TypeError, RecursionError):
                    continue
        for path in self.files():
            if path.name not in named:
                path.unlink(missing_ok=True)

    def clear(self, but: Collection[str] = ()) -> None:
        """Keep nothing any more, but of some landing tables."""
        kept = {self._record(table) for table in but}
        for path in self.files():
            if path.suffix == _SUFFIX and path not in kept:
                path.unlink(missing_ok=True)
        self.sweep()

    def files(self) -> list[Path]:
        """Return the files that are kept; what somebody else put there is none of them."""
        there = self._there()
        return [p for p in there if _DATA.fullmatch(p.name) or _RECORD.fullmatch(p.name)]

    def size(self) -> int:
        """Return the size of what is kept; the caller may have no lock."""
        found = 0
        for path in self.files():
            with suppress(FileNotFoundError):
                found += path.stat().st_size
        return found

    def _there(self) -> Iterator[Path]:
        with suppress(FileNotFoundError), os.scandir(self._folder) as found:
            for entry in found:
                yield Path(entry.path)

    def _record(self, table: str) -> Path:
        return self._folder / f"{table}{_SUFFIX}"


def _read_by(table: Table) -> dict[str, Any]:
    """Return what lines are judged by, and what is looked for in those that cannot be used."""
    return {
        "judgement": JUDGEMENT,
        "contract": table.contract_sha256,
        "traced": traced_in(table),
    }


def _parsed(content: bytes) -> Any:
    """Return a record; raise ValueError where it is broken."""
    record = json.loads(body_in(content))
    if record["data"] is not None and not _DATA.fullmatch(record["data"]):
        raise ValueError
    return record


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return digest(pieces(stream))
