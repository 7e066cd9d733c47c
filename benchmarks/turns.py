"""Contenders that take turns, so that whatever else the machine does hits all of them alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.process import Contender, Run, measure


@dataclass(frozen=True)
class Results:
    """What each contender's runs took, in the order of the turns.

    Args:
        runs: Runs by name of the contender.
    """

    runs: dict[str, list[Run]]

    def add(self, name: str, parts: Sequence[str]) -> None:
        """Add what several contenders took together, turn by turn."""
        turns = zip(*(self.runs[part] for part in parts), strict=True)
        self.runs[name] = [
            Run(sum(map(seconds, turn)), sum(map(cpu, turn)), max(map(memory, turn)))
            for turn in turns
        ]

    def of(self, name: str, what: Callable[[Run], float]) -> float:
        """Return a contender's median."""
        return median(what(run) for run in self.runs[name])

    def ratio(self, name: str, other: str, what: Callable[[Run], float]) -> float:
        """Return the ratio of two contenders' medians."""
        return self.of(name, what) / self.of(other, what)

    def pairwise(self, name: str, other: str, what: Callable[[Run], float]) -> float:
        """Return the median of the ratios of runs of the same turn."""
        pairs = zip(self.runs[name], self.runs[other], strict=True)
        return median(what(mine) / what(theirs) for mine, theirs in pairs)


def seconds(run: Run) -> float:
    """The time from start to exit."""
    return run.seconds


def cpu(run: Run) -> float:
    """The processor time."""
    return run.cpu


def memory(run: Run) -> float:
    """The peak memory."""
    return run.memory


def temp(run: Run) -> float:
    """The peak temporary disk."""
    return run.temp


def take_turns(contenders: Sequence[Contender], runs: int, cwd: Path) -> Results:
    """Run contenders A B C A B C …, after one turn that does not count.

    Args:
        contenders: The contenders.
        runs: Turns that count.
        cwd: Where they run, and where what they write is kept.

    Returns:
        What each run took.
    """
    results: dict[str, list[Run]] = {contender.name: [] for contender in contenders}
    for turn in range(runs + 1):
        for number, contender in enumerate(contenders):
            run = measure(contender, cwd, cwd / f"contender-{number}.log")
            say(f"  {'warm-up' if turn == 0 else turn:>7}  {run.seconds:8.3f} s  {contender.name}")
            if turn:
                results[contender.name].append(run)
    return Results(results)


def say(text: str) -> None:
    """Tell on stderr how it goes."""
    print(text, file=sys.stderr, flush=True)
