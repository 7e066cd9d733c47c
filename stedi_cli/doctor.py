"""Looks for what may be wrong: versions, configuration, and what the lakehouse's place finds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata

from stedi_cli import __version__
from stedi_cli.errors import StediError
from stedi_cli.lake.findings import Finding
from stedi_cli.lake.parts import Lake
from stedi_cli.project.folder import MODEL
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.project.settings import Settings
from stedi_cli.questions.withdrawals import holds_back, is_on_purpose

_PACKAGES = ("duckdb", "pyiceberg", "pyarrow", "pydantic", "typer", "rich", "PyYAML")


def versions() -> Iterator[Finding]:
    """Look at what is installed."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("stedi", __version__)
    yield Finding("Python", f"{version}, {sys.executable}")
    for package in _PACKAGES:
        try:
            yield Finding(package, metadata.version(package))
        except metadata.PackageNotFoundError:
            yield Finding(package, "not installed", "Install stedi again: `pip install .`.")


def configured(settings: Settings, lakehouse: Lakehouse, lake: Lake) -> Iterator[Finding]:
    """Look at everything that the configuration leads to, changing nothing.

    Args:
        settings: The settings.
        lakehouse: The model.
        lake: Its parts.

    Yields:
        Findings, good and bad.
    """
    try:
        policy = lakehouse.policy(settings.policy)
        for job in lakehouse.jobs.values():
            lakehouse.job_text(job, policy.name)
    except StediError as error:
        yield unusable(error)
        return
    yield Finding("configuration", str(settings.config))
    if not any(
        column.plausible for table in lakehouse.landing.values() for column in table.columns
    ):
        yield Finding(
            "instants",
            "the model marks no column as one, so dates that cannot be are used",
            f"Mark them in {MODEL}: `instant: true`, as `stedi init` has it.",
        )
    if lakehouse.customers is None:
        yield Finding(
            "held back",
            "the model does not say whose an unusable line is, so one may hide a withdrawal",
            f"Say it in {MODEL}: `held_back:` of the tables, as `stedi init` has it.",
        )
    elif not (holds_back(lakehouse, policy.name) or is_on_purpose(lakehouse, policy)):
        yield Finding(
            "held back",
            f"no one is under {policy.name}: the job that reads {lakehouse.customers.name} does"
            " not read held_back",
            "Take the job's SQL and its `reads:` over from a new project: `stedi init DIR`.",
        )
    yield from lake.diagnose()


def unusable(error: StediError) -> Finding:
    """Return what is wrong with a configuration that cannot be used."""
    return Finding("configuration", error.message, error.hint or "Mend it.")
