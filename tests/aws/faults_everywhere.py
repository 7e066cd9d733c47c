"""Faults at every AWS call of a command: the ways, and where they strike."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from sandbox.calls import Call
from sandbox.faults import How
from sandbox.server import Sandbox

from aws.places import account

FAULTS = ("busy", "reset", "denied", "answer lost", "killed")
AGENT = "stedi"
"""Part of the User-Agent of what is struck: not of what stands for a job, which AWS runs."""


def places(
    name: str,
    made: Sequence[Call],
    *,
    few: Collection[str] = ("busy",),
    actions: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Say what strikes a command and where, one fault a try: at every call, but as told here.

    A reset changes nothing and boto3 gets over it, so one try is struck at all its calls. An
    answer that is lost to a call which only reads is no other than a reset. AWS is busy in two
    ways that only boto3 tells apart: they take turns. A process that is killed makes no further
    call: from the n-th on, none reaches AWS.

    Args:
        name: Name of the fault.
        made: The calls of the command when it is left alone.
        few: Faults that do not strike at every one of many calls alike, which are often made side
            by side, but at the first, second and last.
        actions: Those that are struck; none for all.
    """
    if name == "reset":
        return [{"how": How.RESET, "calls": None}]
    ours = [call for call in made if AGENT in call.agent]
    wanted = [n for n, call in enumerate(ours, 1) if not actions or call.action in actions]
    if name == "killed":
        return [{"how": How.DENIED, "calls": None, "nth": number} for number in wanted]
    ways = {
        "busy": itertools.cycle((How.THROTTLED, How.SERVER_ERROR)),
        "denied": itertools.repeat(How.DENIED),
        "answer lost": itertools.repeat(How.LOST),
    }[name]
    calls = [ours[number - 1] for number in wanted]
    struck = [call for call in calls if name != "answer lost" or not call.reads]
    alike = Counter((call.service, call.action) for call in struck)
    return [
        {"how": next(ways), "service": service, "action": action, "nth": number}
        for (service, action), many in alike.items()
        for number in range(1, many + 1)
        if name not in few or many <= 3 or number in (1, 2, many)
    ]


def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let boto3 try again at once."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))


def shared_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands share their clients, since making them takes longer than their calls."""
    monkeypatch.setattr("stedi_cli.aws.place.Account", account)


class Strike:
    """A fault at what is done inside.

    Args:
        sandbox: The account.
        place: What strikes, and where.

    Attributes:
        hits: What was hit.
    """

    def __init__(self, sandbox: Sandbox, place: dict[str, Any]) -> None:
        self._sandbox = sandbox
        self._place = place
        self.hits: list[Call] = []

    def __enter__(self) -> Strike:
        self.hits = self._sandbox.fail(**self._place, agent=AGENT).hits
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._sandbox.heal()
        assert self.hits or kind, self._place

    def __str__(self) -> str:
        return f"{self._place}: {[str(call) for call in self.hits]}"
