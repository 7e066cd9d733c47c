"""The landing zone on S3: one prefix a table, and an index of what each file's bytes tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from stedi_cli.aws.account import aws_errors, side_by_side
from stedi_cli.aws.backoff import Backoff
from stedi_cli.aws.landing_index import Entry, LandingIndex
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.storage import Storage, Stored, is_no_object
from stedi_cli.errors import StediError
from stedi_cli.landing.file_facts import FileFacts, pieces, read_facts
from stedi_cli.landing.files import LandingState
from stedi_cli.landing.lines import lines_at, unpacked
from stedi_cli.landing.names import is_landing_name, is_safe_name, shown
from stedi_cli.landing.origin import Origin
from stedi_cli.landing.shapes import shape_in
from stedi_cli.landing.text_shapes import Shape
from stedi_cli.masking import aws_said
from stedi_cli.project.lakehouse import Table

_MOST_DELETED = 1000


class LandingZone:
    """The landing files of a lakehouse on S3.

    Args:
        layout: Names.
        backoff: How to wait.
    """

    def __init__(self, layout: Layout, backoff: Backoff) -> None:
        self._layout = layout
        self.storage = Storage(layout)
        self._index = LandingIndex(layout, self.storage, backoff)
        self._listed: dict[str, dict[str, Stored]] | None = None

    def key(self, table: str, file: str) -> str:
        """Return the key of a landing file."""
        return self._layout.landing_folder(self._tables[table]) + file

    def states(self) -> dict[str, LandingState]:
        """Return the state of every landing table.

        What the index does not know is read once, and the index is written.

        Raises:
            StediError: If the bucket or an object cannot be read, or an object's name not used.
            UsageError: If a gzip file is broken, or a suffix not that of the content.
        """
        found = self.listed()
        unread = [
            (table, file)
            for table, files in found.items()
            for file in files
            if self.known(table, file) is None
        ]
        side_by_side([partial(self._read_facts, table, file) for table, file in unread])
        index = self._index.entries()
        states = {
            table: LandingState({f: index[self.key(table, f)].facts for f in sorted(files)})
            for table, files in found.items()
        }
        self.save_index()
        return states

    def listed(self) -> dict[str, dict[str, Stored]]:
        """Return the landing files by table and name, and read the index beside them."""
        if self._listed is None:
            # In this order: what an upload noted before the first is of files in the second.
            self._index.entries()
            self._listed = self._list()
        return self._listed

    def in_no_folder(self) -> int:
        """Return how many files lie beside the tables' folders, where nobody reads them."""
        listed = self.storage.list(f"{self._layout.settings.landing_prefix}/")
        return sum("/" not in name and is_landing_name(name) for name in listed)

    def known(self, table: str, file: str) -> FileFacts | None:
        """Return the facts of a landing file, where they are known without reading it."""
        found = self.listed()[table].get(file)
        entry = self._index.entries().get(self.key(table, file))
        if found is None or entry is None:
            return None
        return entry.facts if entry.is_of(found) else None

    def remember(self, table: str, file: str, entry: Entry) -> None:
        """Take over the facts of a file that was just written or read."""
        key, entries = self.key(table, file), self._index.entries()
        entries[key] = entry.after(entries.get(key))
        self.listed()[table][file] = Stored(entry.etag, entry.facts.size)

    def remember_origins(self, origins: Mapping[tuple[str, str], Origin]) -> None:
        """Keep what files of landing tables were converted from."""
        for (table, file), origin in origins.items():
            key = self.key(table, file)
            self._index.entries()[key] = replace(self._index.entries()[key], origin=origin)

    def origin(self, table: str, file: str) -> Origin | None:
        """Return what a table's file was converted from; None where it was not, or is unknown."""
        entry = self._index.entries().get(self.key(table, file))
        return entry.origin if entry else None

    def remove(self, table: str, files: Sequence[str]) -> None:
        """Remove landing files."""
        storage = self.storage
        for start in range(0, len(files), _MOST_DELETED):
            keys = [{"Key": self.key(table, f)} for f in files[start : start + _MOST_DELETED]]
            with aws_errors(f"s3:DeleteObject {self._layout.landing_folder(self._tables[table])}"):
                answer = storage.s3.delete_objects(
                    **storage.place(), Delete={"Objects": keys, "Quiet": True}
                )
            for error in answer.get("Errors", ()):
                said = aws_said(str(error.get("Message") or error.get("Code", "")))
                raise StediError(f"Cannot remove {shown(error['Key'])}: {said}.")
        for file in files:
            self.listed()[table].pop(file, None)

    def forget(self) -> None:
        """List the files and read the index again when they are next asked for."""
        self._listed = None
        self._index.forget()

    def refuse_changed(self, states: dict[str, LandingState]) -> None:
        """Raise StediError if tables' files are no longer those of states read before."""
        listings = self._list()
        for name, now in ((name, listings[name]) for name in states):
            entries = {file: self._index.entries().get(self.key(name, file)) for file in now}
            same = set(now) == set(states[name].files) and all(
                entry is not None and entry.is_of(found)
                for entry, found in zip(entries.values(), now.values(), strict=True)
            )
            if not same:
                raise StediError(
                    f"Landing files of {name} changed during the run.", hint="Run the job again."
                )

    def lines(self, places: Sequence[tuple[str, str, int]]) -> list[str]:
        """Return lines by table, file and line number; a line that is gone reads as such."""
        wanted: dict[tuple[str, str], set[int]] = {}
        for table, file, line in places:
            if table in self._tables:
                wanted.setdefault((table, file), set()).add(line)
        calls = [partial(self._lines, *place, numbers) for place, numbers in wanted.items()]
        found: dict[tuple[str, str, int], str] = {}
        for (table, file), lines in zip(wanted, side_by_side(calls), strict=True):
            found |= {(table, file, number): text for number, text in lines.items()}
        return [found.get(place, "(no longer there)") for place in places]

    def shapes(self, table: str, files: Sequence[str]) -> dict[str, Shape]:
        """Return what those of a table's files are that are no JSON lines."""

        def look(file: str) -> Shape | None:
            try:
                with self.storage.opened(self.key(table, file)) as (stream, _):
                    return shape_in(stream, self._tables[table])
            except StediError as error:
                if not is_no_object(error):
                    raise
                return None

        looked = side_by_side([partial(look, file) for file in files])
        return {file: shape for file, shape in zip(files, looked, strict=True) if shape}

    def save_index(self) -> None:
        """Write the index if it changed; one that cannot be written is no error."""
        self._index.save(self._objects(), self._listed_again)

    def _objects(self) -> dict[str, Stored]:
        listed = self.listed()
        return {self.key(table, f): found for table in listed for f, found in listed[table].items()}

    def _listed_again(self) -> dict[str, Stored]:
        self._listed = None
        return self._objects()

    @property
    def _tables(self) -> dict[str, Table]:
        return self._layout.lakehouse.landing

    def _list(self) -> dict[str, dict[str, Stored]]:
        # All prefixes in one call.
        whole = f"{self._layout.settings.landing_prefix}/"
        found = self.storage.list(whole)
        listed: dict[str, dict[str, Stored]] = {}
        for table in self._tables.values():
            prefix = self._layout.landing_folder(table)
            inside = prefix.removeprefix(whole)
            names = sorted(name.removeprefix(inside) for name in found if name.startswith(inside))
            files = {name: found[inside + name] for name in names if is_landing_name(name)}
            for name in files:
                _refuse_unsafe(name, self._layout.uri(prefix + name))
            listed[table.name] = files
        return listed

    def _read_facts(self, table: str, file: str) -> None:
        key = self.key(table, file)
        with self.storage.opened(key) as (stream, etag):
            facts = read_facts(pieces(stream), file, self._layout.uri(key))
        # What was read, should it have been replaced since it was listed.
        self.remember(table, file, Entry(etag, facts))

    def _lines(self, table: str, file: str, numbers: set[int]) -> dict[int, str]:
        key = self.key(table, file)
        try:
            with self.storage.opened(key) as (stream, _):
                return lines_at(unpacked(stream, file), shown(self._layout.uri(key)), numbers)
        except StediError as error:
            if not is_no_object(error):
                raise
            return {}


def _refuse_unsafe(name: str, uri: str) -> None:
    if not is_safe_name(name):
        raise StediError(
            f"{shown(uri)}: that name cannot be used in the landing zone.",
            hint="Remove the object, then upload the file under another name.",
        )
