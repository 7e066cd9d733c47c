"""The tables of a local lakehouse: what they are, and the removal of one that left the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from stedi_cli.errors import StediError
from stedi_cli.lake.records import Resource
from stedi_cli.lake.strangers import LANDING_ZONE, Stranger, to_drop
from stedi_cli.local.access import private
from stedi_cli.local.left_landing import drop_lines, drop_zone, left_lines, left_zones
from stedi_cli.local.strangers import drop, strangers
from stedi_cli.local.writer import Writer
from stedi_cli.project.lakehouse import QUARANTINE, Table
from stedi_cli.tables.provenance import TableState


class Tables:
    """The tables of a lakehouse that is there.

    Args:
        writer: The writer of the lakehouse.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._place = writer.place

    def states(self) -> dict[str, TableState]:
        self._place.layout.require()
        return self._place.tables.states()

    def read_again(self) -> bool:
        """Read all files, also those whose time stamps say that they are what was written."""
        self._place.tables.read_again()
        return True

    def is_whole(self, table: str) -> bool:
        return self._place.tables.is_whole(table)

    def strangers(self) -> list[Stranger]:
        layout, lakehouse = self._place.layout, self._place.lakehouse
        found = [*strangers(layout, lakehouse.stored), *left_zones(layout, lakehouse)]
        # A broken table of the model is no reason to keep one that left it.
        with suppress(StediError):
            found += left_lines(self._place)
        return found

    @private
    def drop(self, name: str) -> Iterator[Resource]:
        with self._writer.locked():
            found = to_drop(self._place.lakehouse, self.strangers(), name)
            if found.kind == LANDING_ZONE:
                yield from drop_zone(found)
            elif found.kind == QUARANTINE:
                yield from drop_lines(self._writer, found.name)
            else:
                yield from drop(self._place, found.name)

    def location(self, table: Table) -> str:
        """Return the URI that a table's folder has on AWS by default."""
        folder = f"landing/{table.folder}" if table.folder else f"warehouse/{table.name}"
        return f"s3://BUCKET/{folder}/"
