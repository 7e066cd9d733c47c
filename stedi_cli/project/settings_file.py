"""The shapes of ``configs/local.yaml`` and ``configs/aws.yaml``.

Imported late, since pydantic costs start-up time.
"""

from __future__ import annotations

from itertools import permutations
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

Size = Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$")]
Price = Annotated[float, Field(ge=0, strict=False, allow_inf_nan=False)]


def _refuse_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("No path or name can hold the character NUL")
    return text


def _refuse_reserved(name: str) -> str:
    if name.startswith(("xn--", "sthree-", "amzn-s3-demo-")) or name.endswith(
        ("-s3alias", "--ol-s3", "--x-s3", "--table-s3")
    ):
        raise ValueError("S3 keeps names of that kind for itself")
    return name


Text = Annotated[str, StringConstraints(min_length=1, max_length=4096), AfterValidator(_refuse_nul)]
Bucket = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]$"),
    AfterValidator(_refuse_reserved),
]


def _refuse_glues_own(name: str) -> str:
    if name in ("default", "jobs", "sessions", "testconnection"):
        raise ValueError("Glue uses that name itself, for a database or for its log groups")
    return name


def _refuse_no_port(url: str) -> str:
    # Raises ValueError where boto3 would only in the middle of a call.
    _ = urlsplit(url).port
    return url


def _refuse_taken_tag(key: str) -> str:
    if key.lower().startswith(("aws:", "stedi:")):
        raise ValueError("keys that begin with aws: or stedi: are taken")
    return key


# S3's and Glue's own rules, narrowed to what needs no escaping anywhere.
Prefix = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}(/[a-z0-9_-]+){0,4}$")]
Database = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,126}$"),
    AfterValidator(_refuse_glues_own),
]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
Url = Annotated[
    str, StringConstraints(pattern=r"^https?://[^\s/?#]+/?$"), AfterValidator(_refuse_no_port)
]
# Rules of the service with the strictest ones.
_TAG = r"^[\w .:/=+\-@]*$"
TagKey = Annotated[
    str,
    StringConstraints(pattern=_TAG, min_length=1, max_length=127),
    AfterValidator(_refuse_taken_tag),
]
TagValue = Annotated[str, StringConstraints(pattern=_TAG, max_length=256)]
WorkerType = Literal[
    "G.1X", "G.2X", "G.4X", "G.8X", "G.12X", "G.16X", "R.1X", "R.2X", "R.4X", "R.8X"
]


class _File(BaseModel):
    """What both targets have; every field is documented in the files that come along."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    policy: Text = "strict"
    data: Text = "data/sample"
    max_bad_rows: Text | Annotated[int, Field(ge=0, lt=10**18)] = "1%"
    keep_snapshots: Annotated[int, Field(ge=1, le=1000)] = 10


class LocalFile(_File):
    """The whole of ``configs/local.yaml``."""

    target: Literal["local"] = "local"
    root: Text = ".stedi"
    access: Literal["owner", "group"] = "owner"
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
    tags: Annotated[dict[TagKey, TagValue], Field(max_length=40)] = {}
    glue_version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+$")] = "6.0"
    worker_type: WorkerType = "G.1X"
    workers: Annotated[int, Field(ge=2, le=299)] = 2
    flex: bool = False
    timeout_minutes: Annotated[int, Field(ge=1, le=10080)] = 30
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    vpc: Annotated[str, StringConstraints(pattern=r"^vpc-[0-9a-f]+$")] | None = None
    route_tables: list[Annotated[str, StringConstraints(pattern=r"^rtb-[0-9a-f]+$")]] | None = None
    s3_endpoint: bool = True
    scan_limit: Annotated[int, Field(ge=10_000_000, lt=2**63)] = 1_000_000_000
    results_days: Annotated[int, Field(ge=1, le=3650)] = 7
    price_dpu_hour: Price = 0.44
    price_flex_dpu_hour: Price = 0.29
    price_terabyte_scanned: Price = 5.0

    @model_validator(mode="after")
    def _prefixes_apart(self) -> Self:
        prefixes = [self.landing_prefix, self.warehouse_prefix]
        prefixes += [self.jobs_prefix, self.results_prefix]
        for outer, inner in permutations(prefixes, 2):
            if f"{inner}/".startswith(f"{outer}/"):
                how = "is there twice" if inner == outer else f"lies inside {outer}"
                raise ValueError(f"prefix {inner} {how}: each needs a place of its own")
        return self

    @model_validator(mode="after")
    def _flex_workers(self) -> Self:
        if self.flex and self.worker_type not in ("G.1X", "G.2X"):
            raise ValueError(f"flex goes with worker type G.1X or G.2X, not {self.worker_type}")
        return self
