"""Reads what the lakehouse is from a project's folder, and refuses what contradicts itself."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

from stedi_cli.errors import UsageError
from stedi_cli.project.check import taken_names
from stedi_cli.project.folder import MODEL
from stedi_cli.project.lakehouse import (
    HELD_BACK,
    LANDING_FILE,
    QUARANTINE,
    STRICT,
    Column,
    Job,
    Lakehouse,
    Policy,
    Table,
)
from stedi_cli.project.model_file import ModelFile
from stedi_cli.project.personal import misplaced
from stedi_cli.project.right import Right
from stedi_cli.project.traced_columns import HeldBack
from stedi_cli.project.yaml_file import load_checked

_HELD_BACK_COLUMNS = [
    *(("table", "string"), ("file", "string"), ("line", "long")),
    *(("email", "string"), ("serialNumber", "string"), ("instant", "long")),
]
_NOT_POLICIES = (
    *("accounts", "checks", "folds", "notes", "plots", "variants", "whose"),
    "__pycache__",
)


def load(folder: Path, right: Right | None = None) -> Lakehouse:
    """Load the model of a project.

    Args:
        folder: The project's folder.
        right: What was found right of its files before.

    Returns:
        The model. A folder of SQL files under ``jobs/`` is a policy, whether the model
        describes it or not.

    Raises:
        UsageError: If ``configs/lakehouse.yaml`` is missing, malformed, or contradicts itself, or
            a check's file has the name of one that follows from the model.
    """
    path = folder / MODEL
    model = load_checked(path, ModelFile, right)
    tables: dict[str, Table] = {}
    for name in model.tables:
        tables[name] = _table(name, model, tables, path)
    jobs = {
        name: Job(name, job.doc, tuple(job.reads), job.writes) for name, job in model.jobs.items()
    }
    policies = {
        name: Policy(name, policy.doc, frozenset(policy.breaks))
        for name, policy in model.policies.items()
    }
    for found in sorted((folder / "jobs").glob("*/")):
        if found.name not in _NOT_POLICIES:
            policies.setdefault(found.name, Policy(found.name, f"Rules of jobs/{found.name}/"))
    policies.setdefault(STRICT, Policy(STRICT, "Rules of jobs/"))
    lakehouse = Lakehouse(folder, tables, jobs, policies)
    for place, what in misplaced(tables, model.tables):
        _refuse(path, place, what)
    _refuse_contradictions(lakehouse, path)
    return lakehouse


def _table(name: str, model: ModelFile, known: dict[str, Table], path: Path) -> Table:
    entry = model.tables[name]
    columns: list[Column] = []
    if entry.columns_of is not None:
        columns += _known(entry.columns_of, known, path, f"tables.{name}.columns_of").columns
    for position, column in enumerate(entry.columns):
        if isinstance(column, str):
            place = f"tables.{name}.columns.{position}"
            table_name, _, column_name = column.partition(".")
            source = _known(table_name, known, path, place)
            columns += [c for c in source.columns if c.name == column_name] or _refuse(
                path, place, f"{table_name} has no column {column_name!r}"
            )
        else:
            plausible = model.instants.plausible if column.instant else None
            said = {name: value for name, value in vars(column).items() if name != "instant"}
            columns.append(Column(**said, plausible=plausible))
    told = entry.held_back
    return Table(
        name,
        entry.zone,
        entry.doc,
        tuple(columns),
        entry.folder,
        tuple(entry.key),
        entry.personal,
        HeldBack(told.email, told.instant, told.serialNumber) if told else None,
    )


def _known(name: str, known: dict[str, Table], path: Path, place: str) -> Table:
    return known.get(name) or _refuse(path, place, f"there is no table {name!r} above")


def _refuse_contradictions(lakehouse: Lakehouse, path: Path) -> None:
    written: set[str] = set()
    for job in lakehouse.jobs.values():
        for name in (*job.reads, job.writes):
            if name not in lakehouse.tables:
                _refuse(path, f"jobs.{job.name}", f"there is no table {name!r}")
        for name in job.reads:
            if name not in (*lakehouse.landing, HELD_BACK) and name not in written:
                _refuse(path, f"jobs.{job.name}.reads", f"no job above writes {name!r}")
        taken = {*lakehouse.landing, *written, *(table.name for table in lakehouse.beside)}
        if job.writes in taken:
            _refuse(path, f"jobs.{job.name}.writes", f"{job.writes!r} is written already")
        written.add(job.writes)
    _refuse_tables(lakehouse, path)
    for policy in lakehouse.policies.values():
        _refuse_policy(lakehouse, policy, path)
    taken = taken_names(lakehouse.tables.values())
    for check in chain.from_iterable(map(lakehouse.checks_under, lakehouse.policies)):
        if check.file is not None and check.name in taken:
            raise UsageError(
                f"{check.file}: the model has a check of that name already.",
                hint="Give the file another name.",
            )


def _refuse_tables(lakehouse: Lakehouse, path: Path) -> None:
    # As a delivery, and file systems that know no case, compare them.
    folders = [str(table.folder).lower() for table in lakehouse.landing.values()]
    if len(set(folders)) != len(folders):
        _refuse(path, "tables", "two landing tables have the same folder")
    for table in lakehouse.tables.values():
        if (table.zone == "landing") != (table.folder is not None):
            _refuse(path, f"tables.{table.name}", "folder goes with zone landing")
        if not set(table.key) <= {column.name for column in table.columns}:
            _refuse(path, f"tables.{table.name}.key", "names a column that is not there")
        if len({c.name.lower() for c in table.columns}) != len(table.columns):
            _refuse(path, f"tables.{table.name}.columns", "a column is there twice")
        if table.zone == "landing" and LANDING_FILE in {c.name.lower() for c in table.columns}:
            _refuse(path, f"tables.{table.name}.columns", f"{LANDING_FILE!r} is taken")
        if table.name in lakehouse.typed:
            _refuse(path, f"tables.{table.name}", "a landing table's copy has that name")
    if QUARANTINE not in lakehouse.tables:
        _refuse(path, "tables", f"there is no table {QUARANTINE!r}")
    _refuse_held_back(lakehouse, path)


def _refuse_held_back(lakehouse: Lakehouse, path: Path) -> None:
    for table in lakehouse.tables.values():
        if table.held_back is None:
            continue
        place = f"tables.{table.name}.held_back"
        if table.zone != "landing":
            _refuse(path, place, "it goes with zone landing")
        kinds = {column.name: column.type for column in table.columns}
        for name, kind in _told(table.held_back):
            if kinds.get(name) != kind:
                _refuse(path, place, f"{name!r} is no column of type {kind}")
    if not lakehouse.traced:
        return
    with_serials = [t for t in lakehouse.traced.values() if t.held_back and t.held_back.serial]
    if len(with_serials) != 1:
        _refuse(path, "tables", "one held_back, of the customers, has to name a serialNumber")
    found = lakehouse.tables.get(HELD_BACK)
    columns = [(column.name, column.type) for column in found.columns] if found else []
    if columns != _HELD_BACK_COLUMNS:
        wanted = ", ".join(f"{name} ({kind})" for name, kind in _HELD_BACK_COLUMNS)
        _refuse(path, f"tables.{HELD_BACK}", f"it has to be there, with the columns {wanted}")
    for job in lakehouse.jobs.values():
        # It would see nobody there, and take everybody's consent.
        if HELD_BACK in job.reads and with_serials[0].name not in job.reads:
            what = f"it needs {with_serials[0].name}: {HELD_BACK} tells a job of what it reads"
            _refuse(path, f"jobs.{job.name}.reads", what)


def _told(columns: HeldBack) -> list[tuple[str, str]]:
    serial = [(columns.serial, "string")] if columns.serial else []
    return [(columns.email, "string"), *serial, (columns.instant, "long")]


def _refuse_policy(lakehouse: Lakehouse, policy: Policy, path: Path) -> None:
    if policy.name != STRICT and not (lakehouse.folder / "jobs" / policy.name).is_dir():
        _refuse(path, f"policies.{policy.name}", f"there is no folder jobs/{policy.name}")
    known = {check.name for check in lakehouse.checks_under(policy.name)}
    for name in sorted(policy.breaks - known):
        _refuse(path, f"policies.{policy.name}.breaks", f"there is no check {name!r}")


def _refuse(path: Path, place: str, what: str) -> Any:
    raise UsageError(f"{path}: {place}: {what}.", hint="Mend the model and try again.")
