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


@dataclass(frozen=True)
class Gait:
    """A gait, sampled at many phases.

    Almost all text of a data set is put together from these pieces, since formatting numbers one
    by one is what would take most of the time.

    Args:
        moves: The accelerometer's readings at a phase, each from after its timestamp to the end
            of its line; led by an empty text, so that ``beginning.join(moves)`` writes the lines.
        steps: The end of the step trainer's line at a phase.
    """

    moves: list[tuple[str, ...]]
    steps: list[str]

    def moves_of(self, walker: Walker) -> list[tuple[str, ...]]:
        """The accelerometer's readings at each instant of a walk."""
        moves = self.moves[_phases(walker)]
        if walker.unheard < INSTANTS:
            moves[walker.unheard] = ("",)
        return moves

    def steps_of(self, walker: Walker) -> list[str]:
        """The step trainer's reading at each instant of a walk."""
        return self.steps[_phases(walker)]


def _phases(walker: Walker) -> slice:
    return slice(walker.phase, walker.phase + INSTANTS * walker.stride, walker.stride)


@cache
def gait(seed: int) -> Gait:
    """The gait of a data set: two steps a cycle, gravity along z, and the noise of a sensor."""
    dice = Dice(f"{seed}:gait")
    moves, steps = [], []
    for phase in range(_PHASES):
        angle = 2 * math.pi * phase / _PHASES
        samples: dict[str, None] = {}
        readings = 3 if dice.chance(0.837) else 2
        while len(samples) < readings:
            samples[_sample(angle, dice)] = None
        moves.append(("", *samples))
        distance = 250 + 44 * math.sin(2 * angle - 0.9) + 5 * _noise(dice)
        steps.append(f"{round(distance)}}}\n")
    return Gait(moves * _ROUNDS, steps * _ROUNDS)


def _sample(angle: float, dice: Dice) -> str:
    x = 0.31 * math.sin(angle) + 0.04 * _noise(dice)
    y = 0.22 * math.sin(2 * angle + 0.6) + 0.05 * _noise(dice)
    z = -1.0 + 0.27 * math.cos(2 * angle) + 0.06 * _noise(dice)
    # Adding zero makes a zero of minus zero.
    return ',"x":{},"y":{},"z":{}}}\n'.format(*(round(value, 4) + 0.0 for value in (x, y, z)))


def _noise(dice: Dice) -> float:
    """From -1 to 1, mostly near 0."""
    return (dice.roll() + dice.roll() + dice.roll()) / 1.5 - 1
