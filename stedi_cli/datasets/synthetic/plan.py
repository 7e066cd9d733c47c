"""Who walks, when, and with whom: the walkers of a block, decided before anything is written."""

from __future__ import annotations

from collections.abc import Iterator

from stedi_cli.datasets.synthetic.changes import CHANGES
from stedi_cli.datasets.synthetic.dice import Dice, share_of
from stedi_cli.datasets.synthetic.dirt import add_dirt
from stedi_cli.datasets.synthetic.names import name_and_email
from stedi_cli.datasets.synthetic.request import Request
from stedi_cli.datasets.synthetic.walkers import INSTANTS, NEVER, Record, Walker, consent_date

_BEGIN = 1_709_280_000_000
_WINDOW = 20 * 60 * 1000
# Customers of one window walk at the same time, but never at the same millisecond: each has a
# remainder of their own modulo this prime. Only companions share instants, which are then known.
_LANES = 97
_SHORTEST_PACE, _PACES = 30, 32
_LATEST_START = _WINDOW - 2 * INSTANTS * _LANES * (_SHORTEST_PACE + _PACES)
_COMPANION, _SECOND_COMPANION = 0.1, 0.05
_AGREES = 0.504


def plan_block(request: Request, block: range) -> list[list[Walker]]:
    """Plan the customers of a block, in parties: people who may share instants with each other."""
    parties = list(_parties(request, block))
    add_dirt(request, [walker for party in parties for walker in party])
    return parties


def _parties(request: Request, block: range) -> Iterator[list[Walker]]:
    dice = Dice(f"{request.seed}:{block.start}:walkers")
    party: list[Walker] = []
    for number in block:
        if not party or not dice.chance((_COMPANION, _SECOND_COMPANION, 0)[len(party) - 1]):
            if party:
                yield party
            party = [_walker(request, number, dice)]
        else:
            party.append(_companion(request, number, dice, party[0]))
        if share_of(number, number + 1, request.updates):
            change = CHANGES[share_of(0, number, request.updates) % len(CHANGES)]
            change(party[-1], dice, request.serial(request.customers + number))
    yield party


def _walker(request: Request, number: int, dice: Dice) -> Walker:
    window, lane = divmod(number, _LANES)
    start = _BEGIN + window * _WINDOW + lane + _LANES * dice.below(_LATEST_START // _LANES)
    pace = _LANES * (_SHORTEST_PACE + dice.below(_PACES))
    return _customer(request, number, dice, start=start, pace=pace, serial=request.serial(number))


def _companion(request: Request, number: int, dice: Dice, host: Walker) -> Walker:
    start = host.start + host.pace * dice.below(INSTANTS)
    serial = request.serial(number)
    if request.shared_serials and dice.chance(0.5):
        serial = host.latest.serial
    return _customer(request, number, dice, start=start, pace=host.pace, serial=serial)


def _customer(
    request: Request, number: int, dice: Dice, *, start: int, pace: int, serial: str
) -> Walker:
    name, email = name_and_email(request.seed, number)
    consent = consent_date(dice, start, pace) if dice.chance(_AGREES) else None
    registered = start - dice.below(3_600_000) if consent is None else consent
    if dice.chance(0.05):
        registered -= 1 + dice.below(86_400_000)
    updated = registered if consent is None else consent
    record = Record(
        name=name,
        email=email,
        phone="5550100142",
        birthday=f"{1000 + dice.below(1005)}-{1 + dice.below(12):02d}-{1 + dice.below(28):02d}",
        serial=serial,
        registered=registered,
        updated=updated,
        research=consent,
        public=updated if dice.chance(0.5) else None,
        friends=updated if dice.chance(0.5) else None,
    )
    return Walker(
        number=number,
        latest=record,
        others=[],
        users=(email, email),
        respelled=NEVER,
        serials=(serial, serial),
        rewired=NEVER,
        start=start,
        pace=pace,
        phase=dice.below(1024),
        stride=20 + dice.below(41),
        # A phone left at home: where serial numbers are shared, the step reading is then nobody's.
        unheard=dice.below(INSTANTS - 1) if request.shared_serials and dice.chance(0.1) else NEVER,
    )
