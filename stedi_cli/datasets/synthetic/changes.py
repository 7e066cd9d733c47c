"""The ways in which a customer has more than one record, or is spelled in more than one way.

Each change says itself which record is the latest, and why: that is what the expected counts rest
on, not a sorting of the records.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from stedi_cli.datasets.synthetic.dice import Dice
from stedi_cli.datasets.synthetic.walkers import (
    INSTANTS,
    NEVER,
    Record,
    Walker,
    consent_during,
    without_consent,
)

Change = Callable[[Walker, Dice, str], None]
"""Changes a walker in place; the text is another serial number, for whoever needs one."""


def _agreed_before(walker: Walker, dice: Dice) -> Record:
    """The walker's record with a consent older than the walk."""
    consent = walker.start - dice.below(7_200_000)
    return replace(walker.latest, registered=consent, updated=consent, research=consent)


def _agreed_during(walker: Walker, dice: Dice) -> Record:
    """The walker's record with a consent given while walking, updated then."""
    consent = consent_during(dice, walker.start, walker.pace)
    return replace(walker.latest, registered=walker.start, updated=consent, research=consent)


def _after(record: Record, dice: Dice) -> int:
    """Later than the record, often by no more than a millisecond."""
    return record.updated + (1 if dice.chance(0.3) else 1 + dice.below(5_000_000))


def _midway(dice: Dice) -> int:
    """An instant with at least two on either side, so that one unheard instant hides nothing."""
    return 2 + dice.below(INSTANTS - 4)


def _withdrawn(walker: Walker, dice: Dice, _serial: str) -> None:
    old = _agreed_before(walker, dice)
    walker.latest = replace(without_consent(old), updated=_after(old, dice))
    walker.others = [old]


def _given_later(walker: Walker, dice: Dice, _serial: str) -> None:
    new = _agreed_during(walker, dice)
    old = without_consent(replace(new, updated=new.updated - 1 - dice.below(5_000_000)))
    walker.latest, walker.others = new, [old]


def _postponed(walker: Walker, dice: Dice, _serial: str) -> None:
    # The consent before the walk is older than the one during it, and so is its record.
    walker.latest, walker.others = _agreed_during(walker, dice), [_agreed_before(walker, dice)]


def _brought_forward(walker: Walker, dice: Dice, _serial: str) -> None:
    old = _agreed_during(walker, dice)
    early = _agreed_before(walker, dice).research
    walker.latest, walker.others = replace(old, research=early, updated=_after(old, dice)), [old]


def _given_again(walker: Walker, dice: Dice, _serial: str) -> None:
    first = _agreed_before(walker, dice)
    gone = replace(without_consent(first), updated=_after(first, dice))
    again = _agreed_during(walker, dice)
    walker.latest = replace(again, updated=max(again.updated, _after(gone, dice)))
    walker.others = [gone, first]


def _tie_refused(walker: Walker, dice: Dice, serial: str) -> None:
    agreed = _agreed_before(walker, dice)
    # At a tie the record without consent wins.
    walker.latest, walker.others = without_consent(agreed), [replace(agreed, serial=serial)]


def _tie_postponed(walker: Walker, dice: Dice, serial: str) -> None:
    late, early = _agreed_during(walker, dice), _agreed_before(walker, dice)
    # At a tie the later consent wins, here against a smaller registration date.
    walker.latest, walker.others = late, [replace(early, updated=late.updated, serial=serial)]


def _tie_by_phone(walker: Walker, dice: Dice, serial: str) -> None:
    record = _agreed_before(walker, dice)
    # Same consent, name and e-mail address: the phone decides, and no phone comes last.
    walker.latest, walker.others = record, [replace(record, phone=None, serial=serial)]


def _tie_by_serial(walker: Walker, dice: Dice, serial: str) -> None:
    record = _agreed_during(walker, dice)
    other = replace(record, serial=serial)
    walker.latest = record if record.serial <= serial else other
    walker.others = [other if walker.latest is record else record]


def _tie_by_spelling(walker: Walker, dice: Dice, serial: str) -> None:
    record = _agreed_before(walker, dice)
    # Capitals sort before small letters, so the record in capitals and its serial number win.
    walker.latest = replace(record, email=record.email.upper(), serial=serial)
    walker.others = [record]
    walker.serials, walker.rewired = (record.serial, serial), _midway(dice)


def _capitals(walker: Walker, dice: Dice, _serial: str) -> None:
    old = _agreed_before(walker, dice)
    walker.latest = replace(old, email=old.email.upper(), updated=_after(old, dice))
    walker.others = [old]
    walker.users, walker.respelled = (old.email, walker.latest.email), _midway(dice)


def _blanks(walker: Walker, dice: Dice, _serial: str) -> None:
    new = _agreed_during(walker, dice)
    old = replace(new, email=f"  {new.email}", updated=_after(new, dice) - 10_000_000)
    walker.latest, walker.others = new, [old]
    walker.users, walker.respelled = (old.email, f"{new.email} "), _midway(dice)


def _respelled_readings(walker: Walker, dice: Dice, _serial: str) -> None:
    # No record is spelled like the readings: only who compares as people do finds them.
    walker.latest = _agreed_before(walker, dice)
    small = walker.latest.email.lower()
    walker.users, walker.respelled = (small, f" {walker.latest.email}"), _midway(dice)


def _new_device(walker: Walker, dice: Dice, serial: str) -> None:
    old = _agreed_before(walker, dice)
    walker.latest = replace(old, serial=serial, updated=_after(old, dice))
    walker.others = [old]
    walker.serials, walker.rewired = (old.serial, serial), _midway(dice)


def _old_device(walker: Walker, dice: Dice, serial: str) -> None:
    # The newer record names a device that has not sent anything yet.
    old = without_consent(walker.latest)
    walker.latest = replace(old, serial=serial, updated=_after(old, dice))
    walker.others = [old]
    walker.rewired = NEVER


CHANGES: tuple[Change, ...] = (
    _withdrawn,
    _postponed,
    _new_device,
    _tie_refused,
    _capitals,
    _given_later,
    _tie_by_serial,
    _blanks,
    _brought_forward,
    _tie_postponed,
    _tie_by_phone,
    _respelled_readings,
    _given_again,
    _tie_by_spelling,
    _old_device,
)
"""Given out in turn to the customers that have updates."""
