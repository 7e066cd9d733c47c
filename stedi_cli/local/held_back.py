"""The table ``held_back``: what can be made out of lines that cannot be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from stedi_cli.landing.answered import Answered, answered_in, digest_of
from stedi_cli.landing.bad_line import BadLine
from stedi_cli.landing.file_facts import FileFacts
from stedi_cli.landing.traced import traced_sha256
from stedi_cli.landing.traces import Trace
from stedi_cli.local.place import Place
from stedi_cli.local.quarantine import Entry, Quarantine
from stedi_cli.project.lakehouse import HELD_BACK
from stedi_cli.tables.summary import traced_to_summary


class HeldBack(Quarantine):
    """Writes the table of what can be made out of the lines in quarantine.

    It holds personal data. Each line that is in quarantine of a table in which something is looked
    for has at least one row in it.
    """

    name = HELD_BACK

    def __init__(self, place: Place, keep: int) -> None:
        super().__init__(place, keep)
        self._answers: Answered | None = None
        self._files: dict[str, dict[str, FileFacts]] = {}

    def rows(self, table: str, line: BadLine) -> Iterable[Entry]:
        """Return the rows of a line of a landing table: what can be made out of it."""
        if table not in self._place.lakehouse.traced:
            return []
        until = self._answered(table, line)
        traces = [
            trace if until is None or trace.email is None else trace._replace(instant=until)
            for trace in line.traces
        ]
        return [(table, line.file, line.line, *trace) for trace in traces]

    def _answered(self, table: str, line: BadLine) -> int | None:
        """Return up to when a line counts, where somebody said so who had seen it."""
        if self._answers is None:
            self._answers = answered_in(self._place.layout.read_answered())
        if not self._answers:
            return None
        if table not in self._files:
            self._files[table] = self._place.zone.known(table)
        facts = self._files[table].get(line.file)
        return self._answers.get((table, digest_of(facts), line.line)) if facts else None

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


def beside(place: Place, keep: int) -> tuple[Quarantine, HeldBack | None]:
    """Return the tables of lines that cannot be used, the second where the model has it.

    Args:
        place: The lakehouse, locked by the caller.
        keep: Snapshots to keep of each.
    """
    there = HELD_BACK in place.lakehouse.tables
    return Quarantine(place, keep), HeldBack(place, keep) if there else None
