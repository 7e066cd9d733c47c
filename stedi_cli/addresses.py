"""What may be an address of a person, and what stands in its place."""

from __future__ import annotations

import re

MASK = "…"

# As such, full width, small, or as in a URI or in JSON.
_AT = r"(?:@|\uff20|\ufe6b|%40|\\u0040)"
_ADDRESS = re.compile(rf"""[^\s,;()\[\]{{}}<>"`=]*{_AT}[^\s,;()\[\]{{}}<>"`]*""")


def is_address(text: str) -> bool:
    """Tell whether a text may be an address of a person."""
    return re.search(_AT, text) is not None


def unless_address(text: str) -> str:
    """Return a name as it is, or masked where it may be an address of a person."""
    return MASK if is_address(text) else text


def without_addresses(text: str) -> str:
    """Return a text without what may be an address of a person."""
    return _ADDRESS.sub(MASK, text)
