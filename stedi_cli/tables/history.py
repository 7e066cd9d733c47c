"""Which older snapshots of a table have to go, however many are kept.

A table that loses rows may lose them because a person withdrew, and its older snapshots would go on
serving them. The snapshot from which on they are lost says so itself: a run that dies before the
older ones are gone is known by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stedi_cli.addresses import unless_address
from stedi_cli.tables.provenance import Provenance, Snapshot, TableState


@dataclass(frozen=True)
class RefRemoved:
    """A tag or branch was removed that would have kept a snapshot which had to go.

    Args:
        table: The table.
        kind: ``tag`` or ``branch``.
        name: Its name.
    """

    table: str
    kind: str
    name: str

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {"table": self.table, "kind": self.kind, "name": unless_address(self.name)}


def overdue(snapshots: Sequence[Snapshot], current: int | None) -> list[Snapshot]:
    """Return the snapshots that have to go: all before the last one that forgets.

    Args:
        snapshots: Those of a table, oldest first.
        current: Id of the current one.
    """
    # A branch may hold a later snapshot than the current one, and goes with the others.
    ordered = [s for s in snapshots if s.id != current]
    ordered += [s for s in snapshots if s.id == current]
    forgetting = [place for place, snapshot in enumerate(ordered) if snapshot.forgets]
    return ordered[: forgetting[-1]] if forgetting else []


def due(snapshots: Sequence[Snapshot], current: int | None, keep: int) -> list[Snapshot]:
    """Return the snapshots that have to go, and those beyond a number.

    Args:
        snapshots: Those of a table, oldest first.
        current: Id of the current one.
        keep: How many are kept, the current one included.
    """
    gone = overdue(snapshots, current)
    rest = [s for s in snapshots if s not in gone and s.id != current]
    return gone + rest[: max(0, len(rest) - (keep - 1))]


def inputs_forgot(provenance: Provenance, states: Mapping[str, TableState]) -> bool:
    """Tell whether a table was built from a state that a table it reads keeps no more.

    Then that one may have forgotten a person since, whom this one's older snapshots still hold.

    Args:
        provenance: What made the table.
        states: The tables' states, those that it reads among them.
    """
    return any(
        provenance.inputs[name] not in {str(snapshot.id) for snapshot in states[name].snapshots}
        for name in provenance.inputs
        if name in states
    )
