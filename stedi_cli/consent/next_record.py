"""Customers' next records, by which they agree or do not: like their latest ones, and later."""

from __future__ import annotations

from collections.abc import Sequence

from stedi_cli.consent.customers import CONSENT, Customer, Record
from stedi_cli.errors import UsageError, some

_MOST_NAMED = 5


def withdrawn(customer: Customer, now: int) -> Record:
    """Return a record without consent that none which is there is later than."""
    # At a tie the one without consent counts.
    return _record(customer, _later(customer, now) or customer.updated, None)


def agreed(customers: Sequence[Customer], now: int) -> list[Record]:
    """Return a record of each with consent from now on, later than all that are there.

    Args:
        customers: Who agrees.
        now: The instant.

    Raises:
        UsageError: If there is no such record of somebody; it names their lines of the input.
    """
    records, late = [], []
    for customer in customers:
        updated = _later(customer, now)
        if not _is_plausible(customer, now):
            raise UsageError(
                "This machine's clock is wrong; nobody's consent was recorded.",
                hint="Set it, then give this command again.",
            )
        if updated is None:
            late += customer.lines
        else:
            records.append(_record(customer, updated, now))
    if late:
        raise UsageError(
            "No date is left that is later than the latest record of who stands on"
            f" {'line' if len(late) == 1 else 'lines'} {some(sorted(late), _MOST_NAMED)} of the"
            " people; nobody's consent was recorded.",
            hint=f"Mend its {customers[0].columns.instant} in the landing file, or leave them out.",
        )
    return records


def _later(customer: Customer, now: int) -> int | None:
    """Return now, or the next instant after their latest record; None where there is none."""
    after = customer.updated + 1
    later = max(now, after) if _is_plausible(customer, now) else after
    return later if _is_plausible(customer, later) else None


def _is_plausible(customer: Customer, instant: int) -> bool:
    name = customer.columns.instant
    plausible = next(c.plausible for c in customer.table.columns if c.name == name)
    return plausible is None or instant in plausible


def _record(customer: Customer, updated: int, consent: int | None) -> Record:
    return {**customer.latest, customer.columns.instant: updated, CONSENT: consent}
