"""Faults at every AWS call of a command: the ways, and the walk from the first call to the last."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sandbox.calls import Call
from sandbox.faults import How
from sandbox.server import Sandbox

from aws.places import account

# A process that is killed makes no further call: from the n-th on, none reaches AWS.
FAULTS: dict[str, dict[str, Any]] = {
    "throttled": {"how": How.THROTTLED},
    "server error": {"how": How.SERVER_ERROR},
    "reset": {"how": How.RESET},
    "denied": {"how": How.DENIED},
    "answer lost": {"how": How.LOST},
    "killed": {"how": How.DENIED, "calls": None},
}


def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let boto3 try again at once."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))


def shared_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands share their clients, since making them takes longer than their calls."""
    monkeypatch.setattr("stedi_cli.aws.place.Account", account)


class Strike:
    """A fault at one call of what is done inside.

    Args:
        sandbox: The account.
        name: Its name in the table.
        number: The call that it waits for.

    Attributes:
        hits: What was hit.
    """

    def __init__(self, sandbox: Sandbox, name: str, number: int) -> None:
        self._sandbox = sandbox
        self._name = name
        self._number = number
        self.hits: list[Call] = []

    def __enter__(self) -> None:
        fault = self._sandbox.fail(**FAULTS[self._name], agent="stedi", nth=self._number)
        self.hits = fault.hits

    def __exit__(self, *_: object) -> None:
        self._sandbox.heal()

    def __str__(self) -> str:
        return f"call {self._number}: {[str(call) for call in self.hits]}"


def at_every_call(sandbox: Sandbox, name: str, *, least: int) -> Iterator[Strike]:
    """Yield a fault at the first call, then at the second, until one hits nothing.

    Args:
        sandbox: The account.
        name: Name of the fault in the table.
        least: Calls that the command makes at the very least.
    """
    for number in itertools.count(1):
        strike = Strike(sandbox, name, number)
        yield strike
        if not strike.hits:
            break
    assert number > least
