"""Rows that break a rule, to be shown, without what may identify a person."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from stedi_cli.duckdb_texts import MASK
from stedi_cli.lake.records import Answer
from stedi_cli.masking import is_address
from stedi_cli.project.check import Check
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.project.personal import personal_names
from stedi_cli.questions.statement import texts_in

# What is larger may be no count, but what somebody is known by.
_LARGEST = 10**9


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
        personal = personal_names(lakehouse.tables.values())
        instants = {
            column.name.lower(): column.plausible
            for table in lakehouse.tables.values()
            for column in table.columns
            if column.plausible is not None
        }
        self._personal = [name.lower() in personal for name in columns]
        self._plausible = [instants.get(name.lower(), range(0)) for name in columns]
        self._words = {*texts_in(check.shown or check.sql), *lakehouse.tables}

    def row(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a row without what may identify a person."""
        return tuple(
            MASK if personal and value is not None else self._shown(value, plausible)
            for value, personal, plausible in zip(row, self._personal, self._plausible, strict=True)
        )

    def _shown(self, value: Any, plausible: range) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return value if value in self._words and not is_address(value) else MASK
        if isinstance(value, int | float) and (value in plausible or not abs(value) > _LARGEST):
            return value
        return MASK
