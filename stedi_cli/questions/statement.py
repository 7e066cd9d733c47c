"""What a SELECT reads, told by DuckDB's parser; and that it does nothing else.

DuckDB calls a statement a SELECT also where a part of it writes (``WITH x AS (COPY … TO …)``), and
has no folder that can only be read. So the parsed tree is walked, and every kind of node, function
and table in it has to be one of those that are known to be harmless.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from stedi_cli.errors import UsageError
from stedi_cli.masking import duckdb_said
from stedi_cli.project.naming import meant
from stedi_cli.questions.duckdb_errors import own_errors
from stedi_cli.questions.parsed import nodes_of, path_of, references_of, statements_of, tree_of
from stedi_cli.questions.select_list import columns_listed
from stedi_cli.questions.sql_functions import FUNCTIONS, TABLE_FUNCTIONS
from stedi_cli.questions.sql_text import TOKEN, bare

_EXPRESSIONS = frozenset(
    (
        *("BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION"),
        *("CONSTANT", "FUNCTION", "LAMBDA", "OPERATOR", "POSITIONAL_REFERENCE", "STAR"),
        *("SUBQUERY", "TYPE", "WINDOW"),
    )
)
_PARTS = frozenset(
    (
        *("SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"),
        *("BASE_TABLE", "EMPTY", "EXPRESSION_LIST", "JOIN", "PIVOT", "SHOW_REF", "SUBQUERY"),
        *("TABLE_FUNCTION", "DISTINCT_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER"),
        *("ORDER_MODIFIER", "ORDER_DEFAULT", "ASCENDING", "DESCENDING"),
    )
)
_SHOWN = frozenset({"DESCRIBE", "SHOW", "SUMMARY"})
_OWN_SCHEMAS: tuple[list[str], ...] = ([], ["main"], ["memory", "main"])


@dataclass(frozen=True)
class Select:
    """A SELECT that may be run.

    Args:
        text: The query without its final semicolon.
        tables: The tables that it reads.
    """

    text: str
    tables: frozenset[str]


def one_select(sql: str, tables: Iterable[str]) -> Select:
    """Read a query that may name some tables, and nothing else.

    Args:
        sql: The query.
        tables: The tables.

    Returns:
        The query, and which of the tables it reads.

    Raises:
        UsageError: If it is not one SELECT, reads anything else, or could do more than read.
    """
    text, references = _only_read(sql)
    known = {name.lower(): name for name in tables}
    return Select(text, frozenset(_known_table(node, known) for node in references))


# A command asks several times about the same few texts.
@lru_cache(maxsize=64)
def _only_read(sql: str) -> tuple[str, tuple[dict[str, Any], ...]]:
    """Return a query without its final semicolon, and the nodes that name tables in it.

    Raises:
        UsageError: If it is not one SELECT, or could do more than read.
    """
    import duckdb

    refuse_broken_text(sql)
    try:
        with own_errors():
            statements = statements_of(sql)
    except duckdb.Error as error:
        raise UsageError(
            f"The query cannot be run: {first_line(error)}",
            hint="`stedi tables --ddl` shows columns.",
        ) from error
    if len(statements) == 1 and statements[0].type == duckdb.StatementType.MULTI:
        raise UsageError(
            "A PIVOT has to name its values here.", hint="Write PIVOT … ON column IN (value, …)."
        )
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise no_select()
    text = bare(str(statements[0].query)).rstrip(";")
    for node, _ in nodes_of(tree_of(text)):
        _refuse_node(node)
        _refuse_function(node)
    return text, references_of(text)


def tables_named(sql: str, tables: Iterable[str]) -> frozenset[str]:
    """Return which tables a query names, in a comment or text not counted.

    Where DuckDB cannot read it, as in parts of Athena's dialect, any name in it counts.

    Args:
        sql: The query.
        tables: The tables that are looked for.
    """
    known = {name.lower(): name for name in tables}
    try:
        references = references_of(sql)
    except UsageError:
        tokens = TOKEN.finditer(sql)
        words = [token["word"] or (token["name"] or "").strip('"') for token in tokens]
    else:
        words = [path_of(node)[-1] for node in references]
    # Of `table$snapshots`, by which Athena shows what belongs to a table.
    names = {word.partition("$")[0].lower() for word in words}
    return frozenset(name for key, name in known.items() if key in names)


def names_given(sql: str) -> frozenset[str]:
    """Return the names that a query's own WITH gives a meaning, as far as DuckDB can read it."""
    try:
        node = tree_of(sql)[0]["node"]
    except (UsageError, IndexError):
        return frozenset()
    return frozenset(entry["key"].lower() for entry in node.get("cte_map", {}).get("map", []))


def columns_named(sql: str) -> frozenset[str]:
    """Return the columns that a query's own list of columns names, in small letters.

    What ``*`` stands for is not among them. Where DuckDB cannot read the query there are none.
    """
    return frozenset(column.name for column in columns_listed(sql))


def refuse_broken_text(sql: str) -> None:
    """Raise UsageError for SQL that came as bytes which are no UTF-8."""
    if any("\ud800" <= character <= "\udfff" for character in sql):
        raise UsageError("The SQL is not UTF-8 text.", hint="Write it as UTF-8.")


def no_select() -> UsageError:
    """Return the error for anything but one SELECT."""
    return UsageError(
        "Only one SELECT at a time can be run here.",
        hint="The lakehouse is changed by `stedi jobs run` and `stedi upload` alone.",
    )


def first_line(error: Exception) -> str:
    """Return what a DuckDB error says, in one line, without values and SQL."""
    return duckdb_said(error)


def _known_table(node: dict[str, Any], known: dict[str, str]) -> str:
    *schema, name = path_of(node)
    if name.lower() not in known or [part.lower() for part in schema] not in _OWN_SCHEMAS:
        raise UsageError(
            f"There is no table {'.'.join([*schema, name])}.",
            hint=meant(name, known.values(), "`stedi tables` lists the tables."),
        )
    return known[name.lower()]


def _refuse_node(node: dict[str, Any]) -> None:
    kind = node.get("type")
    if kind == "SHOW_REF" and node.get("show_type") not in _SHOWN:
        raise UsageError("There is nothing to show here.", hint="`stedi tables` lists the tables.")
    if "class" in node:
        harmless = node["class"] in _EXPRESSIONS
    else:
        # A type that is no text is a column's.
        harmless = not isinstance(kind, str) or kind in _PARTS
    if harmless:
        return
    if str(kind).endswith("_QUERY_NODE"):
        raise no_select()
    raise UsageError(f"A query here cannot hold {kind}.", hint="Leave it out.")


def _refuse_function(node: dict[str, Any]) -> None:
    allowed, called = FUNCTIONS, node
    if node.get("type") == "TABLE_FUNCTION":
        allowed, called = TABLE_FUNCTIONS, node["function"]
    name = called.get("function_name")
    if name is not None and name.lower() not in allowed:
        raise UsageError(
            f"The function {name} cannot be used here.",
            hint=meant(name, allowed, "A query can read the lakehouse's tables only."),
        )
