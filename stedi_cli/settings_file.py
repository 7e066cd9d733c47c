"""The shape of ``configs/local.yaml``; imported late, since pydantic costs start-up time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Size = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class LocalFile(BaseModel):
    """The whole file; every field is documented in the file that comes with the project."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    target: Literal["local"] = "local"
    root: Text = ".stedi"
    policy: Text = "strict"
    data: Text = "data/sample"
    max_bad_rows: Text | int = "1%"
    keep_snapshots: Annotated[int, Field(ge=1, le=1000)] = 10
    memory_limit: Size | None = None
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    temp_limit: Size = "20GB"
    spark_memory: Annotated[str, StringConstraints(pattern=r"^\d+[mg]$")] = "4g"
