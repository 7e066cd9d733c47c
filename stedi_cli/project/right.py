"""Which contents of files were found right before, so that they need not be checked again.

Digests alone are kept, below a lakehouse's root: what a file says always comes from the file.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import Any

from stedi_cli import __version__
from stedi_cli.durable import read_small

_MOST = 100
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Right:
    """What was found right.

    Args:
        path: The file that keeps it; None where nothing is kept.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.learnt = False
        content = read_small(path) if path else b""
        self._digests = list(filter(_DIGEST.fullmatch, content.decode(errors="replace").split()))

    def knows(self, kind: type, content: Any) -> bool:
        """Tell whether this content was found to be of a shape."""
        return _digest(kind, content) in self._digests

    def learn(self, kind: type, content: Any) -> None:
        """Remember that this content is of a shape."""
        self._digests.append(_digest(kind, content))
        self.learnt = True

    @property
    def kept(self) -> bytes:
        """What is to be kept: the latest."""
        return "\n".join(self._digests[-_MOST:]).encode()


def _digest(kind: type, content: Any) -> str:
    # What the shape is, changes with the version; in a checkout, with its module alone.
    module = Path(str(sys.modules[kind.__module__].__file__)).stat()
    rules = (__version__, kind.__qualname__, module.st_size, module.st_mtime_ns)
    try:
        said = repr((rules, content)).encode(errors="surrogatepass")
    except ValueError:
        # A number of more digits than Python writes.
        return ""
    return hashlib.sha256(said).hexdigest()
