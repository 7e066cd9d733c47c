"""Files of this machine for pyiceberg, without Arrow, whose import costs a small run most.

Imported late, since pyiceberg costs half a second.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from pyiceberg.io import FileIO, InputFile, OutputFile

from stedi_cli.local.layout import to_path


class PlainFiles(FileIO):
    """Files by their URIs, in any of the forms that engines write."""

    def new_input(self, location: str) -> PlainFile:
        return PlainFile(location)

    def new_output(self, location: str) -> PlainFile:
        return PlainFile(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        uri = location if isinstance(location, str) else location.location
        to_path(uri).unlink()


class PlainFile(InputFile, OutputFile):
    """A file by its URI."""

    @property
    def path(self) -> Path:
        """Its path."""
        return to_path(self.location)

    def __len__(self) -> int:
        return self.path.stat().st_size

    def exists(self) -> bool:
        return self.path.exists()

    def open(self, seekable: bool = True) -> BinaryIO:
        return self.path.open("rb")

    def create(self, overwrite: bool = False) -> BinaryIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.path.open("wb" if overwrite else "xb")

    def to_input_file(self) -> PlainFile:
        return self
