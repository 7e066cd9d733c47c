"""The folder that folds are exported to: what it may be; it is there whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stedi_cli.durable import sync
from stedi_cli.errors import StediError, UsageError
from stedi_cli.questions.export_file import refuse_lakehouse

_FOLD = re.compile(r"fold-\d+\.parquet")


def fold_name(number: int, folds: int) -> str:
    """Return the name of a fold's file; sorted by name they are in their order."""
    return f"fold-{number:0{len(str(folds))}}.parquet"


def refuse_folder(folder: Path, *, force: bool) -> None:
    """Refuse a folder that folds cannot be written to.

    Args:
        folder: The folder.
        force: Whether folds that are there may be replaced.

    Raises:
        UsageError: If it is part of a lakehouse, what it lies in is missing, or it holds anything,
            with ``force`` anything but folds.
        StediError: If something else than a folder is in its place.
    """
    if not folder.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {folder.parent}.", hint="Make it first.")
    refuse_lakehouse(folder / fold_name(1, 1))
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise StediError(f"{folder} is no folder.", hint="Name another, or move it away first.")
    names = [path.name for path in folder.iterdir()]
    if any(not _FOLD.fullmatch(name) for name in names):
        raise UsageError(f"{folder} holds other files than folds.", hint="Name a new folder.")
    if names and not force:
        raise UsageError(f"{folder} holds folds.", hint="Add --force to replace them all.")


@contextmanager
def exported_folder(folder: Path, *, force: bool) -> Iterator[Path]:
    """Make a folder that is there whole or not at all; yields where to put its files.

    One that is there gives way when all of them are written, if it may then.

    Args:
        folder: The folder.
        force: Whether folds that are there may be replaced.

    Raises:
        UsageError: If what came there meanwhile may not be replaced.
        StediError: If it cannot be written.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - no link is followed
    mark = uuid.uuid4().hex
    staged, before = folder.parent / f".{mark}.part", folder.parent / f".{mark}.old"
    try:
        staged.mkdir()
        yield staged
        refuse_folder(folder, force=force)
        if folder.exists():
            # What others may not look into is not opened to them by being replaced.
            staged.chmod(folder.stat().st_mode & 0o777)
            folder.rename(before)
        staged.rename(folder)
        sync(folder.parent)
    except OSError as error:
        raise StediError(
            f"Cannot write {folder}: {error.strerror}.",
            hint="Look at free space and permissions there, then try again.",
        ) from error
    finally:
        # Also where a signal came between the two.
        if before.exists() and not folder.exists():
            before.rename(folder)
        for path in (staged, before):
            shutil.rmtree(path, ignore_errors=True)
