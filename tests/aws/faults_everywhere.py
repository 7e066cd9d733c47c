"""Faults at every AWS call of a command: the ways, and the walk from the first call to the last."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sandbox.faults import Fault, How
from sandbox.server import Sandbox

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


class Strike:
    """A fault that waits for its call.

    Args:
        sandbox: The account.
        name: Its name in the table.
        number: The call that it waits for.
    """

    def __init__(self, sandbox: Sandbox, name: str, number: int) -> None:
        self._sandbox = sandbox
        self._number = number
        self._fault: Fault = sandbox.fail(**FAULTS[name], agent="stedi", nth=number)

    def heal(self) -> bool:
        """Take the fault away, and tell whether it has hit anything."""
        self._sandbox.heal()
        return bool(self._fault.hits)

    def __str__(self) -> str:
        return f"call {self._number}: {[str(call) for call in self._fault.hits]}"


def at_every_call(sandbox: Sandbox, name: str, *, least: int) -> Iterator[Strike]:
    """Yield a fault at the first call, then at the second, until one hits nothing.

    Args:
        sandbox: The account.
        name: Name of the fault in the table.
        least: Calls that the command makes at the very least.
    """
    number, struck = 0, True
    while struck:
        number += 1
        strike = Strike(sandbox, name, number)
        yield strike
        struck = strike.heal()
    assert number > least
