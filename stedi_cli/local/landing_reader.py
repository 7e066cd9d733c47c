"""Landing files as DuckDB views that hold to the landing contract.

Clean files cost next to nothing: a typed reader with a guard that raises on what the reader alone
would accept. Only where it raises are the files of that table looked at one by one, and in a bad
file only the lines that are not in canonical form are judged in Python.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path

import duckdb

from stedi_cli.landing.contract import LONGEST_LINE, canonical
from stedi_cli.landing.files import LandingState
from stedi_cli.landing.lines import fields_of, filled, open_lines
from stedi_cli.landing.split import BadLine, Split, split
from stedi_cli.local.engine import Engine, empty_select
from stedi_cli.project.lakehouse import Column, Table
from stedi_cli.sql import identifier, literal, literals
from stedi_cli.tables.types import TYPES

# Integers are read as DOUBLE, which keeps a fraction where BIGINT rounds it away; from here on
# a DOUBLE no longer holds every integer.
_EXACT = 2**53
# The reader's buffers are twice the longest line it takes, one for each thread and scan: at a
# sixteenth of its default it needs less memory and a fifth less processor time. A file with a
# longer line is inspected.
_LONGEST_FAST = 1 << 20
# Or a folder called column=value anywhere above would give every row that value.
_PATH_SAYS_NOTHING = "hive_partitioning = false"


@dataclass
class Reading:
    """What is known of a landing table in this run.

    Args:
        state: Its files and their facts.
        verified: Whether every line was looked at.
        bad: The lines that cannot be used, once looked at.
        as_is: Whether the typed reader reads every line as it stands, once looked at.
    """

    state: LandingState
    verified: bool = False
    bad: list[BadLine] = field(default_factory=list)
    as_is: bool = True


class LandingReader:
    """Defines landing tables as views.

    Args:
        engine: The engine, whose temporary folder takes rewritten copies of bad files.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._temp = engine.temp

    def define(
        self, table: Table, folder: Path, state: LandingState, *, known_clean: bool
    ) -> Reading:
        """Make a landing table readable; a line that cannot be used raises when it is read.

        Files in which the typed reader itself may go wrong are inspected now.

        Args:
            table: The landing table.
            folder: The folder of its files.
            state: Its files.
            known_clean: Whether every line of these very files is known to be usable.

        Returns:
            What is known of it.
        """
        # A file without lines may all the same be one that the typed reader stumbles over.
        files = [folder / name for name, facts in state.files.items() if facts.lines]
        if known_clean or not files:
            self._engine.define(table.name, _plain(table, files) if files else empty_select(table))
            return Reading(state, verified=True)
        if any(facts.suspicious for facts in state.files.values()):
            return self.inspect(table, folder, state)
        self._engine.define(table.name, _guarded(table, files))
        return Reading(state)

    def inspect(self, table: Table, folder: Path, state: LandingState) -> Reading:
        """Find every line of a landing table that cannot be used, and leave it out of the view.

        Args:
            table: The landing table.
            folder: The folder of its files.
            state: Its files.

        Returns:
            What is known of it: everything.
        """
        clean: list[Path] = []
        dirty: dict[Path, int] = {}
        for name, facts in state.files.items():
            path = folder / name
            if not facts.lines:
                continue
            if not facts.suspicious and self._is_clean(table, path, facts.lines):
                clean.append(path)
            else:
                dirty[path] = facts.lines
        splits = self._splits(table, dirty)
        parts = [part for split in splits for part in split.parts]
        selects = [_plain(table, clean)] if clean else []
        if parts:
            longest = max(split.longest for split in splits)
            selects.append(_plain(table, parts, exact=True, longest=longest))
        self._engine.define(table.name, " UNION ALL ".join(selects) or empty_select(table))
        bad = [line for split in splits for line in split.bad]
        return Reading(state, verified=True, bad=bad, as_is=not splits)

    def _is_clean(self, table: Table, path: Path, lines: int) -> bool:
        try:
            rows = self._engine.execute(f"SELECT count(*) FROM ({_guarded(table, [path])})")
        except duckdb.Error:
            return False
        # DuckDB passes over a file of a single byte in silence.
        return bool(rows[0][0] == lines)

    def _splits(self, table: Table, files: dict[Path, int]) -> list[Split]:
        """Split files, given with their lines: one is copied while the engine looks at the next."""
        fields = fields_of(table)
        splits: list[Split] = []
        with ThreadPoolExecutor(max_workers=1) as ahead:
            # Submitted one by one: what is found in a file may be all of its lines.
            looks = (ahead.submit(self._suspicious, table, *file) for file in files.items())
            try:
                for path, (look, _) in zip(files, pairwise(chain(looks, [None])), strict=True):
                    assert look is not None
                    splits.append(split(path, fields, self._temp, look.result()))
            except BaseException:
                self._engine.interrupt()
                raise
        return splits

    def _suspicious(self, table: Table, path: Path, lines: int) -> list[int] | None:
        """Return the ordinals of lines not in canonical form, or None where all may be."""
        pattern = literal(_canonical(table, path))
        source = (
            f"read_ndjson_objects({literal(str(path))}, ignore_errors = true,"
            f" maximum_object_size = {LONGEST_LINE}, {_PATH_SAYS_NOTHING})"
        )
        try:
            rows = self._engine.execute(
                "SELECT ordinal, whole FROM ("
                " SELECT row_number() OVER () AS ordinal,"
                f" regexp_full_match(CAST(json AS VARCHAR), {pattern}) AS canonical,"
                f" count(*) OVER () AS whole FROM {source})"
                " WHERE canonical IS NOT TRUE OR ordinal = whole"
            )
        except duckdb.Error:
            return None
        if not rows or rows[0][1] != lines:
            return None
        # The last line comes along for the count; judging a good line does no harm.
        return sorted(row[0] for row in rows)


def _canonical(table: Table, path: Path) -> str:
    """Return a pattern that only usable lines match, in the key order of the file's first line."""
    by_name = {field.name: field for field in fields_of(table)}
    fields = [by_name[key] for key in _first_keys(path) if key in by_name]
    absent = [field for field in by_name.values() if field not in fields]
    if any(field.required for field in absent):
        fields, absent = list(by_name.values()), []
    return canonical(fields + absent)


def _first_keys(path: Path) -> list[str]:
    with open_lines(path) as stream:
        line = next(filled(stream), None)
    try:
        parsed = json.loads(line.content) if line is not None else None
    except (ValueError, RecursionError):
        return []
    return list(parsed) if isinstance(parsed, dict) else []


def guard_tag(table: str) -> str:
    """Return the text by which a table's guard is found in errors and profiles."""
    return f"stedi-contract:{table}"


def _guarded(table: Table, files: list[Path]) -> str:
    conditions = " AND ".join(_condition(column) for column in table.columns)
    tag = literal(guard_tag(table.name))
    return f"{_plain(table, files)} WHERE CASE WHEN {conditions} THEN true ELSE error({tag}) END"


def _condition(column: Column) -> str:
    name = "raw." + identifier(column.name)
    if column.type == "string":
        condition = rf"{name} NOT LIKE '{{%' AND {name} NOT LIKE '[%'"
    elif column.type == "long":
        condition = f"{name} = floor({name}) AND abs({name}) < {_EXACT}"
    else:
        condition = f"isfinite({name})"
    return f"({condition})" if column.required else f"({name} IS NULL OR ({condition}))"


def _plain(table: Table, files: Iterable[Path], *, exact: bool = False, longest: int = 0) -> str:
    """Return a SELECT over files; ``exact`` reads integers as such, beyond a DOUBLE's reach."""
    read = {
        c.name: TYPES["double" if c.type == "long" and not exact else c.type].duckdb
        for c in table.columns
    }
    columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in read.items())
    selected = ", ".join(
        f"CAST(raw.{identifier(c.name)} AS {TYPES[c.type].duckdb}) AS {identifier(c.name)}"
        for c in table.columns
    )
    return (
        f"SELECT {selected} FROM read_json({literals(str(path) for path in files)},"
        f" format = 'newline_delimited', columns = {{{columns}}},"
        f" maximum_object_size = {max(longest, _LONGEST_FAST)}, {_PATH_SAYS_NOTHING}) AS raw"
    )
