"""What a landing file may be called: its path below its table's folder, each part by one rule."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from pathlib import Path

from stedi_cli.addresses import is_address, unless_address
from stedi_cli.errors import UsageError, quantity

SUFFIXES = (".json", ".json.gz")
"""How files end that `upload` stores."""
RENAME = (
    "A name may not be an e-mail address: rename the file without the @, such as"
    " `mv NAME@PLACE.json customer-1.json`."
)
"""What to do about a landing file with an ``@`` in its name."""
RENAME_THERE = f"{RENAME} Rename it where it lies, then run `stedi jobs run --all`."
"""What to do about one that is in the landing zone already."""

# No quotes, wildcards, separators or control characters: such a name is safe in every engine.
_SAFE_NAME = re.compile(r"(?:[^\W_]|[(+=@-])[\w .,()+=@-]{0,199}")
_PLAIN_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,99}\.json")
# A key of S3 has 1,024 bytes at most, with the table's prefix.
_LONGEST_NAME = 800
_CONSENT_NAME = re.compile(r"consent-[0-9a-f]{32}\.json")
# What engines pass over: Hadoop's and Finder's, and what EMR makes in the place of a folder.
_HIDDEN_FOLDER = re.compile(r"[._].*|.*_\$folder\$", re.DOTALL)
# A name with an underscore first that ends like data is no marker: it is refused, not left out.
_HIDDEN_FILE = re.compile(
    r"\..*|_(?!.*\.(?:json|jsonl|ndjson|gz)\Z).*|.*\.crc|.*_\$folder\$", re.DOTALL | re.IGNORECASE
)


def is_hidden(name: str, *, folder: bool = False) -> bool:
    """Tell whether a file or folder of that name is a marker or hidden, so that no line is in it.

    Args:
        name: Its own name, without those above it.
        folder: Whether it is a folder.
    """
    return (_HIDDEN_FOLDER if folder else _HIDDEN_FILE).fullmatch(name) is not None


def is_landing_name(name: str) -> bool:
    """Tell whether a file of that path below a table's folder is a landing file."""
    *folders, own = name.split("/")
    return own != "" and not (is_hidden(own) or any(is_hidden(f, folder=True) for f in folders))


def is_safe_name(name: str) -> bool:
    """Tell whether a file of that path below a table's folder can be in the landing zone."""
    # Most are so plain, and there may be thousands.
    if _PLAIN_NAME.fullmatch(name):
        return True
    parts = name.split("/")
    safe = is_landing_name(name) and all(map(_SAFE_NAME.fullmatch, parts))
    return safe and len(name.encode()) <= _LONGEST_NAME


def is_stored_name(name: str) -> bool:
    """Tell whether `upload`, of whichever version, may have stored a file under that path."""
    return name.endswith(SUFFIXES) and is_landing_name(name)


def new_consent_name() -> str:
    """Return a name for a landing file with changes of consent, which says of nobody anything."""
    return f"consent-{uuid.uuid4().hex}.json"


def is_consent_name(name: str) -> bool:
    """Tell whether a landing file holds changes of consent that no delivery brought."""
    return _CONSENT_NAME.fullmatch(name) is not None


def shown(place: str) -> str:
    """Return the path or URI of a landing file, masked where a name in it may be an address."""
    return "/".join(map(unless_address, place.split("/")))


def refuse_unsafe_name(name: str, place: str) -> None:
    """Raise UsageError for a landing file's name that some engine would read as something else.

    Args:
        name: Its path below its table's folder.
        place: Where it lies.
    """
    if not is_safe_name(name):
        raise UsageError(
            f"{shown(place)!r}: that file name cannot be used in the landing zone.",
            hint="Use letters, digits, blanks and . , _ - + = ( ) only, 200 at most, and none"
            " of . , _ or a blank first; so for each folder above it.",
        )


def with_address(names: Iterable[str]) -> int:
    """Return how many file names may be addresses, which would stand in the quarantine."""
    return sum(is_address(name) for name in names)


def refuse_addresses(place: Path, names: Iterable[str]) -> None:
    """Raise UsageError for files in a folder whose names may be addresses."""
    number = with_address(names)
    if number:
        # The name itself is not repeated: it may be somebody's address.
        raise UsageError(
            quantity(
                number,
                f"landing file in {shown(str(place))} has an @ in its name.",
                f"landing files in {shown(str(place))} have an @ in their name.",
            ),
            hint=RENAME,
        )
