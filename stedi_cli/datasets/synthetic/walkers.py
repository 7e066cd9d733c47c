"""Who the customers are: their records, their devices, when they walk and what they agreed to.

Nothing is written here. A plan says everything that the files and the expected counts follow from,
so that both come out of the same decisions.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

from stedi_cli.datasets.synthetic.dice import Dice

INSTANTS = 30
"""Instants at which each customer's two sensors are read."""

NEVER = INSTANTS
"""The number of an instant that is not reached."""

_AGREES_AFTER, _AGREES_DURING = 0.04, 0.36


@dataclass(frozen=True, slots=True)
class Record:
    """One customer record of the website, as it will be written."""

    name: str
    email: str
    phone: str | None
    birthday: str
    serial: str
    registered: int
    updated: int
    research: int | None
    public: int | None
    friends: int | None


@dataclass(slots=True)
class Walker:
    """A customer and the walk that both sensors record.

    Args:
        number: Number of the customer in the data set.
        latest: The record that counts by the strict rules.
        others: Every other record of the customer.
        users: How the accelerometer readings spell the e-mail address, before and from an instant.
        respelled: The instant from which the second spelling is used.
        serials: The serial numbers in the step readings, before and from an instant.
        rewired: The instant from which the second serial number is used.
        start: When the walk begins, in epoch milliseconds.
        pace: Milliseconds from one instant to the next.
        phase: Where in the gait the walk begins.
        stride: How far the gait goes on from one instant to the next.
        unheard: The instant without an accelerometer reading, or ``NEVER``.
        dirt: Unusable lines that come behind the customer's, by folder: reason and line.
        held_back: Whether an unusable line may withdraw the customer's consent.
        claims: Serial numbers that unusable lines name as the customer's.
        strangers: Serial numbers that unusable lines name as somebody's, one each.
        contends: Instants of unusable accelerometer lines of the customer.
        anybodys: Instants of those that do not say whose they are.
    """

    number: int
    latest: Record
    others: list[Record]
    users: tuple[str, str]
    respelled: int
    serials: tuple[str, str]
    rewired: int
    start: int
    pace: int
    phase: int
    stride: int
    unheard: int = field(default=NEVER)
    dirt: dict[str, list[tuple[str, bytes]]] = field(default_factory=lambda: defaultdict(list))
    held_back: bool = False
    claims: set[str] = field(default_factory=set)
    strangers: list[str] = field(default_factory=list)
    contends: set[int] = field(default_factory=set)
    anybodys: set[int] = field(default_factory=set)

    @property
    def records(self) -> list[Record]:
        """All records of the customer."""
        return [self.latest, *self.others]

    @property
    def times(self) -> range:
        """The instants, in epoch milliseconds."""
        return range(self.start, self.start + INSTANTS * self.pace, self.pace)

    @property
    def spoken(self) -> set[str]:
        """The spellings of the e-mail address that readings have.

        No plan leaves a spelling to an instant that nobody hears.
        """
        return set(self.users if self.respelled < NEVER else self.users[:1])

    @property
    def agreeing(self) -> set[str]:
        """The spellings of the e-mail address in records that agree to research."""
        return {record.email for record in self.records if record.research is not None}

    @property
    def cuts(self) -> set[int]:
        """The instants at which the walk begins, ends, or goes on in another way."""
        alone = {self.unheard, *self.contends, *self.anybodys}
        cuts = {0, self.respelled, self.rewired, INSTANTS, *alone, *(cut + 1 for cut in alone)}
        return {cut for cut in cuts if cut <= INSTANTS}

    def user_at(self, instant: int) -> str:
        """How the accelerometer readings of an instant spell the e-mail address."""
        return self.users[instant >= self.respelled]

    def serial_at(self, instant: int) -> str:
        """The serial number in the step reading of an instant."""
        return self.serials[instant >= self.rewired]

    @property
    def holds(self) -> set[str]:
        """The serial numbers that the customer holds by the strict rules."""
        return {self.latest.serial, *self.claims}

    @property
    def agreed(self) -> int | None:
        """The consent of a customer who is trusted by the strict rules, else nothing."""
        return None if self.held_back else self.latest.research

    @property
    def curated_since(self) -> int | None:
        """The consent of a customer who is curated by the strict rules, else nothing.

        The last instant of a walk is always heard, so it decides.
        """
        consent = self.agreed
        return consent if consent is not None and consent <= self.times[-1] else None


def consent_date(dice: Dice, start: int, pace: int) -> int:
    """A consent before, during or after a walk, as often as in the public data."""
    place = dice.roll()
    if place < _AGREES_AFTER:
        return start + (INSTANTS - 1) * pace + 1 + dice.below(1_000_000)
    if place < _AGREES_AFTER + _AGREES_DURING:
        return consent_during(dice, start, pace)
    return start - dice.below(7_200_000)


def consent_during(dice: Dice, start: int, pace: int) -> int:
    """A consent after the first instant and not after the last; often at one, or just after one."""
    instant = start + (1 + dice.below(INSTANTS - 1)) * pace
    return instant - (0, pace - 1, dice.below(pace))[dice.below(3)]


def without_consent(record: Record) -> Record:
    """The same record, had the customer not agreed to research."""
    return replace(record, research=None)
