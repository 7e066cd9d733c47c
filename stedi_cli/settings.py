"""Where the lakehouse lives and how it runs: a configuration file, environment and command line."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stedi_cli import project
from stedi_cli.errors import UsageError

if TYPE_CHECKING:
    from stedi_cli.lakehouse import Lakehouse


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

    def lakehouse(self) -> Lakehouse:
        """Load the project's model."""
        from stedi_cli.lakehouse import load

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
    from stedi_cli.settings_file import LocalFile
    from stedi_cli.yaml_file import load_model

    environ = os.environ
    if config is None and environ.get("STEDI_CONFIG"):
        config = Path(environ["STEDI_CONFIG"])
    folder, path = project.find(config)
    overrides: dict[str, Any] = {
        "root": str(root) if root else environ.get("STEDI_ROOT") or None,
        "policy": policy or environ.get("STEDI_POLICY") or None,
        "max_bad_rows": max_bad_rows,
    }
    given = {key: value for key, value in overrides.items() if value is not None}
    file = load_model(path, LocalFile, given)
    return Settings(
        config=path,
        project=folder,
        target=file.target,
        root=Path(os.path.expanduser(file.root)).resolve(),  # noqa: PTH111 - takes any user
        policy=file.policy,
        data=folder / os.path.expanduser(file.data),  # noqa: PTH111
        max_bad_rows=parse_bad_rows(str(file.max_bad_rows)),
        keep_snapshots=file.keep_snapshots,
        memory_limit=file.memory_limit,
        threads=file.threads,
        temp_limit=file.temp_limit,
        spark_memory=file.spark_memory,
    )


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
