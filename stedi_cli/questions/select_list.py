"""The columns that a query's own list says, as far as DuckDB's parser can tell."""

from __future__ import annotations

from collections.abc import Iterator
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


def names_made(sql: str) -> frozenset[str]:
    """Return the names, in small letters, that a query gives to anything but columns called so.

    It may do that at any depth, so that a column handed on by that name need be none of a table.
    """
    try:
        left: list[Any] = [tree_of(sql)]
    except UsageError:
        return frozenset()
    found: set[str] = set()
    while left:
        node = left.pop()
        if isinstance(node, dict):
            found |= {str(name).lower() for name in _names_made_in(node)}
            left += node.values()
        elif isinstance(node, list):
            left += node
    return frozenset(found)


def _names_made_in(node: dict[str, Any]) -> Iterator[str]:
    own = node.get("column_names", [""])[-1]
    if node.get("class") != "CONSTANT" and node.get("alias", "").lower() != own.lower():
        yield node.get("alias", "")
    yield from node.get("column_name_alias", ())
    yield from node.get("aliases", ())
    # What a * stands for may be another thing, or called otherwise.
    yield from (made["key"] for made in node.get("replace_list", ()))
    yield from (made["value"] for made in node.get("rename_list", ()))


def _listed(node: dict[str, Any]) -> list[Listed]:
    if node.get("children"):
        # The first part of a set operation names its columns.
        first, *others = map(_listed, node["children"])
        same = [*zip(first, *others, strict=False)]
        return [
            replace(
                column,
                is_computed=any(c.is_computed for c in all_of),
                is_count=all(c.is_count for c in all_of),
            )
            for column, all_of in zip(first, same, strict=False)
        ] + [replace(column, is_count=False) for column in first[len(same) :]]
    return [
        Listed(
            (column.get("alias") or column.get("column_names", [""])[-1]).lower(),
            is_star=column.get("class") == "STAR",
            is_computed=column.get("class") not in ("COLUMN_REF", "CONSTANT", "STAR"),
            is_count=column.get("function_name") in ("count", "count_star"),
        )
        for column in node.get("select_list", [])
    ]
