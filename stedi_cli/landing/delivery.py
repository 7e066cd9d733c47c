"""What somebody delivers: the landing files in a folder, and keys in them that nobody knows."""

from __future__ import annotations

import io
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

from stedi_cli.errors import UsageError, some
from stedi_cli.landing.lines import numbered, open_lines
from stedi_cli.landing.look import (
    is_unfinished,
    read_head,
    says_json,
    stored_name,
    why_not_taken,
)
from stedi_cli.landing.names import (
    is_consent_name,
    is_stored_name,
    refuse_addresses,
    refuse_unsafe_name,
    shown,
)
from stedi_cli.landing.shapes import begins_with_record, shape_in
from stedi_cli.landing.table_folders import TableFolders
from stedi_cli.landing.text_shapes import Shape
from stedi_cli.project.lakehouse import Table

# Lines of a table in which unknown keys are looked for, and of each no more bytes than these.
_LOOKED_AT = 1000
_LOOKED_INTO = 1 << 20
# Of what is in a folder that cannot be used, so many are named.
_FEW = 4


@dataclass(frozen=True)
class Source:
    """A delivered file: its name in the landing zone, and where its bytes are."""

    name: str
    path: Path


@dataclass(frozen=True)
class Delivery:
    """What is taken of a folder, and what is not.

    Args:
        folder: The folder that holds the tables' folders.
        files: The landing files by table, sorted by name; of a table without a file none.
        not_taken: What else is there, and why it is not taken.
        hidden: How many markers, hidden files and hidden folders there are beside.
        shapes: What those of the landing files are that are no JSON lines, by where they lie.
    """

    folder: Path
    files: Mapping[str, Sequence[Source]]
    not_taken: tuple[tuple[Path, str], ...] = ()
    hidden: int = 0
    shapes: Mapping[Path, Shape] = field(default_factory=dict)

    def others(self, table: str, names: Iterable[str]) -> list[str]:
        """Return those of a table's landing files that are not in it, nor could be in any."""
        others = set(names) - {source.name for source in self.files[table]}
        # Without them, who withdrew would agree again.
        return sorted(name for name in others if not is_consent_name(name))

    def replaces(self, table: str, names: Iterable[str]) -> list[str]:
        """Return those in whose place it can be put: an upload may have stored them.

        Where it has no file of the table, there are none.
        """
        others = self.others(table, names) if self.files[table] else []
        return list(filter(is_stored_name, others))


def find_files(folder: Path, tables: Iterable[Table], apart: Path | None = None) -> Delivery:
    """Find the landing files below a folder.

    Args:
        folder: Holds a folder a table, or one folder does at whatever depth that holds them.
        tables: The landing tables.
        apart: A folder that is no part of a delivery wherever it lies: the lakehouse's own.

    Returns:
        The delivery.

    Raises:
        UsageError: If the folder is missing or no folder, none or several in it hold landing
            files, a file has an unusable name, two would get one name, or one is a link to a
            place outside.
        StediError: If a file cannot be read.
    """
    tables = list(tables)
    wanted = ", ".join(f"{table.folder}/" for table in tables)
    _refuse_no_folder(folder, wanted)
    search = TableFolders(folder, tables, apart)
    by_name = {table.name: table for table in tables}
    found = [_delivery(search, place, by_name) for place in search.places()]
    usable = [delivery for delivery in found if any(delivery.files.values())]
    if len(usable) > 1:
        places = some([shown(str(delivery.folder)) for delivery in usable], _FEW)
        raise UsageError(
            f"{folder} holds landing files in {len(usable)} places: {places}.",
            hint="Name one of them.",
        )
    if not usable:
        left = [f"{path}: {why}" for delivery in found for path, why in delivery.not_taken]
        raise _nothing_in(folder, left, search, wanted)
    return usable[0]


def _refuse_no_folder(folder: Path, wanted: str) -> None:
    expected = f"Expected a folder with {wanted} below it"
    if folder.is_file():
        import tarfile
        import zipfile

        if zipfile.is_zipfile(folder) or tarfile.is_tarfile(folder):
            raise UsageError(
                f"{folder} is an archive.", hint=f"{expected}: unpack it, and name the folder."
            )
        raise UsageError(
            f"{folder} is a single file.",
            hint=f"{expected}: put the file into its table's, and name the one above.",
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", hint=f"{expected}.")
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", hint="Name a folder with landing files.")


def _nothing_in(folder: Path, left: Sequence[str], search: TableFolders, wanted: str) -> UsageError:
    held = left or search.held()
    named = some([shown(name) for name in held], _FEW) or "nothing"
    hint = f"Expected {wanted} below it, with files of JSON lines, plain or gzip."
    if (table := search.table_called(folder.resolve().name)) is not None:
        hint = f"It is the folder of {table} itself: name the one above it."
    return UsageError(f"{folder} holds no landing files, but {named}.", hint=hint)


def _delivery(search: TableFolders, place: Path, by_name: Mapping[str, Table]) -> Delivery:
    found = search.below(place)
    files: dict[str, list[Source]] = {}
    not_taken = list(found.others)
    shapes: dict[Path, Shape] = {}
    for table, named in found.files.items():
        sources: list[Source] = []
        for name, path in sorted(named):
            head = read_head(path)
            shape = shape_in(io.BytesIO(head), by_name[table])
            why = why_not_taken(path, head)
            if shape is not None and not is_unfinished(path.name) and not says_json(path.name):
                why = "" if begins_with_record(head, shape) else f"it is {shape}"
            if why:
                not_taken.append((path, why))
            else:
                if shape is not None:
                    shapes[path] = shape
                sources.append(Source(stored_name(name, head), path))
        refuse_addresses(place, (source.name for source in sources))
        for source in sources:
            refuse_unsafe_name(source.name, str(source.path))
        _refuse_clashes(sources)
        files[table] = sorted(sources, key=lambda source: source.name)
    return Delivery(place, files, tuple(sorted(not_taken)), found.hidden, shapes)


def _refuse_clashes(sources: Sequence[Source]) -> None:
    """Refuse two files that would be one in some landing zone, or one the other's folder."""
    taken: dict[str, Source] = {}
    for source in sources:
        # As file systems compare names that know no case.
        key = unicodedata.normalize("NFC", source.name).casefold()
        if key in taken:
            raise _clash(taken[key], source)
        taken[key] = source
    for key, source in taken.items():
        for above in PurePosixPath(key).parents:
            if str(above) in taken:
                raise _clash(taken[str(above)], source)


def _clash(one: Source, other: Source) -> UsageError:
    return UsageError(
        f"{shown(str(one.path))} and {shown(str(other.path))} would get one name in the landing"
        f" zone, {min(one.name, other.name)}.",
        hint="Rename one of them, or remove it if they are the same.",
    )


def unknown_keys(files: Sequence[Path], table: Table) -> dict[Path, frozenset[str]]:
    """Return keys in the first lines of landing files that their table does not know.

    Args:
        files: The files; where they are many, some of them are looked at.
        table: Their table; its columns' names are matched in their exact case.

    Returns:
        The keys by file; they are ignored when it is read.
    """
    known = {column.name for column in table.columns}
    found: dict[Path, frozenset[str]] = {}
    looked_at = files[:: -(-len(files) // _LOOKED_AT) or 1]
    left = _LOOKED_AT
    for place, path in enumerate(looked_at):
        # What a short file leaves goes to the others.
        share = left // (len(looked_at) - place)
        keys: set[str] = set()
        with open_lines(path) as stream:
            for line in islice(numbered(stream, _LOOKED_INTO), share):
                left -= 1
                keys |= _keys(line.content)
        if keys - known:
            found[path] = frozenset(keys - known)
    return found


def _keys(line: bytes) -> set[str]:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return set()
    return set(parsed) if isinstance(parsed, dict) else set()
