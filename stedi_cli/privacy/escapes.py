"""What texts say once their escapes are read: those of JSON and of URLs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

_ESCAPE = re.compile(rb"(?:\\u[0-9a-fA-F]{4})+|\\.", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f"}
_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")
# Text in a text in a text.
_DEEPEST = 3


def unescaped(data: bytes) -> bytes:
    """Return JSON's escapes as the characters that they stand for, in a text that may be cut."""
    return _ESCAPE.sub(_plain, data)


def _plain(found: re.Match[bytes]) -> bytes:
    text = found[0]
    if text.startswith(b"\\u") and len(text) > 2:
        units = b"".join(bytes.fromhex(unit.decode()) for unit in text.split(b"\\u")[1:])
        return units.decode("utf-16-be", "replace").encode()
    return _ESCAPED.get(text[1:], text[1:])


def decoded(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Return what a text says once its escapes are read: those of JSON, of URLs, one in the other.

    Yields:
        The name of the view, and the text.
    """
    text = data
    for _ in range(_DEEPEST):
        before = text
        for _ in range(_DEEPEST):
            if b"\\" not in text:
                break
            text = unescaped(text)
            yield "json", text
        for _ in range(_DEEPEST):
            if not _PERCENT.search(text):
                break
            text = unquote_to_bytes(text)
            yield "url", text
        if text == before:
            return
