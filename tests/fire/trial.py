"""A command that is killed, interrupted or starved at one place, and what has to hold then."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from small import CUSTOMERS, MOTIONS, STEPS, C, customer, lines, motion, step, write_lake

from fire.arena import Arena, make_arena
from fire.launcher import Ended, Launcher
from fire.state import read, stray

EVERY = os.environ.get("STEDI_FIRE") == "all"
"""Whether to try every boundary of every scenario, which takes a quarter of an hour."""


@dataclass(frozen=True)
class Scenario:
    """A command on a lakehouse.

    Args:
        prepare: Makes the lakehouse ready for it.
        words: The command.
        foreign: What someone else put into the root.
        stride: Every so-manieth boundary is tried, unless every one is asked for.
    """

    prepare: Callable[[Arena], object]
    words: str
    foreign: tuple[str, ...] = ("mine.txt", "mine/notes.txt", "landing/customer/mine.txt")
    stride: int = 1


# --- Lakes --------------------------------------------------------------------------------------


def _empty(arena: Arena) -> None:
    assert not arena.root.exists()


def _up(arena: Arena) -> None:
    arena.done("infra", "up", "--no-data")


def _uploaded(arena: Arena) -> None:
    arena.done("infra", "up", "--data", arena.data)


def _run(arena: Arena) -> None:
    _uploaded(arena)
    arena.done("jobs", "run", "--all")


def _changed(arena: Arena) -> None:
    _run(arena)
    files = {
        "customer_landing": {"c.json": lines(CUSTOMERS) + b"{}\n", "d.json": b"nonsense\n"},
        "accelerometer_landing": {"b.json": lines([*MOTIONS, motion("bob@x.org", C + 99)])},
        "step_trainer_landing": {"s.json": lines([*STEPS, step("serial-ann", C + 99)])},
    }
    write_lake(arena.data.parent / "changed", files)


def _dirty(arena: Arena) -> None:
    """As many snapshots as are kept, an old quarantine, and landing files that changed."""
    _changed(arena)
    arena.done("jobs", "run", "--all", "--force")
    arena.done("upload", arena.data.parent / "changed", "--replace", "--yes")
    arena.done("jobs", "run", "--all")
    more = {"customer_landing": {"d.json": lines([customer("gus@x.org", "s", C)]) + b"[]\n{}\n"}}
    arena.done("upload", write_lake(arena.data.parent / "more", more))


def _stopped(arena: Arena) -> None:
    """What a run had read that too many bad lines stopped, and a file that changed since."""
    _changed(arena)
    arena.done("upload", arena.data.parent / "changed")
    assert arena.run("jobs", "run", "--all", "--max-bad-rows", "0").code == 3
    more = {"accelerometer_landing": {"b.json": lines([motion("bob@x.org", C + 98)])}}
    arena.done("upload", write_lake(arena.data.parent / "more", more))


def _broken(arena: Arena) -> None:
    _run(arena)
    (arena.root / "catalog.db").write_bytes(b"nonsense" * 100)
    (arena.root / "warehouse" / "mine").mkdir()
    (arena.root / "warehouse" / "mine" / "mine.txt").write_bytes(b"mine")


SCENARIOS = {
    "up": Scenario(_empty, "infra up --data {0}/data", ()),
    "up over a broken catalog": Scenario(_broken, "infra up --no-data", stride=2),
    "upload": Scenario(_up, "upload {0}/data"),
    "upload of changed files": Scenario(_changed, "upload {0}/changed --replace --yes"),
    "first run": Scenario(_uploaded, "jobs run --all", stride=3),
    "run with everything": Scenario(_dirty, "jobs run --all"),
    "run after one that stopped": Scenario(_stopped, "jobs run --all", stride=4),
    "other policy": Scenario(_run, "jobs run --all --policy published", stride=3),
    "down": Scenario(_run, "infra down --yes", (), stride=2),
    "down beside foreign files": Scenario(_run, "infra down --yes", stride=2),
}


# --- Trials --------------------------------------------------------------------------------------


class Trial:
    """A scenario in an arena of its own.

    Args:
        scenario: The scenario.
        arena: The arena.
    """

    def __init__(self, scenario: Scenario, arena: Arena) -> None:
        self.arena = arena
        self.words = scenario.words.format(arena.data.parent).split()
        self.down = "down" in self.words
        self.tried = 0
        scenario.prepare(arena)
        for name in scenario.foreign:
            (arena.root / name).parent.mkdir(exist_ok=True)
            (arena.root / name).write_bytes(b"mine")
        arena.save()
        self.foreign = arena.foreign()
        self.before = read(arena.root)
        # As before every trial: the copies' time stamps are new, so they are hashed.
        arena.restore()
        started = time.perf_counter()
        self.whole = arena.run(*self.words)
        self.seconds = time.perf_counter() - started
        assert self.whole.code == 0, self.whole
        self.after = read(arena.root)
        self.assert_settled("left alone")

    @property
    def changes(self) -> int:
        """How many changes it makes when left alone."""
        return len(self.whole.changes)

    def at(self, action: str, number: int) -> Ended:
        """Let something happen to it before a change."""
        self.arena.restore()
        self.tried += 1
        return self.arena.run(*self.words, action=action, at=number)

    def killed_after(self, seconds: float) -> Ended:
        """Kill it at a moment."""
        self.arena.restore()
        self.tried += 1
        started = self.arena.launcher.start("--root", self.arena.root, *self.words)
        time.sleep(seconds)
        return started.kill().end()

    def assert_as_before_or_after(self, how: str) -> None:
        """Look at every table, every landing file, and what is not the lakehouse's."""
        now = read(self.arena.root)
        assert now.lies_between(self.before, self.after), how
        assert self.arena.foreign() == self.foreign, how

    def assert_mended(self, how: str) -> None:
        """Run it again, and look whether everything is as if nothing had happened."""
        again = self.arena.run(*self.words)
        gone = self.down and bool(self.arena.inside()) and "is not a lakehouse" in again.err
        assert again.code == 0 or gone, (how, again)
        assert read(self.arena.root) == self.after, how
        self.assert_settled(how)

    def assert_settled(self, how: str) -> None:
        """Look whether nothing lies about, and nothing foreign was touched."""
        left = {name for name in stray(self.arena.root) if "mine" not in name}
        assert left == set(), how
        assert self.arena.foreign() == self.foreign, how
        if self.down:
            assert self.arena.root.exists() == bool(self.arena.inside()), how


def side_by_side(
    launchers: Sequence[Launcher],
    name: str,
    folder: Path,
    work: Callable[[Trial, int], None],
    *,
    every: int = 1,
    times: int | None = None,
) -> list[Trial]:
    """Share a scenario's boundaries among servers, and do something at each.

    Args:
        launchers: The servers.
        name: The scenario's name.
        folder: Where the arenas are made.
        work: Called with a trial and the number of a change; one more than there are comes last.
        every: Every so-manieth boundary, unless every one is asked for.
        times: How often instead, whatever the boundaries.

    Returns:
        The trials.
    """
    scenario = SCENARIOS[name]
    step_ = 1 if EVERY or times else max(every, scenario.stride)

    def one(place: int) -> Trial:
        trial = Trial(scenario, make_arena(launchers[place], folder / f"arena{place}"))
        last = times or trial.changes + 1
        for number in range(1 + place * step_, last + 1, step_ * len(launchers)):
            work(trial, number)
        return trial

    with ThreadPoolExecutor(len(launchers)) as pool:
        return list(pool.map(one, range(len(launchers))))
