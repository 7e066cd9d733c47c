"""A file without a name, for what AWS gives: in memory, or on the disk where that is much."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from stedi_cli.privacy.source import Opened

_MOST_HELD = 1 << 23


@contextmanager
def spooled() -> Iterator[BinaryIO]:
    """Yield the file, which nobody else can open."""
    with tempfile.SpooledTemporaryFile(_MOST_HELD) as file:
        yield cast(BinaryIO, file)


def add_line(file: BinaryIO, text: str) -> None:
    """Write a line, whatever it is that is no Unicode."""
    file.write(f"{text}\n".encode("utf-8", "replace"))


def opened(file: BinaryIO, **beside: Any) -> Opened:
    """Return what was written, to be read from its start.

    Args:
        file: The file.
        beside: What else `Opened` tells of it.
    """
    size = file.tell()
    file.seek(0)
    return Opened(file, size, **beside)
