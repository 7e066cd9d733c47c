"""The columns that a query's own list says, as far as DuckDB's parser can tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from stedi_cli.errors import UsageError
from stedi_cli.questions.parsed import tree_of


@dataclass(frozen=True)
class Listed:
    """A column of a query's own list.

    Args:
        name: What it is called, in small letters; empty where nothing says.
        is_star: Whether it stands for several.
        is_computed: Whether anything is computed for it.
        is_count: Whether it counts rows.
    """

    name: str
    is_star: bool = False
    is_computed: bool = False
    is_count: bool = False


def columns_listed(sql: str) -> list[Listed]:
    """Return the columns of a query's own list; none where DuckDB cannot read the query."""
    try:
        tree = tree_of(sql)
    except UsageError:
        return []
    return _listed(tree[0]["node"]) if tree else []


def _listed(node: dict[str, Any]) -> list[Listed]:
    if node.get("children"):
        # The first part of a set operation names its columns.
        first, *others = map(_listed, node["children"])
        computed = [any(c.is_computed for c in same) for same in zip(first, *others, strict=False)]
        return [replace(c, is_computed=any(computed[i : i + 1])) for i, c in enumerate(first)]
    return [
        Listed(
            (column.get("alias") or column.get("column_names", [""])[-1]).lower(),
            is_star=column.get("class") == "STAR",
            is_computed=column.get("class") not in ("COLUMN_REF", "CONSTANT", "STAR"),
            is_count=column.get("function_name") in ("count", "count_star"),
        )
        for column in node.get("select_list", [])
    ]
