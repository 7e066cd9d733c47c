"""How many of a landing table's lines may be unusable before a run stops, and what it says then."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping

from stedi_cli.errors import BadDataError, StediError, quantity
from stedi_cli.lake.parts import Lake
from stedi_cli.lake.records import Question, answered
from stedi_cli.landing.contract import IMPLAUSIBLE
from stedi_cli.landing.files import LandingState, other_shapes
from stedi_cli.landing.instants import looks_like
from stedi_cli.project.lakehouse import HELD_BACK, QUARANTINE, Lakehouse, Table
from stedi_cli.project.settings import Limits
from stedi_cli.questions.withdrawals import are_asked_for
from stedi_cli.sql import literal
from stedi_cli.tables.provenance import LandingAccount

_MOST_REASONS = 3
_ON_SPARK = re.compile(
    r"TooManyBadLines: (?P<bad>.*?lines cannot be used)"
    r"|UnreadableCustomers: (?P<table>\w+): (?P<number>\d+) lines do not say whose"
)
_MOST_FILES = 20
_MOST_LINES = 20


class TooManyBadLines(BadDataError):  # noqa: N818 - a verdict on the data
    """A landing table has more unusable lines than allowed.

    Args:
        said: The table, a colon, and how many of its lines cannot be used.
        limit: The limit, between commas; an empty text where it is not known.
        why: The most frequent reasons.
        what: Files that are no JSON lines, and what to do about them.
    """

    def __init__(self, said: str, limit: str = "", why: str = "", what: str = "") -> None:
        self._said = said
        self._limit = limit
        self.table = said.partition(":")[0]
        reasons = f" ({why})" if why else ""
        super().__init__(
            f"{said}{reasons}, more than max_bad_rows{limit} allows.{what}",
            hint=f"See `stedi quarantine {self.table}`; tables are as before.",
        )

    def explained(self, lake: Lake, table: Table) -> TooManyBadLines:
        """Return it with the most frequent reasons, and with what the files are.

        Args:
            lake: The lakehouse.
            table: The landing table.
        """
        from stedi_cli.landing.shapes import shapes_said

        try:
            reasons = bad_lines(lake, [self.table], "reason")
            said = {reason: _looks_like(lake, table, reason) for reason in reasons}
            files = bad_lines(lake, [self.table], "file")
            most = [file for file, _ in files.most_common(_MOST_FILES)]
            shapes = lake.landing.shapes(self.table, most)
        except StediError:
            # What they are in is known all the same.
            return self
        return TooManyBadLines(
            self._said,
            self._limit,
            frequent({said[reason] or reason: number for reason, number in reasons.items()}),
            "".join(f" {said}" for said in shapes_said(shapes)),
        )


class UnreadableCustomers(BadDataError):  # noqa: N818 - a verdict on the data
    """More customers' lines than allowed do not say whose they or their serial numbers are.

    Args:
        table: The landing table of customers.
        number: How many there are.
        limit: The limit, between commas; an empty text where it is not known.
    """

    def __init__(self, table: str, number: int, limit: str = "") -> None:
        told = quantity(
            number,
            "line that cannot be used does not say for certain whose it is"
            " or which serial number is theirs",
            "lines that cannot be used do not say for certain whose they are"
            " or which serial number is theirs",
        )
        super().__init__(
            f"{table}: {told}, more than max_unreadable_customers{limit} allows.",
            hint="Any may be a withdrawal; tables are as before. Find them:"
            f' `stedi query "SELECT DISTINCT file, line FROM {HELD_BACK}'
            f' WHERE \\"table\\" = {literal(table)} AND email || serialNumber IS NULL"`',
        )


def refuse_too_many(table: str, account: LandingAccount, limit: float | int) -> None:
    """Raise TooManyBadLines if a landing table has more unusable lines than allowed.

    Args:
        table: The landing table.
        account: How its lines were used.
        limit: Most unusable lines: a share (float) or a number (int).
    """
    if account.quarantined > _most(limit, account):
        raise TooManyBadLines(
            f"{table}: {account.quarantined:,} of {account.lines:,} lines cannot be used",
            f", {_said(limit)},",
        )


def _most(limit: float | int, account: LandingAccount) -> float | int:
    return limit * account.lines if isinstance(limit, float) else limit


def _said(limit: float | int) -> str:
    # A share is given in percent, with up to three digits before the point and nine after it.
    return f"{limit * 100:.12g}%" if isinstance(limit, float) else str(limit)


def refuse_unusable(
    lakehouse: Lakehouse, policy: str, accounts: Mapping[str, LandingAccount], limits: Limits
) -> None:
    """Raise BadDataError if more landing lines cannot be used than allowed.

    Args:
        lakehouse: The model.
        policy: The policy of the run: where it holds nobody back, nobody has to be made out.
        accounts: How the lines of landing tables were used.
        limits: How much is allowed.
    """
    for name, account in accounts.items():
        refuse_too_many(name, account, limits.bad_rows)
    refuse_unreadable(lakehouse, policy, accounts, limits.unreadable_customers)


def refuse_unreadable(
    lakehouse: Lakehouse,
    policy: str,
    accounts: Mapping[str, LandingAccount],
    limit: float | int,
) -> None:
    """Raise UnreadableCustomers if more customers' lines than allowed do not say whose they are.

    Args:
        lakehouse: The model.
        policy: The policy of the run: where it holds nobody back, nobody has to be made out.
        accounts: How the lines of landing tables were used.
        limit: Most such lines: a share (float) or a number (int).
    """
    customers = lakehouse.customers
    theirs = accounts.get(customers.name) if customers else None
    if not customers or not theirs or theirs.unreadable <= _most(limit, theirs):
        return
    # To read the SQL takes longer than to see that there are no such lines.
    if are_asked_for(lakehouse, policy):
        raise UnreadableCustomers(customers.name, theirs.unreadable, f", {_said(limit)},")


def verdict_of(said: str) -> BadDataError | None:
    """Return the verdict that a run on Spark ended with; None where it ended with none."""
    found = _ON_SPARK.search(said)
    if found is None:
        return None
    if found["bad"]:
        return TooManyBadLines(found["bad"])
    return UnreadableCustomers(found["table"], int(found["number"]))


def refuse_other_shapes(states: Mapping[str, LandingState]) -> None:
    """Raise BadDataError for landing files that are no JSON lines, however few lines they have.

    Args:
        states: The landing files by table.
    """
    found = other_shapes(states)
    if found:
        raise BadDataError(
            " ".join(found),
            hint="Take them out of the landing zone, and do what is said; tables are as before.",
        )


def bad_lines(lake: Lake, tables: Collection[str], by: str) -> Counter[str]:
    """Return how many lines of landing tables are in quarantine.

    Args:
        lake: The lakehouse.
        tables: The landing tables.
        by: What they are counted by, ``reason`` or ``file``.
    """
    # Before the first run there may be no such table.
    if not tables or QUARANTINE not in lake.tables.states():
        return Counter()
    names = ", ".join(map(literal, sorted(tables)))
    sql = f'SELECT {by}, count(*) FROM {QUARANTINE} WHERE "table" IN ({names}) GROUP BY {by}'
    (found,) = lake.questions.ask_all([Question(sql)])
    return Counter({str(row[0]): int(row[1]) for row in answered(found).rows})


def _looks_like(lake: Lake, table: Table, reason: str) -> str:
    if not reason.startswith(IMPLAUSIBLE):
        return ""
    sql = (
        f'SELECT file, line FROM {QUARANTINE} WHERE "table" = {literal(table.name)}'
        f" AND reason = {literal(reason)} ORDER BY file, line LIMIT {_MOST_LINES}"
    )
    (found,) = lake.questions.ask_all([Question(sql)])
    places = [(table.name, str(file), int(line)) for file, line in answered(found).rows]
    unit = looks_like(table, reason, lake.landing.lines(places))
    return f"lines: {unit}" if unit else ""


def frequent(reasons: Mapping[str, int]) -> str:
    """Return the most frequent reasons with their numbers, for a person to read."""
    ordered = sorted(reasons.items(), key=lambda reason: (-reason[1], reason[0]))
    said = [f"{number:,} {reason}" for reason, number in ordered[:_MOST_REASONS]]
    rest = sum(number for _, number in ordered[_MOST_REASONS:])
    return ", ".join([*said, *([f"{rest:,} others"] if rest else [])])
