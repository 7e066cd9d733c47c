"""What Spark says beside its results: kept without values, for whoever looks why a run failed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from threading import Lock, Thread
from typing import Self

from stedi_cli.masking import Masker

# A worker that outlives Spark may hold the stream open.
_PATIENCE_SECONDS = 10


class SparkLog:
    """The log of a run.

    Args:
        path: The file; what was in it goes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._masker = Masker()
        self._lock = Lock()
        self._reader: Thread | None = None

    def __enter__(self) -> Self:
        self._path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._stream = os.fdopen(os.open(self._path, flags, 0o600), "w", encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()
        with self._lock:
            self._stream.close()

    def follow(self, lines: Iterable[bytes]) -> None:
        """Take all that comes, beside what is going on here."""
        self._reader = Thread(target=self._take, args=(lines, Masker()), daemon=True)
        self._reader.start()

    def finish(self) -> None:
        """Wait until all that was said is in the file."""
        if self._reader is not None:
            self._reader.join(_PATIENCE_SECONDS)

    def say(self, line: bytes) -> None:
        """Take a line."""
        self._put(line, self._masker)

    def _take(self, lines: Iterable[bytes], masker: Masker) -> None:
        for line in lines:
            self._put(line, masker)

    def _put(self, line: bytes, masker: Masker) -> None:
        text = masker.line(line.decode(errors="replace").rstrip("\r\n"))
        with self._lock:
            if not self._stream.closed:
                self._stream.write(text + "\n")
                self._stream.flush()
