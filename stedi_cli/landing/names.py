"""What a landing file may be called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from stedi_cli.errors import UsageError
from stedi_cli.masking import is_address, unless_address

SUFFIXES = (".json", ".json.gz")
RENAME = (
    "A name may not be an e-mail address: rename the file without the @, such as"
    " `mv NAME@PLACE.json customer-1.json`."
)
"""What to do about a landing file with an ``@`` in its name."""
RENAME_AND_UPLOAD = f"{RENAME} Then run `stedi upload DIR --replace` and `stedi jobs run --all`."
"""What to do about one that is in the landing zone already."""

# No quotes, wildcards, separators or control characters: such a name is safe in every engine.
_SAFE_NAME = re.compile(r"(?:[^\W_]|[(+=@-])[\w .,()+=@-]{0,199}")


def is_landing_name(name: str) -> bool:
    """Tell whether a file of that name is a landing file."""
    return name.endswith(SUFFIXES) and not name.startswith(".")


def is_safe_name(name: str) -> bool:
    """Tell whether a file of that name can be in the landing zone."""
    return is_landing_name(name) and _SAFE_NAME.fullmatch(name) is not None


def shown(place: str) -> str:
    """Return the path or URI of a landing file, its name masked where it may be an address."""
    folder, slash, name = place.rpartition("/")
    return f"{folder}{slash}{unless_address(name)}"


def refuse_unsafe_name(path: Path) -> None:
    """Raise UsageError for a file name that some engine would read as something else."""
    if not is_safe_name(path.name):
        raise UsageError(
            f"{shown(str(path))!r}: that file name cannot be used in the landing zone.",
            hint="Use letters, digits, blanks and . , _ - + = ( ) only, 200 at most, and none"
            " of . , _ or a blank first.",
        )


def with_address(names: Iterable[str]) -> int:
    """Return how many file names may be addresses, which would stand in the quarantine."""
    return sum(is_address(name) for name in names)


def refuse_addresses(place: Path, files: list[Path]) -> None:
    """Raise UsageError for files in a folder whose names may be addresses."""
    number = with_address(path.name for path in files)
    if number:
        # The name itself is not repeated: it may be somebody's address.
        raise UsageError(
            f"{number} landing file(s) in {place} have an @ in their name.", hint=RENAME
        )
