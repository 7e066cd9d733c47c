"""The files below a landing folder on disk, at any depth, and the folders that they lie in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from contextlib import suppress
from pathlib import Path, PurePosixPath

from stedi_cli.errors import StediError
from stedi_cli.landing.names import is_hidden, is_stored_name


def files_below(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield what lies below a folder and is neither a folder, a marker nor hidden.

    Links are followed nowhere, and no file is looked at.

    Yields:
        Its path below the folder, and the entry.
    """
    folders = [""] if folder.is_dir() else []
    while folders:
        above = folders.pop()
        with os.scandir(folder / above) as entries:
            for entry in entries:
                inner = entry.is_dir(follow_symlinks=False)
                if is_hidden(entry.name, folder=inner):
                    continue
                if inner:
                    folders.append(f"{above}{entry.name}/")
                else:
                    yield f"{above}{entry.name}", entry


def stored_files(folder: Path) -> list[str]:
    """Return the names of files below a folder that an upload, of any version, may have made."""
    if folder.is_symlink():
        return []
    below = files_below(folder)
    return sorted(n for n, e in below if is_stored_name(n) and e.is_file(follow_symlinks=False))


def remove_empty(folder: Path, top: Path) -> Path:
    """Remove a folder if it is empty, then the one above, up to another that stays.

    Returns:
        The folder that stays.
    """
    with suppress(OSError):
        while folder != top:
            folder.rmdir()
            folder = folder.parent
    return folder


def refuse_in_the_way(destination: Path, name: str, there: Set[str]) -> None:
    """Raise StediError where a folder is in a file's place, or a file in that of its folder.

    Args:
        destination: Where the file goes.
        name: Its path below its table's folder.
        there: The names of the table's files.
    """
    above = [str(folder) for folder in PurePosixPath(name).parents] if "/" in name else []
    if destination.is_dir() or any(folder in there for folder in above):
        raise StediError(
            f"Cannot write {destination}: something else is in its place.",
            hint="Look at what is there, move it away, and upload again.",
        )
