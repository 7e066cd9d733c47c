"""Rows that break a rule, to be shown, without what may identify a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from stedi_cli.addresses import MASK
from stedi_cli.checks.pairs import MOST_ROWS_COUNTED, own_words
from stedi_cli.checks.validation_queries import COUNT
from stedi_cli.lake.records import Answer
from stedi_cli.project.check import Check
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.project.personal import personal_names
from stedi_cli.questions.select_list import Listed, columns_listed, names_made

# What has more digits may be a part of what somebody is known by: a day of birth, half a number.
_LARGEST = 9_999


@dataclass(frozen=True)
class Offending:
    """Rows that break a rule; ``more`` tells that these are not all."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    more: bool

    def as_json(self) -> list[dict[str, Any]]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def offending(
    lakehouse: Lakehouse, check: Check, answer: Answer, most: int, *, masked: bool
) -> Offending:
    """Return rows of an answer.

    Args:
        lakehouse: The model.
        check: The rule.
        answer: The rows.
        most: How many.
        masked: Whether what may identify a person is masked.
    """
    rows = list(islice(answer.rows, most + 1))
    if masked:
        mask = _Mask(lakehouse, check, answer.columns)
        rows = [mask.row(row) for row in rows]
    return Offending(answer.columns, rows[:most], len(rows) > most)


class _Mask:
    """Masks all that is not known to be harmless: a query may call anything by any name."""

    def __init__(self, lakehouse: Lakehouse, check: Check, columns: list[str]) -> None:
        sql = check.shown or check.sql
        self._personal = personal_names(lakehouse.tables.values())
        known = [column for table in lakehouse.tables.values() for column in table.columns]
        self._instants = {c.name.lower(): c.plausible for c in known if c.plausible is not None}
        self._words = own_words(lakehouse.tables, sql)
        self._columns = [name.lower() for name in columns]
        listed = columns_listed(sql)
        self._counts = _counting(listed, self._columns)
        # What the model says of a column holds where the query hands it on as it is.
        computed = {column.name for column in listed if column.is_computed} | names_made(sql)
        numbers = {c.name.lower() for c in known if c.type != "string"} if listed else set()
        self._harmless = (numbers - computed) | {COUNT}

    def row(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a row without what may identify a person."""
        return tuple(
            value if value is None or self._may_stand(value, name, is_count) else MASK
            for value, name, is_count in zip(row, self._columns, self._counts, strict=True)
        )

    def _may_stand(self, value: Any, name: str, is_count: bool) -> bool:
        if name in self._personal:
            return False
        if isinstance(value, str):
            return value in self._words
        if not isinstance(value, int | float):
            return False
        most = MOST_ROWS_COUNTED if is_count or name in self._harmless else _LARGEST
        return not abs(value) > most or value in self._instants.get(name, range(0))


def _counting(listed: Sequence[Listed], columns: list[str]) -> list[bool]:
    """Tell of each column of an answer whether it counts rows."""
    if len(listed) == len(columns) and not any(column.is_star for column in listed):
        return [column.is_count for column in listed]
    return [False] * len(columns)
