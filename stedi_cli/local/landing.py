"""Brings landing files into a local lakehouse, and reads them back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from stedi_cli.checks.expected import FILE_NAME, refuse_elsewhere
from stedi_cli.durable import replaced
from stedi_cli.lake.events import Uploaded
from stedi_cli.landing.bare_gzip import bared, renewed
from stedi_cli.landing.delivery import find_files, unknown_keys
from stedi_cli.landing.files import LandingState
from stedi_cli.local.access import private
from stedi_cli.local.staging import Staged
from stedi_cli.local.writer import Writer


class Landing:
    """The landing files of a lakehouse that is there.

    Args:
        writer: The writer of the lakehouse.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._place = writer.place

    @private
    def upload(self, folder: Path, *, replace: bool, wait: bool) -> Iterator[Uploaded]:
        place, zone = self._place, self._place.zone
        place.layout.require()
        found = find_files(folder, place.lakehouse.landing.values())
        refuse_elsewhere(folder)
        with self._writer.locked(wait=wait), TemporaryDirectory(dir=place.layout.temp) as temp:
            bare = bared(found, Path(temp))
            staged = zone.stage(bare, Path(temp))
            for file in staged:
                zone.adopt(file)
            yield from self._told(staged)
            for name, files in found.items():
                names = {path.name for path in files}
                for path in [p for p in zone.paths(name) if p.name not in names]:
                    if replace:
                        zone.remove(path)
                    yield Uploaded(name, path.name, "removed" if replace else "mixed")
            zone.settle()
            zone.save_index()
            source = folder / FILE_NAME
            if source.is_file():
                with replaced(place.layout.expected, place.layout.temp) as sink:
                    sink.write(renewed(source.read_bytes(), found, bare))

    def _told(self, files: Sequence[Staged]) -> Iterator[Uploaded]:
        for name, table in self._place.lakehouse.landing.items():
            own = [file for file in files if file.table == name]
            moved = [file.destination for file in own if file.part is not None]
            unknown = unknown_keys(moved, table)
            for file in own:
                keys = unknown.get(file.destination, frozenset())
                yield Uploaded(name, file.destination.name, file.state, keys)

    @private
    def states(self) -> dict[str, LandingState]:
        self._place.layout.require()
        return self._place.zone.states()

    def lines(self, places: Sequence[tuple[str, str, int]]) -> list[str]:
        self._place.layout.require()
        return self._place.zone.lines(places)

    def expected_file(self) -> Path | None:
        expected = self._place.layout.expected
        return expected if expected.is_file() else None
