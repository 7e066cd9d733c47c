"""What is there beside the model's tables: once made here, or somebody else's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stedi_cli.errors import UsageError, quantity, some
from stedi_cli.lake.findings import Finding
from stedi_cli.landing.names import shown
from stedi_cli.project.lakehouse import Lakehouse

TABLE = "table"
LANDING_ZONE = "landing zone"
_MOST_NAMED = 5


@dataclass(frozen=True)
class Stranger:
    """A table, or what is left of one, that the model does not have.

    Args:
        name: Its name; with its namespace where that is not the lakehouse's.
        place: Where its files lie.
        ours: Whether it was made here and left the model since.
        rows: Its rows, where that is known.
        kind: What it is; of a landing table that left, its zone and its lines in quarantine.
        holds: What it holds, where that is not rows.
    """

    name: str
    place: str
    ours: bool
    rows: int | None = None
    kind: str = TABLE
    holds: str = ""

    @property
    def content(self) -> str:
        """What it holds; nothing where that is not known."""
        return self.holds if self.rows is None else f"{self.rows:,} rows"

    @property
    def note(self) -> str:
        """What is said of it beside its name."""
        if not self.ours:
            return f"not made by this tool, left alone: {self.place}"
        holds = f" and holds {self.content}" if self.content else ""
        return f"left the model{holds}: {self.place}"

    def finding(self) -> Finding:
        """Return what ``doctor`` says of it."""
        todo = f"Remove it with `stedi tables --drop {self.name}`, or put it back into the model."
        return Finding(f"{self.kind} {self.name}", self.note, todo if self.ours else "")


def landing_zone(folder: str, place: str, files: int) -> Stranger:
    """Return the landing zone of a table that left the model.

    Args:
        folder: The name of its folder.
        place: Where it lies.
        files: How many landing files it has.
    """
    # With a slash no table is called so.
    name, holds = f"landing/{folder}", quantity(files, "landing file")
    return Stranger(name, place, ours=True, kind=LANDING_ZONE, holds=holds)


def unknown_told(warehouse: str, names: Sequence[str]) -> list[str]:
    """Return what is said of names beside the tables' folders, which no table is known by.

    Args:
        warehouse: Where the tables lie.
        names: The names.

    Returns:
        A line; none where there is no name.
    """
    told = some([shown(name) for name in names], _MOST_NAMED)
    said = f"{warehouse} holds what no table in the catalog is known by, and may hold them: {told}."
    return [said] if names else []


def to_drop(lakehouse: Lakehouse, strangers: list[Stranger], name: str) -> Stranger:
    """Return the table of a name that may be dropped.

    Args:
        lakehouse: The model.
        strangers: The tables that are not in it.
        name: The name.

    Returns:
        The table, which was made here and left the model.

    Raises:
        UsageError: If it is in the model, not there, or not ours.
    """
    if name.lower() in {table.lower() for table in lakehouse.tables}:
        raise UsageError(
            f"{name} is a table of the model; nothing was removed.",
            hint="Take it and its job out of configs/lakehouse.yaml first.",
        )
    named = [stranger for stranger in strangers if stranger.name == name]
    found = next((s for s in named if s.ours), named[0] if named else None)
    if found is None:
        left = ", ".join(stranger.name for stranger in strangers if stranger.ours)
        raise UsageError(
            f"There is no table {name!r} that left the model.",
            hint=f"These did: {left}." if left else "`stedi tables` lists all tables.",
        )
    if not found.ours:
        raise UsageError(
            f"{name} was not made by this tool; nothing was removed.",
            hint=f"Its files lie in {found.place}; remove it with what made it.",
        )
    return found
