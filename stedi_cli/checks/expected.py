"""Expected row counts, keyed by the contents of the landing files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from stedi_cli.checks.expected_file import DataSetEntry, ExpectedFile
from stedi_cli.errors import UsageError
from stedi_cli.landing.files import LandingState
from stedi_cli.project.lakehouse import Table
from stedi_cli.project.right import Right
from stedi_cli.project.yaml_file import load_checked

FILE_NAME = "expected.yaml"


@dataclass(frozen=True)
class DataSet:
    """A data set whose counts are known.

    Args:
        source: What it is, in a few words.
        files: SHA-256 of each landing file, by its path in the data set.
        counts: Row count by table, by policy.
        sums: The sum over the rows of each landing table, by which they are known in other files.
        quarantine: Unusable lines by landing table and reason.
        figures: Other counts that people meet: table, rows, and what they mean.
        course: Whether it is the course's own data, whose published counts are always shown.
        archive: Where it can be downloaded, or None.
        folder: Folder of the data set in that archive.
    """

    source: str
    files: dict[str, str]
    counts: dict[str, dict[str, int]]
    sums: dict[str, str] = field(default_factory=dict)
    quarantine: dict[str, dict[str, int]] = field(default_factory=dict)
    figures: list[tuple[str, int, str]] = field(default_factory=list)
    course: bool = False
    archive: str | None = None
    folder: str = ""

    def tables(self, landing: Iterable[Table]) -> list[Table]:
        """Return the landing tables that it is of; it says nothing of others."""
        counted = {name for counts in self.counts.values() for name in counts}
        folders = {path.split("/")[0] for path in self.files}
        return [t for t in landing if t.folder in folders or t.name in counted]

    def other_files(self, landing: Mapping[str, LandingState], tables: Iterable[Table]) -> set[str]:
        """Return those of its landing tables whose files are others, whatever their names."""
        return {
            table.name
            for table in self.tables(tables)
            if not len(self.files_of(table))
            == len(self.files_there(table, landing[table.name]))
            == len(landing[table.name].files)
        }

    def files_of(self, table: Table) -> dict[str, str]:
        """Return the SHA-256 of each file of a landing table, by its path."""
        return {
            path: digest
            for path, digest in self.files.items()
            if path.split("/")[0] == table.folder
        }

    def files_there(self, table: Table, state: LandingState) -> dict[str, str]:
        """Return which landing files are its own, packed or not: their names by its paths."""
        own = self.files_of(table)
        by_digest: dict[str, set[str]] = {digest: set() for digest in own.values()}
        for name, facts in state.files.items():
            for digest in (facts.sha256, facts.content):
                if digest in by_digest:
                    by_digest[digest].add(name)
        there: dict[str, str] = {}
        taken: set[str] = set()
        for path, digest in own.items():
            free = by_digest[digest] - taken
            if free:
                # The very bytes before the same ones packed, then the one of that name.
                there[path] = min(
                    free, key=lambda n: (state.files[n].sha256 != digest, not is_called(n, path), n)
                )
                taken.add(there[path])
        return there

    def rows(self, table: str) -> int | None:
        """Return the usable lines of a landing table; None where they are not known."""
        return next((c[table] for c in self.counts.values() if table in c), None)

    def unusable(self, table: str) -> int:
        """Return the unusable lines of a landing table."""
        return sum(self.quarantine.get(table, {}).values())

    def has_as_many(self, table: str, rows: int | None, quarantined: int) -> bool:
        """Tell whether a landing table has as many lines as that of this data set."""
        expected = {counts[table] for counts in self.counts.values() if table in counts}
        return expected == {rows} and quarantined == self.unusable(table)


def is_called(name: str, path: str) -> bool:
    """Tell whether a landing file has the name of a path's file, packed or not."""
    own, other = (text.rsplit("/", 1)[-1].removesuffix(".gz") for text in (name, path))
    return own == other


def shipped(project: Path, right: Right | None = None) -> list[DataSet]:
    """Return the data sets that a project knows: the sample's and those of its configs.

    Args:
        project: The project's folder.
        right: What was found right of its files before.
    """
    found: list[DataSet] = []
    sample = project / "data" / "sample" / FILE_NAME
    if sample.is_file():
        found.append(_data_set(load_checked(sample, DataSetEntry, right)))
    known = project / "configs" / FILE_NAME
    if known.is_file():
        entries = load_checked(known, ExpectedFile, right).data_sets
        found += [_data_set(entry) for entry in entries]
    return found


def uploaded(path: Path, right: Right | None = None) -> DataSet:
    """Read the expected counts that came with uploaded data."""
    return _data_set(load_checked(path, DataSetEntry, right))


def uploaded_entry(path: Path) -> DataSetEntry:
    """Read the expected counts that came with uploaded data, with all that they say."""
    return load_checked(path, DataSetEntry)


def refuse_elsewhere(folder: Path) -> None:
    """Raise UsageError for expected counts in a folder that cannot be used, or lie elsewhere."""
    path = folder / FILE_NAME
    if path.is_file():
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UsageError(
                f"{path} is a link to a place outside {folder}.", hint="Copy the file itself there."
            )
        uploaded(path)


def _data_set(entry: DataSetEntry) -> DataSet:
    raw: dict[str, Any] = {field.name: getattr(entry, field.name) for field in fields(DataSet)}
    raw["figures"] = [(f.table, f.rows, f.means) for f in entry.figures]
    return DataSet(**raw)
