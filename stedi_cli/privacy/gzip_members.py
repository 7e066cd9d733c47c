"""Gzip, member by member, with what stands in the headers."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

from stedi_cli.privacy.unreadable import UnreadableError

MAGIC = b"\x1f\x8b"
_CHECK, _EXTRA, _NAME, _COMMENT = 2, 4, 8, 16
_LONGEST_TEXT = 1 << 20
_PIECE = 1 << 18
_TRAILER = 8
# Inflated, so much is read of a file, and so many times its size.
FREELY = 1 << 30
TIMES = 100


class Readable(Protocol):
    """What bytes are read from, in their order."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes, and none at the end alone."""


class Limit:
    """How much may come out of a file.

    Args:
        size: The file's size.
    """

    def __init__(self, size: int) -> None:
        self._left = max(FREELY, size * TIMES)

    def spend(self, number: int) -> None:
        """Take the number of bytes that came out; raise UnreadableError where they are too many."""
        self._left -= number
        if self._left < 0:
            raise UnreadableError(f"it inflates to more than {TIMES} times its size")


class Members:
    """Reads what all members of a gzip file hold.

    Args:
        packed: The file, from its start.
        header: Takes the extra field, name and comment of each member.
        spend: Takes the number of bytes that came out; raises where they are too many.
    """

    def __init__(
        self, packed: Readable, header: Callable[[bytes], None], spend: Callable[[int], None]
    ) -> None:
        self._packed = packed
        self._header = header
        self._spend = spend
        self._buffer = b""
        self._inflate: zlib._Decompress | None = None
        self._check = 0
        self._size = 0
        self._members = 0

    def read(self, size: int) -> bytes:
        """Return at most so many bytes, and none at the end alone."""
        while True:
            # Later than what it follows, which is looked at whatever the check says.
            if self._inflate is not None and self._inflate.eof:
                self._end()
            if self._inflate is None and not self._begin():
                return b""
            piece = self._next(size)
            if piece:
                self._spend(len(piece))
                return piece

    def _next(self, size: int) -> bytes:
        assert self._inflate is not None
        if not self._buffer:
            self._buffer = self._packed.read(_PIECE)
            if not self._buffer:
                raise UnreadableError("it is cut short")
        try:
            piece = self._inflate.decompress(self._buffer, size)
        except zlib.error as error:
            raise UnreadableError("its data is damaged") from error
        self._check = zlib.crc32(piece, self._check)
        self._size += len(piece)
        ended = self._inflate.eof
        self._buffer = self._inflate.unused_data if ended else self._inflate.unconsumed_tail
        return piece

    def _begin(self) -> bool:
        """Read a member's header; tell whether there is another member."""
        start = self._take(2, at_end=True)
        # What pads an archive to whole blocks.
        while self._members and start and not start.strip(b"\0"):
            start = self._take(2, at_end=True)
        if not start or (self._members and not start.strip(b"\0")):
            return False
        if start != MAGIC:
            raise UnreadableError("bytes that are no gzip follow its last member")
        method, flags = self._take(8)[:2]
        if method != 8:
            raise UnreadableError("its method of compression is unknown")
        if flags & _EXTRA:
            self._header(self._take(int.from_bytes(self._take(2), "little")))
        for flag in (_NAME, _COMMENT):
            if flags & flag:
                self._header(self._text())
        if flags & _CHECK:
            self._take(2)
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._check, self._size = 0, 0
        self._members += 1
        return True

    def _end(self) -> None:
        self._inflate = None
        trailer = self._take(_TRAILER)
        size = (self._size & 0xFFFFFFFF).to_bytes(4, "little")
        if trailer != self._check.to_bytes(4, "little") + size:
            raise UnreadableError("its check sum is another")

    def _take(self, number: int, *, at_end: bool = False) -> bytes:
        while len(self._buffer) < number:
            more = self._packed.read(_PIECE)
            if not more and at_end:
                break
            if not more:
                raise UnreadableError("it is cut short")
            self._buffer += more
        taken, self._buffer = self._buffer[:number], self._buffer[number:]
        return taken

    def _text(self) -> bytes:
        while b"\0" not in self._buffer:
            more = self._packed.read(_PIECE)
            if not more or len(self._buffer) > _LONGEST_TEXT:
                raise UnreadableError("its header does not end")
            self._buffer += more
        text, _, self._buffer = self._buffer.partition(b"\0")
        return text
