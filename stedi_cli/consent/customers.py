"""Customers as their records tell: who they are, and since when they agree, if they do.

No address of theirs is in a query's text, which a place may keep: all rows are read, and most left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from stedi_cli.consent.whose import person_sql
from stedi_cli.errors import UsageError
from stedi_cli.lake.parts import Lake
from stedi_cli.privacy.people import Person
from stedi_cli.project.lakehouse import HELD_BACK, Lakehouse, Table
from stedi_cli.project.traced_columns import HeldBack
from stedi_cli.sql import identifier, literal

CONSENT = "shareWithResearchAsOfDate"
"""The column of the customers that says since when they agree."""

Record = Mapping[str, Any]


@dataclass(frozen=True)
class HeldLine:
    """A customer's line that cannot be used, and may be a withdrawal.

    Args:
        file: Its landing file.
        line: Its number.
        instant: When it was written; None where that cannot be read.
        people: How many people it may be about.
    """

    file: str
    line: int
    instant: int | None
    people: int

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {"file": self.file, "line": self.line}


@dataclass
class Customer:
    """A customer who was asked about.

    Args:
        person: Who it is, as the jobs compare addresses.
        table: The landing table of customers.
        lines: The lines on which they were named.
        records: Their records that can be read.
        held: Their lines that cannot be.
    """

    person: str
    table: Table
    lines: list[int] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    held: list[HeldLine] = field(default_factory=list)

    @property
    def columns(self) -> HeldBack:
        """What the columns of their records are called."""
        assert self.table.held_back is not None
        return self.table.held_back

    @cached_property
    def history(self) -> list[Record]:
        """Their records, the one first that counts, as the jobs choose it."""
        others = [c.name for c in self.table.columns if c.name not in (self._updated, CONSENT)]

        def rank(record: Record) -> tuple[Any, ...]:
            consent = record[CONSENT]
            rest = [(record[name] is None, record[name]) for name in others]
            return -record[self._updated], consent is not None, -(consent or 0), *rest

        return sorted(self.records, key=rank)

    @property
    def latest(self) -> Record:
        """The record that counts."""
        return self.history[0]

    @property
    def updated(self) -> int:
        """When that was written."""
        return int(self.latest[self._updated])

    @property
    def held_by(self) -> list[HeldLine]:
        """The lines for which their consent does not count, whatever that record says."""
        if not self.records:
            return self.held
        return [h for h in self.held if h.instant is None or h.instant >= self.updated]

    @property
    def agrees_since(self) -> int | None:
        """Since when they agree; None where they do not, or are held back."""
        if not self.records or self.held_by:
            return None
        since: int | None = self.latest[CONSENT]
        return since

    @property
    def _updated(self) -> str:
        return self.columns.instant


@dataclass(frozen=True)
class Found:
    """Who was found of those who were asked about.

    Args:
        customers: Those of whom a customer's line tells, in the order in which they were named.
        missing: The others.
    """

    customers: list[Customer]
    missing: list[Person]


def person_of(email: str) -> str:
    """Return who an address is of, as the jobs compare addresses.

    A letter that two small ones would stand for stays as it is: engines do not agree on it.
    """
    small = ((letter, letter.lower()) for letter in email.strip(" "))
    return "".join(lower if len(lower) == 1 else letter for letter, lower in small)


def customers_of(lakehouse: Lakehouse) -> Table:
    """Return the landing table of customers; raise UsageError where the model has none."""
    table = lakehouse.customers
    if table is None or CONSENT not in {column.name for column in table.columns}:
        raise UsageError(
            f"The model has no landing table of customers with held_back and {CONSENT}.",
            hint="See configs/lakehouse.yaml: these say whose consent a record is.",
        )
    return table


def find(lakehouse: Lakehouse, lake: Lake, people: Iterable[Person]) -> Found:
    """Find customers.

    Args:
        lakehouse: The model.
        lake: Its parts.
        people: Who is asked about; several may be one.

    Raises:
        UsageError: If the model does not say which table is the customers'.
    """
    table = customers_of(lakehouse)
    asked = list(people)
    named = _Named(asked)
    known: dict[str, Customer] = {}
    names = [column.name for column in table.columns]
    assert table.held_back is not None
    person = person_sql(table.held_back.email)
    columns = ", ".join(map(identifier, names))
    query = f"SELECT {person} AS person, {columns} FROM {identifier(table.name)}"
    for who, *values in lake.questions.ask_unkept(query).rows:
        record = dict(zip(names, values, strict=True))
        if named.has(who, record[table.held_back.email]):
            known.setdefault(who, Customer(who, table)).records.append(record)
    for who, email, line in _held(lake, table):
        if named.has(who, email):
            known.setdefault(who, Customer(who, table)).held.append(line)
    missing = []
    for one in asked:
        own = [known[who] for who in named.people_of(one) if who in known]
        for customer in own:
            customer.lines.append(one.line)
        missing += [] if own else [one]
    return Found(sorted(known.values(), key=lambda customer: min(customer.lines)), missing)


class _Named:
    """Whom the rows of tables are about of those who were named."""

    def __init__(self, people: Iterable[Person]) -> None:
        self._written: dict[str, set[str]] = {}
        self._people: set[str] = set()
        for one in people:
            self._written.setdefault(one.given.strip(" "), set())
            self._people.add(person_of(one.given))

    def has(self, who: str, email: str) -> bool:
        """Tell whether a row is of somebody who was named, in that spelling or another."""
        written = email.strip(" ")
        if written in self._written:
            self._written[written].add(who)
            return True
        return who in self._people

    def people_of(self, one: Person) -> set[str]:
        return {person_of(one.given), *self._written[one.given.strip(" ")]}


def _held(lake: Lake, table: Table) -> Iterable[tuple[str, str, HeldLine]]:
    """Yield who lines of customers are of that cannot be used, as far as a run made it out."""
    if HELD_BACK not in lake.tables.states():
        return
    query = (
        f"SELECT {person_sql('email')} AS person, email, file, line, instant FROM {HELD_BACK}"
        f' WHERE "table" = {literal(table.name)} AND email IS NOT NULL ORDER BY file, line'
    )
    rows = list(lake.questions.ask_unkept(query).rows)
    people: dict[tuple[str, int], set[str]] = {}
    for who, _, file, line, _ in rows:
        people.setdefault((file, line), set()).add(who)
    for who, email, file, line, instant in rows:
        yield who, email, HeldLine(file, line, instant, len(people[file, line]))
