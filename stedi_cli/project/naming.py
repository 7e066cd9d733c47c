"""What tables, landing folders, jobs and policies may be called."""

from __future__ import annotations

import re
from collections.abc import Iterable

NAME = "[A-Za-z][A-Za-z0-9_]{0,62}"


def meant(name: str, names: Iterable[str], otherwise: str = "") -> str:
    """Return a hint at the name that a misspelt one may have been meant for.

    Args:
        name: The misspelt name.
        names: The names that there are.
        otherwise: The hint where none is near.
    """
    from difflib import get_close_matches

    by_small = {known.lower(): known for known in names}
    near = get_close_matches(name.lower(), sorted(by_small), n=1, cutoff=0.75)
    return f"Did you mean {by_small[near[0]]}?" if near else otherwise


def is_name(text: str) -> bool:
    """Tell whether something of the model may be called so."""
    return re.fullmatch(NAME, text) is not None
