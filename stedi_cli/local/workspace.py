"""The folder that takes a command's intermediate files."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from stedi_cli.durable import UNWRITABLE
from stedi_cli.lake.elsewhere import Elsewhere, parent_elsewhere
from stedi_cli.local.layout import Layout


class Workspace:
    """A folder in the root, or elsewhere where the root cannot be written to.

    Questions can be answered there all the same. Elsewhere nobody else can read it.

    Args:
        layout: The lakehouse.
    """

    def __init__(self, layout: Layout) -> None:
        # Known before it is made, so that it can be removed whenever a signal comes.
        self._inside = layout.temp / uuid.uuid4().hex
        self._elsewhere = Elsewhere()

    def make(self) -> Path:
        """Make it, and return its path."""
        try:
            # Not the root: it may be gone, and is not to come back by a question.
            self._inside.parent.mkdir(exist_ok=True)
            self._inside.mkdir()
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
        else:
            return self._inside
        return self._elsewhere.make()

    def remove(self) -> None:
        """Remove it with all that is in it, made or not, also where a signal comes meanwhile."""
        try:
            self._remove()
        except KeyboardInterrupt:
            self._remove()
            raise

    def _remove(self) -> None:
        shutil.rmtree(self._inside, ignore_errors=True)
        self._elsewhere.remove()


def workspace_parent(layout: Layout) -> Path:
    """Return where intermediate files go, making nothing."""
    place = next(folder for folder in (layout.temp, layout.root) if folder.is_dir())
    return layout.temp if os.access(place, os.W_OK | os.X_OK) else parent_elsewhere()
