"""What is kept below the root for the next command, and what tells that it still holds."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from stedi_cli.durable import read_small, replaced
from stedi_cli.errors import StediError
from stedi_cli.landing.files import LandingState
from stedi_cli.local.access import private
from stedi_cli.local.place import Place
from stedi_cli.local.stamp import is_settled, stamp_of
from stedi_cli.local.typed_copies import TypedCopies
from stedi_cli.project.lakehouse import Table

_MOST = 1 << 20


class Kept:
    """What is kept below the root of a lakehouse.

    Args:
        place: The lakehouse.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self.right = place.settings.right

    def read(self) -> bytes:
        return read_small(self._place.layout.kept, _MOST)

    @private
    def write(self, content: bytes) -> None:
        if len(content) <= _MOST and content != self.read():
            self._write(self._place.layout.kept, content)

    @private
    def close(self) -> None:
        """Keep also what was found right of the project's files, where that was not known."""
        if self.right.learnt and self._place.layout.exists():
            self._write(self._place.layout.checked, self.right.kept)

    def _write(self, path: Path, content: bytes) -> None:
        with suppress(OSError, StediError), replaced(path, self._place.layout.temp) as sink:
            sink.write(content)

    def basis(self, landing: Mapping[str, LandingState]) -> dict[str, str]:
        self._place.tables.forget()
        engine = _installed("duckdb")
        found: dict[str, str] = {}
        for name, table in self._place.lakehouse.tables.items():
            with suppress(OSError, StediError):
                what, files = self._made_of(table, landing)
                now = time.time_ns()
                stamps = {str(path): stamp_of(path) for path in files}
                if what and all(is_settled(stamp, now) for stamp in stamps.values()):
                    depends = [engine, table.columns_sha256, table.contract_sha256, what, stamps]
                    found[name] = hashlib.sha256(json.dumps(depends).encode()).hexdigest()
        return found

    def _made_of(
        self, table: Table, landing: Mapping[str, LandingState]
    ) -> tuple[list[object], list[Path]]:
        """Return what a table's rows are, and the files that they are read from."""
        tables, name = self._place.tables, table.name
        if name not in landing:
            state, files = tables.states().get(name), tables.files(name)
            current = state.current if state else None
            return ([current.id if current else None] if state else []), list(files or ())
        # What a copy holds of these files, its ledger says; it need not be parsed for that.
        ledger = TypedCopies(self._place).usable_ledger(table)
        copied = tables.files(table.typed.name) if ledger else None
        return [landing[name].fingerprint, ledger], list(copied or ())


def _installed(package: str) -> list[object]:
    """Return what another version of a package has otherwise; it need not be imported for that."""
    spec = find_spec(package)
    origin = spec.origin if spec else None
    return [origin, *stamp_of(Path(origin))] if origin else []
