"""What the Spark script is asked to do, the same on this machine and on Glue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stedi_cli.lake.records import Task
from stedi_cli.project.lakehouse import QUARANTINE, Lakehouse
from stedi_cli.tables.drift import quarantine_drift
from stedi_cli.tables.provenance import TableState


def request(
    tasks: Sequence[Task],
    lakehouse: Lakehouse,
    states: Mapping[str, TableState],
    *,
    engine: str,
    catalog: str,
    namespace: str,
    max_bad_rows: float | int,
    keep: int | None,
    spare_ms: int = 0,
    folder: Callable[[str], str],
    sql: Callable[[Task], str],
) -> dict[str, Any]:
    """Return the request of a run, as ``jobs/glue_job.py`` reads it.

    Args:
        tasks: The jobs in their order.
        lakehouse: The model.
        states: The tables' states.
        engine: Name of the engine, for the provenance.
        catalog: Spark's name of the catalog.
        namespace: Namespace of the tables in it.
        max_bad_rows: Most unusable lines of a landing table: a share (float) or a number (int).
        keep: Snapshots that the script keeps of each table, or None where it expires none.
        spare_ms: How long a snapshot beyond that number stays after it was the current one.
        folder: Returns the URI of a landing table's folder.
        sql: Returns the URI of a job's SQL.

    Returns:
        What is written as JSON.
    """
    quarantine = lakehouse.tables[QUARANTINE]
    landing = {name: state for task in tasks for name, state in task.landing.items()}
    return {
        "catalog": catalog,
        "namespace": namespace,
        "max_bad_rows": max_bad_rows,
        "keep": keep,
        "spare_ms": spare_ms,
        "quarantine_changed": quarantine_drift(quarantine, states.get(QUARANTINE), {}) is not None,
        "landing": {
            name: {
                "folder": folder(name),
                "fingerprint": state.fingerprint,
                "contract": lakehouse.tables[name].contract_sha256,
                # Without a line a file has no row, by which its size is seen.
                "files": {file: facts.size for file, facts in state.files.items() if facts.lines},
            }
            for name, state in landing.items()
        },
        "jobs": [_job(task, lakehouse, engine, sql(task)) for task in tasks],
    }


def _job(task: Task, lakehouse: Lakehouse, engine: str, sql: str) -> dict[str, Any]:
    p = task.provenance
    record = {"run": p.run, "job": p.job, "policy": p.policy, "engine": engine}
    return {
        "name": task.job.name,
        "sql": sql,
        "reads": task.job.reads,
        "writes": task.job.writes,
        "answers_for": lakehouse.answers_for(task.job),
        "record": {**record, "sql": p.sql, "columns": p.columns, "inputs": p.inputs},
    }
