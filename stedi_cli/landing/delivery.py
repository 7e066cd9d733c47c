"""What somebody delivers: the landing files in a folder, and keys in them that nobody knows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from stedi_cli.errors import UsageError
from stedi_cli.landing.lines import numbered, open_lines
from stedi_cli.landing.names import is_landing_name, refuse_addresses, refuse_unsafe_name
from stedi_cli.project.lakehouse import Table

# Lines of a table in which unknown keys are looked for, and of each no more bytes than these.
_LOOKED_AT = 1000
_LOOKED_INTO = 1 << 20


def find_files(folder: Path, tables: Iterable[Table]) -> dict[str, list[Path]]:
    """Find the landing files below a folder.

    Args:
        folder: Holds ``customer/``, ``accelerometer/``, ``step_trainer/``, each with or without
            ``landing/`` below.
        tables: The landing tables.

    Returns:
        Files by table name, sorted by file name. A table without a folder has none.

    Raises:
        UsageError: If the folder is missing or holds no landing file, a file has an unusable
            name, or one is a link to a place outside.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", hint="Name a folder with landing files.")
    found: dict[str, list[Path]] = {}
    tables = list(tables)
    for table in tables:
        place = folder / str(table.folder)
        place = place / "landing" if (place / "landing").exists() else place
        if place.exists() and not place.is_dir():
            raise UsageError(f"{place} is not a folder.", hint="Move it away and try again.")
        files = sorted(place.iterdir()) if place.is_dir() else []
        found[table.name] = [path for path in files if is_landing_name(path.name)]
        refuse_addresses(place, found[table.name])
        _refuse_unsafe(found[table.name], place, folder)
    if not any(found.values()):
        wanted = ", ".join(f"{table.folder}/" for table in tables)
        raise UsageError(
            f"{folder} holds no landing files.",
            hint=f"Expected {wanted} below it, with .json or .json.gz files.",
        )
    return found


def _refuse_unsafe(files: Sequence[Path], place: Path, folder: Path) -> None:
    whole = folder.resolve()
    is_inside = place.resolve().is_relative_to(whole)
    for path in files:
        refuse_unsafe_name(path)
        if not path.is_file():
            raise UsageError(f"{path} is not a file.", hint="Move it away and try again.")
        if not (path.resolve().is_relative_to(whole) if path.is_symlink() else is_inside):
            raise UsageError(
                f"{path} is a link to a place outside {folder}.", hint="Copy the file itself there."
            )


def unknown_keys(files: Sequence[Path], table: Table) -> dict[Path, frozenset[str]]:
    """Return keys in the first lines of landing files that their table does not know.

    Args:
        files: The files; where they are many, some of them are looked at.
        table: Their table; its columns' names are matched in their exact case.

    Returns:
        The keys by file; they are ignored when it is read.
    """
    known = {column.name for column in table.columns}
    found: dict[Path, frozenset[str]] = {}
    looked_at = files[:: -(-len(files) // _LOOKED_AT) or 1]
    left = _LOOKED_AT
    for place, path in enumerate(looked_at):
        # What a short file leaves goes to the others.
        share = left // (len(looked_at) - place)
        keys: set[str] = set()
        with open_lines(path) as stream:
            for line in islice(numbered(stream, _LOOKED_INTO), share):
                left -= 1
                keys |= _keys(line.content)
        if keys - known:
            found[path] = frozenset(keys - known)
    return found


def _keys(line: bytes) -> set[str]:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return set()
    return set(parsed) if isinstance(parsed, dict) else set()
