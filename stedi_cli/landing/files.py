"""Landing files: finding them in a folder, reading their facts in one pass, comparing sets."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from stedi_cli.errors import UsageError
from stedi_cli.landing.contract import BLANKS, BOM, LONGEST_LINE
from stedi_cli.landing.lines import numbered, open_lines
from stedi_cli.landing.names import is_landing_name, refuse_addresses, refuse_unsafe_name
from stedi_cli.project.lakehouse import Table

CHUNK = 1 << 20
BOMB_RATIO = 300
"""Landing JSON packs about twenty times; a file that packs better than this is refused."""
BOMB_SIZE = 64 << 20
"""Bytes below which no file is called a bomb."""

_LOOKED_AT = 1000

# The line feed at the end is left for the next match, so that each blank line is found.
_BLANK_LINE = re.compile(rb"\n[ \t\r\v\f]*(?=\n)")


@dataclass(frozen=True)
class FileFacts:
    """What one pass over a landing file's bytes tells.

    Args:
        sha256: Digest of the file's bytes.
        size: Size in bytes.
        lines: Lines that are not blank.
        suspicious: Whether typed readers may take a line for usable that is not: ``true`` or
            ``false`` occurs, which they take for numbers, or a line is too long.
    """

    sha256: str
    size: int
    lines: int
    suspicious: bool


@dataclass(frozen=True)
class LandingState:
    """A landing table's files and their facts, by file name."""

    files: dict[str, FileFacts]

    @property
    def fingerprint(self) -> str:
        """Digest of the files' names and contents: by its file's name a line is found again."""
        return _digest(f"{facts.sha256} {name}" for name, facts in self.files.items())

    @property
    def contents(self) -> str:
        """Digest of the files' contents, whatever their names."""
        return contents(facts.sha256 for facts in self.files.values())

    @property
    def lines(self) -> int:
        """Lines that are not blank, over all files."""
        return sum(facts.lines for facts in self.files.values())


def contents(digests: Iterable[str]) -> str:
    """Return the digest of a multiset of file digests."""
    return _digest(digests)


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()


def find_files(folder: Path, tables: Iterable[Table]) -> dict[str, list[Path]]:
    """Find the landing files below a folder.

    Args:
        folder: Holds ``customer/``, ``accelerometer/``, ``step_trainer/``, each with or without
            ``landing/`` below.
        tables: The landing tables.

    Returns:
        Files by table name, sorted by file name. A table without a folder has none.

    Raises:
        UsageError: If the folder is missing or holds no landing file, a file has an unusable
            name, or one is a link to a place outside.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", hint="Name a folder with landing files.")
    found: dict[str, list[Path]] = {}
    tables = list(tables)
    for table in tables:
        place = folder / str(table.folder)
        place = place / "landing" if (place / "landing").exists() else place
        if place.exists() and not place.is_dir():
            raise UsageError(f"{place} is not a folder.", hint="Move it away and try again.")
        files = sorted(place.iterdir()) if place.is_dir() else []
        found[table.name] = [path for path in files if is_landing_name(path.name)]
        refuse_addresses(place, found[table.name])
        for path in found[table.name]:
            _refuse_unsafe(path, folder)
    if not any(found.values()):
        wanted = ", ".join(f"{table.folder}/" for table in tables)
        raise UsageError(
            f"{folder} holds no landing files.",
            hint=f"Expected {wanted} below it, with .json or .json.gz files.",
        )
    return found


def _refuse_unsafe(path: Path, folder: Path) -> None:
    refuse_unsafe_name(path)
    if not path.is_file():
        raise UsageError(f"{path} is not a file.", hint="Move it away and try again.")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UsageError(
            f"{path} is a link to a place outside {folder}.", hint="Copy the file itself there."
        )


def read_facts(stream: BinaryIO, name: str, sink: Callable[[bytes], object]) -> FileFacts:
    """Read a landing file once, passing its bytes on.

    Args:
        stream: The file, opened for reading bytes.
        name: Its name, which tells whether it is compressed, and which errors show.
        sink: Called with each piece of the file's bytes, as they are.

    Returns:
        The file's facts.

    Raises:
        UsageError: If a ``.gz`` file is not whole or not gzip.
    """
    digest = hashlib.sha256()
    size = 0

    def raw() -> Iterator[bytes]:
        nonlocal size
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            sink(chunk)
            yield chunk

    count = _LineCount()
    for piece in _inflated(raw(), name) if name.endswith(".gz") else raw():
        count.add(piece)
    return FileFacts(digest.hexdigest(), size, count.total(), count.suspicious)


class _LineCount:
    """Counts the lines that are not blank, holding none of them: a line may be huge."""

    def __init__(self) -> None:
        self.lines = 0
        self.suspicious = False
        self._open_is_blank = True
        self._open_length = 0
        self._edge = b""
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
        around = self._edge + piece[:4]
        self.suspicious = self.suspicious or any(
            word in part for word in (b"true", b"false") for part in (piece, around)
        )
        self._edge = (self._edge + piece[-4:])[-4:]
        first = piece.find(b"\n")
        self._open_length += len(piece) if first < 0 else first
        self.suspicious = self.suspicious or self._open_length > LONGEST_LINE
        if first < 0:
            self._open_is_blank = self._open_is_blank and not piece.strip(BLANKS)
            return
        last = piece.rfind(b"\n")
        self._open_length = len(piece) - last - 1
        self.lines += not (self._open_is_blank and not piece[:first].strip(BLANKS))
        self.lines += piece.count(b"\n", first + 1)
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


def unknown_keys(path: Path, table: Table) -> set[str]:
    """Return keys in the first lines of a landing file that its table does not know.

    Args:
        path: The file.
        table: Its table; its columns' names are matched in their exact case.

    Returns:
        The keys; they are ignored when the file is read.
    """
    known = {column.name for column in table.columns}
    found: set[str] = set()
    with open_lines(path) as stream:
        for line in islice(numbered(stream, CHUNK), _LOOKED_AT):
            try:
                parsed = json.loads(line.content)
            except (ValueError, RecursionError):
                continue
            found |= set(parsed) - known if isinstance(parsed, dict) else set()
    return found
