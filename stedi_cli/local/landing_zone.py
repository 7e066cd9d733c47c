"""The landing zone on disk: one folder a table, filled by atomic replacement of whole files."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stedi_cli.durable import make_folder, sync
from stedi_cli.errors import StediError, UsageError
from stedi_cli.landing.file_facts import FileFacts, pieces, read_facts
from stedi_cli.landing.files import LandingState
from stedi_cli.landing.lines import lines_at, open_lines
from stedi_cli.landing.names import is_safe_name, refuse_unsafe_name, shown
from stedi_cli.landing.origin import Origin
from stedi_cli.local.landing_folder import (
    files_below,
    refuse_in_the_way,
    remove_empty,
    stored_files,
)
from stedi_cli.local.landing_index import Entry, LandingIndex
from stedi_cli.local.layout import Layout
from stedi_cli.local.stamp import TICK_NS, is_settled, stamp_of
from stedi_cli.project.lakehouse import Table

if TYPE_CHECKING:
    from stedi_cli.landing.delivery import Source
    from stedi_cli.landing.text_shapes import Shape
    from stedi_cli.local.staging import Staged, Tell


class LandingZone:
    """The landing files of a local lakehouse.

    Args:
        layout: The lakehouse.
        tables: The landing tables.
    """

    def __init__(self, layout: Layout, tables: Iterable[Table]) -> None:
        self._layout = layout
        self._tables = {table.name: table for table in tables}
        self._below = len(f"{layout.landing}/")
        self._index = LandingIndex(layout)
        self._adopted: list[Path] = []
        self._unsynced: set[Path] = set()

    def folder(self, table: str) -> Path:
        """Return the folder of a table's files."""
        return self._layout.landing / str(self._tables[table].folder)

    def name_of(self, path: Path) -> str:
        """Return the name of a landing file: its path below its table's folder."""
        return self._key(path).partition("/")[2]

    def names(self, table: str) -> list[str]:
        """Return the names of a table's files, sorted.

        Raises:
            UsageError: If one is a link or otherwise no plain file, or has an unsafe name; or if
                a file is where their folder has to be.
        """
        folder = self.folder(table)
        if not folder.is_dir() and folder.exists():
            # It would be passed over, and the table be empty.
            raise UsageError(
                f"{shown(str(folder))} is not a folder.",
                hint=f"Move it away; landing files of {table} go into a folder of that name.",
            )
        found: list[str] = []
        for name, entry in files_below(folder):
            place = f"{folder}/{name}"
            refuse_unsafe_name(name, place)
            if not entry.is_file(follow_symlinks=False):
                raise UsageError(
                    f"{shown(place)} is not a plain file.",
                    hint="Remove it, then upload the file itself.",
                )
            found.append(name)
        return sorted(found)

    def paths(self, table: str) -> list[Path]:
        """Return where a table's files lie, sorted by name; raises as ``names`` does."""
        folder = self.folder(table)
        return [folder / name for name in self.names(table)]

    def own_files(self, table: str) -> list[str]:
        """Return the names of a table's files that an upload may have made, and of no others."""
        linked = self._layout.landing.is_symlink()
        found = [] if linked else stored_files(self.folder(table))
        return [name for name in found if is_safe_name(name)]

    def state(self, table: str) -> LandingState:
        """Return a table's files with their facts, from the cache where it can be trusted."""
        folder = self.folder(table)
        # A text is made sooner than a path, which tells where there are thousands.
        return LandingState({name: self._facts(f"{folder}/{name}") for name in self.names(table)})

    def known(self, table: str) -> dict[str, FileFacts]:
        """Return the facts of those of a table's files that can be used."""
        folder, found = self.folder(table), {}
        for name in self.names(table):
            with suppress(StediError):
                found[name] = self._facts(f"{folder}/{name}")
        return found

    def states(self, *, save: bool = True) -> dict[str, LandingState]:
        """Return the state of every landing table, and refresh the cache unless told not to."""
        states = {name: self.state(name) for name in self._tables}
        if save:
            self._save({name: state.files for name, state in states.items()})
        return states

    def doubt(self) -> None:
        """Read all files when they are next asked for: a medium that fails changes no stamp."""
        self._index.doubt()

    def refuse_changed(self, table: str, state: LandingState) -> None:
        """Raise StediError if a table's files are no longer those of a state read before."""
        paths = self.paths(table)
        try:
            same = [self.name_of(path) for path in paths] == list(state.files) and all(
                self._index[self._key(path)].stamp == stamp_of(path) for path in paths
            )
        except FileNotFoundError:
            same = False
        if not same:
            raise StediError(
                f"Landing files of {table} changed during the run.", hint="Run the job again."
            )

    def stage(
        self, found: Mapping[str, Sequence[Source]], temp: Path, tell: Tell | None = None
    ) -> list[Staged]:
        """Copy files beside the landing zone, so that a broken one leaves the zone as it was.

        Args:
            found: Files by landing table.
            temp: A folder for the copies, which the caller removes.
            tell: Takes how many bytes were read, and of how many.

        Returns:
            What is to be adopted.

        Raises:
            UsageError: If one is a broken gzip file.
            StediError: If one cannot be read or written, or changes meanwhile.
        """
        from stedi_cli.local.staging import Delivered, stage_all

        delivered: list[Delivered] = []
        for table, files in found.items():
            folder = self.folder(table)
            there = set(self.names(table))
            for source in files:
                destination = folder / source.name
                # Before a file is moved, so that it is all of a delivery or nothing.
                refuse_in_the_way(destination, source.name, there)
                is_there, before = source.name in there, None
                # One that is there and no landing file is replaced by whatever is delivered.
                with suppress(UsageError):
                    before = self._facts(str(destination)) if is_there else None
                delivered.append(
                    Delivered(table, source.name, source.path, destination, is_there, before)
                )
        return stage_all(delivered, temp, tell)

    def adopt(self, staged: Staged) -> None:
        """Move a staged file into the landing zone."""
        if staged.part is None:
            return
        before = stamp_of(staged.part)
        self._unsynced.add(staged.destination.parent)
        try:
            make_folder(staged.destination.parent)
            staged.part.replace(staged.destination)
        except OSError as error:
            raise StediError(
                f"Cannot write {staged.destination}: {error.strerror}.",
                hint="Look at what is there and at its permissions, then try again.",
            ) from error
        # A rename changes but the time of the last change.
        after = stamp_of(staged.destination)
        if (before[:2], before[3]) == (after[:2], after[3]):
            entry = Entry(after, time.time_ns(), staged.facts)
            self._index[self._key(staged.destination)] = entry
            self._adopted.append(staged.destination)

    def remember_origins(self, origins: Mapping[tuple[str, str], Origin]) -> None:
        """Keep what files of landing tables were converted from."""
        for (table, file), origin in origins.items():
            key = self._key(self.folder(table) / file)
            if entry := self._index.get(key):
                self._index[key] = entry._replace(origin=origin)

    def origin(self, table: str, file: str) -> Origin | None:
        """Return what a table's file was converted from; None where it was not, or is unknown."""
        entry = self._index.get(self._key(self.folder(table) / file))
        return entry.origin if entry else None

    def settle(self) -> None:
        """Sync the folders, and wait until a change of a file must show in its time stamps.

        Without the wait files would be too young to be trusted, and hashed again next time.
        """
        for folder in filter(Path.is_dir, self._unsynced):
            sync(folder)
        self._unsynced = set()
        if self._adopted:
            time.sleep(TICK_NS / 1e9)
        now = time.time_ns()
        for path in self._adopted:
            entry = self._index.get(self._key(path))
            if entry is not None:
                self._index[self._key(path)] = entry._replace(hashed_ns=now)
        self._adopted = []

    def lines(self, places: Sequence[tuple[str, str, int]]) -> list[str]:
        """Return lines by table, file and line number; a line that is gone reads as such."""
        wanted: dict[str, dict[str, set[int]]] = {}
        for table, file, line in places:
            if table in self._tables:
                wanted.setdefault(table, {}).setdefault(file, set()).add(line)
        found: dict[tuple[str, str, int], str] = {}
        for table, files in wanted.items():
            for name in (name for name in self.names(table) if name in files):
                path = self.folder(table) / name
                with open_lines(path) as stream:
                    lines = lines_at(stream, shown(str(path)), files[name])
                found |= {(table, name, number): line for number, line in lines.items()}
        return [found.get(place, "(no longer there)") for place in places]

    def shapes(self, table: str, files: Sequence[str]) -> dict[str, Shape]:
        """Return what those of a table's files are that are no JSON lines."""
        from stedi_cli.landing.shapes import shape_of

        found: dict[str, Shape] = {}
        for name in (name for name in self.names(table) if name in files):
            if shape := shape_of(self.folder(table) / name, self._tables[table]):
                found[name] = shape
        return found

    def remove(self, table: str, name: str) -> None:
        """Remove a landing file, and the folders below its table's that are empty then."""
        path = self.folder(table) / name
        path.unlink(missing_ok=True)
        self._unsynced.add(remove_empty(path.parent, self.folder(table)))
        self._index.drop(self._key(path))

    def save_index(self) -> None:
        """Write the cache; a cache that cannot be written is no error."""
        self._save({name: self.names(name) for name in self._tables})

    def _save(self, files: Mapping[str, Iterable[str]]) -> None:
        folders = ((self._tables[table].folder, names) for table, names in files.items())
        self._index.save(f"{folder}/{name}" for folder, names in folders for name in names)

    def _facts(self, place: str) -> FileFacts:
        stamp = stamp_of(place)
        entry = self._index.get(place[self._below :])
        if entry is not None and entry.stamp == stamp and is_settled(entry.stamp, entry.hashed_ns):
            return entry.facts
        path, begun = Path(place), time.time_ns()
        try:
            with path.open("rb") as stream:
                facts = read_facts(pieces(stream), path.name, str(path))
        except OSError as error:
            raise StediError(
                f"Cannot read {shown(str(path))}: {error.strerror}.",
                hint="Upload it again with `stedi upload`.",
            ) from error
        if stamp_of(path) != stamp:
            raise StediError(f"{shown(str(path))} changed while it was read.", hint="Try again.")
        self._remember(path, facts, begun)
        return facts

    def _remember(self, path: Path, facts: FileFacts, hashed_ns: int) -> None:
        before = self._index.get(self._key(path))
        same = before is not None and before.facts.sha256 == facts.sha256
        origin = before.origin if before and same else None
        self._index[self._key(path)] = Entry(stamp_of(path), hashed_ns, facts, origin)

    def _key(self, path: Path) -> str:
        return str(path)[self._below :]
