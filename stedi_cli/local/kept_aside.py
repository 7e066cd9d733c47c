"""What was read of landing files and is in no snapshot yet, so that it need not be read again.

One record a landing table, and the Parquet files of the usable lines, as whichever engine read
them. Nothing is synced: what a power failure takes of it is known by its digest, and read again.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from stedi_cli.durable import writing
from stedi_cli.landing.file_facts import FileFacts, digest, pieces
from stedi_cli.landing.kept import SUFFIX, Kept, data_in, is_kept, kept_in, record_of
from stedi_cli.landing.ledger import FileAccount, still_those
from stedi_cli.local.layout import Layout
from stedi_cli.project.lakehouse import Table

_OWN = re.compile(r"[0-9a-f]{32}\.parquet")


@dataclass(frozen=True)
class Aside:
    """What was read of some landing files; by default of none.

    Args:
        paths: The Parquet files with their usable lines.
        files: Their accounts by name.
        told: The fingerprint of the landing files among which the tables of lines that cannot be
            used have theirs; empty until they have.
    """

    paths: tuple[Path, ...] = ()
    files: Mapping[str, FileAccount] = field(default_factory=dict)
    told: str = ""

    def same(self, files: Mapping[str, FileFacts]) -> dict[str, FileAccount]:
        """Return the accounts of those that are still what was read."""
        return still_those(self.files, files)


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

    def is_own(self, path: Path) -> bool:
        """Tell whether a data file has a name of these; those of Spark tell ids of columns."""
        return bool(_OWN.fullmatch(path.name))

    def of(self, table: Table) -> Aside:
        """Return what is kept of a landing table and can be used."""
        with suppress(OSError):
            kept = kept_in(self._record(table.name).read_bytes(), table)
            data = {self._folder / name: sha256 for name, sha256 in kept.data.items()}
            if all(_digest(path) == sha256 for path, sha256 in data.items()):
                return Aside(tuple(data), kept.files, kept.told)
        return Aside()

    def keep(self, table: Table, aside: Aside) -> None:
        """Keep what was read of a landing table, instead of what was kept before."""
        data = {path.name: _digest(path) for path in aside.paths}
        self._write(table, Kept(data, aside.files, aside.told))
        self.sweep()

    def tell(self, table: Table, state: str) -> None:
        """Note that the tables of lines that cannot be used have those of what is kept.

        Args:
            table: The landing table.
            state: The fingerprint of its files.
        """
        with suppress(OSError):
            kept = kept_in(self._record(table.name).read_bytes(), table)
            if kept.files and kept.told != state:
                self._write(table, replace(kept, told=state))

    def _write(self, table: Table, kept: Kept) -> None:
        place = self._record(table.name)
        part = place.with_name(f"{place.name}.part")
        with writing(place):
            part.write_bytes(kept.content(table))
            part.replace(place)

    def drop(self, table: Table) -> None:
        """Keep nothing of a landing table any more."""
        self._record(table.name).unlink(missing_ok=True)
        self.sweep()

    def sweep(self) -> None:
        """Remove the files that no record names, and records that are broken."""
        named: set[str] = set()
        for path in self.files():
            if path.suffix == SUFFIX:
                with suppress(OSError, ValueError):
                    named |= {path.name, *data_in(path.read_bytes())}
        for path in self.files():
            if path.name not in named:
                path.unlink(missing_ok=True)

    def clear(self, but: Collection[str] = ()) -> None:
        """Keep nothing any more, but of some landing tables."""
        kept = {self._record(table) for table in but}
        for path in self.files():
            if path.suffix == SUFFIX and path not in kept:
                path.unlink(missing_ok=True)
        self.sweep()

    def files(self) -> list[Path]:
        """Return the files that are kept; what somebody else put there is none of them."""
        # Spark writes a checksum beside each, which is not needed.
        return [
            path
            for path in self._there()
            if is_kept(path.name)
            or (path.suffix == ".crc" and is_kept(path.stem.removeprefix(".")))
        ]

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
        return self._folder / record_of(table)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return digest(pieces(stream))
