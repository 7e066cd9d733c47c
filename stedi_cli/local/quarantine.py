"""The quarantine table: which landing lines cannot be used and why, never what they say."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stedi_cli.errors import StediError
from stedi_cli.landing.bad_line import BadLine
from stedi_cli.local.layout import to_uri
from stedi_cli.local.place import Place
from stedi_cli.local.typed_copies import Places
from stedi_cli.project.lakehouse import QUARANTINE
from stedi_cli.tables.drift import quarantine_drift
from stedi_cli.tables.metrics import may_tell_values
from stedi_cli.tables.provenance import Snapshot
from stedi_cli.tables.summary import files_to_summary, lines_to_summary

if TYPE_CHECKING:
    from stedi_cli.tables.expiry import Expired

Entry = tuple[Any, ...]
"""A row: table, file and line, and what is told of the line."""


class Quarantine:
    """Writes the quarantine table.

    Args:
        place: The lakehouse, locked by the caller.
        keep: Snapshots to keep.
    """

    name = QUARANTINE

    def __init__(self, place: Place, keep: int) -> None:
        self._place = place
        self._table = place.lakehouse.tables[self.name]
        self._tables = place.tables
        self._keep = keep
        self._entries: list[Entry] | None = None

    def rows(self, table: str, line: BadLine) -> Iterable[Entry]:
        """Return the rows of a line of a landing table."""
        return [(table, line.file, line.line, line.reason)]

    def replace(
        self, found: Mapping[str, Sequence[BadLine]], judged: Mapping[str, str]
    ) -> Expired | None:
        """Replace the entries of landing tables in one commit, if they are not the same.

        Args:
            found: The lines that cannot be used, by landing table.
            judged: The fingerprints of the landing files that they were found in.

        Returns:
            What it took away of older snapshots; None where nothing was replaced.
        """
        before = _ordered(self.entries())
        after = [entry for entry in before if entry[0] not in found]
        after += [
            row for name, bad in found.items() for line in bad for row in self.rows(name, line)
        ]
        after = _ordered(after)
        whole = self._is_whole()
        current = self._current()
        earlier = current.judged if current else {}
        # A place is one in these files, also where the same places were bad in others.
        renew = any(bad and earlier.get(n) != judged.get(n) for n, bad in found.items())
        if whole and not renew and not self._is_to_renew() and after == before:
            return None
        import pyarrow.parquet as pq

        from stedi_cli.tables import iceberg
        from stedi_cli.tables.arrow import arrow_table

        folder = self._place.layout.warehouse / self._table.name / "data"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{uuid.uuid4().hex}.parquet"
        rows = arrow_table(self._table, after)
        with pq.ParquetWriter(path, rows.schema, compression="zstd") as writer:
            # PyIceberg warns of row groups without a row: they have no statistics.
            if after:
                writer.write_table(rows)
        done = iceberg.replace(
            self._place.catalog,
            self._table,
            {to_uri(path): path},
            files_to_summary({path.name: path.stat().st_size})
            | lines_to_summary(_lines(after), {**earlier, **judged})
            | self.summary(),
            keep=self._keep,
            forget=not whole or self.forgets(before, after),
        )
        self._tables.forget()
        self._entries = after
        return done.expired

    def forgets(self, before: Sequence[Entry], after: Sequence[Entry]) -> bool:
        """Tell whether older snapshots would give back what must not be held any more."""
        return False

    def summary(self) -> dict[str, str]:
        """Return what else its snapshot says."""
        return {}

    def is_current(self) -> bool:
        """Tell whether this version wrote it, and nothing else wrote it since."""
        state = self._tables.states().get(self.name)
        return quarantine_drift(self._table, state, {}) is None

    def _is_to_renew(self) -> bool:
        state = self._tables.states().get(self.name)
        return state is not None and (may_tell_values(self._table, state) or not self.is_current())

    def _is_whole(self) -> bool:
        """Tell whether its files are whole, and other engines find them too: no job rebuilds it."""
        try:
            self._tables.check(self._table.name)
        except StediError:
            return False
        return self._tables.is_whole(self._table.name)

    def _current(self) -> Snapshot | None:
        state = self._tables.states().get(self._table.name)
        return state.current if state else None

    def places(self, name: str) -> Places:
        """Return the places of a landing table's lines, and the files that they were found in."""
        current = self._current()
        known = current is not None and self.is_current()
        judged = current.judged.get(name) if current and known else None
        lines: dict[str, set[int]] = {}
        for table, file, line, *_ in self.entries():
            if table == name:
                lines.setdefault(file, set()).add(line)
        return Places(judged, {file: frozenset(found) for file, found in lines.items()})

    def entries(self) -> list[Entry]:
        """Return the entries as they are stored."""
        if self._entries is None:
            # Entries that are lost are found again, since the jobs that made them run again.
            whole = self._tables.is_whole(self._table.name) and self.is_current()
            files = (self._tables.files(self._table.name) or []) if whole else []
            self._entries = self._read(files) if files else []
        return self._entries

    def _read(self, files: Sequence[Path]) -> list[Entry]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            read = (pq.read_table(path, partitioning=None) for path in files)
            rows = [row for entries in read for row in entries.to_pylist()]
        except (OSError, pa.ArrowException):
            rows = []
        names = [column.name for column in self._table.columns]
        return [tuple(row[name] for name in names) for row in rows]


def _ordered(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: [(value is not None, value) for value in entry])


def _places(entries: Iterable[Entry]) -> set[tuple[str, str, int]]:
    return {(entry[0], entry[1], entry[2]) for entry in entries}


def _lines(entries: Iterable[Entry]) -> Counter[str]:
    """Return how many lines there are by landing table; of one line there may be many rows."""
    return Counter(table for table, _, _ in _places(entries))
