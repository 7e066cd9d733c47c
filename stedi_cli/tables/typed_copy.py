"""Whether a landing table's typed copy can be used, as far as its metadata and ledger tell."""

from __future__ import annotations

from collections.abc import Callable

from stedi_cli.landing.ledger import Ledger, is_of_contract, parse_ledger
from stedi_cli.project.lakehouse import Table
from stedi_cli.tables.drift import shape_drift
from stedi_cli.tables.metrics import may_tell_values
from stedi_cli.tables.provenance import TableState


def ledger_content(
    table: Table, state: TableState | None, read: Callable[[str], bytes | None]
) -> bytes | None:
    """Return the ledger of a copy that is what a run left, whether its files are whole or not.

    Args:
        table: The landing table.
        state: The state of its copy; None where there is none.
        read: Returns what the ledger of a name holds; None where it is not there.

    Returns:
        The ledger as it is stored; None where the copy cannot be used.
    """
    if state is None or state.current is None or not state.current.ledger:
        return None
    if shape_drift(table.typed, state) or may_tell_values(table.typed, state):
        return None
    name = state.current.ledger
    content = read(name)
    if content is None or not is_of_contract(content, name, table.contract_sha256):
        return None
    return content


def ledger_of(
    table: Table, state: TableState | None, read: Callable[[str], bytes | None]
) -> Ledger | None:
    """Return the same ledger, parsed; the arguments are those of ``ledger_content``."""
    content = ledger_content(table, state, read)
    if content is None or state is None or state.current is None:
        return None
    return parse_ledger(content, state.current.ledger)
