"""The shape of ``configs/lakehouse.yaml``; imported late, since pydantic costs start-up time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

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
