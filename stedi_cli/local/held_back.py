"""The table ``held_back``: what can be made out of lines that cannot be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from stedi_cli.landing.split import BadLine
from stedi_cli.landing.traced import traced_sha256
from stedi_cli.landing.traces import Trace
from stedi_cli.local.place import Place
from stedi_cli.local.quarantine import Entry, Quarantine
from stedi_cli.project.lakehouse import HELD_BACK
from stedi_cli.tables.summary import traced_to_summary

if TYPE_CHECKING:
    from stedi_cli.local.catalog import SqliteCatalog


class HeldBack(Quarantine):
    """Writes the table of what can be made out of the lines in quarantine.

    It holds personal data. Each line that is in quarantine of a table in which something is looked
    for has at least one row in it.
    """

    name = HELD_BACK

    def rows(self, table: str, line: BadLine) -> Iterable[Entry]:
        """Return the rows of a line of a landing table: what can be made out of it."""
        traced = table in self._place.lakehouse.traced
        return [(table, line.file, line.line, *trace) for trace in line.traces if traced]

    def forgets(self, before: Sequence[Entry], after: Sequence[Entry]) -> bool:
        """Tell whether rows go, or may: those of a person who withdrew may be among them."""
        return not self.is_current() or bool(Counter(before) - Counter(after))

    def summary(self) -> dict[str, str]:
        """Return what was looked for in the lines."""
        return traced_to_summary(traced_sha256(self._place.lakehouse))

    def is_current(self) -> bool:
        """Tell whether a run wrote it that looked for the same."""
        current = self._current()
        wanted = traced_sha256(self._place.lakehouse)
        return super().is_current() and (current is None or current.traced == wanted)

    def traces(self, table: str) -> dict[tuple[str, int], tuple[Trace, ...]]:
        """Return what is known of a landing table's lines, by file and line."""
        found: dict[tuple[str, int], list[Trace]] = {}
        for name, file, line, *trace in self.entries():
            if name == table:
                found.setdefault((file, line), []).append(Trace(*trace))
        return {place: tuple(traces) for place, traces in found.items()}


def beside(place: Place, catalog: SqliteCatalog, keep: int) -> tuple[Quarantine, HeldBack | None]:
    """Return the tables of lines that cannot be used, the second where the model has it.

    Args:
        place: The lakehouse, locked by the caller.
        catalog: The catalog.
        keep: Snapshots to keep of each.
    """
    there = HELD_BACK in place.lakehouse.tables
    return Quarantine(place, catalog, keep), HeldBack(place, catalog, keep) if there else None
