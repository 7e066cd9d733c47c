"""DuckDB's own tree of a query, which its parser makes without running anything."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from stedi_cli.errors import UsageError
from stedi_cli.masking import duckdb_said, masked
from stedi_cli.questions.duckdb_errors import own_errors

if TYPE_CHECKING:
    import duckdb

_DEEPEST = 20_000
# A name with one of these may be read as a file's.
_FILE_LIKE = re.compile(r"[./\\:*?\[]")


def _parser() -> duckdb.DuckDBPyConnection:
    import duckdb

    # Not one of its own: to make that takes longer than to parse the SQL of a job.
    return duckdb.default_connection().cursor()


def statements_of(sql: str) -> list[duckdb.Statement]:
    """Return the statements of a text, as DuckDB takes it apart; raises duckdb.Error."""
    return _parser().extract_statements(sql)


# A command asks several times about the same few texts.
@lru_cache(maxsize=64)
def tree_of(sql: str) -> Any:
    """Return DuckDB's tree of a query, to be read only; raise UsageError where there is none."""
    import duckdb

    statement = "SELECT json_serialize_sql(?, skip_null := true, skip_empty := true)"
    try:
        with own_errors():
            found = _parser().execute(statement, [sql]).fetchone()
        assert found is not None
        with _deep():
            tree = json.loads(found[0])
    except duckdb.Error as error:
        raise UsageError(f"The query cannot be run: {duckdb_said(error)}") from error
    except RecursionError as error:
        raise UsageError("The query is nested too deeply.") from error
    if tree["error"]:
        raise UsageError(f"The query cannot be run: {masked(tree['error_message'])}")
    return tree["statements"]


def nodes_of(tree: Any) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Yield every node with the names that a WITH around it gives a meaning."""
    left: list[tuple[Any, frozenset[str]]] = [(tree, frozenset())]
    while left:
        node, scope = left.pop()
        if isinstance(node, list):
            left += [(child, scope) for child in node]
        if not isinstance(node, dict):
            continue
        yield node, scope
        if node.get("type") == "RECURSIVE_CTE_NODE":
            scope |= {node["cte_name"].lower()}
        for entry in node.get("cte_map", {}).get("map", []):
            left.append((entry["value"], scope))
            # As a file's name it would be read as a file wherever it has no other meaning.
            if not _FILE_LIKE.search(entry["key"]):
                scope |= {entry["key"].lower()}
        left += [(child, scope) for key, child in node.items() if key != "cte_map"]


@lru_cache(maxsize=64)
def references_of(sql: str) -> tuple[dict[str, Any], ...]:
    """Return the nodes of a query that name what is none of its own WITH."""
    nodes = nodes_of(tree_of(sql))
    return tuple(node for node, scope in nodes if _is_reference(node) and not _is_own(node, scope))


def path_of(node: dict[str, Any]) -> list[str]:
    """Return the parts of the name by which a node names a table."""
    path: list[str] = node.get("qualified_name", {}).get("path") or [""]
    return path


@contextmanager
def _deep() -> Iterator[None]:
    """Let a tree be as deep as DuckDB's parser lets an expression be."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEEPEST))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _is_reference(node: dict[str, Any]) -> bool:
    shown = node.get("type") == "SHOW_REF" and "query" not in node
    return node.get("type") == "BASE_TABLE" or shown


def _is_own(node: dict[str, Any], scope: frozenset[str]) -> bool:
    """Tell whether a table is one that the query itself names by WITH."""
    *schema, name = path_of(node)
    return schema in ([], ["recurring"]) and name.lower() in scope and "query" not in node
