"""What a file is that is no JSON lines, told by its first bytes.

What is not sure is taken for JSON lines, each of which the contract judges.
"""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from stedi_cli.errors import some
from stedi_cli.landing.contract import BLANKS
from stedi_cli.landing.look import GZIP, unpacked
from stedi_cli.landing.names import shown
from stedi_cli.landing.text_shapes import (
    CONVERT,
    DOWNLOAD_AGAIN,
    EXPORT,
    Reading,
    Shape,
    TextHead,
)
from stedi_cli.project.lakehouse import Table

HEAD = 1 << 14
"""Bytes of a file that are looked at."""

_MOST_PACKED = 4
# Of the files of one shape, so many are named.
_FEW = 20
_UNPACK = "unpack it, and upload what is in it"


_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive", _UNPACK),
    (b"PK\x05\x06", "an empty ZIP archive", DOWNLOAD_AGAIN),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"BZh", "packed with bzip2", "unpack it with `bunzip2`, or pack it with gzip"),
    (b"\xfd7zXZ\x00", "packed with xz", "unpack it with `unxz`, or pack it with gzip"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "unpack it with `unzstd`, or pack it with gzip"),
    (b"\x04\x22\x4d\x18", "packed with LZ4", "unpack it with `unlz4`, or pack it with gzip"),
    (b"\xff\x06\x00\x00sNaPpY", "packed with Snappy", "unpack it, or pack it with gzip"),
    (b"PAR1", "a Parquet file", EXPORT),
    (b"ORC", "an ORC file", EXPORT),
    (b"Obj\x01", "an Avro file", EXPORT),
    (b"SEQ", "a Hadoop sequence file", EXPORT),
    (b"SQLite format 3\x00", "a SQLite database", EXPORT),
    (b"%PDF-", "a PDF document", DOWNLOAD_AGAIN),
)
_TAR = slice(257, 262)
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# How a text begins in an encoding of two or four bytes, where no mark says so.
_WIDE = (
    (re.compile(rb"[\[{\s]\x00\x00\x00[^\x00]\x00\x00\x00", re.DOTALL), "utf-32-le"),
    (re.compile(rb"\x00\x00\x00[\[{\s]\x00\x00\x00[^\x00]", re.DOTALL), "utf-32-be"),
    (re.compile(rb"[\[{\s]\x00[^\x00]\x00", re.DOTALL), "utf-16-le"),
    (re.compile(rb"\x00[\[{\s]\x00[^\x00]", re.DOTALL), "utf-16-be"),
)


def shape_of(path: Path, table: Table) -> Shape | None:
    """Tell what a landing file is by its first bytes, whatever its name says.

    Args:
        path: The file.
        table: The landing table that it is for.

    Returns:
        What it is; None for JSON lines, plain or gzip, and for what may be that.
    """
    with path.open("rb") as stream:
        return shape_in(stream, table)


def shape_in(stream: BinaryIO, table: Table) -> Shape | None:
    """Tell what a landing file is that is open already."""
    head = stream.read(HEAD + 1)
    known = frozenset(column.name for column in table.columns)
    return _Head(head[:HEAD], len(head) <= HEAD, known).shape()


def shape_without_model(head: bytes, whole: bool) -> Shape | None:
    """Tell what a landing file is, of whichever table, by its first bytes.

    Args:
        head: These.
        whole: Whether they are all.
    """
    return _Head(head, whole, frozenset()).shape()


def begins_with_record(head: bytes, shape: Shape) -> bool:
    """Tell whether a file's text can be read, and begins with an object or array.

    Args:
        head: Its first bytes.
        shape: What it is.
    """
    if shape.reading is None:
        return False
    for _ in range(shape.reading.packed):
        head, _ = unpacked(head, HEAD)
    text = codecs.getincrementaldecoder(shape.reading.encoding)("replace").decode(head)
    return text.lstrip(f"\ufeff\x1e\n{BLANKS.decode()}").startswith(("{", "["))


class _Head:
    """The first bytes of a file.

    Args:
        data: The bytes.
        whole: Whether they are the whole file.
        known: The keys that its table knows.
    """

    def __init__(self, data: bytes, whole: bool, known: frozenset[str]) -> None:
        self._data = data
        self._whole = whole
        self._known = known
        self._packed = 0

    def shape(self) -> Shape | None:
        try:
            while self._data.startswith(GZIP) and self._packed < _MOST_PACKED:
                self._data, all_of_it = unpacked(self._data, HEAD)
                self._whole = self._whole and all_of_it
                self._packed += 1
        except zlib.error:
            # Others refuse what is no whole gzip file.
            return None
        binary = self._binary()
        if binary is not None:
            return binary
        encoding = self._encoding()
        text = codecs.getincrementaldecoder(encoding)("replace").decode(self._data)
        text = text.removeprefix("\ufeff")
        inner = TextHead(text, self._whole, self._known).shape()
        layout = inner.reading if inner else Reading(0, "", by_line=True)
        reading = Reading(self._packed, encoding, layout.by_line) if layout else None
        name, remedy = (inner.name, inner.remedy) if inner else ("", CONVERT)
        if not encoding.startswith("utf-8"):
            name = f"UTF-{encoding[4:6]} text" + (f", {name}" if name else "")
        if self._packed > 1:
            name = "gzip inside gzip" + (f", {name}" if name else "")
        return Shape(name, remedy, reading) if name else None

    def _binary(self) -> Shape | None:
        data = self._data
        for magic, name, remedy in _MAGIC:
            if data.startswith(magic):
                return Shape(name, remedy)
        # The name that an archive begins with ends in zero bytes, which no line holds.
        if data[_TAR] == b"ustar" and b"\0" in data[: _TAR.start]:
            return Shape("a tar archive", _UNPACK)
        if data and not data.strip(b"\0"):
            return Shape("nothing but zero bytes", DOWNLOAD_AGAIN)
        return None

    def _encoding(self) -> str:
        for mark, encoding in _MARKS:
            if self._data.startswith(mark):
                return encoding
        return next((name for start, name in _WIDE if start.match(self._data)), "utf-8-sig")


def shapes_said(shapes: Mapping[str, object]) -> list[str]:
    """Return in words which files are no JSON lines, a sentence for each shape.

    Args:
        shapes: What they are, by their names.
    """
    files: dict[str, list[str]] = {}
    for file, shape in shapes.items():
        files.setdefault(str(shape), []).append(shown(file))
    return [f"{some(named, _FEW)}: {shape}." for shape, named in files.items()]
