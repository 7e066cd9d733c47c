"""Checks a lakehouse: row counts against expected ones, and the rules of the project."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from stedi_cli.checks.acceptance import refuse, written
from stedi_cli.checks.accounts import Flow, flows, left_over, present_accounts
from stedi_cli.checks.asking import Asking
from stedi_cli.checks.built import built_policies, policy_of, present_checks
from stedi_cli.checks.comparison import Counts, compared, counts_of, explained
from stedi_cli.checks.expected import uploaded_entry
from stedi_cli.checks.explanation import causes_of_unexpected
from stedi_cli.checks.known_sets import MOST_ROWS, known_sets, recognised
from stedi_cli.checks.observed import Observed
from stedi_cli.checks.offending import Offending, offending
from stedi_cli.checks.pairs import own_words, told_by
from stedi_cli.checks.people import PEOPLE
from stedi_cli.checks.problems import command_for, outdated, problems
from stedi_cli.checks.verdict import CheckResult, Report
from stedi_cli.errors import UsageError, said
from stedi_cli.lake.parts import Lake
from stedi_cli.lake.records import Question
from stedi_cli.project.check import ACCOUNT_CHECK, PERSONAL_CHECK, Check
from stedi_cli.project.lakehouse import STRICT, Lakehouse
from stedi_cli.project.personal import personal_names
from stedi_cli.questions.withdrawals import holds_back
from stedi_cli.tables.provenance import TableState

_UNKNOWN = "These landing files are no known data set, so no counts are expected."


class Validation:
    """Validates a lakehouse.

    Args:
        lakehouse: The model.
        lake: Its parts.
        policy: Policy to compare with, or None for the one that the tables were built under.
        again: Whether to ask also what an earlier validation was told of the same.
        usual: Policy that jobs run under where none is named.
        only: The checks that are asked about; none for all there is to ask.
    """

    def __init__(
        self,
        lakehouse: Lakehouse,
        lake: Lake,
        policy: str | None,
        *,
        again: bool = False,
        usual: str = STRICT,
        only: Sequence[str] = (),
    ) -> None:
        self._lakehouse = lakehouse
        self._lake = lake
        self._only = [lakehouse.rule(name).name for name in only]
        self._asking = Asking(lakehouse, lake, again=again, only=self._only)
        self._policy = lakehouse.policy(policy).name if policy else None
        self._usual = usual

    def queries(self) -> dict[str, Question]:
        """Return what it asks, by title."""
        return self._asking.queries()

    def run(self, now: Callable[[str], None] = lambda what: None) -> Report:
        """Count, check and compare.

        Args:
            now: Takes what is done right now, in a few words.

        Returns:
            The report.

        Raises:
            StediError: If a table cannot be read.
            UsageError: If a check is named that only other policies have than that of the tables.
        """
        self._observed = self._asking.observed(now)
        asked = present_checks(self._lakehouse, self._observed.states)
        self._rules = self._lakehouse.rules | {check.name: check for check in asked}
        self._refuse_others({check.name for check in asked})
        now("comparing with what is expected")
        return self.judged()

    def judged(self) -> Report:
        """Compare what ``run`` found with the counts that are expected now."""
        observed = self._observed
        built = built_policies(self._lakehouse, observed.states)
        policy = self._policy or policy_of(self._lakehouse, built, self._usual)
        old = outdated(self._lakehouse, observed, policy, self._lake)
        known = known_sets(self._lakehouse, self._lake)
        found = recognised(self._lakehouse, known.all, observed, self._asking.sums, known.own)
        self._known, self._found = known, found
        counts = counts_of(self._lakehouse, found.sets, policy)
        course = any(data_set.course for data_set in found.sets)
        tables = compared(self._lakehouse, observed.rows, counts, policy, old.tables, course=course)
        asked = holds_back(self._lakehouse, policy)
        told = {
            note.name: own_words(self._lakehouse.tables, note.sql) for note in self._lakehouse.notes
        }
        left_out = {
            name: told_by(told[name], found)
            for name, found in observed.left_out.items()
            if name != PEOPLE or asked
        }
        run = command_for(policy, self._usual)
        report = Report(
            policy=policy,
            source=found.sets[0].source if found.sets else None,
            tables=tables,
            checks=self._checks(observed, self._lakehouse.policy(policy).breaks),
            left_out=left_out,
            notes=[
                *self._other_policy(built),
                *([] if found.sets or found.nearest or found.beside else [_UNKNOWN]),
                *([found.beside] if found.beside else []),
                *explained(tables, counts, policy, found.sets),
                *causes_of_unexpected(
                    self._lakehouse, self._lake, tables, policy, found.sets, observed.landing
                ),
            ],
            nearest=found.nearest,
            problems=problems(self._lakehouse, observed, policy, built, old, run),
            errors=observed.silent,
            held_back=sum(n for _, n in observed.left_out[PEOPLE]) if PEOPLE in left_out else None,
        )
        return report.about(self._only) if self._only else report

    def flows(self) -> list[Flow]:
        """Return where the rows of each job went, of what ``run`` has just seen."""
        return flows(self._lakehouse, self._observed)

    def asked(self) -> dict[str, Check]:
        """Return what ``run`` has just gone by, by check: of a job's sums its account."""
        jobs = self._lakehouse.jobs
        accounts = present_accounts(self._lakehouse, self._observed.states)
        sums = {ACCOUNT_CHECK.format(table=jobs[told.name].writes): told for told in accounts}
        return {**self._rules, **sums}

    def quarantined(self) -> list[tuple[str, str, int]]:
        """Return landing table, reason and number of the unusable lines."""
        return self._asking.reasons(self._observed)

    def known(self, report: Report) -> Counts:
        """Return the rows of tables that are known of these landing files, by policy."""
        return counts_of(self._lakehouse, self._found.sets, report.policy)

    def accepted(self, report: Report) -> bytes:
        """Return expected counts by which what ``run`` has just found is as expected.

        Raises:
            BadDataError: If something else is wrong, or the project knows other counts.
            UsageError: If the project knows these.
        """
        shipped = [found for found in self._found.sets if found is not self._known.own]
        known = counts_of(self._lakehouse, shipped, report.policy)[report.policy]
        refuse(report, known, shipped[0].source if shipped else None)
        path = self._lake.landing.expected_file()
        is_own = self._known.own is not None and self._known.own in self._found.sets
        return written(
            self._lakehouse,
            self._observed,
            report,
            uploaded_entry(path) if path and is_own else None,
            self._asking.sums(self._sizeable()),
            self._asking.reasons(self._observed),
        )

    def _sizeable(self) -> list[str]:
        rows = self._observed.rows
        return [name for name in self._lakehouse.landing if rows.get(name, 0) <= MOST_ROWS]

    def offending(
        self, report: Report, most: int, *, masked: bool
    ) -> tuple[Report, dict[str, Offending]]:
        """Look for rows that break rules.

        Args:
            report: What ``run`` has just found.
            most: How many of each check.
            masked: Whether what may identify a person is masked.

        Returns:
            The report, in which a rule whose rows cannot be had is none that could be checked; and
            the rows by check: of those that no query tells, none.
        """
        broken = [self._rules[check.check] for check in report.checks if check.violations]
        asked = [check for check in broken if check.sql]
        answers = self._asking.rows(asked, most)
        rows: dict[str, Offending] = {}
        errors: dict[str, str] = {}
        for check, answer in zip(asked, answers, strict=True):
            if isinstance(answer, UsageError):
                errors[check.name] = said(answer)
            else:
                rows[check.name] = offending(self._lakehouse, check, answer, most, masked=masked)
        return report.without_answer(errors), rows

    def _checks(self, observed: Observed, known: frozenset[str]) -> list[CheckResult]:
        found: dict[str, int | None] = {
            **observed.violations,
            **observed.unaccounted(),
            **left_over(self._lakehouse, observed),
            **self._personal_columns(observed.states),
            **dict.fromkeys([*observed.errors, *observed.unasked]),
        }
        waiting = {ACCOUNT_CHECK.format(table=name) for name in observed.not_looked_at()}
        rules = self._rules
        return [
            CheckResult(
                name,
                None if name in waiting else number,
                name in known,
                waiting=name in waiting,
                kept=name in observed.kept,
                error=observed.errors.get(name),
                rule=rules[name].rule if name in rules else "",
                file=rules[name].file if name in rules else None,
            )
            for name, number in sorted(found.items())
        ]

    def _refuse_others(self, asked: Collection[str]) -> None:
        for name in self._only:
            if self._lakehouse.rules[name].sql and name not in asked:
                raise UsageError(
                    f"The tables were not built under a policy that has the check {name!r}.",
                    hint="`stedi validate` lists those that they have.",
                )

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

    def _other_policy(self, built: list[str]) -> list[str]:
        if not self._policy or not built or built == [self._policy]:
            return []
        return [f"The tables were built under {', '.join(built)}, not {self._policy}."]
