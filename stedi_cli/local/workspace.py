"""The folder that takes a command's intermediate files."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from pathlib import Path

from stedi_cli.local.layout import Layout
from stedi_cli.local.lock import UNWRITABLE


class Workspace:
    """A folder in the root, or elsewhere where the root cannot be written to.

    Questions can be answered there all the same. Elsewhere nobody else can read it.

    Args:
        layout: The lakehouse.
    """

    def __init__(self, layout: Layout) -> None:
        # Known before they are made, so that they can be removed whenever a signal comes.
        self._places = [layout.temp / uuid.uuid4().hex]

    def make(self) -> Path:
        """Make it, and return its path."""
        inside = self._places[0]
        try:
            # Not the root: it may be gone, and is not to come back by a question.
            inside.parent.mkdir(exist_ok=True)
            inside.mkdir()
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
        else:
            return inside
        elsewhere = Path(tempfile.gettempdir()) / f"stedi-{inside.name}"
        self._places.append(elsewhere)
        elsewhere.mkdir(mode=0o700)
        return elsewhere

    def remove(self) -> None:
        """Remove it with all that is in it, made or not, also where a signal comes meanwhile."""
        try:
            self._remove()
        except KeyboardInterrupt:
            self._remove()
            raise

    def _remove(self) -> None:
        for folder in self._places:
            shutil.rmtree(folder, ignore_errors=True)


def workspace_parent(layout: Layout) -> Path:
    """Return where intermediate files go, making nothing."""
    place = next(folder for folder in (layout.temp, layout.root) if folder.is_dir())
    return layout.temp if os.access(place, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
