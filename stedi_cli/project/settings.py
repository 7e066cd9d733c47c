"""Where the lakehouse lives and how it runs: a configuration file, environment and command line."""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stedi_cli.errors import UsageError
from stedi_cli.project import folder as project

if TYPE_CHECKING:
    from stedi_cli.project.lakehouse import Lakehouse


MARKER = "stedi.json"
"""The file that makes a folder of this machine a lakehouse."""


@dataclass(frozen=True)
class AwsSettings:
    """Where on AWS a lakehouse lives, and what it may use; ``configs/aws.yaml`` says what each is.

    Args:
        region: Region, or None for the one that boto3 finds.
        profile: Profile, or None for the one that boto3 finds.
        endpoint_url: Another address for all services, or None for AWS itself.
        bucket: Bucket, or None to derive one from account and region.
        landing_prefix: Prefix of landing files.
        warehouse_prefix: Prefix of Iceberg tables.
        jobs_prefix: Prefix of what jobs run from.
        results_prefix: Prefix of query results.
        database: Glue database.
        role: Role of the Glue jobs.
        job_prefix: Put before each job's name.
        work_group: Athena work group.
        tags: Put on everything that is made, beside this tool's own.
        glue_version: Glue version.
        worker_type: Type of worker.
        workers: Number of workers.
        flex: Whether runs use spare capacity.
        timeout_minutes: Minutes after which a run is stopped.
        retries: Retries of a failed run.
        vpc: VPC of the S3 endpoint, or None for the default one.
        route_tables: Its route tables, or None for those of its subnets.
        s3_endpoint: Whether to make the endpoint.
        scan_limit: Most bytes that one query may scan.
        results_days: Days after which query results are removed.
        price_dpu_hour: US dollars an hour of one DPU.
        price_flex_dpu_hour: US dollars an hour of one DPU with spare capacity.
        price_terabyte_scanned: US dollars a terabyte (10^12 bytes) scanned.
    """

    region: str | None
    profile: str | None
    endpoint_url: str | None
    bucket: str | None
    landing_prefix: str
    warehouse_prefix: str
    jobs_prefix: str
    results_prefix: str
    database: str
    role: str
    job_prefix: str
    work_group: str
    tags: dict[str, str]
    glue_version: str
    worker_type: str
    workers: int
    flex: bool
    timeout_minutes: int
    retries: int
    vpc: str | None
    route_tables: list[str] | None
    s3_endpoint: bool
    scan_limit: int
    results_days: int
    price_dpu_hour: float
    price_flex_dpu_hour: float
    price_terabyte_scanned: float


@dataclass(frozen=True)
class Settings:
    """What a command works with.

    Args:
        config: The configuration file.
        project: Folder of jobs, configs and data.
        target: ``local`` or ``aws``.
        root: Absolute folder of the local lakehouse.
        policy: Policy that jobs run under.
        data: Folder that landing files are uploaded from.
        max_bad_rows: Most unusable lines of a landing table: a share (float) or a number (int).
        keep_snapshots: Snapshots kept of each table.
        memory_limit: DuckDB's memory limit, or None.
        threads: DuckDB's threads, or None.
        temp_limit: Most disk space for spilled results.
        spark_memory: Memory of the Spark driver, which runs everything on this machine.
        aws: What the AWS target needs; None for the local one.
        access: Who may read a local lakehouse: ``owner``, or its ``group`` too.
    """

    config: Path
    project: Path
    target: str
    root: Path
    policy: str
    data: Path
    max_bad_rows: float | int
    keep_snapshots: int
    memory_limit: str | None
    threads: int | None
    temp_limit: str
    spark_memory: str
    aws: AwsSettings | None = None
    access: str = "owner"

    def lakehouse(self) -> Lakehouse:
        """Load the project's model."""
        from stedi_cli.project.lakehouse import load

        return load(self.project)


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
    overrides: dict[str, Any] = {
        "policy": policy or environ.get("STEDI_POLICY") or None,
        "max_bad_rows": max_bad_rows,
    }
    given = {key: value for key, value in overrides.items() if value is not None}
    return _settings(path, folder, given, str(root) if root else environ.get("STEDI_ROOT"))


def _settings(path: Path, folder: Path, given: dict[str, Any], root: str | None) -> Settings:
    from stedi_cli.project.settings_file import AwsFile, LocalFile
    from stedi_cli.project.yaml_file import check_model, load_yaml

    content = load_yaml(path)
    on_aws = isinstance(content, dict) and content.get("target") == "aws"
    local = LocalFile() if on_aws else check_model(path, content, LocalFile, given | _root(root))
    aws = check_model(path, content, AwsFile, given) if on_aws else None
    file = aws or local
    names = [field.name for field in dataclasses.fields(AwsSettings)]
    return Settings(
        config=path,
        project=folder,
        target=file.target,
        root=Path(os.path.expanduser(local.root)).resolve(),  # noqa: PTH111 - takes any user
        policy=file.policy,
        data=folder / os.path.expanduser(file.data),  # noqa: PTH111
        max_bad_rows=parse_bad_rows(str(file.max_bad_rows)),
        keep_snapshots=file.keep_snapshots,
        memory_limit=local.memory_limit,
        threads=local.threads,
        temp_limit=local.temp_limit,
        spark_memory=local.spark_memory,
        access=local.access,
        aws=AwsSettings(**{name: getattr(aws, name) for name in names}) if aws else None,
    )


def _root(root: str | None) -> dict[str, str]:
    return {"root": root} if root else {}


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
