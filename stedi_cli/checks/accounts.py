"""Where the rows went that a job reads and that are not in its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stedi_cli.addresses import MASK
from stedi_cli.checks.observed import Observed
from stedi_cli.checks.pairs import Pairs, own_words
from stedi_cli.errors import UsageError
from stedi_cli.project.check import ACCOUNT_CHECK, Check
from stedi_cli.project.lakehouse import Job, Lakehouse
from stedi_cli.questions.sql_text import TOKEN
from stedi_cli.questions.statement import tables_named
from stedi_cli.tables.provenance import TableState

_OF = ": "
"""What stands in a reason between the table that it is about and the reason itself."""


@dataclass(frozen=True)
class Side:
    """A table that a job reads, and where its rows went.

    Args:
        table: The table.
        rows: Its rows, of a landing table its lines; None where that is not known.
        quarantined: Lines of a landing table that cannot be used.
        reasons: Rows that are not in the job's table, by the reason why; below zero those that are
            there several times.
        left_over: Rows in neither; None where that cannot be told.
    """

    table: str
    rows: int | None
    quarantined: int
    reasons: list[tuple[str, int]]
    left_over: int | None

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {
            "table": self.table,
            "rows": self.rows,
            "quarantined": self.quarantined,
            "reasons": [{"reason": reason, "rows": number} for reason, number in self.reasons],
            "not_explained": self.left_over,
        }


@dataclass(frozen=True)
class Flow:
    """A job's rows, from what it reads to its table.

    Args:
        job: The job.
        table: The table that it writes.
        rows: Rows of that table; None where it is not built.
        sides: What it reads that is accounted for: for a join both sides.
        has_account: Whether the project says where rows went.
        broken: Usable rows, over all sides, by which the sums do not meet; None where there is no
            account, or nobody can tell.
        error: Why the SQL of the account cannot be run; None where it can.
    """

    job: str
    table: str
    rows: int | None
    sides: list[Side]
    has_account: bool
    broken: int | None
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the table is built, and the sums meet where there is an account."""
        return self.rows is not None and not self.broken and not self._is_untold

    @property
    def is_told(self) -> bool:
        """Whether anybody can tell where its rows went."""
        return self.rows is not None and self.broken is not None

    @property
    def _is_untold(self) -> bool:
        return self.has_account and self.broken is None

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return {
            "job": self.job,
            "table": self.table,
            "rows": self.rows,
            "account": self.has_account,
            "error": self.error,
            "inputs": [side.as_json() for side in self.sides],
        }


def present_accounts(lakehouse: Lakehouse, states: Mapping[str, TableState]) -> list[Check]:
    """Return the accounts that can be asked for: those whose tables are all built.

    Args:
        lakehouse: The model.
        states: The tables that are there.
    """
    found: list[Check] = []
    made = {*lakehouse.writers, *(table.name for table in lakehouse.beside)}
    all_built = made <= states.keys()
    for job in lakehouse.jobs.values():
        account = _account(lakehouse, states, job)
        # To parse a text takes longer than all else here.
        if account is not None and (all_built or tables_named(account.sql, made) <= states.keys()):
            found.append(account)
    return found


def refuse_own_table(lakehouse: Lakehouse, account: Check) -> None:
    """Raise UsageError for an account by what its job wrote: its sum would meet in any case.

    Args:
        lakehouse: The model.
        account: The account of a job.
    """
    made = {lakehouse.jobs[account.name].writes}
    # Jobs stand in their order, so that what is made of these is met behind them.
    for job in lakehouse.jobs.values():
        made |= set() if made.isdisjoint(job.reads) else {job.writes}
    bare = TOKEN.sub(
        lambda found: " " if found["comment"] or found["text"] else found[0], account.sql
    )
    # To parse a text takes longer than all else here.
    is_in_doubt = any(name.lower() in bare.lower() for name in made)
    named = tables_named(account.sql, made) if is_in_doubt else ()
    if named:
        raise UsageError(
            f"It reads {', '.join(sorted(named))}, which follows from the job.",
            hint="An account counts what the job reads.",
        )


def flows(lakehouse: Lakehouse, observed: Observed) -> list[Flow]:
    """Return where the rows of each job went.

    Args:
        lakehouse: The model.
        observed: What is there, and what the accounts say.
    """
    return [_flow(lakehouse, observed, job) for job in lakehouse.jobs.values()]


def left_over(lakehouse: Lakehouse, observed: Observed) -> dict[str, int | None]:
    """Return by check the rows that are neither in a job's table nor in its account."""
    return {
        ACCOUNT_CHECK.format(table=flow.table): flow.broken
        for flow in flows(lakehouse, observed)
        if flow.job in observed.reasons
    }


def _account(lakehouse: Lakehouse, states: Mapping[str, TableState], job: Job) -> Check | None:
    """Return the account of a job by the rules that its table was built by."""
    current = states[job.writes].current if job.writes in states and job.reads else None
    made = current.provenance if current else None
    if made is None or made.policy not in lakehouse.policies:
        return None
    return lakehouse.account(job, made.policy)


def _flow(lakehouse: Lakehouse, observed: Observed, job: Job) -> Flow:
    rows = observed.rows.get(job.writes) if job.writes in observed.states else None
    told, account = observed.reasons.get(job.name), _account(lakehouse, observed.states, job)
    reasons = _reasons(lakehouse, job, account.sql if account else "", told or [])
    names = [name for name in job.reads if name in reasons] or list(job.reads[:1])
    over = [_left_over(observed.rows.get(name), reasons.get(name, []), rows) for name in names]
    known = [number for number in over if number is not None]
    can_tell = told is not None and len(known) == len(over)
    sides = [_side(observed, name, reasons.get(name, []), rows) for name in names]
    return Flow(
        job=job.name,
        table=job.writes,
        rows=rows,
        sides=sides,
        has_account=account is not None,
        broken=sum(map(abs, known)) if can_tell else None,
        error=observed.errors.get(ACCOUNT_CHECK.format(table=job.writes)),
    )


def _reasons(
    lakehouse: Lakehouse, job: Job, sql: str, told: Pairs
) -> dict[str, list[tuple[str, int]]]:
    """Return what an account says, by table; a reason that is not its own words is masked."""
    words = own_words(lakehouse.tables, sql)
    found: dict[str, dict[str, int]] = {}
    for text, number in told:
        table, of, reason = text.partition(_OF)
        side, said = (table, reason) if of and table in job.reads else (job.reads[0], text)
        shown = said if not words.isdisjoint((text, said)) else MASK
        of_side = found.setdefault(side, {})
        of_side[shown] = of_side.get(shown, 0) + number
    return {side: [pair for pair in sums.items() if pair[1]] for side, sums in found.items()}


def _side(observed: Observed, name: str, reasons: list[tuple[str, int]], out: int | None) -> Side:
    # Of the same number by their names, since engines give them in any order.
    ordered = sorted(reasons, key=lambda told: (-told[1], told[0]))
    usable = observed.rows.get(name)
    if name not in observed.landing:
        return Side(name, usable, 0, ordered, _left_over(usable, reasons, out))
    lines, quarantined = observed.landing[name].lines, observed.quarantined.get(name, 0)
    # Of files that no run has read nobody can tell which lines can be used.
    left = None if usable is None else _left_over(lines - quarantined, reasons, out)
    return Side(name, lines, quarantined, ordered, left)


def _left_over(rows: int | None, reasons: list[tuple[str, int]], out: int | None) -> int | None:
    if rows is None or out is None:
        return None
    return rows - sum(number for _, number in reasons) - out
