"""Landing files as devices deliver them: ``python -m benchmarks.small_files DATA FOLDER``.

The lines of a data set in files of 112 KB, 10,588 of them at 100x. Every second file holds a line
that cannot be used.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

_BYTES = 112_420
_BAD = b'{"cut": "short\n'


def main(data: Path, folder: Path) -> None:
    """Write the files."""
    for landing in sorted(data.glob("*/landing")):
        target = folder / landing.relative_to(data)
        target.mkdir(parents=True)
        for number, lines in enumerate(_parts(sorted(landing.glob("*.json"))), start=1):
            if number % 2:
                middle = len(lines) // 2
                is_customer = landing.parent.name == "customer"
                lines.insert(middle, _outdated(lines[middle]) if is_customer else _BAD)
            (target / f"{landing.parent.name}-{number:05d}.json").write_bytes(b"".join(lines))


def _outdated(line: bytes) -> bytes:
    """A customer's line that cannot be used, and says that it is no withdrawal: it is older."""
    record = json.loads(line)
    older = {"lastUpdateDate": record["lastUpdateDate"] - 1, "registrationDate": "unknown"}
    return json.dumps({**record, **older}).encode() + b"\n"


def _parts(files: list[Path]) -> Iterator[list[bytes]]:
    """Yield lines by some, each part of so many bytes."""
    part: list[bytes] = []
    size = 0
    for file in files:
        with file.open("rb") as stream:
            for line in stream:
                part.append(line)
                size += len(line)
                if size >= _BYTES:
                    yield part
                    part, size = [], 0
    if part:
        yield part


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
