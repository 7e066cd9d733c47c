"""The file that a table is exported to: what it may be, and what stays of one that is there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stedi_cli.durable import Sink, replaced
from stedi_cli.errors import StediError, UsageError
from stedi_cli.project.settings import MARKER


def is_taken(file: Path) -> bool:
    """Tell whether there is something in a file's place, be it a link that leads nowhere."""
    return os.path.lexists(file)


def export_format(file: Path) -> str:
    """Return the ending of a file to export a table to: ``.parquet`` or ``.csv``."""
    return file_format(file, (".parquet", ".csv"))


def file_format(file: Path, known: Sequence[str]) -> str:
    """Return the ending of a file to write to, one of those that are known.

    Raises:
        UsageError: If it is another, or the file's folder is missing or part of a lakehouse.
        StediError: If something else than a file is in its place.
    """
    suffix = file.suffix.lower()
    if suffix not in known:
        *most, last = known
        hint = f"End the name in {', '.join(most)} or {last}."
        raise UsageError(f"{file}: that format is not known.", hint=hint)
    if not file.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {file.parent}.", hint="Make it first.")
    refuse_lakehouse(file)
    if file.exists() and not file.is_file():
        raise StediError(f"{file} is no file.", hint="Name another, or move it away first.")
    return suffix


@contextmanager
def exported(file: Path) -> Iterator[Sink]:
    """Write a file that is there whole or not at all, with the permissions of the one before.

    Raises:
        StediError: If it cannot be written.
    """
    # What nobody else may read is not opened to others by being replaced; no other bit is kept.
    mode = file.stat().st_mode & 0o777 if file.exists() else None
    with replaced(file, file.parent, mode=mode) as sink:
        yield sink


def refuse_lakehouse(file: Path) -> None:
    """Raise UsageError for a file in any lakehouse of this machine, also as a link leads there."""
    beside = Path(os.path.realpath(file.parent)) / file.name
    for place in (beside, Path(os.path.realpath(file))):
        # Looked for by the file system, for which names may be equal in any case.
        inside = next((f for f in place.parents if (f / MARKER).is_file()), None)
        if inside is not None:
            raise UsageError(
                f"{file} lies inside the lakehouse in {inside}.",
                hint="Name a file outside of it.",
            )
