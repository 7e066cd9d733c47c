"""What a validation found: counts, checks, and whether all is as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TableCount:
    """A table's rows beside what was expected; ``None`` where unknown or not built."""

    table: str
    zone: str
    rows: int | None
    expected: int | None
    published: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the table is there, and its rows are as expected where that is known."""
        return self.rows is not None and self.expected in (None, self.rows)

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        record = {"table": self.table, "zone": self.zone, "rows": self.rows}
        return {**record, "expected": self.expected, "ok": self.ok}


@dataclass(frozen=True)
class CheckResult:
    """How many rows break a rule, and whether the policy breaks it on purpose.

    ``violations`` is None where queries cannot read every line that the rule is
    about, so that they cannot tell; and where ``waiting``, since no run has looked
    at the lines that the rule is about. ``kept`` tells that an earlier validation
    asked.
    """

    check: str
    violations: int | None
    known: bool
    waiting: bool = False
    kept: bool = False

    @property
    def ok(self) -> bool:
        """Whether the rule holds, is broken on purpose, or cannot be checked here."""
        return (not self.violations or self.known) and not self.waiting

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        record = {"check": self.check, "violations": self.violations, "ok": self.ok}
        return {**record, "kept": self.kept}


@dataclass(frozen=True)
class Report:
    """The outcome of a validation.

    Args:
        policy: Policy that the tables were built under.
        source: The data set that the expected counts are of, or None.
        tables: The counts.
        checks: The checks that could be made.
        left_out: Why readings were left out, and how many, by the query that tells.
        notes: What explains a difference.
        problems: What is wrong beside counts and checks.
    """

    policy: str
    source: str | None
    tables: list[TableCount]
    checks: list[CheckResult]
    left_out: dict[str, list[tuple[str, int]]]
    notes: list[str]
    problems: list[str]

    @property
    def ok(self) -> bool:
        """Whether everything is as it should be."""
        counted = all(table.ok for table in self.tables)
        return counted and all(check.ok for check in self.checks) and not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {
            "policy": self.policy,
            "tables": [table.as_json() for table in self.tables],
            "checks": [check.as_json() for check in self.checks],
            "ok": self.ok,
        }
