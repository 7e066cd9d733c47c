"""Where in a delivered folder a table's files lie: by the names of folders, at any depth."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stedi_cli.errors import UsageError
from stedi_cli.landing.names import is_hidden, shown
from stedi_cli.project.lakehouse import Table

# What may lie beside the tables' folders and is no landing file.
_BESIDE = "expected.yaml"
_LANDING = "landing"


@dataclass
class Below:
    """What lies below a folder that holds tables' folders.

    Args:
        files: The regular files by table: each one's path below its table's folder, and its path.
        others: What else there is, and why it is no landing file.
        hidden: How many markers, hidden files and hidden folders there are.
    """

    files: dict[str, list[tuple[str, Path]]]
    others: list[tuple[Path, str]] = field(default_factory=list)
    hidden: int = 0


class TableFolders:
    """The tables' folders below a folder.

    A table's folder is called by the model's word, its plural or the table's name, in any case.

    Args:
        whole: The folder, out of which no link leads.
        tables: The landing tables.
        apart: A folder that is passed over.
    """

    def __init__(self, whole: Path, tables: Sequence[Table], apart: Path | None) -> None:
        self._whole = whole
        self._real = whole.resolve()
        self._tables = tables
        self._apart: Path | None = None
        if apart is not None and self._real in apart.resolve().parents:
            self._apart = whole / apart.resolve().relative_to(self._real)
        self._names: dict[str, str] = {}
        # Where two tables would have one, the model's own word is the stronger.
        words = [[str(table.folder) for table in tables], [table.name for table in tables]]
        for named in (*words, [_plural(word) for word in words[0]]):
            for word, table in zip(named, tables, strict=True):
                self._names.setdefault(word.casefold(), table.name)

    def table_called(self, name: str) -> str | None:
        """Return the table whose folder may be called so, if any."""
        return self._names.get(name.casefold())

    def places(self) -> Iterator[Path]:
        """Yield the folders that hold tables' folders, the highest on each way."""
        folders = [self._whole]
        while folders:
            folder = folders.pop()
            inner = [
                entry
                for entry in _entries(folder)
                if _is_folder(entry) and folder / entry.name != self._apart
            ]
            if any(self.table_called(entry.name) for entry in inner):
                yield folder
                continue
            folders += [
                folder / entry.name
                for entry in inner
                if not entry.is_symlink() and not is_hidden(entry.name, folder=True)
            ]

    def held(self) -> list[str]:
        """Return what the folder itself holds, for a person to read."""
        found = [f"{e.name}/" if _is_folder(e) else e.name for e in _entries(self._whole)]
        return [name for name in found if not name.startswith(".")]

    def below(self, place: Path) -> Below:
        """Return what lies below a folder that holds tables' folders.

        Raises:
            UsageError: If a file is where a folder has to be, or a link leads nowhere or outside.
        """
        found = Below({table.name: [] for table in self._tables})
        for entry in _entries(place):
            path = place / entry.name
            table = None if path == self._apart else self.table_called(entry.name)
            if table is not None:
                if not path.is_dir():
                    raise UsageError(f"{path} is not a folder.", hint="Move it away and try again.")
                self._refuse_outside(entry, path)
                found.files[table] += self._walk(path, found)
            elif is_hidden(entry.name, folder=path.is_dir()):
                found.hidden += 1
            elif path == self._apart:
                found.others.append((path, "it is the lakehouse itself"))
            elif path.is_dir():
                found.others.append((path, "no table has that folder"))
            elif entry.name != _BESIDE:
                found.others.append((path, "it is in no table's folder"))
        return found

    def _walk(self, top: Path, found: Below) -> Iterator[tuple[str, Path]]:
        """Yield the regular files below a table's folder; what else there is, is added."""
        folders = [(top, "")]
        while folders:
            folder, above = folders.pop()
            for entry in _entries(folder):
                path, name = folder / entry.name, f"{above}{entry.name}"
                inner = _is_folder(entry)
                landing = not above and entry.name.casefold() == _LANDING
                if is_hidden(entry.name, folder=inner):
                    found.hidden += 1
                    continue
                self._refuse_outside(entry, path)
                if path == self._apart:
                    found.others.append((path, "it is the lakehouse itself"))
                elif inner and entry.is_symlink() and not landing:
                    found.others.append((path, "it is a link to a folder"))
                elif inner:
                    # Names begin below it, as they do in a folder without it.
                    folders.append((path, "./" if landing else f"{name}/"))
                elif landing:
                    raise UsageError(f"{path} is not a folder.", hint="Move it away and try again.")
                elif entry.is_file():
                    yield name.removeprefix("./"), path
                else:
                    found.others.append((path, "it is no regular file"))

    def _refuse_outside(self, entry: os.DirEntry[str], path: Path) -> None:
        if not entry.is_symlink():
            return
        if not path.exists():
            raise UsageError(
                f"{shown(str(path))} is a link to nothing.", hint="Remove it and try again."
            )
        if not path.resolve().is_relative_to(self._real):
            raise UsageError(
                f"{shown(str(path))} is a link to a place outside {self._whole}.",
                hint="Copy the file itself there.",
            )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # The entry itself raises an error for a link in a circle.
    return Path(entry.path).is_dir() if entry.is_symlink() else entry.is_dir()


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith(("ry", "ty")) else f"{word}s"
