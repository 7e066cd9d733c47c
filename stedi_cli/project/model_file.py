"""The shape of ``configs/lakehouse.yaml``; imported late, since pydantic costs start-up time."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from stedi_cli.project.naming import NAME

Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+\.[A-Za-z0-9_]+$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ColumnEntry(_Entry):
    """A column of a table."""

    name: Name
    type: Literal["string", "long", "double"]
    doc: str
    required: bool = False
    personal: bool = False
    instant: bool = False

    @model_validator(mode="after")
    def _is_a_number(self) -> Self:
        if self.instant and self.type != "long":
            raise ValueError("an instant is a long: epoch milliseconds")
        return self


class InstantsEntry(_Entry):
    """The first day that an instant may be of, and the first day that it may not."""

    since: date = date(2000, 1, 1)
    before: date = date(2100, 1, 1)

    @model_validator(mode="after")
    def _are_some(self) -> Self:
        if not date(1970, 1, 1) < self.since < self.before:
            raise ValueError("since has to be after 1970-01-01, and before later than since")
        return self

    @property
    def plausible(self) -> range:
        """The epoch milliseconds that an instant may be."""
        ends = (datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (self.since, self.before))
        return range(*(round(end.timestamp()) * 1000 for end in ends))


class TableEntry(_Entry):
    """A table."""

    zone: Literal["landing", "trusted", "curated", "quarantine"]
    doc: str
    folder: Name | None = None
    columns: list[ColumnEntry | Reference] = []
    columns_of: Name | None = None
    key: list[Name] = []
    personal: bool = True


class JobEntry(_Entry):
    """A job."""

    doc: str
    reads: list[Name]
    writes: Name


class PolicyEntry(_Entry):
    """A policy."""

    doc: str
    breaks: list[Name] = []


class ModelFile(_Entry):
    """The whole file."""

    tables: dict[Name, TableEntry]
    jobs: dict[Name, JobEntry]
    policies: dict[Name, PolicyEntry] = {}
    instants: InstantsEntry = InstantsEntry()
