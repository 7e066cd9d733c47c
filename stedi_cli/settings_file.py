"""The shapes of ``configs/local.yaml`` and ``configs/aws.yaml``.

Imported late, since pydantic costs start-up time.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Size = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Price = Annotated[float, Field(ge=0, strict=False)]


def _refuse_reserved(name: str) -> str:
    if name.startswith(("xn--", "sthree-", "amzn-s3-demo-")) or name.endswith(
        ("-s3alias", "--ol-s3", "--x-s3", "--table-s3")
    ):
        raise ValueError("S3 keeps names of that kind for itself")
    return name


Bucket = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]$"),
    AfterValidator(_refuse_reserved),
]
# S3's and Glue's own rules, narrowed to what needs no escaping anywhere.
Prefix = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}(/[a-z0-9_-]+){0,4}$")]
Database = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,126}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+/?$")]


class _File(BaseModel):
    """What both targets have; every field is documented in the files that come along."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    policy: Text = "strict"
    data: Text = "data/sample"
    max_bad_rows: Text | int = "1%"
    keep_snapshots: Annotated[int, Field(ge=1, le=1000)] = 10


class LocalFile(_File):
    """The whole of ``configs/local.yaml``."""

    target: Literal["local"] = "local"
    root: Text = ".stedi"
    memory_limit: Size | None = None
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    temp_limit: Size = "20GB"
    spark_memory: Annotated[str, StringConstraints(pattern=r"^\d+[mg]$")] = "4g"


class AwsFile(_File):
    """The whole of ``configs/aws.yaml``."""

    target: Literal["aws"]
    region: Region | None = None
    profile: Text | None = None
    endpoint_url: Url | None = None
    bucket: Bucket | None = None
    landing_prefix: Prefix = "landing"
    warehouse_prefix: Prefix = "warehouse"
    jobs_prefix: Prefix = "jobs"
    results_prefix: Prefix = "athena-results"
    database: Database = "stedi"
    role: Name = "stedi-glue"
    job_prefix: Name = "stedi-"
    work_group: Name = "stedi"
    tags: dict[Text, str] = {}
    glue_version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+$")] = "6.0"
    worker_type: Annotated[str, StringConstraints(pattern=r"^[GR]\.\d{1,2}X$")] = "G.1X"
    workers: Annotated[int, Field(ge=2, le=299)] = 2
    flex: bool = False
    timeout_minutes: Annotated[int, Field(ge=1, le=10080)] = 30
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    vpc: Annotated[str, StringConstraints(pattern=r"^vpc-[0-9a-f]+$")] | None = None
    route_tables: list[Annotated[str, StringConstraints(pattern=r"^rtb-[0-9a-f]+$")]] | None = None
    s3_endpoint: bool = True
    scan_limit: Annotated[int, Field(ge=10_000_000)] = 1_000_000_000
    results_days: Annotated[int, Field(ge=1, le=3650)] = 7
    price_dpu_hour: Price = 0.44
    price_flex_dpu_hour: Price = 0.29
    price_terabyte_scanned: Price = 5.0
