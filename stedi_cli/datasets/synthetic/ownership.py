"""Whom each step reading belongs to, known from the plan of a data set alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stedi_cli.datasets.synthetic.block import survey_block
from stedi_cli.datasets.synthetic.gait import gait
from stedi_cli.datasets.synthetic.holdings import Holdings, merged
from stedi_cli.datasets.synthetic.names import name_and_email
from stedi_cli.datasets.synthetic.plan import plan_block
from stedi_cli.datasets.synthetic.request import Request
from stedi_cli.datasets.synthetic.tally import Walk, owner_of, stretches
from stedi_cli.datasets.synthetic.walkers import INSTANTS, Walker


@dataclass(frozen=True, slots=True)
class OwnedReading:
    """A step reading and whom it belongs to by the strict rules.

    Args:
        time: When it was taken, in epoch milliseconds.
        serial: The serial number of the device.
        distance: What it read.
        owner: The owner's e-mail address in small letters, ``None`` for nobody's.
        usable: Whether the owner is curated, and had consented by then.
    """

    time: int
    serial: str
    distance: int
    owner: str | None
    usable: bool


def owned_readings(request: Request) -> Iterator[OwnedReading]:
    """Every different step reading of a data set, with its owner; nothing is written or read."""
    holdings = merged(survey_block(request, block) for block in request.blocks)
    for block in request.blocks:
        for party in plan_block(request, block):
            yield from _of_party(request, [_walk(request, walker) for walker in party], holdings)


def _walk(request: Request, walker: Walker) -> Walk:
    read = [len(move) - 1 for move in gait(request.seed).moves_of(walker)]
    return Walk(walker, read, read, gait(request.seed).steps_of(walker), [1] * INSTANTS)


def _of_party(request: Request, party: list[Walk], holdings: Holdings) -> Iterator[OwnedReading]:
    for times, present in stretches(party):
        for walk, first in present:
            serial = walk.walker.serial_at(first)
            owner, since = owner_of(serial, holdings[serial], present)
            email = None if owner is None else name_and_email(request.seed, owner)[1].lower()
            for time, step in zip(times, walk.steps[first:], strict=False):
                distance = int(step.removesuffix("}\n"))
                usable = since is not None and since <= time
                yield OwnedReading(time, serial, distance, email, usable)
