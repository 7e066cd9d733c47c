"""A folder that is built once and put back for each test, which takes less than building it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path


class Restored:
    """A folder with a lakehouse in it, always at the same place: its tables know where they lie.

    Args:
        folder: An empty folder, for the place and what is kept of it.
        build: Fills the place.
    """

    def __init__(self, folder: Path, build: Callable[[Path], object]) -> None:
        self._place = folder / "place"
        self._copy = folder / "copy"
        self._place.mkdir()
        build(self._place)
        shutil.copytree(self._place, self._copy, symlinks=True)

    def restore(self) -> Path:
        """Return the place as it was, whatever a test has done there."""
        shutil.rmtree(self._place)
        shutil.copytree(self._copy, self._place, symlinks=True)
        return self._place
