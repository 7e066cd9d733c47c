"""The shape of expected counts on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from stedi_cli.project.shape import Held

Digest = Annotated[str, Held(pattern=r"^[0-9a-f]{64}$")]
Sum = Annotated[str, Held(pattern=r"^\d{36}$")]
Count = Annotated[int, Held(ge=0, lt=2**63)]


@dataclass(frozen=True)
class FigureEntry:
    """Another count that people meet."""

    table: str
    rows: Count
    means: str


@dataclass(frozen=True)
class DataSetEntry:
    """A data set whose counts are known, such as ``expected.yaml`` beside generated data."""

    source: str
    files: dict[str, Digest]
    counts: dict[str, dict[str, Count]]
    sums: dict[str, Sum] = field(default_factory=dict)
    quarantine: dict[str, dict[str, Count]] = field(default_factory=dict)
    nobody: Count = 0
    held_back: Count = 0
    unreadable: Count = 0
    figures: list[FigureEntry] = field(default_factory=list)
    course: bool = False
    archive: str | None = None
    folder: str = ""


@dataclass(frozen=True)
class ExpectedFile:
    """``configs/expected.yaml``."""

    data_sets: list[DataSetEntry]
