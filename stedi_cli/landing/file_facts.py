"""What one pass over a landing file's bytes tells, however large a file or a line of it is."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from stedi_cli.errors import UsageError
from stedi_cli.landing.contract import BLANKS, BOM, LONGEST_LINE
from stedi_cli.landing.look import GZIP, begun, refuse_misleading
from stedi_cli.landing.names import shown

CHUNK = 1 << 18
"""Bytes looked at in one piece: few enough to stay in a processor's cache."""
BOMB_RATIO = 300
"""Landing JSON packs about twenty times; a file that packs better than this is refused."""
BOMB_SIZE = 64 << 20
"""Bytes below which no file is called a bomb."""

# A blank line begins so, and few others do: a search for that alone is cheaper.
_BLANK_START = re.compile(rb"\n[ \t\r\v\f\n]")
# The line feed at the end is left for the next match, so that each blank line is found.
_BLANK_LINE = re.compile(rb"\n[ \t\r\v\f]*(?=\n)")


class FileFacts(NamedTuple):
    """What one pass over a landing file's bytes tells.

    Args:
        sha256: Digest of the file's bytes.
        size: Size in bytes.
        lines: Lines that are not blank.
        too_long: Whether a line may be too long, which typed readers take all the same.
        shape: What it is where it is no JSON lines, and what to do about it; else an empty text.
        content: Digest of the lines, unpacked where it is gzip; empty where nobody knows it.
    """

    sha256: str
    size: int
    lines: int
    too_long: bool
    shape: str = ""
    content: str = ""


_TOLD = ("sha256", "size", "lines", "too_long", "shape")
_TOLD_AS = (str, int, int, bool, str, str)


def facts_from(index: Mapping[str, Any]) -> FileFacts:
    """Return facts as an index holds them; raise KeyError or TypeError where it does not."""
    # An older one does not say what shape a file has, so that all are looked at again.
    told = *map(index.__getitem__, _TOLD), index.get("content", "")
    # One comparison, since there may be thousands.
    if tuple(map(type, told)) != _TOLD_AS:
        raise TypeError
    return FileFacts(*told)


def pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what a file holds, piece by piece."""
    while piece := stream.read(CHUNK):
        yield piece


def stamp(path: Path) -> tuple[int, int, int, int]:
    """Return what changes when a file is written to: its size, times in ns, and number."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def digest(content: Iterable[bytes]) -> str:
    """Return the SHA-256 of bytes that come in pieces."""
    found = hashlib.sha256()
    for piece in content:
        found.update(piece)
    return found.hexdigest()


def read_facts(content: Iterable[bytes], name: str, where: str) -> FileFacts:
    """Look at the bytes of a landing file once.

    Args:
        content: The bytes, as they are, in pieces.
        name: Its name in the landing zone, whose suffix has to be that of its content.
        where: Where it lies, which errors show masked.

    Returns:
        The file's facts.

    Raises:
        UsageError: If a gzip file is not whole, or the suffix is not that of the content.
    """
    # Late, since what is known already is asked for without a file being read.
    from stedi_cli.landing.shapes import HEAD, shape_without_model

    found = hashlib.sha256()
    size = 0
    start = b""

    def raw() -> Iterator[bytes]:
        nonlocal size, start
        for chunk in content:
            found.update(chunk)
            size += len(chunk)
            start += chunk[: HEAD - len(start)]
            yield chunk

    head, whole = begun(raw())
    refuse_misleading(name, head, where)
    count, held = _LineCount(), found
    if head.startswith(GZIP):
        whole, held = _inflated(whole, shown(where)), hashlib.sha256()
    for piece in whole:
        count.add(piece)
        if held is not found:
            held.update(piece)
    shape = shape_without_model(start, size == len(start))
    said = str(shape) if shape else ""
    digests = found.hexdigest(), held.hexdigest()
    return FileFacts(digests[0], size, count.total(), count.too_long, said, digests[1])


class _LineCount:
    """Counts the lines that are not blank, holding none of them: a line may be huge."""

    def __init__(self) -> None:
        self.lines = 0
        self.too_long = False
        self._open_is_blank = True
        self._open_length = 0
        self._begun = False
        self._held = b""

    def add(self, piece: bytes) -> None:
        if not self._begun:
            # Of several gzip members the first may be empty, or end inside the mark.
            piece, self._held = self._held + piece, b""
            if len(piece) < len(BOM) and BOM.startswith(piece):
                self._held = piece
                return
            self._begun = True
            piece = piece.removeprefix(BOM)
        first = piece.find(b"\n")
        # A line within a piece is none.
        self._open_length += len(piece) if first < 0 else first
        self.too_long = self.too_long or self._open_length > LONGEST_LINE
        if first < 0:
            self._open_is_blank = self._open_is_blank and not piece.strip(BLANKS)
            return
        last = piece.rfind(b"\n")
        self._open_length = len(piece) - last - 1
        self.lines += not (self._open_is_blank and not piece[:first].strip(BLANKS))
        self.lines += piece.count(b"\n", first + 1)
        if _BLANK_START.search(piece, first, last + 1):
            self.lines -= sum(1 for _ in _BLANK_LINE.finditer(piece, first, last + 1))
        self._open_is_blank = not piece[last + 1 :].strip(BLANKS)

    def total(self) -> int:
        return self.lines + (not self._open_is_blank or bool(self._held))


def _inflated(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    broken = UsageError(f"{name} is not a whole gzip file.", hint="Deliver the file again.")
    inflate = zlib.decompressobj(wbits=31)
    inside = False
    taken = given = 0
    for chunk in chunks:
        taken += len(chunk)
        data = chunk
        while data:
            try:
                piece = inflate.decompress(data, CHUNK)
            except zlib.error as error:
                raise broken from error
            given += len(piece)
            if given > BOMB_SIZE and given > BOMB_RATIO * taken:
                raise UsageError(
                    f"{name} unpacks to more than {BOMB_RATIO} times its size.",
                    hint="Refused as a gzip bomb; deliver it unpacked if it is real.",
                )
            yield piece
            inside = not inflate.eof
            data = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
            if inflate.eof:
                inflate = zlib.decompressobj(wbits=31)
    if inside or not taken:
        raise broken
