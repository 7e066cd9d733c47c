"""What the Spark script is asked to do, the same on this machine and on Glue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stedi_cli.lake.records import Task
from stedi_cli.landing.answered import Answered, places
from stedi_cli.landing.files import LandingState
from stedi_cli.landing.ledger import JUDGEMENT, Ledger
from stedi_cli.landing.traced import traced_in, traced_sha256
from stedi_cli.project.lakehouse import HELD_BACK, Lakehouse, Table
from stedi_cli.project.settings import Limits
from stedi_cli.questions.withdrawals import are_asked_for
from stedi_cli.tables.drift import beside_drift
from stedi_cli.tables.provenance import TableState


def request(
    tasks: Sequence[Task],
    lakehouse: Lakehouse,
    states: Mapping[str, TableState],
    *,
    engine: str,
    catalog: str,
    namespace: str,
    limits: Limits,
    keep: int | None,
    spare_ms: int = 0,
    ledgers: str,
    aside: str,
    reread: bool = False,
    folder: Callable[[str], str],
    sql: Callable[[Task], str],
    ledger: Callable[[Table], Ledger | None],
    is_whole: Callable[[str], bool],
    answered: Answered,
    by_time: bool = False,
) -> dict[str, Any]:
    """Return the request of a run, as ``jobs/glue_job.py`` reads it from JSON.

    Args:
        tasks: The jobs in their order.
        lakehouse: The model.
        states: The tables' states.
        engine: Name of the engine, for the provenance.
        catalog: Spark's name of the catalog.
        namespace: Namespace of the tables in it.
        limits: How much of the landing lines it takes that cannot be used.
        keep: Snapshots that the script keeps of each table, or None where it expires none.
        spare_ms: How long a snapshot beyond that number stays after it was the current one.
        ledgers: URI of the folder of the ledgers.
        aside: URI of the folder of what was read and is in no snapshot yet.
        reread: Whether to read all landing files anew.
        folder: Returns the URI of a landing table's folder.
        sql: Returns the URI of a job's SQL.
        ledger: Returns the ledger of a landing table's typed copy; None where it cannot be used.
        is_whole: Tells whether the files of a table are there.
        answered: The lines that cannot be used and were answered.
        by_time: Whether a landing file younger than the request is not the one asked for.
    """
    landing = {name: state for task in tasks for name, state in task.landing.items()}
    return {
        "catalog": catalog,
        "namespace": namespace,
        **_limits(tasks, lakehouse, limits),
        "keep": keep,
        "spare_ms": spare_ms,
        **_read_by(lakehouse),
        "changed": _changed(lakehouse, states, is_whole),
        "ledgers": ledgers,
        "aside": aside,
        "reread": reread,
        "by_time": by_time,
        "answered": list(places(answered, landing)),
        "landing": {n: _landing(lakehouse, n, s, ledger, folder) for n, s in landing.items()},
        "jobs": [_job(task, lakehouse, engine, sql(task), is_whole) for task in tasks],
    }


def _limits(tasks: Sequence[Task], lakehouse: Lakehouse, limits: Limits) -> dict[str, Any]:
    """Return the limits, the last one of no table where the policy holds nobody back."""
    asked = any(are_asked_for(lakehouse, task.provenance.policy) for task in tasks)
    return {
        "max_bad_rows": limits.bad_rows,
        "max_unreadable_customers": limits.unreadable_customers,
        "customers": lakehouse.customers.name if asked and lakehouse.customers else None,
    }


def _read_by(lakehouse: Lakehouse) -> dict[str, Any]:
    """Return what lines are judged by, and what is looked for in those that cannot be used."""
    return {"judgement": JUDGEMENT, "traced": traced_sha256(lakehouse)}


def _changed(
    lakehouse: Lakehouse, states: Mapping[str, TableState], is_whole: Callable[[str], bool]
) -> list[str]:
    """Return the tables of unusable lines that are not what a run left."""
    return [
        table.name
        for table in lakehouse.beside
        if (state := states.get(table.name)) is not None
        and (beside_drift(lakehouse, table, state, {}) or not is_whole(table.name))
    ]


def _landing(
    lakehouse: Lakehouse,
    name: str,
    state: LandingState,
    ledger: Callable[[Table], Ledger | None],
    folder: Callable[[str], str],
) -> dict[str, Any]:
    table = lakehouse.tables[name]
    known = ledger(table)
    read = known.files if known else {}
    same = known.same(state.files) if known else {}
    return {
        "folder": folder(name),
        "typed": table.typed.name,
        "fingerprint": state.fingerprint,
        "before": known.fingerprint if known else "",
        "contract": table.contract_sha256,
        "traced": traced_in(table),
        "ledger": known.name if known else "",
        "new": {n: [f.sha256, f.size, f.lines] for n, f in state.files.items() if n not in same},
        "gone": sorted(read.keys() - same),
    }


def _job(
    task: Task, lakehouse: Lakehouse, engine: str, sql: str, is_whole: Callable[[str], bool]
) -> dict[str, Any]:
    p = task.provenance
    record = {"run": p.run, "job": p.job, "policy": p.policy, "engine": engine}
    return {
        "name": task.job.name,
        "sql": sql,
        "reads": lakehouse.inputs(task.job),
        "held_back": lakehouse.holds_back(task.job) if HELD_BACK in task.job.reads else None,
        "writes": task.job.writes,
        "answers_for": lakehouse.answers_for(task.job),
        "gives_the_same": task.gives_the_same and is_whole(task.job.writes),
        "record": {**record, "sql": p.sql, "columns": p.columns, "inputs": p.inputs},
    }
