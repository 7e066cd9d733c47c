"""What the project's own queries answer: words, each with how many rows it is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stedi_cli.addresses import MASK, is_address
from stedi_cli.errors import UsageError
from stedi_cli.lake.records import Answer
from stedi_cli.questions.sql_text import texts_in

Pairs = list[tuple[str, int]]
"""An answer: words and numbers."""

MOST_ROWS_COUNTED = 10**9
"""What is larger may be no count, but what somebody is known by."""


def pairs_of(answer: Answer) -> Pairs:
    """Return the words and numbers of an answer.

    Raises:
        UsageError: If it holds anything else.
    """
    if len(answer.columns) == 1:
        raise UsageError("It has one column.", hint="Select a text, and a number of rows.")
    return [(_word(row[0]), _number(row[1])) for row in answer.rows]


def own_words(tables: Iterable[str], sql: str) -> set[str]:
    """Return the words that the project itself says in a query: these are no value of a row."""
    return {word for word in {*tables, *texts_in(sql)} if not is_address(word)}


def told_by(words: set[str], pairs: Pairs) -> Pairs:
    """Return an answer to be shown: any other word may be a person's, and is masked."""
    found: dict[str, int] = {}
    for word, number in pairs:
        shown = word if word in words else MASK
        found[shown] = found.get(shown, 0) + number
    return list(found.items())


def _word(value: Any) -> str:
    if value is None:
        raise UsageError("A reason is NULL.", hint="Give each row a text.")
    return str(value)


def _number(value: Any) -> int:
    try:
        number = int(value)
        if value == number or isinstance(value, str):
            return number
    except (TypeError, ValueError, ArithmeticError):
        pass
    # Never the value itself, which may be a person's.
    what = "NULL" if value is None else "not whole"
    raise UsageError(f"A number of rows is {what}.", hint="Count rows; of no row write 0.")
