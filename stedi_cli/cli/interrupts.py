"""What a command says of itself where it is interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

EVERY_TABLE = "every table is as before or as after"
_NOTHING = "nothing was changed"


@contextmanager
def if_interrupted(true: str) -> Iterator[None]:
    """Let an interrupted command say what is true then; one that only reads needs none of it.

    Args:
        true: What is true whenever it comes, without a full stop.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(true)
        raise


def told(interrupt: KeyboardInterrupt) -> str:
    """Return what is told of an interrupted command: what the innermost part of it said."""
    said = getattr(interrupt, "__notes__", [_NOTHING])
    return f"Interrupted; {said[0]}."
