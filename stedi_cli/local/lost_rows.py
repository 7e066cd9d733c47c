"""Whether a table that is about to be replaced loses rows that it has now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from stedi_cli.lakehouse import Table
from stedi_cli.local.engine import Engine
from stedi_cli.sql import identifier, literals


def loses_rows(engine: Engine, table: Table, before: Sequence[Path], after: Path) -> bool:
    """Compare two states of a table, row by row; where they cannot be compared, rows are lost.

    Args:
        engine: The engine.
        table: The table.
        before: The data files that it has now.
        after: The data file that it will have.
    """
    if not before:
        return False
    columns = ", ".join(identifier(column.name) for column in table.columns)
    old, new = literals(map(str, before)), literals([str(after)])
    # How often a row is there counts too: doubles may be of different people.
    sql = (
        f'SELECT 1 FROM (SELECT {columns}, 1 AS "one more" FROM read_parquet({old},'
        f" hive_partitioning = false) UNION ALL SELECT {columns}, -1 FROM read_parquet({new},"
        f' hive_partitioning = false)) GROUP BY {columns} HAVING sum("one more") > 0 LIMIT 1'
    )
    try:
        return bool(engine.execute(sql))
    except duckdb.Error:
        return True
