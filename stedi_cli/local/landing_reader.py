"""The reading of landing tables by an engine: guarded, then known to be good or looked at.

Clean files cost next to nothing: a typed reader with a guard that raises on what the reader alone
would accept. Only where it raises are the files of that table looked at one by one, and in a bad
file only the lines that are not in canonical form are judged in Python.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from pathlib import Path

import duckdb

from stedi_cli.landing.files import LandingState
from stedi_cli.landing.guard import Guard, lines_unlike
from stedi_cli.landing.lines import fields_of
from stedi_cli.landing.split import BadLine, SplitFile, canonical_in, split_file
from stedi_cli.local.engine import Engine, empty_select
from stedi_cli.local.landing_zone import LandingZone
from stedi_cli.local.table_files import TableFiles
from stedi_cli.project.lakehouse import Table
from stedi_cli.tables.provenance import LandingAccount
from stedi_cli.tables.types import TYPES

_TYPES = {name: kind.duckdb for name, kind in TYPES.items()}


@dataclass(frozen=True)
class Reading:
    """What is known of a landing table in this run.

    Args:
        table: The table.
        state: Its files and their facts.
        verified: Whether every line was looked at.
        bad: The lines that cannot be used, once looked at.
        as_is: Whether the typed reader reads every line as it stands, once looked at.
    """

    table: Table
    state: LandingState
    verified: bool = False
    bad: tuple[BadLine, ...] = ()
    as_is: bool = True

    @property
    def account(self) -> LandingAccount:
        """How its lines were used."""
        return LandingAccount(
            self.state.fingerprint,
            self.state.lines,
            len(self.bad),
            self.as_is,
            self.table.contract_sha256,
        )


class LandingReader:
    """Defines landing tables as views, and knows how far each has been looked at.

    Args:
        engine: The engine, whose temporary folder takes rewritten copies of bad files.
        zone: The landing zone.
        tables: The Iceberg tables, which tell what earlier runs have seen.
    """

    def __init__(self, engine: Engine, zone: LandingZone, tables: TableFiles) -> None:
        self._engine = engine
        self._zone = zone
        self._tables = tables
        self._readings: dict[str, Reading] = {}

    def reading(self, name: str) -> Reading:
        """Return what is known of a landing table that was defined."""
        return self._readings[name]

    def define(self, table: Table, state: LandingState, *, guarded: bool) -> None:
        """Make a landing table readable by its name, if it is not yet.

        Args:
            table: The landing table.
            state: Its files.
            guarded: Whether a line that cannot be used may raise when it is read. Else, and where
                the typed reader itself may go wrong, such lines are found now.
        """
        if table.name in self._readings:
            return
        reading = Reading(table, state)
        files = self._files(reading)
        if not files or self._tables.is_known_clean(table, state):
            select = Guard(table, _TYPES).plain(files) if files else empty_select(table)
            reading = replace(reading, verified=True)
        elif guarded and not any(facts.suspicious for facts in state.files.values()):
            select = Guard(table, _TYPES).guarded(files)
        else:
            self._inspect(reading)
            return
        self._engine.define(table.name, select)
        self._readings[table.name] = reading

    def inspect(self, names: Iterable[str]) -> bool:
        """Find the lines that cannot be used, and leave them out, where that is not known yet.

        Args:
            names: Tables, of other zones too.

        Returns:
            Whether there was any landing table to be looked at.
        """
        unverified = self._unverified(names)
        for reading in unverified:
            self._inspect(reading)
        return bool(unverified)

    def stands(self, names: Iterable[str]) -> bool:
        """Tell whether the last statement has read all usable lines of tables, and no others.

        The guard sees every line unless another filter went first, or the scan was left out
        because nothing would have been joined to it. What it has not seen is looked at now.

        Args:
            names: The tables of the statement, of other zones too.
        """
        for reading in self._unverified(names):
            name = reading.table.name
            passed = self._engine.filtered_rows(Guard(reading.table, _TYPES).tag)
            self._readings[name] = replace(reading, verified=passed == reading.state.lines)
        unverified = [reading.table.name for reading in self._unverified(names)]
        self.inspect(unverified)
        return not any(self._readings[name].bad for name in unverified)

    def _unverified(self, names: Iterable[str]) -> list[Reading]:
        found = [self._readings[name] for name in names if name in self._readings]
        return [reading for reading in found if not reading.verified]

    def _files(self, reading: Reading) -> dict[Path, int]:
        """Return the files with their lines; one without may be too much for the typed reader."""
        folder = self._zone.folder(reading.table.name)
        files = reading.state.files
        return {folder / name: facts.lines for name, facts in files.items() if facts.lines}

    def _inspect(self, reading: Reading) -> None:
        table, files = reading.table, self._files(reading)
        guard = Guard(table, _TYPES)
        odd = {name for name, facts in reading.state.files.items() if facts.suspicious}
        dirty = {p: n for p, n in files.items() if p.name in odd or not self._is_clean(guard, p, n)}
        clean = [path for path in files if path not in dirty]
        splits = self._splits(table, dirty)
        parts = [part for split in splits for part in split.parts]
        selects = [guard.plain(clean)] if clean else []
        if parts:
            longest = max(split.longest for split in splits)
            selects.append(guard.plain(parts, exact=True, longest=longest))
        self._engine.define(table.name, " UNION ALL ".join(selects) or empty_select(table))
        bad = tuple(line for split in splits for line in split.bad)
        self._readings[table.name] = replace(reading, verified=True, bad=bad, as_is=not splits)

    def _is_clean(self, guard: Guard, path: Path, lines: int) -> bool:
        try:
            rows = self._engine.execute(f"SELECT count(*) FROM ({guard.guarded([path])})")
        except duckdb.Error:
            return False
        # DuckDB passes over a file of a single byte in silence.
        return bool(rows[0][0] == lines)

    def _splits(self, table: Table, files: dict[Path, int]) -> list[SplitFile]:
        """Split files, given with their lines: one is copied while the engine looks at the next."""
        fields = fields_of(table)
        splits: list[SplitFile] = []
        with ThreadPoolExecutor(max_workers=1) as ahead:
            # Submitted one by one: what is found in a file may be all of its lines.
            looks = (ahead.submit(self._suspicious, table, *file) for file in files.items())
            try:
                for path, (look, _) in zip(files, pairwise(chain(looks, [None])), strict=True):
                    assert look is not None
                    splits.append(split_file(path, fields, self._engine.temp, look.result()))
            except BaseException:
                self._engine.interrupt()
                raise
        return splits

    def _suspicious(self, table: Table, path: Path, lines: int) -> list[int] | None:
        """Return the ordinals of lines not in canonical form, or None where all may be."""
        pattern = canonical_in(path, fields_of(table))
        try:
            rows = self._engine.execute(lines_unlike(pattern, path))
        except duckdb.Error:
            return None
        if not rows or rows[0][1] != lines:
            return None
        return sorted(row[0] for row in rows)
