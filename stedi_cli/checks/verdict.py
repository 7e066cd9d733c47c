"""What a validation found: counts, checks, and whether all is as it should be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stedi_cli.errors import quantity

ERROR, NOT_BUILT, STALE, NOT_LOOKED_AT = "error", "not built", "stale", "not looked at yet"
FAILED, WRONG, EMPTY, NOT_CHECKED = "failed", "wrong", "empty", "not checked"
INCOMPLETE = "incomplete"
UNKNOWN, ACCEPTED, KNOWN, OK = "unknown", "accepted", "known", "ok"
# What the whole is called by: the first of these that anything in it is.
_WORST_FIRST = (
    *(ERROR, NOT_BUILT, STALE, NOT_LOOKED_AT, FAILED, WRONG, INCOMPLETE, EMPTY, NOT_CHECKED),
    *(UNKNOWN, ACCEPTED, OK),
)


@dataclass(frozen=True)
class TableCount:
    """A table's rows beside what was expected; ``None`` where unknown or not built.

    ``stale`` is why its job would build it again.
    """

    table: str
    zone: str
    rows: int | None
    expected: int | None
    published: int | None = None
    stale: str | None = None

    @property
    def verdict(self) -> str:
        """What is to be said of it, in a word."""
        if self.rows is None:
            return NOT_LOOKED_AT if self.zone == "landing" else NOT_BUILT
        if self.stale is not None:
            return STALE
        if self.rows == self.expected:
            return OK
        if self.rows == 0:
            return EMPTY
        return UNKNOWN if self.expected is None else WRONG

    @property
    def ok(self) -> bool:
        """Whether the table is there and up to date, its rows as expected where that is known."""
        return self.verdict in (OK, UNKNOWN)

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        record = {"table": self.table, "zone": self.zone, "rows": self.rows}
        found = {"expected": self.expected, "ok": self.ok, "verdict": self.verdict}
        return {**record, **found, "why": self.stale}


@dataclass(frozen=True)
class CheckResult:
    """How many rows break a rule, and whether the policy breaks it on purpose.

    ``violations`` is None where that cannot be told: since nothing can be asked yet about
    a landing table that the rule is about; where ``waiting``, since no run has looked at
    these lines; and since the SQL cannot be run, as ``error`` says. ``kept`` tells that
    an earlier validation asked; ``rule`` is in words, ``file`` the one with the SQL.
    """

    check: str
    violations: int | None
    known: bool
    waiting: bool = False
    kept: bool = False
    error: str | None = None
    rule: str = ""
    file: Path | None = None

    @property
    def verdict(self) -> str:
        """What is to be said of it, in a word."""
        if self.error is not None:
            return ERROR
        if self.violations is None:
            return NOT_LOOKED_AT if self.waiting else NOT_CHECKED
        if self.violations == 0:
            return OK
        return KNOWN if self.known else FAILED

    @property
    def ok(self) -> bool | None:
        """Whether the rule holds or is broken on purpose; None where that cannot be told."""
        return None if self.violations is None else self.verdict in (OK, KNOWN)

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        file = str(self.file) if self.file else None
        record = {"check": self.check, "rule": self.rule, "file": file}
        found = {"violations": self.violations, "ok": self.ok}
        return {**record, **found, "verdict": self.verdict, "error": self.error, "kept": self.kept}


@dataclass(frozen=True)
class Report:
    """The outcome of a validation.

    Args:
        policy: Policy that the tables were built under.
        source: The data set that the expected counts are of, or None.
        tables: The counts.
        checks: The checks that could be made, and those whose SQL cannot be run.
        left_out: Why readings were left out, and how many, by the query that tells.
        notes: What explains a difference.
        problems: What is wrong beside counts and checks.
        nearest: Which files of a known data set are missing, differ or are there twice, where most
            are there. Where the counts of all tables are known somebody accepted them all the same.
        errors: Why a query that explains cannot be run, by its name.
        held_back: How many people are, whose newest record cannot be read; None where the policy
            does not ask for it, or it was not told.
    """

    policy: str
    source: str | None
    tables: list[TableCount]
    checks: list[CheckResult]
    left_out: dict[str, list[tuple[str, int]]]
    notes: list[str]
    problems: list[str]
    nearest: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    held_back: int | None = None

    @property
    def ok(self) -> bool:
        """Whether all that is known is as it should be, and nothing could not be told."""
        counted = all(table.ok for table in self.tables)
        checked = all(check.ok for check in self.checks)
        wrong = self.problems or self.errors or (self.nearest and not self._is_accepted)
        return counted and checked and not wrong

    @property
    def _is_accepted(self) -> bool:
        """Whether the counts of all tables are known, under this policy."""
        unknown = any(table.verdict == UNKNOWN for table in self.tables)
        return self.source is not None and not unknown

    def about(self, checks: Collection[str]) -> Report:
        """Return what is about some checks alone, and what may colour their results."""
        return replace(
            self,
            tables=[table for table in self.tables if table.stale is not None],
            checks=[check for check in self.checks if check.check in checks],
            left_out={},
            notes=[],
            nearest="",
            errors={},
        )

    def without_answer(self, errors: Mapping[str, str]) -> Report:
        """Return it with checks, by name, whose SQL cannot be run, as these say."""
        return replace(
            self,
            checks=[
                replace(c, violations=None, error=errors[c.check], kept=False)
                if c.check in errors
                else c
                for c in self.checks
            ],
        )

    @property
    def verdict(self) -> str:
        """The worst of what is to be said, in a word."""
        found = {*self.verdicts} | ({WRONG} if self.problems else set())
        return next((word for word in _WORST_FIRST if word in found), OK)

    @property
    def verdicts(self) -> list[str]:
        """What is to be said of each table, the files, each check and each query without answer."""
        counted = [table.verdict for table in self.tables]
        if self.nearest:
            counted.append(ACCEPTED if self._is_accepted else INCOMPLETE)
        return counted + [check.verdict for check in self.checks] + [ERROR] * len(self.errors)

    @property
    def stale(self) -> list[dict[str, str]]:
        """The tables that their jobs would build again, each with the reason why."""
        return [{"table": t.table, "why": t.stale} for t in self.tables if t.stale is not None]

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {
            "policy": self.policy,
            "source": self.source,
            "tables": [table.as_json() for table in self.tables],
            "checks": [check.as_json() for check in self.checks],
            "stale": self.stale,
            "nearest": self.nearest or None,
            "notes": self.notes,
            "problems": self.problems,
            "held_back": self.held_back,
            "verdict": self.verdict,
            "summary": self.summary,
            "ok": self.ok,
        }

    @property
    def summary(self) -> str:
        """All of it in a sentence."""
        return _as_it_should_be(self) if self.ok else _not_right(self)


_RIGHT = "Everything is as it should be."
_APART = "files of a known data set are missing or differ, or are there twice"


def _as_it_should_be(report: Report) -> str:
    unknown = [table.table for table in report.tables if table.verdict == UNKNOWN]
    if report.tables and not unknown:
        return f"Everything is as accepted; {_APART}." if report.nearest else _RIGHT
    broken = sum(check.verdict == KNOWN for check in report.checks)
    said = quantity(sum(check.verdict == OK for check in report.checks), "rule holds", "rules hold")
    said += f" ({broken} broken on purpose)" if broken else ""
    if not report.tables:
        return f"{said}."
    if len(unknown) == len(report.tables):
        return f"{said}; counts of these landing files are not known."
    right = quantity(
        len(report.tables) - len(unknown), "count is as expected", "counts are as expected"
    )
    return f"{said}, {right}; not known are counts of {', '.join(unknown)}."


_SAID = {
    ERROR: ("query cannot be run", "queries cannot be run"),
    NOT_BUILT: ("table is not built", "tables are not built"),
    STALE: ("table is stale", "tables are stale"),
    FAILED: ("rule is broken", "rules are broken"),
    WRONG: ("count is not the expected one", "counts are not the expected ones"),
    EMPTY: ("table is empty", "tables are empty"),
    NOT_LOOKED_AT: ("landing table is not looked at yet", "landing tables are not looked at yet"),
    NOT_CHECKED: ("rule cannot be checked yet", "rules cannot be checked yet"),
}


def _not_right(report: Report) -> str:
    numbers = {word: report.verdicts.count(word) for word in _SAID}
    parts = [quantity(number, *_SAID[word]) for word, number in numbers.items() if number]
    parts += [_APART] if INCOMPLETE in report.verdicts else []
    return f"Not everything is right{': ' if parts else ''}{', '.join(parts)}."
