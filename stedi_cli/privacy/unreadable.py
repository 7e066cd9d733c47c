"""What readers of containers say of bytes that they cannot read."""

from __future__ import annotations


class UnreadableError(Exception):
    """Bytes that are not what they begin as; the text says why, and holds nothing of them."""
