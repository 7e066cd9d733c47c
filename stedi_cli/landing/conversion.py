"""Writes JSON lines of what is none, each record as it is written there.

A record is kept to the last digit, so what is wrong inside one is for the contract to judge. What
stands between records and is none of them is an error: it may be what is left of one.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from stedi_cli.errors import StediError, UsageError
from stedi_cli.landing.contract import BLANKS, LONGEST_LINE
from stedi_cli.landing.file_facts import BOMB_RATIO, BOMB_SIZE, digest, pieces, stamp
from stedi_cli.landing.names import shown
from stedi_cli.landing.objects import Broken, Spelling, keys_in, objects, renamed
from stedi_cli.landing.origin import LineNumbers, Origin
from stedi_cli.landing.text_shapes import Reading, Shape

_BLANKS = BLANKS.decode() + "\n"
_AGAIN = "Nothing of the delivery was taken; upload again when it is whole."
_UNREADABLE = (Broken, UnicodeError, EOFError, zlib.error, gzip.BadGzipFile)


def converted(source: Path, shape: Shape, known: frozenset[str], copy: Path) -> Origin:
    """Write a file as JSON lines.

    Args:
        source: The file.
        shape: What it is, with a way to read it.
        known: The keys that its table knows; one that is spelled otherwise is renamed.
        copy: The file to make, whose folder is there; packed as the source is, where its name
            says so too.

    Returns:
        What became of it.

    Raises:
        UsageError: If anything in it is left over; there is no copy then.
        StediError: If it changed meanwhile.
    """
    assert shape.reading is not None
    lines = LineNumbers()
    packed = shape.reading.packed > 0 and copy.name.lower().endswith(".gz")
    try:
        before = stamp(source)
        most = max(BOMB_SIZE, BOMB_RATIO * before[0])
        with copy.open("wb") as target, _packing(target, packed) as sink:
            for text, line in _records(source, shape.reading, Spelling(known)):
                most -= sink.write(text.encode("utf-8", "surrogateescape") + b"\n")
                if most < 0:
                    raise Broken(f"it unpacks to more than {BOMB_RATIO} times its size")
                lines.add(line)
        with source.open("rb") as stream:
            sha256 = digest(pieces(stream))
        if stamp(source) != before:
            raise StediError(f"{shown(str(source))} changed while it was read.", hint=_AGAIN)
    except BaseException as error:
        copy.unlink(missing_ok=True)
        if not isinstance(error, _UNREADABLE):
            raise
        said = str(error) if isinstance(error, Broken) else "it cannot be read to its end"
        raise UsageError(
            f"{shown(str(source))}, {shape.name}, cannot be converted: {said}.",
            hint="Mend it there, or deliver it again as JSON lines; nothing was uploaded.",
        ) from error
    return Origin(source.name, sha256, lines.records, lines.packed())


def _records(source: Path, reading: Reading, spelling: Spelling) -> Iterator[tuple[str, int]]:
    """Yield each record on one line, with the number of its line there."""
    # Bytes that are no UTF-8 are kept, and judged; in another encoding nobody could tell them.
    errors = "surrogateescape" if reading.encoding == "utf-8-sig" else "strict"
    with ExitStack() as opened:
        stream: Any = opened.enter_context(source.open("rb"))
        for _ in range(reading.packed):
            stream = opened.enter_context(gzip.GzipFile("", "rb", fileobj=stream))
        # Line ends stay what they are, and a lone CR ends no line.
        text = io.TextIOWrapper(stream, reading.encoding, errors, newline="\n")
        yield from (_of_lines if reading.by_line else _of_objects)(
            opened.enter_context(text), spelling
        )


def _of_objects(stream: TextIO, spelling: Spelling) -> Iterator[tuple[str, int]]:
    for number, record in enumerate(objects(stream), start=1):
        try:
            names = spelling.renamed(record.keys)
        except Broken as error:
            raise Broken(f"record {number:,}, at line {record.first:,}, {error}") from None
        one = record.one_line
        yield (renamed(one, names) if names else one), record.first


def _of_lines(stream: TextIO, spelling: Spelling) -> Iterator[tuple[str, int]]:
    number = 0
    while line := stream.readline(LONGEST_LINE + 2):
        number += 1
        if len(line) > LONGEST_LINE + 1:
            raise Broken(f"line {number:,} is too long")
        line = line.removesuffix("\n")
        keys = keys_in(line.strip(_BLANKS))
        try:
            names = spelling.renamed(keys or frozenset())
        except Broken as error:
            raise Broken(f"line {number:,} {error}") from None
        if line.strip(_BLANKS):
            yield (renamed(line, names) if names else line), number


@contextmanager
def _packing(target: BinaryIO, packed: bool) -> Iterator[BinaryIO]:
    if not packed:
        yield target
        return
    # Without a time or name the same content gives the same bytes.
    with gzip.GzipFile(filename="", mode="wb", fileobj=target, mtime=0) as sink:
        yield cast(BinaryIO, sink)
