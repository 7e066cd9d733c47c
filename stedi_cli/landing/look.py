"""What the first bytes of a landing file tell: plain or gzip, and whether it can be JSON lines.

Engines go by a file's suffix, so what is stored has that of its content.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from stedi_cli.errors import StediError, UsageError
from stedi_cli.landing.contract import BLANKS, BOM
from stedi_cli.landing.names import shown

GZIP = b"\x1f\x8b"
"""How a gzip file begins; no JSON does."""
HEAD = 1 << 16
"""Bytes that are looked at."""

_NAMED_AS_LINES = re.compile(r"(\.(?:json|jsonl|ndjson))?(\.gz|\.gzip)?\Z", re.IGNORECASE)
_UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".tmp")
_PACKERS = (".gz", ".gzip", ".bz2", ".xz", ".zst", ".zstd", ".deflate", ".snappy", ".lz4", ".lzo")


def stored_name(name: str, head: bytes) -> str:
    """Return a landing file's name with the suffix of its content in the place of its own.

    Args:
        name: Its path below its table's folder.
        head: Its first bytes; of an empty file none, and its own suffix says what is missing.
    """
    packed = head.startswith(GZIP) or (not head and name.lower().endswith(".gz"))
    stem = name[: _NAMED_AS_LINES.search(name).start()]  # type: ignore[union-attr]
    return f"{stem}.json.gz" if packed else f"{stem}.json"


def why_not_taken(path: Path, head: bytes) -> str:
    """Return why a delivered file is not taken, by its first bytes; nothing where it is.

    This is where a delivered file is looked at: what is taken may still hold unusable lines.

    Args:
        path: Where it lies; a name that says JSON is believed, so that its lines are judged.
        head: Its first bytes, as they are.
    """
    if is_unfinished(path.name):
        return "its name is that of an unfinished file"
    if says_json(path.name):
        return ""
    try:
        text = unpacked(head)[0] if head.startswith(GZIP) else head
    except zlib.error:
        # Who reads all of it says what is wrong with it.
        return ""
    lines = [line.lstrip(BLANKS) for line in text.removeprefix(BOM).split(b"\n")]
    if path.name.removesuffix(".gz").count("."):
        # A text of another kind may hold an example in JSON.
        lines = [line for line in lines if line][:1]
    if any(line.startswith(b"{") for line in lines):
        return ""
    return "it holds no JSON lines" if text else "it is empty"


def is_unfinished(name: str) -> bool:
    """Tell whether a file's name is that of one which is still being written."""
    return name.lower().endswith(_UNFINISHED)


def says_json(name: str) -> bool:
    """Tell whether a file's name says that it holds JSON."""
    return bool(_NAMED_AS_LINES.search(name)[1])  # type: ignore[index]


def read_head(path: Path) -> bytes:
    """Return the first bytes of a file; raise StediError where it cannot be read."""
    try:
        with path.open("rb", buffering=0) as stream:
            return stream.read(HEAD)
    except OSError as error:
        raise StediError(
            f"Cannot read {shown(str(path))}: {error.strerror}.",
            hint="Look at its permissions, then upload again.",
        ) from error


def begun(content: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes of what comes in pieces, and all of it."""
    pieces = iter(content)
    head = next(pieces, b"")
    while 0 < len(head) < len(GZIP) and (piece := next(pieces, b"")):
        head += piece
    return head, chain([head] if head else [], pieces)


def refuse_misleading(name: str, head: bytes, where: str) -> None:
    """Raise UsageError for a landing file that some engine would unpack, or not, by its suffix.

    Args:
        name: Its name in the landing zone.
        head: Its first bytes.
        where: Its path or URI.
    """
    packed = head.startswith(GZIP)
    if packed == name.endswith(".gz") and packed == name.lower().endswith(_PACKERS):
        return
    if not head and name.endswith(".gz"):
        raise UsageError(
            f"{shown(where)} is not a whole gzip file.", hint="Deliver the file again."
        )
    is_what = "is compressed with gzip" if packed else "is not compressed"
    ending = ".json.gz" if packed else ".json"
    raise UsageError(
        f"{shown(where)} {is_what}, and its name says otherwise to engines.",
        hint=f"Rename it to end in {ending}; `stedi upload` names files by their content.",
    )


def unpacked(data: bytes, most: int = HEAD) -> tuple[bytes, bool]:
    """Return the first bytes of what is packed with gzip, and whether they are all.

    Args:
        data: The packed bytes, or the first of them.
        most: No more unpacked bytes than so many.

    Raises:
        zlib.error: If it is no gzip.
    """
    found = b""
    while data and len(found) < most:
        inflate = zlib.decompressobj(wbits=31)
        found += inflate.decompress(data, most - len(found))
        if not inflate.eof:
            return found, False
        data = inflate.unused_data
    return found, not data
