"""Gives and withdraws people's consent: a new record each, and what follows in the tables."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from stedi_cli.checks.built import built_policies
from stedi_cli.consent.customers import Customer, Record, customers_of, find, person_of
from stedi_cli.consent.held import built_of
from stedi_cli.consent.next_record import agreed, withdrawn
from stedi_cli.errors import BadDataError, ExitCode, StediError, UsageError, quantity, some
from stedi_cli.lake.parts import Lake
from stedi_cli.lake.records import RunOptions
from stedi_cli.landing.contract import Unusable, judge
from stedi_cli.landing.lines import fields_of
from stedi_cli.landing.names import shown
from stedi_cli.privacy.people import Person
from stedi_cli.project.lakehouse import STRICT, Job, Lakehouse
from stedi_cli.runs.pipeline import Event, Pipeline

_MOST_NAMED = 5


@dataclass(frozen=True)
class Changed:
    """What became of a change of consent.

    Args:
        changed: The input's lines of people who have a new record.
        unchanged: Those of people who agreed already.
        missing: Those of people of whom no record tells.
        file: The landing file with the records; None where there is none.
        policy: The policy that the tables have; None where none is built.
        not_looked_at: The tables of which nobody knows whether they have people who withdrew.
    """

    changed: list[int] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    file: str | None = None
    policy: str | None = None
    not_looked_at: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        record = {"changed": self.changed, "unchanged": self.unchanged, "not_found": self.missing}
        rest = {"file": self.file, "policy": self.policy, "not_looked_at": self.not_looked_at}
        return {**record, **rest}


class UnfinishedError(StediError):
    """Records are there that the tables do not follow yet."""

    def __init__(self, what: str, why: StediError) -> None:
        hint = f"{why.hint} " if why.hint else ""
        super().__init__(
            f"{what} recorded, but not carried out yet: {why.message}",
            hint=f"{hint}Then give this command again.",
        )
        self.exit_code = why.exit_code


class LeftError(StediError):
    """A table has people who withdrew."""

    exit_code = ExitCode.FOUND


class ConsentChange:
    """Changes people's consent.

    Args:
        lakehouse: The model.
        lake: Its parts, that for consent among them.
        wait: Whether to wait for others who are at work.
    """

    def __init__(self, lakehouse: Lakehouse, lake: Lake, *, wait: bool = False) -> None:
        self._lakehouse = lakehouse
        self._lake = lake
        self._part = lake.consent
        self._wait = wait
        self._table = customers_of(lakehouse)
        self.recorded = False
        """Whether records are in the landing zone, carried out or not."""
        self._fields = fields_of(self._table)

    def revoke(self, people: Iterable[Person]) -> Generator[Event, None, Changed]:
        """Withdraw consent, and leave no trace of it in what was built by it.

        Yields:
            What the jobs do.

        Raises:
            UsageError: If older consents count under the policy that the tables have.
            StediError: If others are at work; nothing is changed then.
            UnfinishedError: If the records are there, and a job or what follows it failed.
            LeftError: If a table has one of them all the same.
        """
        with self._part.alone(wait=self._wait, readers=False):
            policy = self._policy()
            self._refuse_older(policy)
            if not self._part.is_read(self._table):
                yield from self._read(policy)
            found = find(self._lakehouse, self._lake, people)
            able = [customer for customer in found.customers if customer.records]
            missing = _lines_of(found.customers, but=able) + [one.line for one in found.missing]
            named = {customer.person for customer in found.customers}
            named |= {person_of(one.given) for one in found.missing}
            # A table may have them whose landing files went since.
            there = list(built_of(self._lakehouse, self._lake, named, policy))
            if not able and not any(left for _, left in there):
                unsure = _unknown(there)
                return Changed(missing=sorted(missing), policy=policy, not_looked_at=unsure)
            now = _now()
            records = [withdrawn(customer, now) for customer in able]
            file = self._deliver(records) if records else None
            try:
                if policy is not None:
                    yield from self._run(policy)
                self._part.keep_one()
                unsure = self._not_looked_at(named, policy)
            except LeftError:
                raise
            except StediError as error:
                if not records:
                    raise
                raise UnfinishedError("The withdrawal is", error) from error
        return Changed(_lines_of(able), [], sorted(missing), file, policy, unsure)

    def grant(
        self, people: Iterable[Person], *, supersede: bool = False
    ) -> Generator[Event, None, Changed]:
        """Give consent, from now on.

        Args:
            people: Who agrees.
            supersede: Whether lines that cannot be used, and may withdraw it, count as answered.

        Yields:
            What the jobs do.

        Raises:
            UsageError: If no run has read the landing files, so that nobody knows who is held back.
            BadDataError: If somebody is held back; nothing is changed then.
            UnfinishedError: If the records are there, and a job failed.
        """
        with self._part.alone(wait=self._wait, readers=True):
            policy = self._policy()
            if policy is None:
                raise UsageError(
                    "No table is built yet, so that nobody knows who is held back.",
                    hint="Run `stedi jobs run --all`, then give this command again.",
                )
            if any(plan.stale for plan in self._pipeline(policy).plan()):
                yield from self._run(policy)
            found = find(self._lakehouse, self._lake, people)
            held = [customer for customer in found.customers if customer.held_by]
            _refuse_held_back(held, supersede=supersede)
            now = _now()
            able = [customer for customer in found.customers if customer.records]
            new = [c for c in able if c.agrees_since is None or c.agrees_since > now]
            missing = _lines_of(found.customers, but=able) + [one.line for one in found.missing]
            unchanged = _lines_of(able, but=new)
            if not new:
                return Changed([], unchanged, sorted(missing), policy=policy)
            records = agreed(new, now)
            self._answer(new, records)
            file = self._deliver(records)
            try:
                yield from self._run(policy)
            except StediError as error:
                raise UnfinishedError("The consent is", error) from error
        return Changed(_lines_of(new), unchanged, sorted(missing), file, policy)

    def _policy(self) -> str | None:
        """Return the policy that the tables have; None where none is built."""
        built = built_policies(self._lakehouse, self._lake.tables.states())
        if len(built) > 1:
            raise UsageError(
                f"Tables were built under {' and '.join(built)}; nothing was changed.",
                hint="Run `stedi jobs run --all`, then give this command again.",
            )
        return self._lakehouse.policy(built[0]).name if built else None

    def _refuse_older(self, policy: str | None) -> None:
        """Refuse where not the latest record decides: an older one would bring the person back."""
        first = [j for j in self._lakehouse.jobs.values() if self._table.name in j.reads][:1]
        broken = self._lakehouse.policy(policy).breaks if policy else frozenset[str]()
        if any(f"{job.writes}_consent" in broken for job in first):
            raise UsageError(
                f"Under {policy}, which the tables have, an older consent counts beside a later"
                " withdrawal; nothing was changed.",
                hint="Run `stedi jobs run --all --policy strict`, then give this command again.",
            )

    def _pipeline(self, policy: str) -> Pipeline:
        return Pipeline(self._lakehouse, self._lake, policy)

    def _run(self, policy: str) -> Generator[Event]:
        yield from self._pipeline(policy).run(RunOptions(self._lake.jobs.default_engine))

    def _read(self, policy: str | None) -> Generator[Event]:
        """Let questions see all of the customers' records: one could be later than a new one."""
        name = self._table.name
        if policy is None:
            raise UsageError(
                f"No run has read {name}; nothing was changed.",
                hint="Run `stedi jobs run --all`, then give this command again.",
            )
        yield from self._run(policy)
        if not self._part.is_read(self._table):
            raise StediError(
                f"Landing files of {name} changed meanwhile; nothing was recorded.",
                hint="Run it again.",
            )

    def _deliver(self, records: Sequence[Record]) -> str:
        """Put records into a landing file, once it is sure that each can be read as it is meant."""
        lines = []
        for record in records:
            given = {name: value for name, value in record.items() if value is not None}
            line = json.dumps(given, ensure_ascii=False).encode()
            try:
                read = judge(line, self._fields)
            except Unusable:
                read = {}
            if read != record:
                raise StediError(
                    "A record like the customer's latest one could not be read; nothing was"
                    " changed.",
                    hint="Deliver another record of theirs, then give this command again.",
                )
            lines.append(line + b"\n")
        file = self._part.deliver(self._table, b"".join(lines))
        self.recorded = True
        return file

    def _answer(self, customers: Sequence[Customer], records: Sequence[Record]) -> None:
        """Let no line that cannot be used count against a record that answers it."""
        lines: dict[tuple[str, int], int] = {}
        for customer, record in zip(customers, records, strict=True):
            until = record[customer.columns.instant] - 1
            for held in customer.held_by:
                lines[held.file, held.line] = until
        if lines:
            self._part.answer(self._table, lines)

    def _not_looked_at(self, people: Set[str], policy: str | None) -> list[str]:
        """Return the tables of which nobody knows whether they have people who withdrew.

        Raises:
            LeftError: If a table has them, as by a policy's own SQL.
        """
        built = list(built_of(self._lakehouse, self._lake, people, policy))
        for job, left in built:
            if left:
                other = "Run `stedi jobs run --all --policy strict`; or mend"
                raise LeftError(
                    f"{job.writes} still has rows of {quantity(left, 'person', 'people')} who"
                    f" withdrew: under {policy} not their owner's consent decides.",
                    hint=f"{'Mend' if policy == STRICT else other} the SQL of {job.name}.",
                )
        return _unknown(built)


def _unknown(built: Iterable[tuple[Job, int | None]]) -> list[str]:
    """Return the tables of which nobody knows whether they have the people asked about."""
    return [job.writes for job, left in built if left is None]


def _now() -> int:
    return time.time_ns() // 1_000_000


def _lines_of(customers: Iterable[Customer], *, but: Sequence[Customer] = ()) -> list[int]:
    left_out = {customer.person for customer in but}
    return sorted(n for c in customers if c.person not in left_out for n in c.lines)


def _refuse_held_back(held: Sequence[Customer], *, supersede: bool) -> None:
    lines = {(line.file, line.line): line for customer in held for line in customer.held_by}
    unsure = [place for place, line in lines.items() if line.people > 1]
    if supersede and not unsure:
        return
    places = unsure if supersede else list(lines)
    if not places:
        return
    named = some([f"{shown(file)}:{line}" for file, line in places], _MOST_NAMED)
    if supersede:
        raise BadDataError(
            f"Lines that cannot be used may be about others too: {named}.",
            hint="Mend these lines in the landing files and upload them again.",
        )
    raise BadDataError(
        f"{quantity(len(held), 'person is', 'people are')} held back, since lines that cannot be"
        f" used may withdraw their consent: {named}.",
        hint="Look at them: `stedi quarantine --show`. If this answers them, add --supersede.",
    )
