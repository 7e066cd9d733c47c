"""What the sensors read while somebody walks, as text that is ready to be written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from stedi_cli.datasets.synthetic.dice import Dice
from stedi_cli.datasets.synthetic.walkers import INSTANTS, Walker

_PHASES = 1024
# Enough rounds that the longest walk never reaches the end.
_ROUNDS = 3
_FARTHEST_LEAN = 15_000
"""In 0.0001 of z."""
_FARTHEST_REACH = 7
"""In mm."""


@dataclass(frozen=True)
class Gait:
    """A gait, sampled at many phases.

    The text of a data set is put together from these pieces, since formatting numbers one by one
    is what would take most of the time.

    Each person adds to it what is theirs: how the phone leans, and how far they reach, which no
    other sensor tells. So a model scores higher on people whom it has seen than on others.

    Args:
        seed: Seed of the data set.
        moves: The accelerometer's readings at a phase, each from after its timestamp to before
            its z, with that in 0.0001.
        steps: The step trainer's reading at a phase, in mm.
    """

    seed: int
    moves: list[tuple[tuple[str, int], ...]]
    steps: list[int]

    def moves_of(self, walker: Walker) -> list[tuple[str, ...]]:
        """The accelerometer's readings at each instant of a walk, to the end of their lines.

        They are led by an empty text, so that ``beginning.join(moves)`` writes the lines.
        """
        lean = self._own(walker, "lean", _FARTHEST_LEAN)
        moves = [
            ("", *(f"{begun}{(z + lean) / 10_000}}}\n" for begun, z in move))
            for move in self.moves[_phases(walker)]
        ]
        if walker.unheard < INSTANTS:
            moves[walker.unheard] = ("",)
        return moves

    def steps_of(self, walker: Walker) -> list[str]:
        """The end of the step trainer's line at each instant of a walk."""
        reach = self._own(walker, "reach", _FARTHEST_REACH)
        return [f"{distance + reach}}}\n" for distance in self.steps[_phases(walker)]]

    def _own(self, walker: Walker, what: str, farthest: int) -> int:
        dice = Dice(f"{self.seed}:{walker.number}:{what}")
        return dice.below(2 * farthest + 1) - farthest


def _phases(walker: Walker) -> slice:
    return slice(walker.phase, walker.phase + INSTANTS * walker.stride, walker.stride)


@cache
def gait(seed: int) -> Gait:
    """The gait of a data set: two steps a cycle, gravity along z, and the noise of a sensor."""
    dice = Dice(f"{seed}:gait")
    moves, steps = [], []
    for phase in range(_PHASES):
        angle = 2 * math.pi * phase / _PHASES
        samples: dict[tuple[str, int], None] = {}
        readings = 3 if dice.chance(0.837) else 2
        while len(samples) < readings:
            samples[_sample(angle, dice)] = None
        moves.append(tuple(samples))
        distance = 250 + 44 * math.sin(2 * angle - 0.9) + 5 * _noise(dice)
        steps.append(round(distance))
    return Gait(seed, moves * _ROUNDS, steps * _ROUNDS)


def _sample(angle: float, dice: Dice) -> tuple[str, int]:
    x = 0.31 * math.sin(angle) + 0.04 * _noise(dice)
    y = 0.22 * math.sin(2 * angle + 0.6) + 0.05 * _noise(dice)
    z = -1.0 + 0.27 * math.cos(2 * angle) + 0.06 * _noise(dice)
    # Adding zero makes a zero of minus zero.
    x, y = (round(value, 4) + 0.0 for value in (x, y))
    return f',"x":{x},"y":{y},"z":', round(z * 10_000)


def _noise(dice: Dice) -> float:
    """From -1 to 1, mostly near 0."""
    return (dice.roll() + dice.roll() + dice.roll()) / 1.5 - 1
