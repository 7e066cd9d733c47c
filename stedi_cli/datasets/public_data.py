"""Downloads the course's public data set and takes from it exactly the files that are known."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
import urllib.request
import zlib
from http.client import HTTPException
from pathlib import Path
from typing import IO

from stedi_cli.checks.expected import DataSet, shipped
from stedi_cli.errors import StediError, UsageError
from stedi_cli.masking import masked

_TIMEOUT_SECONDS = 30
_LARGEST_ARCHIVE = 1 << 30


def download(project: Path, folder: Path) -> list[str]:
    """Download the data set that the project's ``configs/expected.yaml`` names.

    Args:
        project: The project's folder.
        folder: Folder to make.

    Returns:
        Paths of the files, relative to the folder.

    Raises:
        UsageError: If the folder is not empty, or the project names no archive.
        StediError: If there is no network, or a file is missing or has another SHA-256.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty.", hint="Name a new folder.")
    wanted = next((d for d in shipped(project) if d.archive), None)
    if wanted is None or not str(wanted.archive).startswith(("http://", "https://")):
        raise UsageError("configs/expected.yaml names no archive to download.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".stedi-fetch-") as staging:
        archive = Path(staging) / "archive.tar.gz"
        _fetch(str(wanted.archive), archive)
        found = _extract(archive, wanted, Path(staging) / "data")
        if folder.is_dir():
            folder.rmdir()
        (Path(staging) / "data").rename(folder)
    return found


def _fetch(url: str, archive: Path) -> None:
    try:
        with (
            urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response,  # noqa: S310
            archive.open("wb") as sink,
        ):
            left = _LARGEST_ARCHIVE
            while chunk := response.read(1 << 20):
                left -= len(chunk)
                if left < 0:
                    raise StediError(f"{url} is larger than 1 GB.", hint="Is it the right archive?")
                sink.write(chunk)
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise StediError(
            f"Cannot download {url}: {reason}.",
            hint="Look at the network connection; `stedi data generate` needs none.",
        ) from error


def _extract(archive: Path, wanted: DataSet, destination: Path) -> list[str]:
    """Write the known files, and only them, whatever else or whatever names the archive holds."""
    left = dict(wanted.files)
    try:
        with tarfile.open(archive, mode="r:*") as members:
            for member in members:
                name = member.name.partition("/")[2].removeprefix(f"{wanted.folder}/")
                content = members.extractfile(member) if member.isfile() and name in left else None
                if content is not None:
                    _write(content, destination / name, left.pop(name))
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        said = masked(str(error))
        raise StediError(f"The archive is broken: {said}.", hint="Download it again.") from error
    if left:
        raise StediError(
            f"The archive lacks {next(iter(left))}, and {len(left) - 1} more.",
            hint="The course may have moved its data; see configs/expected.yaml.",
        )
    return sorted(wanted.files)


def _write(content: IO[bytes], path: Path, digest: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as sink:
        shutil.copyfileobj(content, sink)
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise StediError(
            f"{path.name} has another SHA-256 than the public data set's.",
            hint="The course may have changed its data; see configs/expected.yaml.",
        )
