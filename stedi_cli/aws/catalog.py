"""The Glue catalog through pyiceberg, by the account's own clients.

Imported late, since pyiceberg costs half a second.
"""

from __future__ import annotations

import io
from typing import Any

from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream

from stedi_cli.aws.account import aws_errors
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.storage import Storage
from stedi_cli.errors import StediError


class AccountCatalog(GlueCatalog):
    """The lakehouse's catalog.

    Args:
        layout: Names, and the account.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__("glue", client=layout.account.client("glue"))
        self._io = BucketIO(layout)

    def _load_file_io(self, *_: Any, **__: Any) -> FileIO:
        return self._io


class BucketIO(FileIO):
    """Files in the lakehouse's bucket, and in no other.

    Args:
        layout: Names, and the account.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self._layout = layout
        self._storage = Storage(layout)

    def key(self, uri: str) -> str:
        """Return the key of a file; Hadoop writes other schemes than this project."""
        bucket, _, key = uri.partition("://")[2].partition("/")
        if bucket != self._layout.bucket:
            raise StediError(
                f"{uri} is not in bucket {self._layout.bucket}.",
                hint="Its table was made with other settings: look at bucket in the config file.",
            )
        return key

    def new_input(self, location: str) -> InputFile:
        return _Input(location, self)

    def new_output(self, location: str) -> OutputFile:
        return _Output(location, self)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        uri = location if isinstance(location, str) else location.location
        with aws_errors(f"s3:DeleteObject {uri}"):
            self._storage.s3.delete_object(**self._storage.place(self.key(uri)))

    def read(self, uri: str) -> bytes:
        """Return what a file holds; raise FileNotFoundError where there is none."""
        content = self._storage.read_if_there(self.key(uri))
        if content is None:
            raise FileNotFoundError(uri)
        return content

    def write(self, uri: str, content: bytes) -> None:
        """Write a file."""
        with aws_errors(f"s3:PutObject {uri}"):
            self._storage.s3.put_object(**self._storage.place(self.key(uri)), Body=content)


class _Input(InputFile):
    def __init__(self, location: str, files: BucketIO) -> None:
        super().__init__(location)
        self._files = files

    def __len__(self) -> int:
        return len(self._files.read(self.location))

    def exists(self) -> bool:
        try:
            self._files.read(self.location)
        except FileNotFoundError:
            return False
        return True

    def open(self, seekable: bool = True) -> InputStream:
        return io.BytesIO(self._files.read(self.location))


class _Output(OutputFile):
    def __init__(self, location: str, files: BucketIO) -> None:
        super().__init__(location)
        self._files = files

    def __len__(self) -> int:
        return len(self.to_input_file())

    def exists(self) -> bool:
        return self.to_input_file().exists()

    def to_input_file(self) -> InputFile:
        return _Input(self.location, self._files)

    def create(self, overwrite: bool = False) -> OutputStream:
        return _Sink(self.location, self._files)


class _Sink(io.BytesIO):
    """A file that is written whole, when it is closed."""

    def __init__(self, location: str, files: BucketIO) -> None:
        super().__init__()
        self._location = location
        self._files = files

    def close(self) -> None:
        if not self.closed:
            content = self.getvalue()
            super().close()
            self._files.write(self._location, content)
