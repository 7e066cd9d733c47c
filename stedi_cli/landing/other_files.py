"""The files of a delivery that are no JSON lines: named and refused, or converted beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stedi_cli.errors import UsageError
from stedi_cli.landing.conversion import converted
from stedi_cli.landing.delivery import Delivery, Source
from stedi_cli.landing.origin import Origin
from stedi_cli.landing.shapes import shapes_said
from stedi_cli.project.lakehouse import Table

_HINT = "Nothing was uploaded; do what is said of each file, then upload again."


def refuse_other_files(delivery: Delivery, *, convert: bool) -> None:
    """Raise UsageError for them all at once, so that no second look finds more.

    Args:
        delivery: The delivery.
        convert: Whether those that can be converted will be.
    """
    refused = {
        str(path): shape
        for path, shape in delivery.shapes.items()
        if not (convert and shape.reading)
    }
    if refused:
        raise UsageError(" ".join(shapes_said(refused)), hint=_HINT)


class Conversions:
    """JSON lines written of what is none in a delivery.

    Args:
        delivery: The delivery, whose other files can all be converted.
        tables: The landing tables.
        temp: A folder for the copies, which the caller removes.

    Raises:
        UsageError: If anything in a file would be left over.
    """

    def __init__(self, delivery: Delivery, tables: Mapping[str, Table], temp: Path) -> None:
        self._delivery = delivery
        self._tables = tables
        self.origins: dict[tuple[str, str], Origin] = {}
        self._was: dict[tuple[str, str], str] = {}
        self.files = {
            name: [self._lines_of(name, source, temp / f"{name}.lines") for source in sources]
            for name, sources in delivery.files.items()
        }
        """The files of the delivery by table, a copy in the place of each such one."""

    def was(self, table: str, file: str) -> tuple[str, int] | None:
        """Return what a landing file was before it was converted, and how many records it held."""
        if (table, file) not in self._was:
            return None
        return self._was[table, file], self.origins[table, file].records

    def _lines_of(self, table: str, source: Source, folder: Path) -> Source:
        shape = self._delivery.shapes.get(source.path)
        if shape is None:
            return source
        copy = folder / source.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        known = frozenset(column.name for column in self._tables[table].columns)
        self.origins[table, source.name] = converted(source.path, shape, known, copy)
        self._was[table, source.name] = shape.name
        return Source(source.name, copy)
