"""Where a lakehouse lives and how it runs: the checked configuration file, with what wins over it.

A setting stands in two places: here, and with its meaning in ``configs/local.yaml`` or
``configs/aws.yaml``. Imported late, since pydantic costs start-up time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetPydanticSchema,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic_core.core_schema import with_info_after_validator_function

from stedi_cli.errors import UsageError
from stedi_cli.project import folder as project
from stedi_cli.project.yaml_file import check_model, load_yaml

if TYPE_CHECKING:
    from stedi_cli.project.lakehouse import Lakehouse

MARKER = "stedi.json"
"""The file that makes a folder of this machine a lakehouse."""

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


def _read_as(given: Any, read: Callable[[Any, ValidationInfo], Any]) -> GetPydanticSchema:
    """Check a value as the type that a file gives it in, and turn it into that of the field."""
    return GetPydanticSchema(
        lambda _, handler: with_info_after_validator_function(read, handler.generate_schema(given))
    )


def _path(text: str, _: ValidationInfo) -> Path:
    return Path(os.path.expanduser(text)).resolve()  # noqa: PTH111 - takes any user


def _path_in_project(text: str, info: ValidationInfo) -> Path:
    folder: Path = (info.context or {})["project"]
    return folder / os.path.expanduser(text)  # noqa: PTH111


def _limit(given: str | int, _: ValidationInfo) -> float | int:
    return parse_bad_rows(str(given))


class _Settings(BaseModel):
    """What both places have."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    policy: Text = "strict"
    data: Annotated[Path, _read_as(Text, _path_in_project)] = Field(
        "data/sample", validate_default=True
    )
    max_bad_rows: Annotated[
        float | int, _read_as(Text | Annotated[int, Field(ge=0, lt=10**18)], _limit)
    ] = Field("1%", validate_default=True)
    keep_snapshots: Annotated[int, Field(ge=1, le=1000)] = 10

    _config: Path
    _project: Path

    def model_post_init(self, context: Any) -> None:
        """Keep which file these settings are of."""
        self._config, self._project = context["config"], context["project"]

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self._config

    @property
    def project(self) -> Path:
        """Folder of jobs, configs and data."""
        return self._project

    def lakehouse(self) -> Lakehouse:
        """Load the project's model."""
        from stedi_cli.project.model import load

        return load(self.project)


class LocalSettings(_Settings):
    """The whole of ``configs/local.yaml``."""

    target: Literal["local"] = "local"
    root: Annotated[Path, _read_as(Text, _path)] = Field(".stedi", validate_default=True)
    access: Literal["owner", "group"] = "owner"
    memory_limit: Size | None = None
    check_memory: Size | None = "512MB"
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    temp_limit: Size = "20GB"
    spark_memory: Annotated[str, StringConstraints(pattern=r"^\d+[mg]$")] = "4g"


class AwsSettings(_Settings):
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


Settings = LocalSettings | AwsSettings


def load_settings(
    config: Path | None = None,
    *,
    root: Path | None = None,
    policy: str | None = None,
    max_bad_rows: str | None = None,
) -> Settings:
    """Load the settings: command line over environment over file over default.

    Args:
        config: Configuration file named on the command line.
        root: Root named on the command line.
        policy: Policy named on the command line.
        max_bad_rows: Limit of unusable lines named on the command line.

    Returns:
        The settings, with absolute paths.

    Raises:
        UsageError: If the configuration cannot be used.
    """
    environ = os.environ
    if config is None and environ.get("STEDI_CONFIG"):
        config = Path(environ["STEDI_CONFIG"])
    folder, path = project.find(config)
    content = load_yaml(path)
    on_aws = isinstance(content, dict) and content.get("target") == "aws"
    overrides = {
        "policy": named_policy(policy),
        "max_bad_rows": max_bad_rows,
        # There is no folder on AWS that a root could be.
        "root": None if on_aws else str(root) if root else environ.get("STEDI_ROOT") or None,
    }
    given = {key: value for key, value in overrides.items() if value is not None}
    kind: type[Settings] = AwsSettings if on_aws else LocalSettings
    return check_model(path, content, kind, given, {"config": path, "project": folder})


def named_policy(policy: str | None) -> str | None:
    """Return the policy that the command line names, else the environment; None for neither."""
    return policy or os.environ.get("STEDI_POLICY") or None


def parse_bad_rows(text: str) -> float | int:
    """Read a limit of unusable lines.

    Args:
        text: A number of lines (``100``) or a share of a table's lines (``1%``).

    Returns:
        An int for a number, a float between 0 and 1 for a share.

    Raises:
        UsageError: If it is neither.
    """
    found = re.fullmatch(r"(\d{1,18})|(\d{1,3}(?:\.\d{1,9})?) ?%", text.strip())
    if found is None or float(found[2] or 0) > 100:
        raise UsageError(
            f"max_bad_rows: {text!r} is no limit.", hint="Give lines (100) or a share (1%)."
        )
    return int(found[1]) if found[1] else float(found[2]) / 100
