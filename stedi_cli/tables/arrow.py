"""Rows as Arrow; imported late, since pyarrow costs start-up time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from stedi_cli.project.lakehouse import Table
from stedi_cli.tables.types import TYPES


def schema_of(table: Table) -> pa.Schema:
    """Return a table's columns as Arrow's schema."""
    kinds = ((c.name, pa.type_for_alias(TYPES[c.type].arrow)) for c in table.columns)
    return pa.schema(kinds)


def arrow_table(table: Table, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Return rows as an Arrow table.

    Args:
        table: Names and types of the columns.
        rows: The rows, in the order of the columns.
    """
    schema = schema_of(table)
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema)
