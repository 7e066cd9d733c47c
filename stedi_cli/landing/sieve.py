"""Sieving many small landing files into one of usable lines, without asking an engine for each."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from stedi_cli.landing.bad_line import BadLine
from stedi_cli.landing.contract import Field, Unusable
from stedi_cli.landing.lines import Line, open_lines
from stedi_cli.landing.split import bad_line, canonical_like
from stedi_cli.landing.traces import Traced

SMALL = 1 << 20
"""Bytes of a file up to which it is sieved."""


class Sieve:
    """Writes the usable lines of landing files into one, each with the name of its file.

    Args:
        fields: The table's columns.
        key: The key that takes the file's name, which is no column.
        sink: Takes the lines.
        traced: The columns that are looked for in lines that cannot be used.
    """

    def __init__(
        self, fields: Sequence[Field], key: str, sink: BinaryIO, traced: Traced | None = None
    ) -> None:
        self._fields = fields
        self._traced = traced
        self._key = key
        self._sink = sink
        self._patterns: dict[str, re.Pattern[str]] = {}
        self.bad: list[BadLine] = []

    def add(self, path: Path, name: str) -> int:
        """Sieve a file of a name, and return the number of its usable lines."""
        with open_lines(path) as stream:
            content = stream.read()
        # What is no UTF-8 becomes U+FFFD, which no canonical line holds; no line feed is lost.
        text = content.decode(errors="replace")
        lines = content.split(b"\n")
        pattern = self._pattern(lines[0])
        tail = f",{json.dumps(self._key)}:{json.dumps(name)}}}\n".encode()
        number = usable = position = 0
        while number < len(lines):
            run = pattern.match(text, position)
            if run is not None and run.end() > position:
                # A canonical line ends so, and holds no line feed elsewhere.
                self._sink.write(run[0].encode().replace(b"}\n", tail))
                count = run[0].count("\n")
                usable += count
                number += count
                position = run.end()
                continue
            usable += self._judge(name, Line(number + 1, lines[number]))
            number += 1
            position = text.find("\n", position) + 1 or len(text)
        return usable

    def _judge(self, name: str, line: Line) -> bool:
        if not line.content or line.is_blank():
            return False
        try:
            values = line.judged(self._fields)
        except Unusable as verdict:
            self.bad.append(bad_line(name, line, verdict, self._fields, self._traced))
            return False
        self._sink.write(json.dumps({**values, self._key: name}).encode() + b"\n")
        return True

    def _pattern(self, first: bytes) -> re.Pattern[str]:
        """Return what matches a run of canonical lines, in the key order of the first one."""
        canonical = canonical_like(first, self._fields)
        if canonical not in self._patterns:
            self._patterns[canonical] = re.compile(f"(?:{python(canonical)}\n)*+")
        return self._patterns[canonical]


def python(canonical: str) -> str:
    """Return a canonical pattern as Python reads it."""
    return canonical.replace(r"\x{FFFD}", "\ufffd")
