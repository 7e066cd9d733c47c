"""The lines that cannot be used: where they are, whom they are about, and what they take away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from stedi_cli.datasets.synthetic.dice import share_of
from stedi_cli.datasets.synthetic.lines import FIELDS, Members, customer_members
from stedi_cli.datasets.synthetic.request import Request
from stedi_cli.datasets.synthetic.unusable import Recipe, recipes, unreadable
from stedi_cli.datasets.synthetic.walkers import INSTANTS, NEVER, Walker

_LINES_EACH = {"customer": 1, "accelerometer": 85, "step_trainer": INSTANTS}
"""Lines of a customer in each folder, roughly: the share of unusable lines is of these."""

# How much later than the record that counts. At the same time it still takes the consent away.
_LATER = (1_000_000_000, 0, -1, 1)


def share_of_dirt(request: Request, folder: str) -> float:
    """How many unusable lines a customer brings into a landing folder."""
    return _LINES_EACH[folder] * request.dirty


def add_dirt(request: Request, walkers: Sequence[Walker]) -> None:
    """Give walkers the unusable lines that come behind theirs.

    Args:
        request: What is asked for.
        walkers: Those of a block, of whom any may be the person that a line is about.
    """
    for folder in FIELDS:
        share = share_of_dirt(request, folder)
        order = recipes(folder, request.seed)
        for place, walker in enumerate(walkers):
            for turn in _turns(walker, share):
                _add(folder, order[turn % len(order)], turn, walkers[: place + 1])
            if folder == "customer":
                hiding = unreadable(request.seed)
                for turn in _turns(walker, request.unreadable / request.customers):
                    _add(folder, hiding[turn % len(hiding)], turn, walkers[: place + 1])


def _turns(walker: Walker, share: float) -> range:
    before = share_of(0, walker.number, share)
    return range(before, before + share_of(walker.number, walker.number + 1, share))


def _add(folder: str, recipe: Recipe, turn: int, walkers: Sequence[Walker]) -> None:
    """Add a line behind the last of some walkers. It is about those whom it harms most."""
    curated = (w for w in reversed(walkers) if w.curated_since is not None)
    if folder == "customer":
        victims = _first(curated, recipe.people) or [walkers[-1]]
        # Now and then a line names the device of somebody who may walk beside them.
        near = walkers[-2:][0].latest.serial if turn % 3 == 2 else None
        members = [_broken_record(recipe, turn, victim, near) for victim in victims]
        # One person several times in a line is one person.
        members += members[:1] * (recipe.people - len(members))
    else:
        (victim,) = _first(curated, 1) or [walkers[0]]
        members = [_broken_reading(folder, recipe, turn, victim)]
    walkers[-1].dirt[folder].append((recipe.reason, recipe.make(*members)))


def _first(walkers: Iterator[Walker], number: int) -> list[Walker]:
    return list(islice(walkers, number))


def _broken_record(recipe: Recipe, turn: int, victim: Walker, near: str | None) -> Members:
    """The members of a record that gives or withdraws consent, if it were used."""
    record = victim.latest
    updated = record.updated + _LATER[turn % len(_LATER)]
    serial = near or record.serial
    if recipe.email and (updated >= record.updated or not recipe.instant):
        victim.held_back = True
    if recipe.serial and recipe.email:
        victim.claims.add(serial)
    elif recipe.serial:
        victim.strangers.append(serial)
    turned = record.registered if record.research is None else None
    return customer_members(replace(record, serial=serial, updated=updated, research=turned))


def _broken_reading(folder: str, recipe: Recipe, turn: int, victim: Walker) -> Members:
    """The members of a reading that would change the counts, if what is made of it were used."""
    if folder == "step_trainer":
        time, serial = str(victim.times[-1]), f'"{victim.serial_at(INSTANTS - 1)}"'
        return {"sensorReadingTime": time, "serialNumber": serial, "distanceFromObject": "777"}
    # It may be the only sign that they were there.
    instant = victim.unheard if turn % 2 and victim.unheard < NEVER else turn % INSTANTS
    if recipe.instant:
        (victim.contends if recipe.email else victim.anybodys).add(instant)
    user, time = f'"{victim.user_at(instant)}"', str(victim.times[instant])
    return {"user": user, "timestamp": time, "x": "0.51515", "y": "0.61616", "z": "-0.71717"}
