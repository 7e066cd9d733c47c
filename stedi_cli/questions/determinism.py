"""What a query's answer depends on beside the rows that it reads."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from stedi_cli.errors import UsageError
from stedi_cli.project.lakehouse import Table
from stedi_cli.questions.parsed import nodes_of, path_of, references_of, tree_of
from stedi_cli.questions.sql_functions import REPEATABLE, UNCALLED

# No WINDOW but those that number rows by all that they hold; and no CAST, since engines take 'now'
# and the like for a time.
_DETERMINED = frozenset(
    {"CASE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT"}
    | {"FUNCTION", "OPERATOR", "STAR", "SUBQUERY"}
)
_DETERMINED_PARTS = frozenset(
    {"BASE_TABLE", "DISTINCT_MODIFIER", "JOIN", "SELECT_NODE", "SET_OPERATION_NODE", "SUBQUERY"}
    | {"ASCENDING", "DESCENDING", "ORDER_DEFAULT", "ORDER_MODIFIER"}
)
_DETERMINED_JOINS = frozenset({"CROSS", "REGULAR"})
_DETERMINED_FUNCTIONS = frozenset({"count", "count_star", "lower", "max", "min", "trim", "~~"})
# The parts of a SELECT whose rows are those of its table.
_UNGROUPED = frozenset(
    {"type", "cte_map", "select_list", "from_table", "where_clause", "aggregate_handling"}
)


def is_repeatable(sql: str) -> bool:
    """Tell whether a query gives the same for the same tables, whenever and however often asked.

    Where DuckDB cannot read it, that cannot be told, and so is denied.
    """
    try:
        tree = tree_of(sql)
    except UsageError:
        return False
    return not any(_depends_on_more(node) for node, _ in nodes_of(tree))


def is_determined(sql: str, landing: Mapping[str, Table]) -> bool:
    """Tell whether a query gives the same rows for the same, on whichever engine it is asked.

    Nothing in it may depend on the clock, on chance, or on the order in which rows lie, as a LIMIT
    does, or a window, of which rows may stand at one place. What is not known not to is denied.

    Args:
        sql: The query.
        landing: The landing tables by name, which have the columns of their model and no others.
    """
    try:
        tree, references = tree_of(sql), references_of(sql)
    except UsageError:
        return False
    named = [(id(node), path_of(node)[-1]) for node in references]
    read = {node: landing[name] for node, name in named if name in landing}
    nodes = [node for node, _ in nodes_of(tree)]
    numbered = {id(window) for node in nodes for window in _numbered(node, read)}
    return all(id(node) in numbered or _is_determined(node) for node in nodes)


def _depends_on_more(node: dict[str, Any]) -> bool:
    """Tell whether a part of a query depends on more than the tables."""
    said = node.get("column_names", [])
    called = str(node.get("function_name", "")).lower()
    uncalled = len(said) == 1 and str(said[0]).lower() in UNCALLED
    return "sample" in node or bool(called and called not in REPEATABLE) or uncalled


def _is_determined(node: dict[str, Any]) -> bool:
    if _depends_on_more(node) or node.get("distinct_on_targets"):
        return False
    if "class" in node:
        called = str(node.get("function_name", "")).lower()
        return node["class"] in _DETERMINED and (not called or called in _DETERMINED_FUNCTIONS)
    kind = node.get("type")
    # A type that is no text is a column's. Other joins go by the order in which rows lie.
    known = not isinstance(kind, str) or kind in _DETERMINED_PARTS
    return known and (kind != "JOIN" or node.get("ref_type") in _DETERMINED_JOINS)


def _numbered(select: dict[str, Any], read: Mapping[int, Table]) -> list[dict[str, Any]]:
    """Return the windows of a SELECT that number rows in an order in which only equal rows tie.

    Args:
        select: A node of the query's tree.
        read: The landing tables that the query reads, by the node that names one.
    """
    source = select.get("from_table")
    table = read.get(id(source))
    if source is None or table is None or "column_name_alias" in source:
        return []
    # What is grouped are other rows.
    if not select.keys() <= _UNGROUPED or select["aggregate_handling"] != "STANDARD_HANDLING":
        return []
    # -0.0 and 0.0 tie, and are not the same.
    if any(column.type == "double" for column in table.columns):
        return []
    names = {column.name.lower() for column in table.columns}
    own = {str(source.get("alias", table.name)).lower()}
    windows = [one for one in select["select_list"] if one["type"] == "WINDOW_ROW_NUMBER"]
    return [one for one in windows if names <= _ordered_by(one, own)]


def _ordered_by(window: dict[str, Any], own: Container[str]) -> set[str]:
    """Return the columns of one table that a window's order names, in small letters."""
    named = [order["expression"].get("column_names", [""]) for order in window.get("orders", [])]
    paths = [[part.lower() for part in path] for path in named]
    return {name for *of, name in paths if not of or (len(of) == 1 and of[0] in own)}
