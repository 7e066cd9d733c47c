"""The one loop over a landing file's lines: unpacked, bounded, numbered, blank ones passed over."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from stedi_cli.errors import StediError
from stedi_cli.landing.contract import LONGEST_LINE, Field, is_blank, judge
from stedi_cli.landing.look import GZIP
from stedi_cli.project.lakehouse import Table

_BRACE, _FEED = b"{\n"
_PIECE = 1 << 18
WORDS = (b"true", b"false")
"""What a typed reader takes for the numbers 1 and 0."""
_LONGEST_WORD = max(map(len, WORDS))
# Of a line that is shown to a person.
_SHOWN_BYTES = 10_000


class Line(NamedTuple):
    """A line of a landing file: its number, from 1, and its bytes, the line feed included."""

    number: int
    content: bytes

    def is_blank(self) -> bool:
        """Tell whether it is neither used nor quarantined."""
        # Nearly all lines begin like this.
        if self.content[0] == _BRACE:
            return False
        return is_blank(self.content.rstrip(b"\n"), first=self.number == 1)

    def judged(self, fields: Sequence[Field]) -> dict[str, Any]:
        """Return the value of every column by name; raise Unusable where there is none."""
        return judge(self.content.removesuffix(b"\n"), fields, first=self.number == 1)


def fields_of(table: Table) -> list[Field]:
    """Return a landing table's columns as the contract sees them."""
    address = table.held_back.email if table.held_back else None
    return [
        Field(c.name, c.type, c.required, c.plausible, c.name == address) for c in table.columns
    ]


def open_lines(path: Path) -> BinaryIO:
    """Open a landing file, unpacked where it is packed, whatever its name."""
    stream = path.open("rb")
    if stream.peek(len(GZIP))[: len(GZIP)] != GZIP:
        return stream
    stream.close()
    return cast(BinaryIO, gzip.open(path))


def has_words(path: Path) -> bool:
    """Tell whether ``true`` or ``false`` stands anywhere in a landing file."""
    edge = b""
    with open_lines(path) as stream:
        while piece := stream.read(_PIECE):
            piece = edge + piece
            if any(word in piece for word in WORDS):
                return True
            edge = piece[1 - _LONGEST_WORD :]
    return False


def unpacked(stream: BinaryIO, name: str) -> BinaryIO:
    """Return the content of a landing file that is open already."""
    return cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if name.endswith(".gz") else stream


def numbered(stream: BinaryIO, longest: int = LONGEST_LINE) -> Iterator[Line]:
    """Yield all lines of an unpacked file, no more of one than shows that it is too long."""
    number = 0
    while content := stream.readline(longest + 2):
        number += 1
        yield Line(number, content)
        if content[-1] != _FEED:
            while (rest := stream.readline(longest)) and rest[-1] != _FEED:
                pass


def filled(stream: BinaryIO) -> Iterator[Line]:
    """Yield the lines of an unpacked file that are not blank: each is used or quarantined."""
    return (line for line in numbered(stream) if not line.is_blank())


def lines_at(stream: BinaryIO, name: str, numbers: Collection[int]) -> dict[int, str]:
    """Read lines of an unpacked file by number, and nothing behind the last of them.

    Args:
        stream: The file.
        name: Its name, which errors show.
        numbers: Numbers of the lines, from 1; at least one.

    Returns:
        The first part of each, by number; what is no UTF-8 is escaped.

    Raises:
        StediError: If the file cannot be read or unpacked.
    """
    try:
        return {
            number: content[:_SHOWN_BYTES].rstrip(b"\r\n").decode(errors="backslashreplace")
            for number, content in islice(numbered(stream, _SHOWN_BYTES), max(numbers))
            if number in numbers
        }
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise StediError(
            f"{name} is not a whole gzip file.", hint="Upload it again with `stedi upload`."
        ) from error
