"""The reading of landing files into one typed Parquet file, with every line used or named.

Clean files cost next to nothing: a typed reader with a guard that raises on numbers that the reader
alone would accept, and a look at the texts that it wrote. Only where one of these finds something
are files looked at, and in a bad file only the lines that are not in canonical form are judged in
Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path

import duckdb

from stedi_cli.errors import StediError
from stedi_cli.landing.bad_line import BadLine
from stedi_cli.landing.file_facts import FileFacts
from stedi_cli.landing.guard import Guard, lines_unlike, texts_with
from stedi_cli.landing.lines import WORDS, fields_of, has_words
from stedi_cli.landing.sieve import SMALL, Sieve
from stedi_cli.landing.split import SplitFile, canonical_in, split_file
from stedi_cli.landing.traced import traced_of
from stedi_cli.local.engine import Engine
from stedi_cli.local.landing_zone import LandingZone
from stedi_cli.project.lakehouse import LANDING_FILE, Table
from stedi_cli.questions.statement import first_line
from stedi_cli.sql import identifier, parquet
from stedi_cli.tables.types import TYPES

# Bytes of a file that is searched as one text.
_LARGEST_TEXT = 64 << 20
# Read as fast as others, half as large again, and written in four fifths of the time.
_LEAN = ", COMPRESSION_LEVEL 1"
_TYPES = {name: kind.duckdb for name, kind in TYPES.items()}


@dataclass(frozen=True)
class Batch:
    """Landing files that were read.

    Args:
        path: The Parquet file with their usable lines; None where there is no such line.
        bad: The lines that cannot be used.
    """

    path: Path | None
    bad: tuple[BadLine, ...] = ()


@dataclass
class _Inspected:
    """Files whose lines were looked at one by one: the usable ones to select, and the others."""

    selects: list[str] = field(default_factory=list)
    usable: int = 0
    bad: list[BadLine] = field(default_factory=list)


class LandingReader:
    """Reads landing files.

    Args:
        engine: The engine, whose temporary folder takes rewritten copies of bad files.
        zone: The landing zone.
    """

    def __init__(self, engine: Engine, zone: LandingZone) -> None:
        self._engine = engine
        self._zone = zone

    def read(self, table: Table, files: Mapping[Path, FileFacts], path: Path) -> Batch:
        """Read landing files into a Parquet file.

        Args:
            table: The landing table.
            files: The files with their facts.
            path: The file to make.

        Returns:
            What was read.

        Raises:
            StediError: If the files cannot be read or the Parquet file not be written.
        """
        try:
            return self._read(table, files, path)
        except OSError as error:
            # Of a disk that is full, or fails, the system names no file.
            if error.filename:
                raise
            raise reading_error(table, error) from error

    def _read(self, table: Table, files: Mapping[Path, FileFacts], path: Path) -> Batch:
        guard, folder = Guard(table, _TYPES), self._zone.folder(table.name)
        # One without lines may be too much for the typed reader.
        clean = {p: facts for p, facts in files.items() if facts.lines and not facts.too_long}
        found = _Inspected()
        self._inspect(table, {p: f for p, f in files.items() if f.too_long}, found)
        searched: set[Path] = set()
        while True:
            fast = [guard.guarded(clean, folder, texts=False)] if clean else []
            selects = [*fast, *found.selects]
            if not selects:
                # A look before may have left it, without a row.
                path.unlink(missing_ok=True)
                return Batch(None, tuple(found.bad))
            wanted = sum(facts.lines for facts in clean.values()) + found.usable
            try:
                rows, error = self._engine.copy(" UNION ALL ".join(selects), path, _LEAN), None
            except duckdb.Error as raised:
                rows, error = -1, raised
            # DuckDB passes over a file of a single byte in silence, so the rows are counted.
            if rows == wanted:
                doubtful = self._doubtful(table, clean, path) - searched
                others = self._with_other_texts(guard, clean, path)
                unclean = {p: clean[p] for p in others | self._with_words(doubtful, clean)}
                searched |= doubtful
                if not unclean:
                    return Batch(path, tuple(found.bad))
            else:
                unclean = {
                    p: f for p, f in clean.items() if not self._is_clean(guard, folder, p, f)
                }
                if not unclean:
                    raise reading_error(table, error) from error
            clean = {p: facts for p, facts in clean.items() if p not in unclean}
            self._inspect(table, unclean, found)

    def _with_other_texts(self, guard: Guard, files: Iterable[Path], read: Path) -> set[Path]:
        """Return the files with texts that the typed reader took as they are."""
        select = guard.with_other_texts(read)
        return self._those(files, select) if select else set()

    def _doubtful(self, table: Table, files: Iterable[Path], read: Path) -> set[Path]:
        """Return the files that may say ``true`` or ``false`` where a number has to be.

        The typed reader takes these words for 1 and 0 without a word.
        """
        numbers = [identifier(c.name) for c in table.columns if c.type != "string"]
        if not numbers:
            return set()
        return self._those(
            files,
            f"SELECT DISTINCT {LANDING_FILE} FROM {parquet([read])}"
            f" WHERE {' OR '.join(f'{name} IN (0, 1)' for name in numbers)}",
        )

    def _those(self, files: Iterable[Path], select: str) -> set[Path]:
        """Return those of some files that a SELECT of landing files gives."""
        by_name = {self._zone.name_of(path): path for path in files}
        found = self._engine.execute(select) if by_name else []
        return {by_name[name] for (name,) in found if name in by_name}

    def _with_words(self, doubtful: Set[Path], files: Mapping[Path, FileFacts]) -> Set[Path]:
        """Return those of some files in which ``true`` or ``false`` stands anywhere."""
        texts = {
            path
            for path in doubtful
            if files[path].size <= _LARGEST_TEXT and not path.name.endswith(".gz")
        }
        found: set[Path] = set()
        try:
            if texts:
                sql = texts_with(WORDS, texts)
                found |= {Path(path) for (path,) in self._engine.execute(sql)}
        except duckdb.Error:
            # As where one is no UTF-8, or more than there is memory for.
            texts = set()
        return found | {path for path in doubtful - texts if has_words(path)}

    def _is_clean(self, guard: Guard, folder: Path, path: Path, facts: FileFacts) -> bool:
        if _is_small(path, facts):
            # Told and mended sooner than asked about.
            return False
        try:
            rows = self._engine.execute(f"SELECT count(*) FROM ({guard.guarded([path], folder)})")
        except duckdb.Error:
            return False
        return bool(rows[0][0] == facts.lines)

    def _inspect(self, table: Table, files: Mapping[Path, FileFacts], found: _Inspected) -> None:
        guard = Guard(table, _TYPES)
        small = {path for path, facts in files.items() if _is_small(path, facts)}
        if small:
            kept = self._engine.temp / f"{table.name}.{len(found.selects)}.json"
            with kept.open("wb") as sink:
                sieve = Sieve(fields_of(table), LANDING_FILE, sink, traced_of(table))
                usable = sum(sieve.add(path, self._zone.name_of(path)) for path in sorted(small))
            found.bad += sieve.bad
            found.usable += usable
            found.selects += [guard.sieved(kept)] if usable else []
        large = {path: facts.lines for path, facts in files.items() if path not in small}
        parts: dict[Path, str] = {}
        longest = 0
        for path, done in zip(large, self._splits(table, large), strict=True):
            found.bad += done.bad
            usable = large[path] - len(done.bad)
            found.usable += usable
            # A part may hold nothing but a line feed.
            if usable:
                parts |= dict.fromkeys(done.parts, self._zone.name_of(path))
                longest = max(longest, done.longest)
        found.selects += [guard.usable(parts, longest=longest)] if parts else []

    def _splits(self, table: Table, files: Mapping[Path, int]) -> list[SplitFile]:
        """Split files, given with their lines: one is copied while the engine looks at the next."""
        fields, traced = fields_of(table), traced_of(table)
        splits: list[SplitFile] = []
        with ThreadPoolExecutor(max_workers=1) as ahead:
            # Submitted one by one: what is found in a file may be all of its lines.
            looks = (ahead.submit(self._suspicious, table, *file) for file in files.items())
            try:
                for path, (look, _) in zip(files, pairwise(chain(looks, [None])), strict=True):
                    assert look is not None
                    name, temp = self._zone.name_of(path), self._engine.temp
                    splits.append(split_file(path, name, fields, temp, look.result(), traced))
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


def _is_small(path: Path, facts: FileFacts) -> bool:
    return not path.name.endswith(".gz") and facts.size <= SMALL


def reading_error(table: Table, error: Exception | None) -> StediError:
    """Turn an engine's error into one line that names the table."""
    said = first_line(error) if error is not None else "lines are missing"
    if isinstance(error, OSError):
        said = str(error.strerror)
    if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException | OSError):
        return StediError(
            f"The landing files of {table.name} cannot be read: {said}",
            hint="Look at free disk space, and at memory_limit, check_memory and temp_limit.",
        )
    return StediError(
        f"The landing files of {table.name} cannot be read: {said}", hint="Run `stedi doctor`."
    )
