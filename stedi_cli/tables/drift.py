"""What another engine changed of the tables, as far as their metadata tell."""

from __future__ import annotations

from collections.abc import Mapping

from stedi_cli.landing.files import LandingState
from stedi_cli.landing.traced import traced_sha256
from stedi_cli.project.lakehouse import HELD_BACK, QUARANTINE, Lakehouse, Table
from stedi_cli.tables.metrics import may_tell_values
from stedi_cli.tables.provenance import LandingAccount, TableState
from stedi_cli.tables.summary import MARK

LOST = "is not in the catalog, though tables made of it are"
"""What ``doctor`` says of a table that something else than this tool dropped or renamed."""
MISSING = "is not there"
OLDER = "written by an older version"
"""What is said of a table of which nothing tells that anything else than a run changed it."""


def shape_drift(table: Table, state: TableState) -> str | None:
    """Return how a table's columns, partitions and order differ from what a run leaves, or None.

    A column that was dropped and made again has the same name and type, and lost its values; two
    that exchanged their names hold each other's. Only the schema's id tells of these.
    """
    wanted = {column.name: column.type for column in table.columns}
    changes = [f"{name} is missing" for name in wanted if name not in state.columns]
    changes += [f"{name} is new" for name in state.columns if name not in wanted]
    changes += [
        f"{name} is {kind}, not {wanted[name]}"
        for name, kind in state.columns.items()
        if kind != wanted.get(name, kind)
    ]
    exchanged = state.current is not None and state.current.schema != state.schema
    if not changes and (exchanged or list(state.columns) != list(wanted)):
        changes.append("its columns are others under the same names, or in another order")
    if not changes and state.current and state.current.files and not state.mapped:
        changes.append("other engines do not find its columns by their names")
    changes += ["it is partitioned"] if state.partitioned else []
    changes += ["it is sorted"] if state.sorted else []
    return ", ".join(changes) or None


def quarantine_drift(
    table: Table, state: TableState | None, accounts: Mapping[str, LandingAccount]
) -> str | None:
    """Return how the quarantine differs from what the jobs put into it, or None.

    Args:
        table: The quarantine.
        state: Its state, or None where it is not there.
        accounts: How landing lines were used, by landing table.
    """
    shape = shape_drift(table, state) if state else None
    if shape:
        return shape
    lines = state.current.lines if state and state.current else {}
    if lines is None:
        # The versions that did not say what a run wrote into it did not mark their tables either.
        older = state is not None and MARK not in state.properties
        return OLDER if older else "its content is not a run's"
    wrong = [name for name, a in accounts.items() if a.quarantined != lines.get(name, 0)]
    return f"its lines of {', '.join(wrong)} are not a run's" if wrong else None


def beside_drift(
    lakehouse: Lakehouse,
    table: Table,
    state: TableState | None,
    accounts: Mapping[str, LandingAccount],
) -> str | None:
    """Return how a table of lines that cannot be used differs from what the jobs put into it.

    Args:
        lakehouse: The model.
        table: The quarantine, or ``held_back``.
        state: Its state, or None where it is not there.
        accounts: How landing lines were used, by landing table.
    """
    if table.name != HELD_BACK:
        return quarantine_drift(table, state, accounts)
    if state is None:
        return MISSING
    known = {name: account for name, account in accounts.items() if name in lakehouse.traced}
    drift = quarantine_drift(table, state, known)
    told = state.current.traced if state.current else traced_sha256(lakehouse)
    return drift or (None if told == traced_sha256(lakehouse) else OLDER)


def lost(lakehouse: Lakehouse, states: Mapping[str, TableState]) -> list[str]:
    """Return the tables that are not there, while others that jobs made of them are."""
    used = {name for job in lakehouse.jobs.values() if job.writes in states for name in job.reads}
    copies = {table.typed.name: name for name, table in lakehouse.landing.items()}
    made_of = {**{name: name for name in lakehouse.writers}, **copies}
    return [name for name, read in made_of.items() if read in used and name not in states]


def drift_said(what: str) -> str:
    """Return what is said of a table that is not as this version's jobs left it."""
    return what if what in (OLDER, MISSING) else f"changed by something else than a run: {what}"


def judged_otherwise(
    states: Mapping[str, TableState], landing: Mapping[str, LandingState]
) -> list[str]:
    """Return the landing tables whose quarantined places are those of other files than there are.

    Args:
        states: The tables' states.
        landing: The landing files.
    """
    judged: dict[str, str] = {}
    current = [state.current for state in states.values() if state.current is not None]
    # Where an older version did not write it beside the entries, what the jobs read tells.
    for snapshot in sorted(current, key=lambda snapshot: snapshot.committed_ms):
        if snapshot.provenance is not None:
            accounts = snapshot.provenance.landing
            judged |= {name: account.fingerprint for name, account in accounts.items()}
    quarantine = states.get(QUARANTINE)
    judged |= quarantine.current.judged if quarantine and quarantine.current else {}
    return [name for name, state in landing.items() if judged.get(name) != state.fingerprint]


def changed_by_others(lakehouse: Lakehouse, states: Mapping[str, TableState]) -> dict[str, str]:
    """Return what is not as the jobs left it, by table."""
    found: dict[str, str] = {}
    accounts: dict[str, LandingAccount] = {}
    for name in lakehouse.writers:
        state = states.get(name)
        if state is None:
            continue
        provenance = state.current.provenance if state.current else None
        accounts |= provenance.landing if provenance else {}
        what = shape_drift(lakehouse.tables[name], state)
        what = what or ("its content is not a job's" if provenance is None else None)
        found |= _named(name, what or _settings_drift(lakehouse.tables[name], state))
    for table in lakehouse.beside:
        there = states.get(table.name)
        if there is None and not accounts:
            continue
        what = beside_drift(lakehouse, table, there, accounts)
        what = what or (_settings_drift(table, there) if there else None)
        found |= _named(table.name, what)
    return found


def _named(name: str, what: str | None) -> dict[str, str]:
    return {name: what} if what else {}


def _settings_drift(table: Table, state: TableState) -> str | None:
    if not may_tell_values(table, state):
        return None
    return "values may stand elsewhere than in its files" if MARK in state.properties else OLDER
