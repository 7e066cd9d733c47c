"""What an answer of Athena is made of: columns, their types, and values made of texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from stedi_cli.lake.records import Answer

Reader = Callable[[str], Any]


def answer_of(page: dict[str, Any], rows: Callable[[Sequence[Reader]], Iterator[Any]]) -> Answer:
    """Return the answer to a query.

    Args:
        page: The first page of it, or only the beginning of that.
        rows: Gives the rows, by what makes values of their texts.
    """
    info = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    return Answer(
        [column["Name"] for column in info],
        [column["Type"] for column in info],
        rows([_READERS.get(column["Type"], str) for column in info]),
    )


def _boolean(text: str) -> bool:
    return text.lower() == "true"


_READERS: dict[str, Reader] = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint"), int),
    **dict.fromkeys(("float", "real", "double"), float),
    "boolean": _boolean,
    "decimal": Decimal,
}
