"""Checks a lakehouse: row counts against expected ones, and the rules of the project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stedi_cli.checks import expected
from stedi_cli.checks.expected import DataSet
from stedi_cli.checks.kept_answers import KeptAnswers, Pairs
from stedi_cli.checks.observed import Observed
from stedi_cli.checks.staleness import stale_problems
from stedi_cli.checks.told import accounts_of, counts_of
from stedi_cli.checks.validation_queries import (
    COUNTS,
    FILES,
    QUARANTINED,
    Queries,
    check_query,
    check_title,
    note_title,
    queries,
    subjects,
)
from stedi_cli.checks.verdict import CheckResult, Report, TableCount
from stedi_cli.lake.parts import Lake
from stedi_cli.lake.records import Answer
from stedi_cli.landing.files import LandingState, other_shapes
from stedi_cli.project.check import ACCOUNT_CHECK, PERSONAL_CHECK, Check
from stedi_cli.project.lakehouse import QUARANTINE, STRICT, Lakehouse
from stedi_cli.project.personal import personal_names
from stedi_cli.questions.statement import tables_named
from stedi_cli.tables.drift import changed_by_others, drift_said
from stedi_cli.tables.provenance import TableState
from stedi_cli.tables.recipes import Changed, Recipes


class Validation:
    """Validates a lakehouse.

    Args:
        lakehouse: The model.
        lake: Its parts.
        policy: Policy to compare with, or None for the one that the tables were built under.
        again: Whether to ask also what an earlier validation was told of the same.
    """

    def __init__(
        self, lakehouse: Lakehouse, lake: Lake, policy: str | None, *, again: bool = False
    ) -> None:
        self._lakehouse = lakehouse
        self._lake = lake
        self._again = again
        self._kept = KeptAnswers(lakehouse, lake.kept) if lake.kept else None
        self._policy = lakehouse.policy(policy).name if policy else None

    def queries(self) -> Queries:
        """Return what it asks."""
        return queries(self._lakehouse, self._lake.tables.states(), self._usable_lines())

    def run(self) -> Report:
        """Count, check and compare.

        Returns:
            The report.

        Raises:
            StediError: If a table cannot be read.
        """
        observed = self._look_closer(self._look())
        built = self._built_policies(observed.states)
        policy = self._policy or (built[0] if len(built) == 1 else STRICT)
        data_set = self._data_set(observed.landing)
        tables = self._compare(observed.rows, policy, data_set)
        return Report(
            policy=policy,
            source=data_set.source if data_set else None,
            tables=tables,
            checks=self._checks(observed, self._lakehouse.policy(policy).breaks),
            left_out=observed.left_out,
            notes=[*observed.unread_notes(), *self._notes(tables, policy, data_set, built)],
            problems=self._problems(observed, built),
        )

    def _look(self) -> Observed:
        """Take the answers that are kept where these are all; else ask for the others."""
        states, landing, kept = self._seen()
        answers = kept
        if not kept or subjects(self._lakehouse, states).keys() - kept.keys():
            # Before anything is asked: a medium that fails changes no time stamp.
            self._lake.tables.read_again()
            states, landing, kept = self._seen()
            answers = kept | self._asked(states, kept)
        usable, accounts = self._usable_lines(), accounts_of(self._lakehouse, states, landing)
        used = {name: account.usable for name, account in accounts.items() if name in usable}
        checks = [c.name for c in self._lakehouse.checks] + list(usable)
        titles = {name: check_title(name) for name in checks}
        found = dict(p for title in titles.values() for p in answers.get(title, ()))
        of_lines = {COUNTS, FILES, QUARANTINED} & subjects(self._lakehouse, states).keys()
        told = {name for name, title in titles.items() if title in kept}
        if of_lines <= kept.keys():
            told |= {ACCOUNT_CHECK.format(table=name) for name in landing}
        return Observed(
            states=states,
            landing=landing,
            usable=usable,
            accounts=accounts,
            rows=dict(answers.get(COUNTS, ())) | used,
            read={name: found.pop(name) for name in usable if name in found},
            violations=found,
            quarantined=dict(answers.get(QUARANTINED, ())),
            miscounted=dict(answers.get(FILES, ())),
            left_out={
                note.name: sorted(answers[note_title(note.name)]) for note in self._lakehouse.notes
            },
            kept=frozenset(told),
        )

    def _seen(self) -> tuple[dict[str, TableState], dict[str, LandingState], dict[str, Pairs]]:
        """Return the tables and landing files as they are now, and which answers hold."""
        landing = self._lake.landing.states()
        if self._kept is not None:
            self._kept.look(landing)
        states = self._lake.tables.states()
        return states, landing, self._taken(states, landing)

    def _taken(
        self, states: Mapping[str, TableState], landing: Mapping[str, LandingState]
    ) -> dict[str, Pairs]:
        """Return the answers that are kept and hold; of counts, where the runs tell the same."""
        if self._kept is None or self._again:
            return {}
        taken = self._kept.taken(subjects(self._lakehouse, states))
        told = counts_of(self._lakehouse, states, landing)
        return {title: p for title, p in taken.items() if dict(p) == told.get(title, dict(p))}

    def _asked(
        self, states: Mapping[str, TableState], kept: Mapping[str, Pairs]
    ) -> dict[str, Pairs]:
        """Ask what is not kept, and keep it for the next validation."""
        asked = queries(self._lakehouse, states, self._usable_lines()).all()
        left = {title: question for title, question in asked.items() if title not in kept}
        answers = self._lake.questions.ask_all(list(left.values()))
        found = dict(zip(left, map(_pairs, answers), strict=True))
        if FILES not in kept:
            found[FILES] = sorted(self._lake.questions.miscounted().items())
        if self._kept is not None:
            texts = subjects(self._lakehouse, states)
            self._kept.keep(texts, found, self._lake.landing.states())
        return found

    def _look_closer(self, observed: Observed) -> Observed:
        """Ask again on this machine what is about lines that the queries could not read."""
        raw_lines, unread = self._lake.raw_lines, observed.unread()
        if raw_lines is None or not unread:
            return observed

        def about_them(check: Check) -> bool:
            return bool(tables_named(check.sql, unread))

        found: dict[str, int | None] = {}
        for check in filter(about_them, self._lakehouse.checks):
            if check.name in observed.violations:
                answer = raw_lines.answer(check_query(check))
                found |= dict(_pairs(answer)) if answer else {check.name: None}
        left_out = dict(observed.left_out)
        for note in filter(about_them, self._lakehouse.notes):
            answer = raw_lines.answer(note.sql)
            left_out[note.name] = sorted(_pairs(answer)) if answer else []
        return replace(observed, violations={**observed.violations, **found}, left_out=left_out)

    def _usable_lines(self) -> dict[str, str]:
        """Return, by landing table, the SELECT that takes its place; none where it need not."""
        return self._lake.raw_lines.usable_lines() if self._lake.raw_lines else {}

    def _countable(self) -> list[str]:
        return [name for name in self._lakehouse.tables if name != QUARANTINE]

    def _checks(self, observed: Observed, known: frozenset[str]) -> list[CheckResult]:
        found = {
            **observed.violations,
            **observed.unaccounted(),
            **self._personal_columns(observed.states),
        }
        waiting = {ACCOUNT_CHECK.format(table=name) for name in observed.not_looked_at()}
        return [
            CheckResult(
                name,
                None if name in waiting else number,
                name in known,
                waiting=name in waiting,
                kept=name in observed.kept,
            )
            for name, number in sorted(found.items())
        ]

    def _personal_columns(self, states: Mapping[str, TableState]) -> dict[str, int]:
        """Count stored columns that are personal, or that the model does not know, where banned."""
        personal = personal_names(self._lakehouse.tables.values())
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
        right = self._lake.kept.right if self._lake.kept else None
        known = expected.shipped(self._lakehouse.folder, right)
        own = self._lake.landing.expected_file()
        if own is not None:
            known.append(expected.uploaded(own, right))
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
        if self._policy and built and built != [self._policy]:
            notes.append(f"The tables were built under {', '.join(built)}, not {self._policy}.")
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

    def _problems(self, observed: Observed, built: list[str]) -> list[str]:
        problems: list[str] = []
        missing = [name for name in self._lakehouse.writers if name not in observed.states]
        if missing:
            problems.append(f"Not built yet: {', '.join(missing)}. Run `stedi jobs run --all`.")
        problems += other_shapes(observed.landing)
        problems += [
            f"None of the {account.lines:,} lines of {name} can be used; see `stedi quarantine`."
            for name, account in observed.accounts.items()
            if account.lines and not account.usable
        ]
        others = changed_by_others(self._lakehouse, observed.states)
        problems += [
            f"{name} is not as a run leaves it: {drift_said(what)}. Run `stedi jobs run --all`."
            for name, what in others.items()
        ]
        broken = [name for name in observed.states if not self._lake.tables.is_whole(name)]
        if broken:
            problems.append(
                f"Files are lost or broken of {', '.join(broken)}. Run `stedi jobs run --all`."
            )
        if len(built) > 1:
            problems.append(
                f"Tables of several policies lie side by side: {', '.join(built)}."
                " Run `stedi jobs run --all`."
            )
        asked = [name for name in observed.usable if name not in observed.accounts]
        unread = [] if missing else [*asked, *observed.not_looked_at()]
        said = {*others, *broken}
        changes = self._changes(observed, built)
        return problems + stale_problems(self._lakehouse, changes, said, unread)

    def _changes(self, observed: Observed, built: list[str]) -> dict[str, Changed]:
        # Where there are several policies all jobs have to run again, whatever changed.
        if len(built) != 1:
            return {}
        recipes = Recipes(self._lakehouse, built[0])
        recipes.see(observed.landing, observed.states)
        return recipes.all_changed()


def _pairs(answer: Answer) -> list[tuple[str, int]]:
    return [(str(row[0]), int(row[1])) for row in answer.rows]
