"""Whether a table that is about to be replaced loses rows that it has now."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

import duckdb

from stedi_cli.local.engine import Engine
from stedi_cli.project.lakehouse import Table
from stedi_cli.sql import identifier, literal, parquet


class Comparison:
    """Two states of a table, row by row; how often a row is there counts too.

    Args:
        engine: The engine.
        table: The table.
        before: The data files that it has now.
        after: The data file that it will have.
    """

    def __init__(self, engine: Engine, table: Table, before: Sequence[Path], after: Path) -> None:
        self._engine = engine
        self._columns = ", ".join(identifier(column.name) for column in table.columns)
        self._before, self._after = parquet(before), parquet([after])
        self._was_empty = not before

    def is_same(self) -> bool:
        """Tell, at a tenth of the cost of the other, whether both are known to be the same."""
        # First, since last it would make no difference to rows whose hashes are the same.
        salt = literal(secrets.token_hex(16))
        whole = f"count(*), sum(CAST(hash({salt}, {self._columns}) AS HUGEINT))"
        sources = (self._before, self._after)
        try:
            found = [self._engine.execute(f"SELECT {whole} FROM {source}") for source in sources]
        except duckdb.Error:
            return False
        return found[0] == found[1]

    def loses_rows(self) -> bool:
        """Tell whether a row goes; where that cannot be told, one does."""
        if self._was_empty:
            return False
        # Doubles may be of different people.
        sql = (
            f'SELECT 1 FROM (SELECT {self._columns}, 1 AS "one more" FROM {self._before}'
            f" UNION ALL SELECT {self._columns}, -1 FROM {self._after})"
            f' GROUP BY {self._columns} HAVING sum("one more") > 0 LIMIT 1'
        )
        try:
            return bool(self._engine.execute(sql))
        except duckdb.Error:
            return True
