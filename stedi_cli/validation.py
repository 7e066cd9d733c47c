"""Checks a lakehouse: row counts against expected ones, and the rules of the project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stedi_cli import expected
from stedi_cli.expected import DataSet
from stedi_cli.lakehouse import QUARANTINE, STRICT, Lakehouse
from stedi_cli.landing import LandingState
from stedi_cli.provenance import TableState
from stedi_cli.sql import identifier, literal
from stedi_cli.target import Target

PERSONAL_CHECK = "{table}_no_personal_columns"
ACCOUNT_CHECK = "{table}_accounted"
_QUARANTINED = f'SELECT "table", count(*) AS lines FROM {QUARANTINE} GROUP BY "table"'


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


@dataclass(frozen=True)
class CheckResult:
    """How many rows break a rule, and whether the policy breaks it on purpose."""

    check: str
    violations: int
    known: bool

    @property
    def ok(self) -> bool:
        """Whether the rule holds, or is broken on purpose."""
        return self.violations == 0 or self.known


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


def count_query(tables: list[str]) -> str:
    """Return one query that counts the rows of all tables."""
    return "\nUNION ALL\n".join(
        f"SELECT {literal(name)} AS table_name, count(*) AS table_rows FROM {identifier(name)}"
        for name in tables
    )


def check_query(checks: Mapping[str, str]) -> str:
    """Return one query that counts the rows breaking each rule.

    Args:
        checks: SQL by the check's name.
    """
    return "\nUNION ALL\n".join(
        f"SELECT {literal(name)} AS check_name, count(*) AS violations\n"
        f"FROM (\n{sql.strip()}\n) rule"
        for name, sql in checks.items()
    )


@dataclass(frozen=True)
class Questions:
    """What a validation asks of the target.

    Args:
        counts: Rows of every table.
        checks: Rows that break each rule, or None where no table is built.
        quarantined: Lines in quarantine of every landing table, or None without one.
        notes: What was left out and why, by the name of the query.
    """

    counts: str
    checks: str | None
    quarantined: str | None
    notes: dict[str, str]

    def texts(self) -> list[str]:
        """Return all of them."""
        asked = (self.counts, self.checks, self.quarantined, *self.notes.values())
        return [text.strip() for text in asked if text]


class Validation:
    """Validates a lakehouse.

    Args:
        lakehouse: The model.
        target: Where it lives.
        policy: Policy to compare with, or None for the one that the tables were built under.
    """

    def __init__(self, lakehouse: Lakehouse, target: Target, policy: str | None) -> None:
        self._lakehouse = lakehouse
        self._target = target
        self._asked = lakehouse.policy(policy).name if policy else None

    def questions(self) -> Questions:
        """Return what it asks of the target."""
        states = self._target.tables()
        counted = [n for n in self._countable() if n in states or n in self._lakehouse.landing]
        checks = {c.name: c.sql for c in self._lakehouse.checks if self._can_run(c.sql, states)}
        return Questions(
            counts=count_query(counted),
            checks=check_query(checks) if checks else None,
            quarantined=_QUARANTINED if QUARANTINE in states else None,
            notes={note.name: note.sql for note in self._lakehouse.notes},
        )

    def run(self) -> Report:
        """Count, check and compare.

        Returns:
            The report.

        Raises:
            StediError: If a table cannot be read.
        """
        states = self._target.tables()
        landing = self._target.landing()
        asked = self.questions()
        rows = self._numbers(asked.counts)
        violations = self._numbers(asked.checks)
        violations.update(self._account(rows, landing, self._numbers(asked.quarantined)))
        violations.update(self._personal_columns(states))
        built = self._built_policies(states)
        policy = self._asked or (built[0] if len(built) == 1 else STRICT)
        known = self._lakehouse.policy(policy).breaks
        data_set = self._data_set(landing)
        tables = self._compare(rows, policy, data_set)
        return Report(
            policy=policy,
            source=data_set.source if data_set else None,
            tables=tables,
            checks=[CheckResult(n, v, n in known) for n, v in sorted(violations.items())],
            left_out={name: self._reasons(sql) for name, sql in asked.notes.items()},
            notes=self._notes(tables, policy, data_set, built),
            problems=self._problems(states, built),
        )

    def _countable(self) -> list[str]:
        return [name for name in self._lakehouse.tables if name != QUARANTINE]

    def _can_run(self, sql: str, states: Mapping[str, TableState]) -> bool:
        written = [name for name in self._lakehouse.writers if name in sql]
        return all(name in states for name in written)

    def _account(
        self,
        rows: Mapping[str, int],
        landing: Mapping[str, LandingState],
        quarantined: Mapping[str, int],
    ) -> dict[str, int]:
        """Count the lines of each landing table that are neither used nor in quarantine."""
        return {
            ACCOUNT_CHECK.format(table=name): abs(
                state.lines - rows[name] - quarantined.get(name, 0)
            )
            for name, state in landing.items()
        }

    def _numbers(self, sql: str | None) -> dict[str, int]:
        return dict(self._reasons(sql)) if sql else {}

    def _reasons(self, sql: str) -> list[tuple[str, int]]:
        return [(str(row[0]), int(row[1])) for row in self._target.query(sql).rows]

    def _personal_columns(self, states: Mapping[str, TableState]) -> dict[str, int]:
        """Count stored columns that are personal, or that the model does not know, where banned."""
        personal = {
            column.name.lower()
            for table in self._lakehouse.tables.values()
            for column in table.columns
            if column.personal
        }
        found: dict[str, int] = {}
        for table in self._lakehouse.tables.values():
            if not table.personal and table.name in states:
                known = {column.name for column in table.columns}
                found[PERSONAL_CHECK.format(table=table.name)] = sum(
                    name.lower() in personal or name not in known
                    for name in states[table.name].columns
                )
        return found

    def _built_policies(self, states: Mapping[str, TableState]) -> list[str]:
        built = {
            state.current.provenance.policy
            for name, state in states.items()
            if name in self._lakehouse.writers and state.current and state.current.provenance
        }
        return sorted(built)

    def _data_set(self, landing: Mapping[str, LandingState]) -> DataSet | None:
        tables = list(self._lakehouse.landing.values())
        known = expected.shipped(self._lakehouse.folder)
        own = self._target.expected_file()
        if own is not None:
            known.append(expected.uploaded(own))
        return next((d for d in known if d.fits(landing, tables)), None)

    def _compare(
        self, rows: Mapping[str, int], policy: str, data_set: DataSet | None
    ) -> list[TableCount]:
        counts = data_set.counts.get(policy, {}) if data_set else {}
        published = data_set.counts.get("published", {}) if data_set and data_set.course else {}
        return [
            TableCount(
                name,
                self._lakehouse.tables[name].zone,
                rows.get(name),
                counts.get(name),
                published.get(name),
            )
            for name in self._countable()
        ]

    def _notes(
        self,
        tables: list[TableCount],
        policy: str,
        data_set: DataSet | None,
        built: list[str],
    ) -> list[str]:
        notes: list[str] = []
        if self._asked and built and built != [self._asked]:
            notes.append(f"The tables were built under {', '.join(built)}, not {self._asked}.")
        if data_set is None:
            notes.append("These landing files are no known data set, so no counts are expected.")
            return notes
        for table in tables:
            if table.ok or table.rows is None:
                continue
            others = [
                f"what policy {name} gives"
                for name, counts in data_set.counts.items()
                if name != policy and counts.get(table.table) == table.rows
            ]
            others += [m for t, r, m in data_set.figures if (t, r) == (table.table, table.rows)]
            notes += [f"{table.table}: {table.rows:,} is {other}." for other in others]
        return notes

    def _problems(self, states: Mapping[str, TableState], built: list[str]) -> list[str]:
        problems: list[str] = []
        missing = [name for name in self._lakehouse.writers if name not in states]
        if missing:
            problems.append(f"Not built yet: {', '.join(missing)}. Run `stedi jobs run --all`.")
        if len(built) > 1:
            problems.append(
                f"Tables of several policies lie side by side: {', '.join(built)}."
                " Run `stedi jobs run --all`."
            )
        return problems
