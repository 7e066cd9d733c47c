"""What the tables must hold: added up from what the generator decides, never from what it wrote."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from operator import mul

from stedi_cli.datasets.synthetic.holdings import Holding, Holdings
from stedi_cli.datasets.synthetic.walkers import INSTANTS, Record, Walker

TABLES = (
    "customer_landing",
    "accelerometer_landing",
    "step_trainer_landing",
    "customer_trusted",
    "accelerometer_trusted",
    "customers_curated",
    "step_trainer_trusted",
    "machine_learning_curated",
)
"""The tables whose rows are counted."""


@dataclass(slots=True)
class Walk:
    """What the sensors of a walker deliver at each instant.

    Args:
        walker: Who walks.
        moves: Different accelerometer readings at each instant.
        heard: Accelerometer lines at each instant, those delivered twice counted twice.
        steps: The step reading at each instant.
        stepped: Step lines at each instant, those delivered twice counted twice.
    """

    walker: Walker
    moves: list[int]
    heard: list[int]
    steps: list[str]
    stepped: list[int]


Present = list[tuple[Walk, int]]
"""Who walks during a stretch, and at which instant of the own walk it begins."""


@dataclass(slots=True)
class Tally:
    """Rows by policy and table, unusable lines by reason, nobody's readings, people held back.

    Also the sums over the rows of landing tables, by which they are known in other files.
    """

    strict: Counter[str] = field(default_factory=Counter)
    published: Counter[str] = field(default_factory=Counter)
    quarantine: Counter[tuple[str, str]] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    nobody: int = 0
    held_back: int = 0

    def add(self, other: Tally) -> None:
        """Add what was counted elsewhere."""
        self.strict.update(other.strict)
        self.published.update(other.published)
        self.quarantine.update(other.quarantine)
        self.sums.update(other.sums)
        self.nobody += other.nobody
        self.held_back += other.held_back

    def count_record(self, walker: Walker, record: Record) -> None:
        """Count one line with a customer's record."""
        self._count_landing("customer_landing", 1)
        if record.research is not None:
            self.published["customer_trusted"] += 1
            if record.email in walker.spoken:
                self.published["customers_curated"] += 1

    def count_party(self, party: list[Walk], holdings: Holdings) -> None:
        """Count the walks of people who may share instants with each other, and with nobody else.

        Args:
            party: The walks.
            holdings: What is known of every serial number in them, over all customers.
        """
        for walk in party:
            self._count_walk(walk)
        for times, present in stretches(party):
            self._count_stretch(times, present, holdings)

    def _count_landing(self, table: str, lines: int) -> None:
        self.strict[table] += lines
        self.published[table] += lines

    def _count_walk(self, walk: Walk) -> None:
        walker = walk.walker
        self._count_landing("accelerometer_landing", sum(walk.heard))
        self._count_landing("step_trainer_landing", sum(walk.stepped))
        self.held_back += walker.held_back
        if walker.agreed is not None:
            self.strict["customer_trusted"] += 1
        since = walker.curated_since
        if since is not None:
            self.strict["customers_curated"] += 1
            self.strict["accelerometer_trusted"] += sum(
                walk.moves[bisect_left(walker.times, since) :]
            )

    def _count_stretch(self, times: range, present: Present, holdings: Holdings) -> None:
        end = len(times)
        heard, stepped = [[0] * end], [[0] * end]
        devices: dict[str, Present] = {}
        for walk, first in present:
            if walk.walker.user_at(first) in walk.walker.agreeing:
                heard.append(walk.heard[first : first + end])
            serial = walk.walker.serial_at(first)
            if holdings[serial].published:
                stepped.append(walk.stepped[first : first + end])
            devices.setdefault(serial, []).append((walk, first))
        all_heard = [sum(lines) for lines in zip(*heard, strict=True)]
        all_stepped = [sum(lines) for lines in zip(*stepped, strict=True)]
        self.published["accelerometer_trusted"] += sum(all_heard)
        self.published["step_trainer_trusted"] += sum(all_stepped)
        # Paired by time alone.
        self.published["machine_learning_curated"] += sum(map(mul, all_heard, all_stepped))
        for serial, sent in devices.items():
            owner, since = owner_of(serial, holdings[serial], present)
            if owner is None:
                self.nobody += sum(sum(walk.stepped[first : first + end]) for walk, first in sent)
            if since is not None:
                owned = [(walk, first) for walk, first in present if walk.walker.number == owner]
                self._count_owned(range(bisect_left(times, since), end), sent, owned)

    def _count_owned(self, part: range, sent: Present, owned: Present) -> None:
        # Devices of one serial number that read the same at the same time give one reading.
        readings = (walk.steps[first + part.start : first + part.stop] for walk, first in sent)
        steps = [len(set(reading)) for reading in zip(*readings, strict=True)]
        self.strict["step_trainer_trusted"] += sum(steps)
        for walk, first in owned:
            moves = walk.moves[first + part.start : first + part.stop]
            self.strict["machine_learning_curated"] += sum(map(mul, steps, moves))


def owner_of(serial: str, holding: Holding, present: Present) -> tuple[int | None, int | None]:
    """Whom a step reading belongs to, and since when it may be used.

    Args:
        serial: Its serial number.
        holding: What is known of the serial number.
        present: Who is walking at that time.

    Returns:
        Number of the owner, if any, and the owner's consent, if curated.
    """
    if holding.holders == 1:
        return holding.owner, holding.since
    there = [
        walk.walker
        for walk, first in present
        if (walk.moves[first] or first in walk.walker.contends) and serial in walk.walker.holds
    ]
    in_doubt = any(first in walk.walker.anybodys for walk, first in present)
    if in_doubt or len(there) != 1 or there[0].latest.serial != serial:
        return None, None
    return there[0].number, there[0].curated_since


def stretches(party: list[Walk]) -> Iterator[tuple[range, Present]]:
    """The times of a party, cut where anyone comes, goes, or changes spelling, device or sensor."""
    # Companions walk at one pace, and begin a whole number of instants after each other.
    pace, begin = party[0].walker.pace, min(walk.walker.start for walk in party)
    ahead = [(walk, (walk.walker.start - begin) // pace) for walk in party]
    cuts = {first + cut for walk, first in ahead for cut in walk.walker.cuts}
    for cut, next_cut in pairwise(sorted(cuts)):
        present = [(walk, cut - first) for walk, first in ahead if 0 <= cut - first < INSTANTS]
        if present:
            yield range(begin + cut * pace, begin + next_cut * pace, pace), present
