"""The project: the folder that jobs, configs and data come from, always all of them."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from stedi_cli.errors import UsageError

MODEL = Path("configs") / "lakehouse.yaml"
DEFAULT_CONFIG = Path("configs") / "local.yaml"
_PARTS = ("configs", "jobs", "data/sample")


def bundled() -> Path:
    """Return the project that comes with the installation, or the checkout it runs from."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_project"
    return inside if inside.is_dir() else package.parent


def find(config: Path | None) -> tuple[Path, Path]:
    """Find the project and the configuration that a command works with.

    Args:
        config: The file named by the user, or None.

    Returns:
        The project's folder and the configuration file. Without a named file it is
        ``configs/local.yaml`` of the project around the current folder, else of the bundled one.

    Raises:
        UsageError: If the file does not exist or lies in no project.
    """
    if config is None:
        folder = _around(Path.cwd()) or bundled()
        return folder, folder / DEFAULT_CONFIG
    if not config.is_file():
        raise UsageError(
            f"There is no configuration file {config}.",
            hint="Name an existing file with --config or STEDI_CONFIG.",
        )
    path = config.resolve()
    around = _around(path.parent)
    if around is None:
        raise UsageError(
            f"{config} lies in no project: no folder above it holds {MODEL}.",
            hint="Copy a project out with `stedi init DIR` and put the file into its configs/.",
        )
    return around, path


def read_text(path: Path) -> str:
    """Return what a project's text file holds; raise UsageError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise UsageError(
            f"Cannot read {path}: {reason}.", hint="`stedi init DIR` copies out a whole project."
        ) from error


def resolved(path: Path) -> Path:
    """Return where a path leads, whether anything is there or not.

    Raises:
        UsageError: If links on the way lead in a circle.
    """
    found = Path(os.path.realpath(path))
    try:
        found.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UsageError(
                f"The links of {path} lead in a circle.", hint="Name another place."
            ) from error
    return found


def _around(folder: Path) -> Path | None:
    return next((f for f in (folder, *folder.parents) if (f / MODEL).is_file()), None)


def copy_out(source: Path, destination: Path) -> list[Path]:
    """Copy a project out for editing.

    Args:
        source: The project's folder.
        destination: Folder to make, or an existing folder without any of the project's parts.

    Returns:
        The copied parts, relative to the destination.

    Raises:
        UsageError: If one of the parts is already there.
    """
    there = [part for part in _PARTS if (destination / part).exists()]
    if there:
        raise UsageError(
            f"{destination} already holds {', '.join(there)}.",
            hint="Name another folder, or move these away first.",
        )
    staged = destination / ".stedi-init"
    shutil.rmtree(staged, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    try:
        for part in _PARTS:
            shutil.copytree(source / part, staged / part, ignore=ignored)
        for part in _PARTS:
            (destination / part).parent.mkdir(parents=True, exist_ok=True)
            (staged / part).rename(destination / part)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return [Path(part) for part in _PARTS]
