"""What is kept on AWS for the next validation, and what tells that it still holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress

from stedi_cli.aws.account import aws_errors
from stedi_cli.aws.place import Place
from stedi_cli.aws.typed_copies import Held
from stedi_cli.errors import StediError
from stedi_cli.landing.files import LandingState
from stedi_cli.project.lakehouse import Table


class Kept:
    """What is kept in a lakehouse's bucket.

    Args:
        place: The lakehouse.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._storage = place.zone.storage
        self._there = b""
        self.right = place.layout.settings.right

    def read(self) -> bytes:
        with suppress(StediError):
            self._there = self._storage.read_if_there(self._place.layout.kept) or b""
        return self._there

    def write(self, content: bytes) -> None:
        key = self._place.layout.kept
        if content == self._there:
            return
        # Whoever may only read asks anew the next time.
        with suppress(StediError), aws_errors(f"s3:PutObject {key}"):
            self._storage.s3.put_object(**self._storage.place(key), Body=content)
            self._there = content

    def basis(self, landing: Mapping[str, LandingState]) -> dict[str, str]:
        tables = self._place.tables
        tables.forget()
        held = self._place.copies.held()
        found: dict[str, str] = {}
        for name, table in self._place.layout.lakehouse.tables.items():
            what = self._made_of(table, landing.get(name), held.get(name))
            if what:
                depends = [table.columns_sha256, table.contract_sha256, what]
                found[name] = hashlib.sha256(json.dumps(depends).encode()).hexdigest()
        return found

    def _made_of(
        self, table: Table, landing: LandingState | None, held: Held | None
    ) -> list[object]:
        """Return what a table's rows are; nothing where that cannot be told."""
        name, read = table.name, []
        if landing is not None:
            if held is None:
                return []
            name, read = table.typed.name, [landing.fingerprint, held.ledger.name]
        state = self._place.tables.states().get(name)
        checksums = self._place.tables.checksums(name)
        if state is None or state.current is None or checksums is None:
            return []
        return [state.current.id, checksums, *read]
