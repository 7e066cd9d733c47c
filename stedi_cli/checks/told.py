"""What the runs tell of rows and lines, so that no query has to be asked."""

from __future__ import annotations

from collections.abc import Mapping

from stedi_cli.checks.validation_queries import COUNTS, QUARANTINED
from stedi_cli.landing.files import LandingState
from stedi_cli.project.lakehouse import QUARANTINE, Lakehouse
from stedi_cli.tables.provenance import LandingAccount, TableState


def accounts_of(
    lakehouse: Lakehouse,
    states: Mapping[str, TableState],
    landing: Mapping[str, LandingState],
) -> dict[str, LandingAccount]:
    """Return how the latest runs used what is there now, by the columns that there are now."""
    current = [state.current for state in states.values() if state.current is not None]
    return {
        name: account
        for snapshot in sorted(current, key=lambda snapshot: snapshot.committed_ms)
        if snapshot.provenance is not None
        for name, account in snapshot.provenance.landing.items()
        if name in landing
        and account.fingerprint == landing[name].fingerprint
        and account.contract == lakehouse.tables[name].contract_sha256
    }


def counts_of(
    lakehouse: Lakehouse,
    states: Mapping[str, TableState],
    landing: Mapping[str, LandingState],
) -> dict[str, dict[str, int]]:
    """Return the rows of tables and the lines in quarantine, by the title of what asks for them."""
    accounts = accounts_of(lakehouse, states, landing)
    rows = {name: account.usable for name, account in accounts.items()}
    current = {name: state.current for name, state in states.items()}
    for name in lakehouse.writers:
        if name in current:
            snapshot = current[name]
            rows[name] = (snapshot.rows or 0) if snapshot else 0
    quarantine = current.get(QUARANTINE)
    lines = (quarantine.lines or {}) if quarantine else {}
    return {COUNTS: rows, QUARANTINED: {name: number for name, number in lines.items() if number}}
