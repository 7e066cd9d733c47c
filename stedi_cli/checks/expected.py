"""Expected row counts, keyed by the contents of the landing files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from stedi_cli.checks.expected_file import DataSetEntry, ExpectedFile
from stedi_cli.errors import UsageError
from stedi_cli.landing.files import LandingState, contents
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
        figures: Other counts that people meet: table, rows, and what they mean.
        course: Whether it is the course's own data, whose published counts are always shown.
        archive: Where it can be downloaded, or None.
        folder: Folder of the data set in that archive.
    """

    source: str
    files: dict[str, str]
    counts: dict[str, dict[str, int]]
    figures: list[tuple[str, int, str]] = field(default_factory=list)
    course: bool = False
    archive: str | None = None
    folder: str = ""

    def fits(self, landing: Mapping[str, LandingState], tables: Iterable[Table]) -> bool:
        """Tell whether the landing files are those of this data set, whatever their names."""
        by_folder: dict[str, list[str]] = {}
        for path, digest in self.files.items():
            by_folder.setdefault(path.split("/")[0], []).append(digest)
        return all(
            contents(by_folder.get(str(table.folder), [])) == landing[table.name].contents
            for table in tables
        )


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
