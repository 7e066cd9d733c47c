"""Where a lakehouse lives and how it runs: the checked configuration file, with what wins over it.

A setting stands in two places: here, and with its meaning in ``configs/local.yaml`` or
``configs/aws.yaml``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from stedi_cli.errors import UsageError
from stedi_cli.project import folder as project
from stedi_cli.project.aws_values import (
    BoundaryArn,
    Bucket,
    Choice,
    Connection,
    Database,
    JobArguments,
    KeyArn,
    LakehouseName,
    Name,
    Prefix,
    Region,
    RoleArn,
    RolePath,
    TagKey,
    TagValue,
    Url,
    WorkerType,
)
from stedi_cli.project.right import Right
from stedi_cli.project.shape import Given, Held
from stedi_cli.project.yaml_file import check, load_yaml

if TYPE_CHECKING:
    from stedi_cli.project.lakehouse import Lakehouse

MARKER = "stedi.json"
"""The file that makes a folder of this machine a lakehouse."""
RIGHT = "checked"
"""The file below its root that says what was found right of the project's files."""
ENGINES = {"local": ("duckdb", "spark"), "aws": ("glue",)}
"""What jobs can run on, by target; the first where none is named."""
# As a file would give them.
_DATA: Any = "data/sample"
_BAD_ROWS: Any = "1%"
_UNREADABLE: Any = 0
_ROOT: Any = ".stedi"


def _refuse_nul(text: str) -> None:
    if "\0" in text:
        raise ValueError("No path or name can hold the character NUL")


Size = Annotated[str, Held(pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$")]
Price = Annotated[float, Held(ge=0, strict=False, allow_inf_nan=False)]
Text = Annotated[str, Held(_refuse_nul, min_length=1, max_length=4096)]


def _root_path(text: str, _: Any = None) -> Path:
    return project.resolved(_nearest(_expanded(text)))


def _expanded(text: str) -> Path:
    return Path(os.path.expanduser(text))  # noqa: PTH111 - takes any user


def _nearest(root: Path) -> Path:
    """Return a root that a file names, or a lakehouse there as seen from a folder above.

    Not from above the project, since what is there is of another, nor one of somebody else in a
    folder that is not theirs: what is uploaded would be theirs to read.
    """
    here = Path.cwd()
    if root.is_absolute() or ".." in root.parts or os.path.lexists(here / root):
        return root
    for folder in (here, *here.parents):
        marker = folder / root / MARKER
        with suppress(OSError):
            if marker.stat().st_uid in (os.geteuid(), folder.stat().st_uid):
                return folder / root
        if (folder / project.MODEL).is_file():
            break
    return root


def _path_in_project(text: str, known: Mapping[str, Any]) -> Path:
    folder: Path = known["project"]
    return folder / _expanded(text)


def _bad_rows(given: str | int, _: Any) -> float | int:
    return parse_limit("max_bad_rows", str(given))


def _unreadable(given: str | int, _: Any) -> float | int:
    return parse_limit("max_unreadable_customers", str(given))


_Limit = Text | Annotated[int, Held(ge=0, lt=10**18)]


@dataclass(frozen=True)
class Limits:
    """How much of the landing lines a run takes that cannot be used: a share, or a number of lines.

    Args:
        bad_rows: Most unusable lines of a landing table.
        unreadable_customers: Most lines of customers that do not say whose they are, or which
            serial number is theirs.
    """

    bad_rows: float | int
    unreadable_customers: float | int


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """What both places have."""

    policy: Text = "strict"
    data: Annotated[Path, Given(Text, _path_in_project)] = _DATA
    max_bad_rows: Annotated[float | int, Given(_Limit, _bad_rows)] = _BAD_ROWS
    max_unreadable_customers: Annotated[float | int, Given(_Limit, _unreadable)] = _UNREADABLE
    keep_snapshots: Annotated[int, Held(ge=1, le=1000)] = 10
    config: Path = field(metadata={"in_file": False})
    """The configuration file."""
    project: Path = field(metadata={"in_file": False})
    """Folder of jobs, configs and data."""
    right: Right = field(metadata={"in_file": False}, compare=False)
    """What was found right of the project's files."""

    @property
    def limits(self) -> Limits:
        """How much of the landing lines a run takes that cannot be used."""
        return Limits(self.max_bad_rows, self.max_unreadable_customers)

    def lakehouse(self) -> Lakehouse:
        """Load the project's model."""
        from stedi_cli.project.model import load

        return load(self.project, self.right)


@dataclass(frozen=True, kw_only=True)
class LocalSettings(_Settings):
    """The whole of ``configs/local.yaml``."""

    target: Literal["local"] = "local"
    root: Annotated[Path, Given(Text, _root_path)] = _ROOT
    access: Literal["owner", "group"] = "owner"
    memory_limit: Size | None = None
    check_memory: Size | None = "448MB"
    threads: Annotated[int, Held(ge=1, le=1024)] | None = None
    temp_limit: Size = "20GB"
    spark_memory: Annotated[str, Held(pattern=r"^\d+[mg]$")] = "4g"


@dataclass(frozen=True, kw_only=True)
class AwsSettings(_Settings):
    """The whole of ``configs/aws.yaml``."""

    target: Literal["aws"]
    region: Region | None = None
    profile: Text | None = None
    endpoint_url: Url | None = None
    name: LakehouseName = "stedi"
    bucket: Bucket | None = None
    landing_prefix: Prefix = "landing"
    warehouse_prefix: Prefix = "warehouse"
    jobs_prefix: Prefix = "jobs"
    results_prefix: Prefix = "athena-results"
    database: Database | None = None
    role: Name | None = None
    role_path: RolePath = "/"
    permissions_boundary: BoundaryArn | None = None
    role_arn: RoleArn | None = None
    kms_key: KeyArn | None = None
    lake_formation: bool = False
    job_prefix: Name | None = None
    work_group: Name | None = None
    tags: Annotated[dict[TagKey, TagValue], Held(max_length=40)] = field(default_factory=dict)
    glue_version: Annotated[str, Held(pattern=r"^\d+\.\d+$")] = "6.0"
    worker_type: WorkerType = "G.1X"
    workers: Annotated[int, Held(ge=2, le=299)] = 2
    flex: bool = False
    timeout_minutes: Annotated[int, Held(ge=1, lt=10080)] = 30
    retries: Annotated[int, Held(ge=0, le=10)] = 0
    job_arguments: JobArguments = field(default_factory=dict)
    vpc: Annotated[str, Held(pattern=r"^vpc-[0-9a-f]+$")] | None = None
    route_tables: list[Annotated[str, Held(pattern=r"^rtb-[0-9a-f]+$")]] | None = None
    vpc_connection: Connection | None = None
    s3_endpoint: Choice = "auto"
    scan_limit: Annotated[int, Held(ge=10_000_000, lt=2**63)] = 1_000_000_000
    results_days: Annotated[int, Held(ge=1, le=3650)] = 7
    price_dpu_hour: Price = 0.44
    price_flex_dpu_hour: Price = 0.29
    price_terabyte_scanned: Price = 5.0

    def refuse_contradictions(self) -> None:
        """Raise ValueError where settings that are right each do not go together."""
        prefixes = [self.landing_prefix, self.warehouse_prefix]
        prefixes += [self.jobs_prefix, self.results_prefix]
        for outer, inner in permutations(prefixes, 2):
            if f"{inner}/".startswith(f"{outer}/"):
                how = "is there twice" if inner == outer else f"lies inside {outer}"
                raise ValueError(f"prefix {inner} {how}: each needs a place of its own")
        if self.flex and self.worker_type not in ("G.1X", "G.2X"):
            raise ValueError(f"flex goes with worker type G.1X or G.2X, not {self.worker_type}")
        made = {
            "role": self.role not in (None, f"{self.name}-glue"),
            "role_path": self.role_path != "/",
            "permissions_boundary": self.permissions_boundary is not None,
        }
        given = [name for name, is_given in made.items() if is_given]
        if self.role_arn and given:
            raise ValueError(
                f"role_arn is a role that is there, {given[0]} is for one to be made: leave one out"
            )


Settings = LocalSettings | AwsSettings


def load_settings(
    config: Path | None = None,
    *,
    root: Path | None = None,
    policy: str | None = None,
    max_bad_rows: str | None = None,
    max_unreadable_customers: str | None = None,
) -> Settings:
    """Load the settings: command line over environment over file over default.

    Args:
        config: Configuration file named on the command line.
        root: Root named on the command line.
        policy: Policy named on the command line.
        max_bad_rows: Limit of unusable lines named on the command line.
        max_unreadable_customers: Limit of customers' lines that do not say whose they are, or
            which serial number is theirs.

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
        "max_unreadable_customers": max_unreadable_customers,
        # There is no folder on AWS that a root could be.
        "root": None if on_aws else _named_root(root),
    }
    given = {key: value for key, value in overrides.items() if value is not None}
    kind: type[Settings] = AwsSettings if on_aws else LocalSettings
    right = Right() if on_aws else _right(content, given)
    known = {"config": path, "project": folder, "right": right}
    return check(path, content, kind, right, given, known)


def _right(content: Any, given: dict[str, Any]) -> Right:
    """Return what was found right before, below the root that is asked for, if it is one."""
    said = {**content, **given} if isinstance(content, dict) else given
    try:
        return Right(_root_path(said.get("root", _ROOT)) / RIGHT)
    except (UsageError, TypeError, ValueError, OSError):
        return Right()


def _named_root(root: Path | None) -> str | None:
    """Return the root that command line or environment name, which is looked for nowhere else."""
    named = str(root) if root else os.environ.get("STEDI_ROOT")
    return str(Path.cwd() / _expanded(named)) if named else None


def named_policy(policy: str | None) -> str | None:
    """Return the policy that the command line names, else the environment; None for neither."""
    return policy or os.environ.get("STEDI_POLICY") or None


def parse_limit(name: str, text: str) -> float | int:
    """Read a limit of unusable lines.

    Args:
        name: The setting.
        text: A number of lines (``100``) or a share of a table's lines (``1%``).

    Returns:
        An int for a number, a float between 0 and 1 for a share.

    Raises:
        UsageError: If it is neither.
    """
    found = re.fullmatch(r"(\d{1,18})|(\d{1,3}(?:\.\d{1,9})?) ?%", text.strip())
    if found is None or float(found[2] or 0) > 100:
        raise UsageError(f"{name}: {text!r} is no limit.", hint="Give lines (100) or a share (1%).")
    return int(found[1]) if found[1] else float(found[2]) / 100
