"""Brings landing files into a local lakehouse, and reads them back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stedi_cli.durable import make_folder, replaced
from stedi_cli.lake.events import Uploaded
from stedi_cli.landing.files import LandingState, same_content
from stedi_cli.landing.origin import Origin
from stedi_cli.local.access import private
from stedi_cli.local.kept_aside import KeptAside
from stedi_cli.local.writer import Writer

if TYPE_CHECKING:
    from stedi_cli.landing.delivery import Delivery
    from stedi_cli.landing.other_files import Conversions
    from stedi_cli.landing.text_shapes import Shape
    from stedi_cli.local.staging import Staged


class Landing:
    """The landing files of a lakehouse that is there.

    Args:
        writer: The writer of the lakehouse.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._place = writer.place

    def find(self, folder: Path) -> Delivery:
        from stedi_cli.checks.expected import refuse_elsewhere
        from stedi_cli.landing.delivery import Source, find_files

        found = find_files(folder, self._place.lakehouse.landing.values(), self._place.layout.root)
        refuse_elsewhere(found.folder)
        if found.folder.resolve() != self._place.layout.landing:
            return found
        # Its own files have their names, and are not to come in again under others.
        files = {
            table: [
                Source(self._place.zone.name_of(source.path.resolve()), source.path)
                for source in sources
            ]
            for table, sources in found.files.items()
        }
        return replace(found, files=files)

    def replaced_by(self, delivery: Delivery) -> dict[str, list[str]]:
        self._place.layout.require()
        zone = self._place.zone
        found = {table: delivery.replaces(table, zone.names(table)) for table in delivery.files}
        return {table: names for table, names in found.items() if names}

    @private
    def upload(
        self,
        delivery: Delivery,
        *,
        remove: Mapping[str, Collection[str]],
        wait: bool,
        convert: bool = False,
        tell: Callable[[int, int], None] | None = None,
    ) -> Iterator[Uploaded]:
        from stedi_cli.checks.expected import FILE_NAME
        from stedi_cli.landing.bare_gzip import bared, renewed
        from stedi_cli.landing.other_files import Conversions, refuse_other_files

        place, zone = self._place, self._place.zone
        place.layout.require()
        refuse_other_files(delivery, convert=convert)
        with self._writer.locked(wait=wait), TemporaryDirectory(dir=place.layout.temp) as temp:
            lines = Conversions(delivery, place.lakehouse.landing, Path(temp))
            bare = bared(lines.files, Path(temp))
            staged = zone.stage(bare, Path(temp), tell)
            for table in place.lakehouse.landing:
                # Of a table that the model gained there is none yet.
                make_folder(zone.folder(table))
            gone = {file.table for file in staged if file.state == "changed"}
            for table in gone.union(name for name, files in remove.items() if files):
                # It may hold lines of somebody who is to be forgotten.
                KeptAside(place.layout).drop(place.lakehouse.landing[table])
            for file in staged:
                zone.adopt(file)
            zone.remember_origins(lines.origins)
            yield from self._told(staged, lines)
            for table in delivery.files:
                for name in delivery.others(table, zone.names(table)):
                    removed = name in remove.get(table, ())
                    if removed:
                        zone.remove(table, name)
                    yield Uploaded(table, name, "removed" if removed else "mixed")
            zone.settle()
            # Read once for that and for the run, where they came in without an upload.
            self.same_content()
            zone.save_index()
            source = delivery.folder / FILE_NAME
            if source.is_file():
                with replaced(place.layout.expected, place.layout.temp) as sink:
                    sink.write(renewed(source.read_bytes(), delivery.files, bare))

    def same_content(self) -> dict[str, list[list[str]]]:
        zone = self._place.zone
        return {name: same_content(zone.known(name)) for name in self._place.lakehouse.landing}

    def _told(self, files: Sequence[Staged], lines: Conversions) -> Iterator[Uploaded]:
        from stedi_cli.landing.delivery import unknown_keys

        for name, table in self._place.lakehouse.landing.items():
            own = [file for file in files if file.table == name]
            moved = [file.destination for file in own if file.part is not None]
            unknown = unknown_keys(moved, table)
            for file in own:
                keys = unknown.get(file.destination, frozenset())
                was = lines.was(name, file.name)
                yield Uploaded(name, file.name, file.state, keys, was)

    @private
    def states(self) -> dict[str, LandingState]:
        self._place.layout.require()
        return self._place.zone.states()

    def lines(self, places: Sequence[tuple[str, str, int]]) -> list[str]:
        self._place.layout.require()
        return self._place.zone.lines(places)

    def origin(self, table: str, file: str) -> Origin | None:
        self._place.layout.require()
        return self._place.zone.origin(table, file)

    def shapes(self, table: str, files: Sequence[str]) -> dict[str, Shape]:
        self._place.layout.require()
        return self._place.zone.shapes(table, files)

    @private
    def expect(self, content: bytes) -> str:
        layout = self._place.layout
        layout.require()
        with self._writer.locked(), replaced(layout.expected, layout.temp) as sink:
            sink.write(content)
        return str(layout.expected)

    def expected_file(self) -> Path | None:
        expected = self._place.layout.expected
        return expected if expected.is_file() else None
