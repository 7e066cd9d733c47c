"""How many of a landing table's lines may be unusable before a run stops."""

from __future__ import annotations

from stedi_cli.errors import BadDataError
from stedi_cli.tables.provenance import LandingAccount


def refuse_too_many(table: str, account: LandingAccount, limit: float | int) -> None:
    """Raise BadDataError if a landing table has more unusable lines than allowed.

    Args:
        table: The landing table.
        account: How its lines were used.
        limit: Most unusable lines: a share (float) or a number (int).
    """
    share = isinstance(limit, float)
    if account.quarantined > (limit * account.lines if share else limit):
        raise BadDataError(
            f"{table}: {account.quarantined:,} of {account.lines:,} lines cannot be used,"
            f" more than max_bad_rows, {f'{limit:.6g}' if share else limit}, allows.",
            hint=f"See `stedi quarantine {table}`; tables are as before.",
        )
