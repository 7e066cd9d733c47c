"""Looks for what may be wrong: versions, configuration, and what the target itself finds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from stedi_cli import __version__
from stedi_cli.errors import StediError
from stedi_cli.settings import load_settings
from stedi_cli.target import Finding, open_target

_PACKAGES = ("duckdb", "pyiceberg", "pyarrow", "pydantic", "typer", "rich", "PyYAML")


def diagnose(config: Path | None, root: Path | None) -> Iterator[Finding]:
    """Look at everything that can be looked at without changing anything.

    Args:
        config: Configuration named on the command line.
        root: Root named on the command line.

    Yields:
        Findings, good and bad.
    """
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("stedi", __version__)
    yield Finding("Python", f"{version}, {sys.executable}")
    for package in _PACKAGES:
        try:
            yield Finding(package, metadata.version(package))
        except metadata.PackageNotFoundError:
            yield Finding(package, "not installed", "Install stedi again: `pip install .`.")
    try:
        settings = load_settings(config, root=root)
        lakehouse = settings.lakehouse()
        for job in lakehouse.jobs.values():
            lakehouse.job_text(job, lakehouse.policy(settings.policy).name)
        yield Finding("configuration", str(settings.config))
        target = open_target(settings, lakehouse)
    except StediError as error:
        yield Finding("configuration", error.message, error.hint or "Mend it.")
        return
    yield from target.diagnose()
