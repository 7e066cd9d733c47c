"""What tables, landing folders, jobs and policies may be called."""

from __future__ import annotations

import re

NAME = "[A-Za-z][A-Za-z0-9_]{0,62}"


def is_name(text: str) -> bool:
    """Tell whether something of the model may be called so."""
    return re.fullmatch(NAME, text) is not None
