"""The shape of expected counts on disk; imported late, since pydantic costs start-up time."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, lt=2**63)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FigureEntry(_Entry):
    """Another count that people meet."""

    table: str
    rows: Count
    means: str


class DataSetEntry(_Entry):
    """A data set whose counts are known, such as ``expected.yaml`` beside generated data."""

    source: str
    files: dict[str, Digest]
    counts: dict[str, dict[str, Count]]
    quarantine: dict[str, dict[str, Count]] = {}
    nobody: Count = 0
    figures: list[FigureEntry] = []
    course: bool = False
    archive: str | None = None
    folder: str = ""


class ExpectedFile(_Entry):
    """``configs/expected.yaml``."""

    data_sets: list[DataSetEntry]
