"""Asks what a validation goes by, or takes the answers of an earlier one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TypeVar

from stedi_cli.checks.accounts import present_accounts
from stedi_cli.checks.built import present_checks
from stedi_cli.checks.kept_answers import KeptAnswers
from stedi_cli.checks.observed import Observed
from stedi_cli.checks.pairs import Pairs
from stedi_cli.checks.told import accounts_of, counts_of
from stedi_cli.checks.validation_queries import (
    COUNTS,
    FILES,
    QUARANTINED,
    Queries,
    account_title,
    built_checks,
    check_title,
    note_title,
    queries,
    row_query,
    row_texts,
    row_title,
    rows_query,
    subjects,
)
from stedi_cli.checks.without_answer import WithoutAnswer
from stedi_cli.errors import UsageError
from stedi_cli.lake.parts import Lake
from stedi_cli.lake.records import Answer, Question, answered
from stedi_cli.landing.files import LandingState
from stedi_cli.landing.row_sum import of_parts, parts_of, row_sum
from stedi_cli.project.check import ACCOUNT_CHECK, Check
from stedi_cli.project.lakehouse import QUARANTINE, Lakehouse
from stedi_cli.questions.statement import tables_named
from stedi_cli.tables.provenance import TableState

NO_CHECKS = ("",)
"""Names of checks by which only rows are asked about."""
_T = TypeVar("_T")


class Asking:
    """Asks about a lakehouse.

    Args:
        lakehouse: The model.
        lake: Its parts.
        again: Whether to ask also what an earlier validation was told of the same.
        only: The checks that are asked about; none for all there is to ask.
    """

    def __init__(
        self, lakehouse: Lakehouse, lake: Lake, *, again: bool, only: Collection[str] = ()
    ) -> None:
        self._lakehouse = lakehouse
        self._lake = lake
        self._again = again
        self._kept = KeptAnswers(lakehouse, lake.kept)
        self._only = only
        self._told: dict[str, Pairs] = {}
        self._without = WithoutAnswer(lakehouse)
        self._of_jobs = {
            account_title(job.name): ACCOUNT_CHECK.format(table=job.writes)
            for job in lakehouse.jobs.values()
        }

    def queries(self) -> dict[str, Question]:
        """Return what it asks, by title."""
        return self._wanted(self._queries(self._lake.tables.states()).all())

    def observed(self, now: Callable[[str], None] = lambda what: None) -> Observed:
        """Return what is there, and what the queries say of it.

        Answers that are kept are taken where these are all; else the others are asked for.

        Args:
            now: Takes what is asked right now, in a few words.

        Raises:
            StediError: If a table cannot be read.
        """
        states, landing, kept = self._seen()
        answers = kept
        if not kept or self._wanted(self._subjects(states)).keys() - kept.keys():
            # Before anything is asked: a medium that fails changes no time stamp.
            now("reading the tables' files")
            if self._lake.tables.read_again():
                states, landing, kept = self._seen()
            answers = kept | self._asked(states, kept, now)
        self._told = kept
        rules = present_checks(self._lakehouse, states)
        titles = {rule.name: check_title(rule.name) for rule in rules}
        found = dict(p for title in titles.values() for p in answers.get(title, ()))
        of_lines = {COUNTS, FILES, QUARANTINED} & self._subjects(states).keys()
        told = {name for name, title in titles.items() if title in kept}
        if of_lines <= kept.keys():
            told |= {ACCOUNT_CHECK.format(table=name) for name in landing}
        accounts = present_accounts(self._lakehouse, states)
        sums = {account.name: account_title(account.name) for account in accounts}
        if COUNTS in kept:
            told |= {self._of_jobs[title] for title in sums.values() if title in kept}
        notes = {note.name: note_title(note.name) for note in self._lakehouse.notes}
        unread = self._lake.questions.unread()
        return Observed(
            states=states,
            landing=landing,
            unread=unread,
            accounts=accounts_of(self._lakehouse, states, landing),
            rows=dict(answers.get(COUNTS, ())),
            violations=found,
            # To parse a text takes longer than all else here.
            unasked=_about(unread, built_checks(self._lakehouse, rules, states)) if unread else [],
            quarantined=dict(answers.get(QUARANTINED, ())),
            miscounted=dict(answers.get(FILES, ())),
            left_out={name: sorted(answers[t]) for name, t in notes.items() if t in answers},
            reasons=dict.fromkeys(_about(unread, accounts))
            | {name: answers[t] for name, t in sums.items() if t in answers},
            errors=self._without.checks(),
            silent=self._without.notes(),
            kept=frozenset(told),
        )

    def _seen(self) -> tuple[dict[str, TableState], dict[str, LandingState], dict[str, Pairs]]:
        """Return the tables and landing files as they are now, and which answers hold."""
        landing = self._lake.landing.states()
        self._kept.look(landing)
        states = self._lake.tables.states()
        return states, landing, self._taken(states, landing)

    def _taken(
        self, states: Mapping[str, TableState], landing: Mapping[str, LandingState]
    ) -> dict[str, Pairs]:
        """Return the answers that are kept and hold; of counts, where the runs tell the same."""
        if self._again:
            return {}
        taken = self._kept.taken(self._subjects(states) | row_texts(self._lakehouse))
        told = counts_of(self._lakehouse, states, landing)
        return {title: p for title, p in taken.items() if dict(p) == told.get(title, dict(p))}

    def _asked(
        self,
        states: Mapping[str, TableState],
        kept: Mapping[str, Pairs],
        now: Callable[[str], None],
    ) -> dict[str, Pairs]:
        """Ask what is not kept, and keep it for the next validation."""
        accounts = {account_title(a.name): a for a in present_accounts(self._lakehouse, states)}
        asked = {
            title: question
            for title, question in self._wanted(self._queries(states).all()).items()
            if title not in kept and self._without.may_ask(title, question, accounts.get(title))
        }
        answers = self._lake.questions.ask_all(_heard(asked, now))
        found = {
            title: pairs
            for (title, question), answer in zip(asked.items(), answers, strict=True)
            if (pairs := self._without.pairs(title, question, answer)) is not None
        }
        if FILES not in kept and self._is_wanted(FILES):
            now("lines of each landing file")
            found[FILES] = sorted(self._lake.questions.miscounted().items())
        self._kept.keep(self._subjects(states), found, self._lake.landing.states())
        return found

    def sums(self, tables: Collection[str]) -> dict[str, str]:
        """Return the sum over the rows of each of some landing tables, as far as it can be had.

        What an earlier validation added up of the same is taken.
        """
        found: dict[str, Pairs] = {}
        for name in set(tables) - self._lake.questions.unread():
            title, table = row_title(name), self._lakehouse.tables[name]
            if title not in self._told:
                (answer,) = self._lake.questions.ask_all([Question(row_query(table))])
                total = row_sum([column.name for column in table.columns], answered(answer).rows)
                found[title] = [(name, part) for part in parts_of(total)]
        if found:
            self._kept.keep(row_texts(self._lakehouse), found, self._lake.landing.states())
        self._told |= found
        return {
            name: of_parts([part for _, part in self._told[row_title(name)]])
            for name in tables
            if row_title(name) in self._told
        }

    def reasons(self, observed: Observed) -> list[tuple[str, str, int]]:
        """Return landing table, reason and number of the unusable lines."""
        if not any(observed.quarantined.values()):
            return []
        sql = f'SELECT "table", reason, count(*) FROM {QUARANTINE} GROUP BY "table", reason'
        answer = answered(*self._lake.questions.ask_all([Question(f"{sql} ORDER BY 1, 2")]))
        return [(str(table), str(reason), int(number)) for table, reason, number in answer.rows]

    def rows(self, checks: Sequence[Check], most: int) -> list[Answer | UsageError]:
        """Ask for rows that break rules.

        Args:
            checks: The rules.
            most: How many rows of each; one more tells that there are more.

        Returns:
            The rows of each, in the place of those that cannot be had the error.
        """
        questions = [Question(rows_query(check, most), check.file) for check in checks]
        return self._lake.questions.ask_all(questions)

    def _wanted(self, by_title: Mapping[str, _T]) -> dict[str, _T]:
        return {title: one for title, one in by_title.items() if self._is_wanted(title)}

    def _is_wanted(self, title: str) -> bool:
        """Tell whether it is asked about: all is, unless some checks are named."""
        if not self._only or title in (COUNTS, QUARANTINED):
            return True
        if title == FILES:
            accounts = {ACCOUNT_CHECK.format(table=name) for name in self._lakehouse.landing}
            return not accounts.isdisjoint(self._only)
        if title in self._of_jobs:
            return self._of_jobs[title] in self._only
        return title in map(check_title, self._only)

    def _subjects(self, states: Mapping[str, TableState]) -> dict[str, str]:
        rules = present_checks(self._lakehouse, states)
        return subjects(self._lakehouse, states, rules, present_accounts(self._lakehouse, states))

    def _queries(self, states: Mapping[str, TableState]) -> Queries:
        rules = present_checks(self._lakehouse, states)
        told = present_accounts(self._lakehouse, states)
        return queries(self._lakehouse, states, rules, told, self._lake.questions.unread())


def _heard(asked: Mapping[str, Question], now: Callable[[str], None]) -> list[Question]:
    """Return questions that tell when they begin to be answered, and how many have by then."""
    begun = count(1)

    def tell(title: str) -> None:
        now(f"{title}, {next(begun)} of {len(asked)}")

    return [replace(question, begun=partial(tell, title)) for title, question in asked.items()]


def _about(unread: Collection[str], checks: Sequence[Check]) -> list[str]:
    """Return the names of those that are about landing tables of which nothing can be asked yet."""
    return [check.name for check in checks if unread and tables_named(check.sql, unread)]
