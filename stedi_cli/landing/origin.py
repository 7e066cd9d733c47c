"""Which file a landing file was converted from, and from which of its lines each record is."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Origin:
    """Which file a landing file was converted from.

    Args:
        file: That file's name.
        sha256: Digest of its bytes.
        records: How many records it held.
        lines: On which of its lines each of them began: what each number is more than the one
            before, packed.
    """

    file: str
    sha256: str
    records: int
    lines: str

    def lines_of(self, numbers: Collection[int]) -> dict[int, int]:
        """Return the lines of that file from which lines of the landing file come."""
        found = enumerate(_unpacked_lines(self.lines), start=1)
        return {number: line for number, line in found if number in numbers}


def origin_from(record: Mapping[str, Any] | None) -> Origin | None:
    """Return an origin as an index holds it; raise KeyError or TypeError where it does not."""
    if record is None:
        return None
    found = Origin(record["file"], record["sha256"], record["records"], record["lines"])
    texts = (found.file, found.sha256, found.lines)
    if type(found.records) is not int or not all(isinstance(text, str) for text in texts):
        raise TypeError
    return found


class LineNumbers:
    """Numbers that grow, in little space: each by how much more it is than the one before."""

    def __init__(self) -> None:
        self.records = 0
        self._last = 0
        self._pack = zlib.compressobj()
        self._packed = bytearray()

    def add(self, line: int) -> None:
        """Take the next one."""
        more, self._last = line - self._last, line
        self.records += 1
        piece = bytearray()
        # Seven bits a byte, the lowest first; the eighth says that more follow.
        while more > 0x7F:
            piece.append(more & 0x7F | 0x80)
            more >>= 7
        piece.append(more)
        self._packed += self._pack.compress(piece)

    def packed(self) -> str:
        """Return them all as text."""
        return base64.b85encode(bytes(self._packed) + self._pack.flush()).decode()


def _unpacked_lines(packed: str) -> Iterator[int]:
    line = shift = more = 0
    for byte in zlib.decompress(base64.b85decode(packed)):
        more |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            line += more
            yield line
            shift = more = 0
