"""What the parts of a local lakehouse share, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from stedi_cli.local.landing_zone import LandingZone
from stedi_cli.local.layout import Layout
from stedi_cli.local.table_files import TableFiles, open_catalog
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.project.settings import LocalSettings

if TYPE_CHECKING:
    from stedi_cli.local.catalog import SqliteCatalog


@dataclass(frozen=True)
class Place:
    """A local lakehouse.

    Args:
        layout: What lies where.
        settings: Limits.
        lakehouse: The model.
        zone: The landing zone.
        tables: The Iceberg tables.
    """

    layout: Layout
    settings: LocalSettings
    lakehouse: Lakehouse
    zone: LandingZone
    tables: TableFiles

    @cached_property
    def catalog(self) -> SqliteCatalog:
        """The catalog through pyiceberg, opened when it is first asked for."""
        return open_catalog(self.layout)

    @property
    def written(self) -> list[str]:
        """The tables that runs write."""
        beside = [table.name for table in self.lakehouse.beside]
        return [*self.lakehouse.typed, *self.lakehouse.writers, *beside]


def place_of(settings: LocalSettings, lakehouse: Lakehouse) -> Place:
    """Return the place that settings name; raise UsageError where its root cannot be used."""
    layout = Layout(settings.root)
    layout.refuse_unsafe_root()
    zone = LandingZone(layout, lakehouse.landing.values())
    tables = TableFiles(layout, lakehouse.stored - set(lakehouse.landing))
    return Place(layout, settings, lakehouse, zone, tables)
