"""What is held of customers, table by table, for whoever asks what there is of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from stedi_cli.checks.built import built_policies
from stedi_cli.checks.problems import command_for
from stedi_cli.consent.customers import CONSENT, Customer, Found, find, person_of
from stedi_cli.consent.whose import counted, whose
from stedi_cli.lake.parts import Lake
from stedi_cli.privacy.people import Person
from stedi_cli.project.lakehouse import QUARANTINE, STRICT, Job, Lakehouse, Table
from stedi_cli.runs.pipeline import Pipeline


@dataclass
class HeldRows:
    """What a table holds of a person.

    Args:
        table: The table.
        rows: How many rows; None where nobody can tell whose its rows are.
        records: The rows themselves, where they were asked for.
    """

    table: str
    rows: int | None
    records: list[dict[str, Any]] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        record = {"table": self.table, "rows": self.rows}
        return record if self.records is None else {**record, "records": self.records}


@dataclass
class Holding:
    """What is held of a person.

    Args:
        lines: The lines on which they were named.
        email: Their address, as their latest record spells it.
        customer: What their records tell; None where there is none.
        tables: What the tables hold.
    """

    lines: list[int]
    email: str
    customer: Customer | None
    tables: list[HeldRows] = field(default_factory=list)

    @property
    def is_held(self) -> bool:
        """Whether anything is held of them at all."""
        return self.customer is not None or any(held.rows for held in self.tables)

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        customer = self.customer
        return {
            "lines": self.lines,
            "email": self.email,
            "agrees_since": _text(customer.agrees_since if customer else None),
            "held_back_by": [line.as_json() for line in (customer.held_by if customer else [])],
            "history": [
                {"updated": _text(r[customer.columns.instant]), "consent": _text(r[CONSENT])}
                for r in (customer.history if customer else [])
                if customer
            ],
            "tables": [held.as_json() for held in self.tables],
        }


def held_of(
    lakehouse: Lakehouse, lake: Lake, people: Sequence[Person], *, rows: bool = False
) -> tuple[list[Holding], list[int]]:
    """Return what is held of people.

    Args:
        lakehouse: The model.
        lake: Its parts.
        people: The people.
        rows: Whether the rows themselves are asked for.

    Returns:
        The people of whom anything is, in the order in which they were named; and the lines on
        which the others were.
    """
    holdings = _named(find(lakehouse, lake, people))
    states = lake.tables.states()
    built = built_policies(lakehouse, states)
    for table in lakehouse.tables.values():
        is_there = table.name in lakehouse.landing or table.name in states
        if not is_there or table.name == QUARANTINE:
            continue
        policy = built[0] if len(built) == 1 else STRICT
        source = whose(lakehouse, table, policy)
        held = _held(lake, table, source, holdings.keys(), rows=rows) if source else {}
        for who, holding in holdings.items():
            found = held.get(who, HeldRows(table.name, 0 if source else None, [] if rows else None))
            holding.tables.append(found)
    there = [holding for holding in holdings.values() if holding.is_held]
    gone = [line for h in holdings.values() if not h.is_held for line in h.lines]
    return there, sorted(gone)


def stale_tables(lakehouse: Lakehouse, lake: Lake, usual: str) -> tuple[list[str], str]:
    """Return what a run would build anew; as long as anything is, more people may be held back.

    Args:
        lakehouse: The model.
        lake: Its parts.
        usual: The policy that jobs run under where none is named.

    Returns:
        The tables, and the command that builds them.
    """
    built = built_policies(lakehouse, lake.tables.states())
    if len(built) != 1 or built[0] not in lakehouse.policies:
        return list(lakehouse.writers), command_for(usual, usual)
    plans = Pipeline(lakehouse, lake, built[0]).plan()
    return [plan.job.writes for plan in plans if plan.stale], command_for(built[0], usual)


def built_of(
    lakehouse: Lakehouse, lake: Lake, people: Set[str], policy: str | None
) -> Iterator[tuple[Job, int | None]]:
    """Yield the jobs whose tables are built, each with how many of some people are in its table.

    It is None where the project does not say whose the table's rows are.

    Args:
        lakehouse: The model.
        lake: Its parts.
        people: The people, as the jobs compare addresses.
        policy: The policy that the tables have; None where none is built.
    """
    there = lake.tables.states() if policy else {}
    for job in lakehouse.jobs.values():
        if policy is None or job.writes not in there:
            continue
        table = lakehouse.tables[job.writes]
        source = whose(lakehouse, table, policy)
        yield job, len(_held(lake, table, source, people)) if source else None


def _named(found: Found) -> dict[str, Holding]:
    holdings = {
        c.person: Holding(
            sorted(c.lines), c.latest[c.columns.email].strip(" ") if c.records else c.person, c
        )
        for c in found.customers
    }
    for one in found.missing:
        # Tables of readings may have them all the same.
        who = person_of(one.given)
        holdings.setdefault(who, Holding([], who, None)).lines.append(one.line)
    return dict(sorted(holdings.items(), key=lambda item: min(item[1].lines)))


def _held(
    lake: Lake, table: Table, source: str, people: Iterable[str], *, rows: bool = False
) -> dict[str, HeldRows]:
    """Return what a table holds by person; of others no more is looked at than whose it is."""
    asked = set(people)
    found: dict[str, HeldRows] = {}
    if not rows:
        return {
            who: HeldRows(table.name, int(number))
            for who, number in lake.questions.ask_unkept(counted(source)).rows
            if who in asked
        }
    names = [column.name for column in table.columns]
    for who, *values in lake.questions.ask_unkept(source).rows:
        if who in asked:
            held = found.setdefault(who, HeldRows(table.name, 0, []))
            assert held.rows is not None and held.records is not None
            held.rows += 1
            held.records.append(_record(names, values))
    return found


def _record(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(names, values, strict=True))


def _text(instant: int | None) -> str | None:
    """Return an instant as it is read by people."""
    if instant is None:
        return None
    at = datetime.fromtimestamp(instant // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{at}.{instant % 1000:03}Z"


def changes_of(holding: Holding) -> Iterator[Mapping[str, Any]]:
    """Yield a person's records, oldest first, each that says something else of consent."""
    history = list(reversed(holding.as_json()["history"]))
    before: Any = ...
    for record in history:
        if record["consent"] != before:
            yield record
        before = record["consent"]
