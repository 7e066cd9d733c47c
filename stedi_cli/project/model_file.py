"""The shape of ``configs/lakehouse.yaml``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from stedi_cli.project.naming import NAME
from stedi_cli.project.shape import Held

Name = Annotated[str, Held(pattern=f"^{NAME}$")]
Reference = Annotated[str, Held(pattern=r"^[A-Za-z0-9_]+\.[A-Za-z0-9_]+$")]


@dataclass(frozen=True)
class ColumnEntry:
    """A column of a table."""

    name: Name
    type: Literal["string", "long", "double"]
    doc: str
    required: bool = False
    personal: bool = False
    instant: bool = False

    def refuse_contradictions(self) -> None:
        """Raise ValueError where what is right each does not go together."""
        if self.instant and self.type != "long":
            raise ValueError("an instant is a long: epoch milliseconds")


@dataclass(frozen=True)
class InstantsEntry:
    """The first day that an instant may be of, and the first day that it may not."""

    since: date = date(2000, 1, 1)
    before: date = date(2100, 1, 1)

    def refuse_contradictions(self) -> None:
        """Raise ValueError where what is right each does not go together."""
        if not date(1970, 1, 1) < self.since < self.before:
            raise ValueError("since has to be after 1970-01-01, and before later than since")

    @property
    def plausible(self) -> range:
        """The epoch milliseconds that an instant may be."""
        ends = (datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (self.since, self.before))
        return range(*(round(end.timestamp()) * 1000 for end in ends))


@dataclass(frozen=True)
class HeldBackEntry:
    """The columns that tell whose a line is, and of when."""

    email: Name
    instant: Name
    serialNumber: Name | None = None  # noqa: N815 - as the column of the table that it fills


@dataclass(frozen=True)
class TableEntry:
    """A table."""

    zone: Literal["landing", "trusted", "curated", "quarantine"]
    doc: str
    folder: Name | None = None
    columns: list[ColumnEntry | Reference] = field(default_factory=list)
    columns_of: Name | None = None
    key: list[Name] = field(default_factory=list)
    personal: bool = True
    held_back: HeldBackEntry | None = None


@dataclass(frozen=True)
class JobEntry:
    """A job."""

    doc: str
    reads: list[Name]
    writes: Name


@dataclass(frozen=True)
class PolicyEntry:
    """A policy."""

    doc: str
    breaks: list[Name] = field(default_factory=list)


@dataclass(frozen=True)
class ModelFile:
    """The whole file."""

    tables: dict[Name, TableEntry]
    jobs: dict[Name, JobEntry]
    policies: dict[Name, PolicyEntry] = field(default_factory=dict)
    instants: InstantsEntry = field(default_factory=InstantsEntry)
