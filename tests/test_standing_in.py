"""SELECTs that stand in for tables of a query, run by DuckDB."""

from __future__ import annotations

import duckdb
import pytest

from stedi_cli.questions.standing_in import standing_in

SELECTS = {"a_landing": "SELECT 1 AS x FROM a_copy", "b_landing": "SELECT 2 AS x FROM b_copy"}
QUERIES = [
    ("SELECT x FROM a_landing", [1]),
    ("-- WITH\nSELECT x FROM A_Landing -- the end", [1]),
    ("(SELECT x FROM a_landing) UNION ALL (SELECT x FROM b_landing) ORDER BY x DESC", [2, 1]),
    ("SELECT x FROM raw", [9]),
    ("SELECT 'a_landing' FROM raw", ["a_landing"]),
    ("WITH t AS (SELECT x FROM b_landing) SELECT x FROM t", [2]),
    (
        "/* - */ with t as (SELECT 5 AS y), u AS (FROM a_landing) SELECT x + y FROM t, u",
        [6],
    ),
    (
        "WITH RECURSIVE n(i) AS (SELECT x FROM a_landing UNION ALL SELECT i + 1 FROM n WHERE i < 3)"
        " SELECT i FROM n ORDER BY i DESC",
        [3, 2, 1],
    ),
    ("WITH recursive AS (SELECT x FROM b_landing) SELECT x FROM recursive", [2]),
    # Its own meaning of a name stays, made of what stands in.
    ("WITH a_landing AS (SELECT x + 6 AS x FROM a_landing) SELECT x FROM a_landing", [7]),
    ("WITH t AS (WITH a_landing AS (FROM b_landing) FROM a_landing) SELECT x FROM t", [2]),
    ("SELECT (SELECT max(x) FROM b_landing) FROM a_landing", [2]),
    ("SELECT x FROM main.a_landing", [8]),
]


@pytest.mark.parametrize(("sql", "found"), QUERIES)
def test_a_query_reads_what_stands_in(sql: str, found: list[object]) -> None:
    with duckdb.connect() as connection:
        for name in ("a_landing", "b_landing", "raw", "a_copy", "b_copy"):
            x = 9 if name == "raw" else 8
            connection.execute(f"CREATE TABLE {name} AS SELECT {x} AS x")
        rows = connection.execute(standing_in(sql, SELECTS)).fetchall()
    assert [row[0] for row in rows] == found


def test_a_query_about_nothing_that_is_stood_in_for_stays_as_it_is() -> None:
    for sql in ("SELECT x FROM raw", "WITH a AS (SELECT 1) SELECT * FROM a", "nonsense"):
        assert standing_in(sql, SELECTS) == sql
