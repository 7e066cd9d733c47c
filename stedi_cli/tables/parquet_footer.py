"""What a Parquet file's footer counts, read without Arrow, whose import costs a small run most.

A footer is a record of Thrift's compact protocol; the numbers of fields are those of
``parquet.thrift``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pyiceberg.io import InputStream

_MAGIC = b"PAR1"
_TAIL = 8
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_NUMBERS = (4, 5, 6)


class Chunk(NamedTuple):
    """What a footer says of a column in a row group; None of nulls where it does not count them."""

    column: str
    offset: int
    size: int
    values: int
    nulls: int | None


class Footer(NamedTuple):
    """What a footer says: all rows, and the columns of each row group."""

    rows: int
    groups: list[list[Chunk]]


def read_footer(stream: InputStream, size: int) -> Footer:
    """Read the footer of a Parquet file.

    Args:
        stream: The file.
        size: Its size in bytes.

    Raises:
        ValueError: If it is none, or is broken.
    """
    stream.seek(max(0, size - _TAIL))
    tail = stream.read(_TAIL)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or length > size - _TAIL:
        raise ValueError("this is no Parquet file")
    stream.seek(size - _TAIL - length)
    try:
        said = _Compact(stream.read(length)).struct()
        return Footer(said[3], [[_chunk(column[3]) for column in group[1]] for group in said[4]])
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("the footer of a Parquet file is broken") from error


def _chunk(said: dict[int, Any]) -> Chunk:
    # A dictionary lies before the pages that need it.
    offset = min(said[9], said.get(11) or said[9])
    name = ".".join(part.decode() for part in said[3])
    return Chunk(name, offset, said[7], said[5], said.get(12, {}).get(3))


class _Compact:
    """Reads values of Thrift's compact protocol, one after another."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def struct(self) -> dict[int, Any]:
        """Return a record's values by their fields' numbers."""
        found: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            number = number + step if step else self._signed()
            found[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind)
        return found

    def _value(self, kind: int) -> Any:
        if kind in _NUMBERS:
            return self._signed()
        if kind == _BINARY:
            return self._take(self._unsigned())
        if kind == _STRUCT:
            return self.struct()
        if kind in (_LIST, _SET):
            return self._list()
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte()
        if kind == _DOUBLE:
            return self._take(8)
        raise ValueError("the footer of a Parquet file is broken")

    def _list(self) -> list[Any]:
        head = self._byte()
        size, kind = head >> 4, head & 15
        return [self._value(kind) for _ in range(self._unsigned() if size == 15 else size)]

    def _take(self, size: int) -> bytes:
        start, self._place = self._place, self._place + size
        return self._data[start : self._place]

    def _byte(self) -> int:
        self._place += 1
        return self._data[self._place - 1]

    def _unsigned(self) -> int:
        found = shift = 0
        while (byte := self._byte()) & 128:
            found |= (byte & 127) << shift
            shift += 7
        return found | byte << shift

    def _signed(self) -> int:
        found = self._unsigned()
        return found >> 1 ^ -(found & 1)
