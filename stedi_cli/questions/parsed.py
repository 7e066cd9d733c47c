"""DuckDB's own tree of a query, which its parser makes without running anything."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from stedi_cli.errors import UsageError
from stedi_cli.masking import duckdb_said, masked
from stedi_cli.questions.duckdb_errors import own_errors

if TYPE_CHECKING:
    import duckdb

_DEEPEST = 20_000


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(config={"threads": 1})


# A command asks several times about the same few texts.
@lru_cache(maxsize=64)
def tree_of(sql: str) -> Any:
    """Return DuckDB's tree of a query, to be read only; raise UsageError where there is none."""
    import duckdb

    statement = "SELECT json_serialize_sql(?, skip_null := true, skip_empty := true)"
    try:
        with own_errors():
            found = _parser().cursor().execute(statement, [sql]).fetchone()
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


@contextmanager
def _deep() -> Iterator[None]:
    """Let a tree be as deep as DuckDB's parser lets an expression be."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _DEEPEST))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
