"""Who holds which serial number: by the latest records of all customers, and by unusable lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stedi_cli.datasets.synthetic.walkers import Walker


@dataclass(slots=True)
class Holding:
    """What is known of one serial number.

    Args:
        holders: Customers whose latest record has it, or an unusable line.
        owner: Number of the only holder, by the latest record; means nothing where there are
            several. Nobody owns by an unusable line.
        since: The consent of the only holder, if curated by the strict rules.
        published: Whether a customer curated by the published rules has it, in any record.
    """

    holders: int = 0
    owner: int | None = None
    since: int | None = None
    published: bool = False


Holdings = dict[str, Holding]
"""What is known of each serial number."""


def holdings_of(parties: Iterable[list[Walker]]) -> Holdings:
    """The holdings of some walkers, with an entry for every serial number in their readings."""
    holdings: Holdings = {}
    for walker in (walker for party in parties for walker in party):
        for serial in walker.serials:
            holdings.setdefault(serial, Holding())
        latest = holdings.setdefault(walker.latest.serial, Holding())
        latest.holders += 1
        latest.owner, latest.since = walker.number, walker.curated_since
        for serial in (*walker.claims - {walker.latest.serial}, *walker.strangers):
            holdings.setdefault(serial, Holding()).holders += 1
        for record in walker.records:
            if record.research is not None and record.email in walker.spoken:
                holdings.setdefault(record.serial, Holding()).published = True
    return holdings


def merged(parts: Iterable[Holdings]) -> Holdings:
    """The holdings of several blocks together."""
    whole: Holdings = {}
    for part in parts:
        for serial, some in part.items():
            holding = whole.setdefault(serial, Holding())
            holding.holders += some.holders
            holding.published |= some.published
            if some.owner is not None:
                holding.owner, holding.since = some.owner, some.since
    return whole
