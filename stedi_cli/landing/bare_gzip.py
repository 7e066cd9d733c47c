"""Gzip files without what their headers tell beside the content: a file's name, a comment."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from stedi_cli.durable import replaced
from stedi_cli.landing.delivery import Source

_CHUNK = 1 << 20
# How a member begins whose header holds an extra field, a name or a comment.
_TELLING = re.compile(rb"\x1f\x8b\x08[\x04-\x1f]", re.DOTALL)
_HEAD, _TRAILER = 10, 8
_EXTRA, _NAME, _COMMENT, _CHECKSUM = 4, 8, 16, 2


def bared(found: Mapping[str, Sequence[Source]], temp: Path) -> dict[str, list[Source]]:
    """Copy the gzip files whose headers tell something, without that.

    Args:
        found: Landing files by table.
        temp: Folder for the copies.

    Returns:
        The files, a copy in the place of each such one. What is no whole gzip file stays as it is,
        for others to refuse.
    """
    return {
        table: [Source(source.name, _bared(source, temp / table)) for source in sources]
        for table, sources in found.items()
    }


def renewed(
    content: bytes, found: Mapping[str, Sequence[Source]], stored: Mapping[str, Sequence[Source]]
) -> bytes:
    """Return a text with the digests of files replaced by those of their copies."""
    for table, sources in found.items():
        for source, copy in zip(sources, stored[table], strict=True):
            if copy != source:
                content = content.replace(_sha256(source.path), _sha256(copy.path))
    return content


def _sha256(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest().encode()


def _bared(source: Source, folder: Path) -> Path:
    if not source.name.endswith(".gz") or not _may_tell(source.path):
        return source.path
    copy = folder / source.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        with source.path.open("rb") as stream, replaced(copy, copy.parent) as sink:
            for piece in _bare(_Input(stream)):
                sink.write(piece)
    except zlib.error:
        return source.path
    return copy


def _may_tell(path: Path) -> bool:
    """Tell whether a header may hold more than it must, without unpacking anything."""
    edge = b""
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            if _TELLING.search(edge + chunk):
                return True
            edge = chunk[-3:]
    return False


class _Input:
    """A stream that can be given back what was read too far."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.rest = b""

    def some(self) -> bytes:
        """Return what comes next, at least a byte."""
        found, self.rest = self.rest or self._stream.read(_CHUNK), b""
        if not found:
            raise zlib.error("cut short")
        return found

    def take(self, size: int) -> bytes:
        """Return so many bytes."""
        found = b""
        while len(found) < size:
            found += self.some()
        found, self.rest = found[:size], found[size:]
        return found

    def skip_text(self) -> None:
        """Pass over a text that ends in a NUL."""
        while not (parts := self.some().partition(b"\0"))[1]:
            pass
        self.rest = parts[2]

    def ends(self) -> bool:
        """Tell whether nothing is left."""
        self.rest = self.rest or self._stream.read(_CHUNK)
        return not self.rest


def _bare(source: _Input) -> Iterator[bytes]:
    """Yield a gzip file with the shortest headers (RFC 1952); raise zlib.error if it is broken."""
    while not source.ends():
        head = source.take(_HEAD)
        flags = head[3]
        if head[:3] != b"\x1f\x8b\x08" or flags >= 0x20:
            raise zlib.error("no gzip member")
        if flags & _EXTRA:
            source.take(int.from_bytes(source.take(2), "little"))
        for text in (_NAME, _COMMENT):
            if flags & text:
                source.skip_text()
        if flags & _CHECKSUM:
            source.take(2)
        yield head[:3] + b"\0" + head[4:]
        yield from _deflated(source)
        yield source.take(_TRAILER)


def _deflated(source: _Input) -> Iterator[bytes]:
    """Yield a member's compressed content, which has to be unpacked to find its end."""
    inflate = zlib.decompressobj(wbits=-15)
    while not inflate.eof:
        chunk = source.some()
        data = chunk
        while data and not inflate.eof:
            inflate.decompress(data, _CHUNK)
            data = inflate.unconsumed_tail
        source.rest = inflate.unused_data
        yield chunk[: len(chunk) - len(source.rest)]
