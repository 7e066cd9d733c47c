"""What a validation found there, before anything is compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from stedi_cli.landing.files import LandingState
from stedi_cli.project.check import ACCOUNT_CHECK
from stedi_cli.tables.provenance import LandingAccount, TableState


@dataclass(frozen=True)
class Observed:
    """What is there, and what the queries say of it.

    Args:
        states: The tables' states.
        landing: The landing files.
        unread: The landing tables of which nothing could be asked, since no run has read them.
        accounts: By landing table, how the runs used its lines; none where no run has read its
            files as they are now.
        rows: Rows by table.
        violations: Rows that break a rule, by check.
        unasked: The checks that are about tables in ``unread``.
        quarantined: Lines in quarantine by landing table.
        miscounted: Lines of one landing file that are counted for another, by landing table.
        left_out: Reasons and numbers by note.
        reasons: Reasons and numbers by job, of its account; None where that cannot be told.
        errors: Why the SQL of a check cannot be run, by check.
        silent: Why the SQL of a note cannot be run, by note.
        kept: The checks of which an earlier validation asked.
    """

    states: Mapping[str, TableState]
    landing: Mapping[str, LandingState]
    unread: Collection[str]
    accounts: Mapping[str, LandingAccount]
    rows: dict[str, int]
    violations: Mapping[str, int]
    unasked: Collection[str]
    quarantined: dict[str, int]
    miscounted: dict[str, int]
    left_out: dict[str, list[tuple[str, int]]]
    reasons: Mapping[str, list[tuple[str, int]] | None]
    errors: dict[str, str]
    silent: dict[str, str]
    kept: frozenset[str] = frozenset()

    def unaccounted(self) -> dict[str, int]:
        """Count the lines of each landing table that are neither used nor in quarantine."""
        return {
            ACCOUNT_CHECK.format(table=name): number for name, number in self._left_over().items()
        }

    def not_looked_at(self) -> list[str]:
        """Return the landing tables with lines that no run has looked at, as they are now."""
        return [n for n, number in self._left_over().items() if number and n not in self.accounts]

    def _left_over(self) -> dict[str, int]:
        return {
            name: max(
                abs(state.lines - self.rows[name] - self.quarantined.get(name, 0)),
                self.miscounted.get(name, 0),
            )
            for name, state in self.landing.items()
            if name in self.rows
        }
