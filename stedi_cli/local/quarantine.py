"""The quarantine table: which landing lines cannot be used and why, never what they say."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from stedi_cli.errors import StediError
from stedi_cli.landing.split import BadLine
from stedi_cli.local.layout import Layout, to_uri
from stedi_cli.local.table_files import TableFiles
from stedi_cli.project.lakehouse import Table
from stedi_cli.tables import iceberg
from stedi_cli.tables.arrow import arrow_table
from stedi_cli.tables.drift import quarantine_drift
from stedi_cli.tables.expiry import Expired
from stedi_cli.tables.metrics import may_tell_values
from stedi_cli.tables.summary import files_to_summary, lines_to_summary

if TYPE_CHECKING:
    from stedi_cli.local.catalog import SqliteCatalog

Entry = tuple[str, str, int, str]


class Quarantine:
    """Writes the quarantine table.

    Args:
        table: The table.
        layout: The lakehouse, locked by the caller.
        catalog: The catalog.
        tables: The Iceberg tables.
        keep: Snapshots to keep.
    """

    def __init__(
        self, table: Table, layout: Layout, catalog: SqliteCatalog, tables: TableFiles, keep: int
    ) -> None:
        self._table = table
        self._layout = layout
        self._catalog = catalog
        self._tables = tables
        self._keep = keep
        self._entries: list[Entry] | None = None

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
        before = self.entries()
        after = [entry for entry in before if entry[0] not in found]
        after += [(name, b.file, b.line, b.reason) for name, bad in found.items() for b in bad]
        whole = self._is_whole()
        state = self._tables.states().get(self._table.name)
        renew = state is not None and (may_tell_values(self._table, state) or self._is_changed())
        earlier = state.current.judged if state and state.current else {}
        # A place is one in these files, also where the same places were bad in others.
        renew = renew or any(bad and earlier.get(n) != judged[n] for n, bad in found.items())
        if whole and not renew and sorted(after) == sorted(before):
            return None
        path = self._layout.warehouse / self._table.name / "data" / f"{uuid.uuid4().hex}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(arrow_table(self._table, sorted(after)), path, compression="zstd")
        done = iceberg.replace(
            self._catalog,
            self._table,
            [to_uri(path)],
            files_to_summary({path.name: path.stat().st_size})
            | lines_to_summary(Counter(entry[0] for entry in after), {**earlier, **judged}),
            keep=self._keep,
            forget=not whole,
        )
        self._tables.forget()
        self._entries = after
        return done.expired

    def _is_changed(self) -> bool:
        """Tell whether something else than a run wrote it last."""
        state = self._tables.states().get(self._table.name)
        return quarantine_drift(self._table, state, {}) is not None

    def _is_whole(self) -> bool:
        """Tell whether its files are whole, and other engines find them too: no job rebuilds it."""
        try:
            self._tables.check(self._table.name)
        except StediError:
            return False
        return self._tables.is_whole(self._table.name)

    def judged(self, name: str) -> str | None:
        """Return the fingerprint of the files that a landing table's entries were found in."""
        state = self._tables.states().get(self._table.name)
        return state.current.judged.get(name) if state and state.current else None

    def entries(self) -> list[Entry]:
        """Return the entries as they are stored."""
        if self._entries is None:
            # Entries that are lost are found again, since the jobs that made them run again.
            whole = self._tables.is_whole(self._table.name) and not self._is_changed()
            files = (self._tables.files(self._table.name) or []) if whole else []
            try:
                read = (pq.read_table(path, partitioning=None) for path in files)
                rows = [row for entries in read for row in entries.to_pylist()]
            except (OSError, pa.ArrowException):
                rows = []
            names = [column.name for column in self._table.columns]
            self._entries = [tuple(row[name] for name in names) for row in rows]
        return self._entries
