"""Avro files, such as Iceberg's manifests: every value, whatever the schema says of it."""

from __future__ import annotations

import bz2
import json
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from stedi_cli.privacy.gzip_members import Readable
from stedi_cli.privacy.unreadable import UnreadableError

MAGIC = b"Obj\x01"
_SYNC = 16
_LARGEST_BLOCK = 1 << 28
_LARGEST_HEADER = 1 << 26

Value = bytes | int
_Read = Callable[["_Block"], None]


class _Block:
    """Bytes that are decoded, and the values that were found."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0
        self.values: list[Value] = []

    def take(self, size: int) -> bytes:
        end = self.place + size
        if size < 0 or end > len(self.data):
            raise UnreadableError("a value goes beyond its block")
        taken = self.data[self.place : end]
        self.place = end
        return taken

    def long(self) -> int:
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return (number >> 1) ^ -(number & 1)
            shift += 7
            if shift > 63:
                raise UnreadableError("a number in it is too long")

    def items(self) -> Iterator[None]:
        """Go through the items of an array or map."""
        while count := self.long():
            if count < 0:
                self.long()
            # Items of no bytes could be any number.
            if abs(count) > len(self.data):
                raise UnreadableError("an array in it has too many items")
            yield from (None for _ in range(abs(count)))


def read_avro(file: Readable) -> Iterator[list[Value]]:
    """Yield the values of an Avro file: those of its header, then those of block after block.

    Raises:
        UnreadableError: If it cannot be read to its end.
    """
    stream = _Stream(file)
    if stream.take(4) != MAGIC:
        raise UnreadableError("it does not begin as one")
    meta = stream.header()
    yield [value for pair in meta.items() for value in pair]
    codec = meta.get(b"avro.codec", b"null").decode("utf-8", "replace")
    sync = stream.take(_SYNC)
    try:
        read = _Schema().reader(json.loads(meta[b"avro.schema"]))
        while (count := stream.long(at_end=True)) is not None:
            size = stream.long()
            if size is None or not 0 <= size <= _LARGEST_BLOCK:
                raise UnreadableError("a block in it is too large")
            block = _Block(_inflated(stream.take(size), codec))
            if stream.take(_SYNC) != sync or not 0 <= count <= max(1, len(block.data)):
                raise UnreadableError("its blocks are damaged")
            for _ in range(count):
                read(block)
            if block.place != len(block.data):
                raise UnreadableError("a block in it is longer than its values")
            yield block.values
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableError("its schema cannot be read") from error


def _inflated(data: bytes, codec: str) -> bytes:
    try:
        if codec == "null":
            return data
        if codec == "snappy":
            return _snappy(data[:-4])
        if codec == "zstandard":
            import pyarrow as pa

            with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
                return _within(bytes(stream.read(_LARGEST_BLOCK + 1)))
        if codec == "deflate":
            return _within(zlib.decompressobj(-15).decompress(data, _LARGEST_BLOCK + 1))
        if codec == "bzip2":
            return _within(bz2.BZ2Decompressor().decompress(data, _LARGEST_BLOCK + 1))
        if codec == "xz":
            return _within(lzma.LZMADecompressor().decompress(data, _LARGEST_BLOCK + 1))
    except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError) as error:
        raise UnreadableError("a block in it is damaged") from error
    raise UnreadableError("its codec is unknown")


def _snappy(data: bytes) -> bytes:
    import pyarrow as pa

    size = shift = 0
    for byte in data[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    if size > _LARGEST_BLOCK:
        raise UnreadableError("a block in it is too large")
    plain: bytes = pa.decompress(data, size, codec="snappy", asbytes=True)
    return plain


def _within(data: bytes) -> bytes:
    if len(data) > _LARGEST_BLOCK:
        raise UnreadableError("a block in it is too large")
    return data


class _Stream:
    """Reads what stands between the blocks."""

    def __init__(self, file: Readable) -> None:
        self._file = file

    def take(self, size: int) -> bytes:
        taken = b""
        while len(taken) < size:
            more = self._file.read(size - len(taken))
            if not more:
                raise UnreadableError("it is cut short")
            taken += more
        return taken

    def long(self, *, at_end: bool = False) -> int | None:
        """Return a number; at the end of the file None."""
        encoded = self._file.read(1)
        if not encoded and at_end:
            return None
        while not encoded or encoded[-1] & 0x80:
            encoded += self.take(1)
            if len(encoded) > 10:
                raise UnreadableError("a number in it is too long")
        return _Block(encoded).long()

    def header(self) -> dict[bytes, bytes]:
        meta: dict[bytes, bytes] = {}
        while count := self.long():
            if count < 0:
                self.long()
            for _ in range(abs(count)):
                key = self.take(self._size())
                meta[key] = self.take(self._size())
        return meta

    def _size(self) -> int:
        size = self.long()
        if size is None or not 0 <= size <= _LARGEST_HEADER:
            raise UnreadableError("its header is too large")
        return size


class _Schema:
    """Makes readers of a schema's types."""

    def __init__(self) -> None:
        self._named: dict[str, _Read] = {}

    def reader(self, schema: Any, namespace: str = "") -> _Read:
        if isinstance(schema, list):
            return _union([self.reader(branch, namespace) for branch in schema])
        if isinstance(schema, str):
            return _PLAIN.get(schema) or self._by_name(schema, namespace)
        kind = schema["type"]
        if kind in ("record", "error", "enum", "fixed"):
            return self._defined(schema, kind, namespace)
        if kind == "array":
            return _array(self.reader(schema["items"], namespace))
        if kind == "map":
            return _map(self.reader(schema["values"], namespace))
        return self.reader(kind, namespace)

    def _by_name(self, name: str, namespace: str) -> _Read:
        full = name if "." in name or not namespace else f"{namespace}.{name}"

        # A record may hold itself, whose reader is made later.
        def read(block: _Block) -> None:
            (self._named.get(full) or self._named[name])(block)

        return read

    def _defined(self, schema: Any, kind: str, namespace: str) -> _Read:
        name, space = schema["name"], schema.get("namespace", namespace)
        if "." in name:
            space = name.rpartition(".")[0]
        elif space:
            name = f"{space}.{name}"
        if kind == "enum":
            read: _Read = _index
        elif kind == "fixed":
            read = _fixed(int(schema["size"]))
        else:
            read = _record([self.reader(field["type"], space) for field in schema["fields"]])
        self._named[name] = read
        return read


def _text(block: _Block) -> None:
    block.values.append(block.take(block.long()))


def _number(block: _Block) -> None:
    block.values.append(block.long())


def _index(block: _Block) -> None:
    block.long()


def _skip(size: int) -> _Read:
    def read(block: _Block) -> None:
        block.take(size)

    return read


def _fixed(size: int) -> _Read:
    return lambda block: block.values.append(block.take(size))


def _record(fields: list[_Read]) -> _Read:
    def read(block: _Block) -> None:
        for field in fields:
            field(block)

    return read


def _array(item: _Read) -> _Read:
    def read(block: _Block) -> None:
        for _ in block.items():
            item(block)

    return read


def _map(value: _Read) -> _Read:
    def read(block: _Block) -> None:
        for _ in block.items():
            _text(block)
            value(block)

    return read


def _union(branches: list[_Read]) -> _Read:
    def read(block: _Block) -> None:
        branch = block.long()
        if not 0 <= branch < len(branches):
            raise UnreadableError("a value in it is of no type")
        branches[branch](block)

    return read


_PLAIN: dict[str, _Read] = {
    "null": _skip(0),
    "boolean": _skip(1),
    "int": _number,
    "long": _number,
    "float": _skip(4),
    "double": _fixed(8),
    "bytes": _text,
    "string": _text,
}
