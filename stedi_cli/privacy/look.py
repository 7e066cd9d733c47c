"""One file, in every view: its bytes as they are, and what any container in it holds."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from stedi_cli.privacy import avro, gzip_members, parquet, sqlite_pages
from stedi_cli.privacy.escapes import decoded
from stedi_cli.privacy.gzip_members import Limit, Members, Readable
from stedi_cli.privacy.needles import INSTANT, Needles
from stedi_cli.privacy.unreadable import UnreadableError

_PIECE = 1 << 22
# What a value and its surroundings take at most, in any spelling.
_MARGIN = 1 << 12
_DEEPEST = 4
# What cannot be read in one go is held in memory, where it is itself packed.
_MOST_HELD = 1 << 28
_OPENED = {
    gzip_members.MAGIC: "gzip",
    avro.MAGIC: "avro",
    parquet.MAGIC: "parquet",
    sqlite_pages.MAGIC: "sqlite",
}
# Containers that nothing here opens, by how they begin.
_CLOSED = {
    b"PK\x03\x04": "ZIP",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\x04\x22\x4d\x18": "LZ4",
    b"\xff\x06\0\0sNaPpY": "Snappy",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "RAR",
    b"ORC": "ORC",
    b"ARROW1": "Arrow",
    b"SEQ": "SequenceFile",
    b"PARE": "encrypted Parquet",
    b"%PDF": "PDF",
    **dict.fromkeys((b"x\x01", b"x\x9c", b"x\xda"), "zlib"),
    b"\x5d\0\0": "LZMA",
    b"\x1f\x9d": "compress",
    b"LZIP": "lzip",
    b"\x89LZO": "lzop",
    b"LZ4Block": "LZ4",
    b"\x02\x21\x4c\x18": "LZ4",
    **{bytes([0x50 + number]) + b"\x2a\x4d\x18": "Zstandard" for number in range(16)},
    b"\xff\xff\xff\xff": "Arrow",
    b"FEA1": "Arrow",
    b"\x89HDF": "HDF5",
    b"MSCF": "CAB",
    b"\xd0\xcf\x11\xe0": "OLE",
}
# Its files are looked at as they stand in it, unless they are packed themselves.
_TAR, _TAR_AT = "tar", slice(257, 262)
_UTF = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16"}
_UTF |= {b"\xfe\xff": "utf-16"}

Open = Callable[[], Any]


class Look:
    """Looks at one file.

    Args:
        needles: What is sought.
        size: The file's size.
    """

    def __init__(self, needles: Needles, size: int) -> None:
        self.found: Counter[tuple[str, str]] = Counter()
        self.unread: list[tuple[str, str]] = []
        self._needles = needles
        self.size = size

    def at(self, open_: Open, name: str, within: str = "") -> None:
        """Look at bytes and, where they are a container, at what it holds.

        Args:
            open_: Opens them from their start, as often as it is called.
            name: The name of the file.
            within: The containers around them.
        """
        depth = within.count(" ") + bool(within)
        start = _start(open_())
        kind = "" if depth > _DEEPEST else _kind(start, name)
        is_binary = bool(kind) or b"\0" in start
        self._bytes(open_(), within, is_text=kind in ("", _TAR), binary=is_binary)
        if not kind and any(byte < 9 for byte in start):
            self._lengths(open_(), within)
        if depth > _DEEPEST and _kind(start, name):
            self.unread.append(("gzip", "too many containers lie in one another"))
        elif kind in (*_CLOSED.values(), "DuckDB", _TAR):
            self.unread.append((kind, "no view of a scan opens it"))
        elif kind:
            self._container(kind, open_, name, within)

    def beside(self, view: str, text: bytes) -> None:
        """Look at what is kept with bytes and is no part of them."""
        for kind, number in self._needles.kinds(text).items():
            self.found[view, kind] += number

    def name(self, name: bytes) -> None:
        """Look at a name in a path."""
        for kind, number in self._needles.kinds(name, name=True).items():
            self.found["path", kind] += number

    def _bytes(self, stream: Readable, within: str, *, is_text: bool, binary: bool) -> None:
        for data, begin, end in _windows(stream):
            for place, kind in self._needles.hits(data, binary=binary):
                if begin <= place < end:
                    self.found[within or "raw", kind] += 1
            if is_text and (b"\\" in data or b"%" in data):
                # Where there are line ends, no line is looked at twice.
                first = data.rfind(b"\n", 0, begin) + 1
                last = data.rfind(b"\n", begin, end) + 1 if end < len(data) else end
                # Nor is one left out of which the next piece does not have the beginning.
                if not last or end - last >= _MARGIN:
                    last = len(data)
                self._escaped(data[first:last], within, binary=binary)

    def _lengths(self, stream: Readable, within: str) -> None:
        """Look at bytes of an unknown kind for values of which a length before them tells."""
        for data, begin, end in _windows(stream):
            for place, kind in self._needles.after_lengths(data):
                if begin <= place < end:
                    self.found[within or "raw", kind] += 1

    def _escaped(self, data: bytes, within: str, *, binary: bool) -> None:
        """Count what stands in a text once its escapes are read, and not before."""
        before = Counter(kind for _, kind in self._needles.hits(data, binary=binary))
        for view, text in decoded(data):
            after = Counter(kind for _, kind in self._needles.hits(text, binary=binary))
            for kind, number in (after - before).items():
                self.found[f"{within} {view}".strip(), kind] += number
            before = after

    def _container(self, kind: str, open_: Open, name: str, within: str) -> None:
        view = f"{within} {kind}".strip()
        found: Counter[tuple[str, str]] = Counter()
        try:
            if kind == "gzip":
                self._gzip(open_, name, view)
            elif kind == "avro":
                self._avro(open_(), found)
            elif kind == "parquet":
                parquet.read_parquet(_held(open_(), within), self._needles, found)
            elif kind == "sqlite":
                data = _held(open_(), within).read(sqlite_pages.LARGEST + 1)
                if len(data) > sqlite_pages.LARGEST:
                    raise UnreadableError("it is too large")
                sqlite_pages.read_sqlite(data, self._needles, found)
            elif kind == "sqlite pages":
                data = _held(open_(), within).read(sqlite_pages.LARGEST)
                sqlite_pages.count_left(data, b"", self._needles, found)
            else:
                self._text(open_(), kind, found)
        except UnreadableError as error:
            self.unread.append((view, str(error)))
        except (MemoryError, RecursionError):
            self.unread.append((view, "it takes more memory than there is"))
        for (inner, what), number in found.items():
            self.found[f"{within} {inner}".strip(), what] += number

    def _gzip(self, open_: Open, name: str, view: str) -> None:
        headers: list[bytes] = []

        def inflated() -> Members:
            headers.clear()
            return Members(open_(), headers.append, Limit(self.size).spend)

        try:
            self.at(inflated, name.removesuffix(".gz"), view)
        finally:
            for header in headers:
                for kind, number in self._needles.kinds(header, name=True).items():
                    self.found[f"{view} header", kind] += number

    def _avro(self, stream: Readable, found: Counter[tuple[str, str]]) -> None:
        for values in avro.read_avro(stream):
            texts = [value for value in values if isinstance(value, bytes)]
            numbers = sum(
                value in self._needles.values.instants for value in values if isinstance(value, int)
            )
            kinds = self._needles.bounds(texts) + Counter({INSTANT: numbers})
            if self._needles.kinds(b"\0".join(texts)):
                for text in texts:
                    kinds += self._needles.kinds(text)
            for kind, number in kinds.items():
                found["avro", kind] += number

    def _text(self, stream: Readable, encoding: str, found: Counter[tuple[str, str]]) -> None:
        """Look at a text in another encoding than the usual one."""
        data = io.BytesIO()
        while piece := stream.read(_PIECE):
            data.write(piece)
            if data.tell() > _MOST_HELD:
                raise UnreadableError("it is too large")
        text = data.getvalue().decode(encoding, "replace").encode()
        for kind, number in self._needles.kinds(text).items():
            found[encoding, kind] += number


def _start(stream: Readable) -> bytes:
    start = b""
    try:
        while len(start) < _MARGIN and (more := stream.read(_MARGIN - len(start))):
            start += more
    except UnreadableError:
        # Who reads on will meet it again.
        pass
    return start


def _kind(start: bytes, name: str) -> str:
    """Return what bytes are by how they begin; nothing for what is no container."""
    opened = next((kind for begin, kind in _OPENED.items() if start.startswith(begin)), "")
    if opened:
        return opened
    if sqlite_pages.is_log(start, name):
        return "sqlite pages"
    if start[8:12] == b"DUCK" or name.startswith("duckdb_temp"):
        return "DuckDB"
    encoded = next((kind for mark, kind in _UTF.items() if start.startswith(mark)), "")
    if encoded or (start.isascii() and not any(byte < 9 for byte in start)):
        return encoded
    closed = next((kind for begin, kind in _CLOSED.items() if start.startswith(begin)), "")
    return closed or (_TAR if start[_TAR_AT] == b"ustar" else "")


def _held(stream: Any, within: str) -> Any:
    """Return bytes that can be read in any order."""
    if not within:
        return stream
    held = io.BytesIO()
    while piece := stream.read(_PIECE):
        held.write(piece)
        if held.tell() > _MOST_HELD:
            raise UnreadableError("it is too large to be read inside another container")
    held.seek(0)
    return held


def _windows(stream: Readable) -> Iterator[tuple[bytes, int, int]]:
    """Yield bytes piece by piece with what stands around each, and where in them it is."""
    before, (piece, broken) = b"", _piece(stream)
    while piece:
        following = b""
        if broken is None:
            following, broken = _piece(stream)
        data = before + piece + following[:_MARGIN]
        yield data, len(before), len(before) + len(piece)
        before, piece = (before + piece)[-_MARGIN:], following
    if broken is not None:
        raise broken


def _piece(stream: Readable) -> tuple[bytes, UnreadableError | None]:
    """Return a whole piece, short at the end alone, and what ended it otherwise."""
    piece = bytearray()
    try:
        while len(piece) < _PIECE and (more := stream.read(_PIECE - len(piece))):
            piece += more
    except UnreadableError as error:
        return bytes(piece), error
    return bytes(piece), None
