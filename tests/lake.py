"""Builds a lakehouse from the bytes of landing files, through the product's own library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stedi_cli.lake.job_run import JobDone
from stedi_cli.lake.parts import Lake
from stedi_cli.lake.records import RunOptions
from stedi_cli.places import open_lake
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.project.settings import load_settings
from stedi_cli.runs.pipeline import Pipeline

Files = dict[str, dict[str, bytes]]


@dataclass
class Built:
    """A lakehouse after a run."""

    lakehouse: Lakehouse
    lake: Lake
    done: list[JobDone]

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        return list(self.lake.questions.ask(f"SELECT * FROM {table}").rows)

    @property
    def quarantine(self) -> list[tuple[str, str, int, str]]:
        return sorted(self.rows("quarantine"))


def build(files: Files, policy: str, root: Path, *, max_bad_rows: str = "100%") -> Built:
    """Make a lakehouse, put files alone into its landing zone, and run all jobs.

    Args:
        files: Bytes by file name by landing table.
        policy: The policy.
        root: Root of the lakehouse.
        max_bad_rows: Limit of unusable lines.
    """
    settings = load_settings(
        root=root, policy=policy, max_bad_rows=max_bad_rows, max_unreadable_customers="100%"
    )
    lakehouse = settings.lakehouse()
    lake = open_lake(settings, lakehouse)
    list(lake.infrastructure.up())
    for table, contents in files.items():
        folder = root / "landing" / str(lakehouse.tables[table].folder)
        for path in folder.iterdir():
            path.unlink()
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    events = Pipeline(lakehouse, lake, policy).run(RunOptions("duckdb"))
    return Built(lakehouse, lake, [event for event in events if isinstance(event, JobDone)])
