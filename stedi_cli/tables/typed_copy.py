"""Whether a landing table's typed copy can be used, as far as its metadata and ledger tell."""

from __future__ import annotations

from collections.abc import Callable

from stedi_cli.landing.ledger import Ledger, parse_ledger
from stedi_cli.project.lakehouse import Table
from stedi_cli.tables.drift import shape_drift
from stedi_cli.tables.metrics import may_tell_values
from stedi_cli.tables.provenance import TableState


def ledger_of(
    table: Table, state: TableState | None, read: Callable[[str], bytes | None]
) -> Ledger | None:
    """Return the ledger of a copy that is what a run left, whether its files are whole or not.

    Args:
        table: The landing table.
        state: The state of its copy; None where there is none.
        read: Returns what the ledger of a name holds; None where it is not there.

    Returns:
        The ledger; None where the copy cannot be used.
    """
    if state is None or state.current is None or not state.current.ledger:
        return None
    if shape_drift(table.typed, state) or may_tell_values(table.typed, state):
        return None
    content = read(state.current.ledger)
    ledger = parse_ledger(content, state.current.ledger) if content is not None else None
    return ledger if ledger and ledger.contract == table.contract_sha256 else None
