"""Splitting a landing file that has lines in it which cannot be used as they stand."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stedi_cli.landing.bad_line import BadLine
from stedi_cli.landing.contract import LONGEST_LINE, Field, Unusable, canonical
from stedi_cli.landing.lines import Line, filled, open_lines
from stedi_cli.landing.traces import Traced, traces

_BRACE = ord("{")
# Bytes of lines copied at once, which bound the length of each.
_PIECE = 1 << 19


def bad_line(
    file: str, line: Line, verdict: Unusable, fields: Sequence[Field], traced: Traced | None
) -> BadLine:
    """Return a line that cannot be used, with what can be made out of it.

    Args:
        file: Name of its file.
        line: The line.
        verdict: Why it cannot be used.
        fields: Its table's columns.
        traced: Those that are looked for in it.
    """
    content, first = line.content.removesuffix(b"\n"), line.number == 1
    found = traces(content, fields, traced, first=first) if traced else ()
    return BadLine(file, line.number, str(verdict), found)


@dataclass(frozen=True)
class SplitFile:
    """A landing file, split into files that any typed reader reads.

    Args:
        parts: Those files.
        bad: The lines left out.
        longest: At least the length of the longest line in the parts, in bytes.
    """

    parts: list[Path]
    bad: list[BadLine]
    longest: int


def split_file(
    path: Path,
    name: str,
    fields: Sequence[Field],
    temp: Path,
    suspicious: Sequence[int] | None,
    traced: Traced | None = None,
) -> SplitFile:
    """Copy the usable lines of a landing file, and name the others.

    Args:
        path: The file.
        name: Its name, its path below its table's folder.
        fields: Its table's columns.
        temp: Folder for the copies.
        suspicious: Which lines are to be judged: their ordinals among the lines that are not
            blank, ascending, with the last line's. None for all.
        traced: The columns that are looked for in lines that cannot be used.

    Returns:
        The split.
    """
    with _Splitter(path, name, fields, temp, traced) as splitter:
        done = suspicious is not None and splitter.by_ordinal(suspicious)
    if not done:
        with _Splitter(path, name, fields, temp, traced) as splitter:
            splitter.by_lines(None if suspicious is None else set(suspicious))
    return splitter.result()


def canonical_in(path: Path, fields: Sequence[Field]) -> str:
    """Return a pattern that only usable lines match, in the key order of a file's first line."""
    with open_lines(path) as stream:
        line = next(filled(stream), None)
    return canonical_like(line.content if line is not None else b"", fields)


def canonical_like(line: bytes, fields: Sequence[Field]) -> str:
    """Return a pattern that only usable lines match, in the key order of a line."""
    by_name = {field.name: field for field in fields}
    found = [by_name[key] for key in _keys(line) if key in by_name]
    absent = [field for field in fields if field not in found]
    return canonical(fields if any(field.required for field in absent) else found + absent)


def _keys(line: bytes) -> list[str]:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return list(parsed) if isinstance(parsed, dict) else []


class _Splitter:
    """Lines that are usable as they stand go into one copy, those to be written anew in another."""

    def __init__(
        self,
        path: Path,
        name: str,
        fields: Sequence[Field],
        temp: Path,
        traced: Traced | None,
    ) -> None:
        # Of all tables in one folder, and names of files may not nest.
        part = hashlib.sha256(str(path).encode()).hexdigest()
        self._file = name
        self._fields = fields
        self._traced = traced
        self._stream = open_lines(path)
        self._parts = [temp / f"{part}.kept.json", temp / f"{part}.mended.json"]
        self._keep, self._mend = (part.open("wb") for part in self._parts)
        self._bad: list[BadLine] = []
        self._longest = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self._stream, self._keep, self._mend):
            stream.close()

    def result(self) -> SplitFile:
        parts = [part for part in self._parts if part.stat().st_size]
        return SplitFile(parts, self._bad, self._longest)

    def by_ordinal(self, suspicious: Sequence[int]) -> bool:
        """Copy many lines at once; return False where one may be too long for that."""
        number = ordinal = 0
        while lines := self._stream.readlines(_PIECE):
            there = [
                place
                for place, line in enumerate(lines)
                if line[0] == _BRACE or not Line(number + place + 1, line).is_blank()
            ]
            begin = bisect_right(suspicious, ordinal)
            for odd in suspicious[begin : bisect_right(suspicious, ordinal + len(there))]:
                place = there[odd - ordinal - 1]
                self._judge(Line(number + place + 1, lines[place]))
                lines[place] = b""
            number += len(lines)
            ordinal += len(there)
            before = self._keep.tell()
            self._keep.writelines(lines)
            self._longest = max(self._longest, self._keep.tell() - before)
            if self._longest > LONGEST_LINE:
                return False
        return True

    def by_lines(self, suspicious: set[int] | None) -> None:
        """Copy lines one by one, no more of each than shows that it is too long."""
        for ordinal, line in enumerate(filled(self._stream), start=1):
            plain = suspicious is not None and ordinal not in suspicious
            if plain and len(line.content) <= LONGEST_LINE + 1:
                self._longest = max(self._longest, self._keep.write(line.content))
            else:
                self._judge(line)
        # The last line may lack its line feed, without which DuckDB may lose it.
        self._keep.write(b"\n")

    def _judge(self, line: Line) -> None:
        try:
            values = line.judged(self._fields)
        except Unusable as verdict:
            self._bad.append(bad_line(self._file, line, verdict, self._fields, self._traced))
        else:
            written = self._mend.write(json.dumps(values).encode() + b"\n")
            self._longest = max(self._longest, written)
