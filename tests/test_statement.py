"""What a query may hold, and which tables it names."""

from __future__ import annotations

import duckdb
import pytest
from conftest import mostly_slow

from stedi_cli.errors import UsageError
from stedi_cli.questions.sql_functions import FUNCTIONS, TABLE_FUNCTIONS
from stedi_cli.questions.statement import columns_named, one_select, tables_named

TABLES = ("customer_trusted", "customer_landing", "quarantine")

# --- What is run -----------------------------------------------------------------------------

HARMLESS = [
    "SELECT * FROM {t}",
    "FROM {t}",
    "TABLE {t}",
    "VALUES (1), (2)",
    "SELECT * FROM {t};",
    "(SELECT * FROM {t})",
    "WITH a AS (SELECT * FROM {t}), b(c) AS (SELECT 1 FROM a) SELECT * FROM b JOIN a ON true",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT * FROM n",
    'WITH "my rows" AS (SELECT 1) SELECT * FROM "my rows"',
    "SELECT row_number() OVER w, sum(y) FILTER (WHERE y > 1) OVER w FROM {t} WINDOW w AS"
    " (PARTITION BY x ORDER BY y ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) QUALIFY ntile(2) OVER w"
    " = 1",
    "SELECT x, count(DISTINCT y), string_agg(z, ',' ORDER BY z) FROM {t} GROUP BY ROLLUP (x)"
    " HAVING count(*) > 1 ORDER BY ALL LIMIT 10% OFFSET 1",
    "SELECT DISTINCT ON (x) * EXCLUDE (y) REPLACE (1 AS z) FROM {t} USING SAMPLE 10%",
    "SELECT x FROM {t} UNION ALL BY NAME SELECT y FROM {t} EXCEPT SELECT 3 INTERSECT ALL SELECT 4",
    "PIVOT {t} ON x IN (1, 2) USING sum(y) GROUP BY z",
    "SELECT * FROM {t} PIVOT (sum(y) FOR x IN (1, 2))",
    "UNPIVOT {t} ON x, y INTO NAME n VALUE v",
    "SUMMARIZE {t}",
    "DESCRIBE {t}",
    "SHOW {t}",
    "SELECT column_name FROM (DESCRIBE SELECT * FROM {t})",
    "SELECT unnest([1, 2]), range FROM range(3), generate_series(1, 2), unnest([1]) u(v)",
    "SELECT * FROM {t} a, LATERAL (SELECT a.x) b ASOF JOIN {t} c ON a.x >= c.x POSITIONAL JOIN {t}",
    "SELECT [i + 1 FOR i IN [1, 2] IF i > 1], list_reduce([1], lambda a, b: a + b), 'A'.lower()",
    "SELECT CASE WHEN x BETWEEN 1 AND 2 THEN try_cast(y AS INT) END, x IS NULL, x LIKE 'a%' ESCAPE"
    " '!', x IN (SELECT 1), EXISTS (SELECT 1), x::DECIMAL(3, 1), {{'a': 1}}, MAP {{1: 1}}, x[1:2],"
    " extract(year FROM d), trim(BOTH ' ' FROM z), d AT TIME ZONE 'UTC', z COLLATE nocase,"
    " INTERVAL 1 DAY, DATE '2020-01-01', coalesce(x, nullif(y, 1)), NOT x AND y OR -z > 1,"
    " grouping(x), current_date, now(), x IS DISTINCT FROM y, z SIMILAR TO 'a', x // 2, x ** 2"
    " FROM {t} GROUP BY x",
    "SELECT COLUMNS(c -> c LIKE 'a%'), t.* FROM {t} t ORDER BY 1 DESC NULLS FIRST LIMIT (SELECT 1)",
    "SELECT json_extract_string(z, '$.a'), z ->> '$.b' FROM {t}, json_each(z)",
    "SELECT " + " + ".join(["1"] * 900) + " FROM {t}",
    "SELECT * FROM main.{t}",
    "SELECT * FROM memory.main.{t}",
    "SELECT variant_extract(v, 'a'), variant_keys(v), variant_typeof(v) FROM {t}, (SELECT 1 AS v)",
    "SELECT alias(email), can_cast_implicitly(1, 2), pg_size_pretty(1000) FROM {t}",
]


@pytest.mark.parametrize("sql", HARMLESS, ids=lambda sql: sql[:40])
def test_a_harmless_query_may_be_run(sql: str) -> None:
    named = {"customer_trusted"} if "{t}" in sql else set()
    assert one_select(sql.format(t="Customer_Trusted"), TABLES).tables == named


def test_the_functions_of_sql_may_be_called() -> None:
    known = [("count(*)", "count_star"), ("a LIKE 'x'", "~~"), ("if(a, b, c)", "if")]
    for sql, name in [*known, *((f"{name}(a)", name) for name in ("lower", "avg", "strftime"))]:
        assert name in FUNCTIONS
        assert one_select(f"SELECT {sql} FROM customer_trusted", TABLES)


# --- What is refused, wherever it stands -------------------------------------------------------

WRITES = [
    "COPY (SELECT 42) TO '/x.json'",
    "COPY customer_trusted TO '/x.csv' (FORMAT csv)",
    "COPY customer_trusted TO '/x' (FORMAT parquet, PARTITION_BY (email))",
    "INSERT INTO customer_trusted SELECT 1 RETURNING *",
    "UPDATE customer_trusted SET email = '' RETURNING *",
    "DELETE FROM customer_trusted RETURNING *",
]
AROUND_WRITES = [
    "WITH x AS ({sql}) SELECT count(*) FROM x",
    "WITH x AS MATERIALIZED ({sql}) SELECT 1",
    "WITH a AS (WITH x AS ({sql}) SELECT * FROM x) SELECT * FROM a",
    "SELECT * FROM (WITH x AS ({sql}) SELECT * FROM x)",
    "SELECT (WITH x AS ({sql}) SELECT count(*) FROM x)",
    "SELECT 1 WHERE EXISTS (WITH x AS ({sql}) SELECT * FROM x)",
    "SELECT 1 ORDER BY (WITH x AS ({sql}) SELECT count(*) FROM x)",
    "SELECT 1 LIMIT (WITH x AS ({sql}) SELECT count(*) FROM x)",
    "SELECT 1 UNION ALL (WITH x AS ({sql}) SELECT 1 FROM x)",
    "SELECT list_transform([1], lambda i: (WITH x AS ({sql}) SELECT count(*) FROM x))",
    "SELECT sum((WITH x AS ({sql}) SELECT count(*) FROM x)) OVER ()",
    "VALUES ((WITH x AS ({sql}) SELECT count(*) FROM x))",
    "SUMMARIZE WITH x AS ({sql}) SELECT * FROM x",
    "DESCRIBE WITH x AS ({sql}) SELECT * FROM x",
    "PIVOT (WITH x AS ({sql}) SELECT * FROM x) ON Count IN (1) USING count(*)",
    "UNPIVOT (WITH x AS ({sql}) SELECT * FROM x) ON Count",
    "FROM range((WITH x AS ({sql}) SELECT count(*) FROM x))",
    "SELECT * FROM customer_trusted JOIN (WITH x AS ({sql}) SELECT * FROM x) y ON true",
    "WITH RECURSIVE n AS (WITH x AS ({sql}) SELECT 1 FROM x UNION ALL SELECT * FROM n) FROM n",
]


@pytest.mark.parametrize("around", AROUND_WRITES, ids=lambda sql: sql[:40])
@pytest.mark.parametrize("sql", WRITES, ids=lambda sql: sql[:20])
def test_a_part_that_writes_is_refused(sql: str, around: str) -> None:
    query = around.format(sql=sql)
    # DuckDB itself takes each for a SELECT.
    assert [s.type for s in duckdb.extract_statements(query)] == [duckdb.StatementType.SELECT]
    with pytest.raises(UsageError, match="Only one SELECT"):
        one_select(query, TABLES)


AROUND_TABLES = [
    "SELECT * FROM {sql}",
    "WITH x AS (SELECT * FROM {sql}) SELECT 1",
    "SELECT (SELECT count(*) FROM {sql})",
    "SELECT * FROM customer_trusted, LATERAL (FROM {sql})",
    "SELECT list_transform([1], lambda i: (SELECT count(*) FROM {sql}))",
    "SUMMARIZE FROM {sql}",
    "DESCRIBE FROM {sql}",
    "PIVOT (FROM {sql}) ON a IN (1) USING count(*)",
    "UNPIVOT (FROM {sql}) ON a",
    "VALUES ((SELECT count(*) FROM {sql}))",
    "SELECT 1 UNION ALL FROM {sql}",
    "FROM range((SELECT count(*) FROM {sql}))",
]


def functions(*kinds: str) -> list[str]:
    """Every function of DuckDB of some kinds."""
    asked = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN"
    found = duckdb.execute(f"{asked} ({', '.join(map(repr, kinds))}) ORDER BY 1").fetchall()
    return [name for (name,) in found]


def assert_each_is_refused(sqls: list[str]) -> None:
    """Refused by us, not by DuckDB's parser, which would prove nothing."""
    for sql in sqls:
        assert duckdb.extract_statements(sql)
        with pytest.raises(UsageError, match=r"cannot be used here|There is no table"):
            one_select(sql, TABLES)


@pytest.mark.parametrize("around", mostly_slow(AROUND_TABLES, quick=2), ids=lambda sql: sql[:40])
def test_every_other_table_function_is_refused(around: str) -> None:
    names = set(functions("table", "table_macro")) - TABLE_FUNCTIONS
    assert {"read_json", "glob", "query", "enable_logging", "duckdb_secrets"} <= names
    assert_each_is_refused([around.format(sql=f"{name}('/x')") for name in sorted(names)])


@pytest.mark.parametrize("name", ["READ_Text", '"read_text"', "main.read_text", "system.main.glob"])
def test_another_spelling_is_refused_too(name: str) -> None:
    assert_each_is_refused([f"FROM {name}('/x')", f"SELECT {name}('/x')"])


@pytest.mark.parametrize("around", mostly_slow(AROUND_TABLES, quick=2), ids=lambda sql: sql[:40])
def test_every_other_table_is_refused(around: str) -> None:
    views = duckdb.execute("SELECT schema_name, view_name FROM duckdb_views()").fetchall()
    names = [".".join(view) for view in views] + [view for _, view in views]
    names += ["'/x.json'", '"a.csv"', "'s3://x/*.parquet'", "'https://x/y.json'", "json.'/x'"]
    names += ["customers_curated", "system.main.customer_trusted", "x.customer_trusted"]
    assert_each_is_refused([around.format(sql=name) for name in names])


AROUND_CALLS = [
    "SELECT {sql}",
    "SELECT * FROM customer_trusted WHERE {sql} IS NULL",
    "SELECT list_transform([1], lambda i: {sql})",
    "SELECT [{sql} FOR i IN [1]]",
    "SELECT max({sql}) OVER (ORDER BY 1)",
    "SELECT 1 GROUP BY {sql}",
    "SELECT CASE WHEN true THEN {sql} END",
    "VALUES ({sql})",
    "FROM range({sql})",
    "SELECT COLUMNS(c -> {sql}) FROM customer_trusted",
]


@pytest.mark.parametrize("around", mostly_slow(AROUND_CALLS, quick=2), ids=lambda sql: sql[:40])
def test_every_other_function_is_refused(around: str) -> None:
    every = functions("scalar", "aggregate", "macro", "window", "pragma")
    names = {name for name in every if "collate_" not in name and name.lower() not in FUNCTIONS}
    assert {"write_log", "current_setting", "pg_sleep", "getvariable", "setval"} <= names
    names |= {"getenv", "read_text", "query", "enable_logging", "a_function_of_tomorrow"}
    calls = [around.format(sql=f"\"{name}\"('x')") for name in sorted(names)]
    assert_each_is_refused(calls)


SCOPES = [
    'WITH "/x.json" AS (SELECT 1) SELECT * FROM "/x.json"',
    "SELECT * FROM (WITH sqlite_master AS (SELECT 1) SELECT 1), sqlite_master",
    "WITH a AS (SELECT * FROM duckdb_views), duckdb_views AS (SELECT 1) SELECT * FROM a",
    "WITH duckdb_views AS (SELECT * FROM duckdb_views) SELECT 1",
    "WITH pragma_database_list AS (SELECT 1) SELECT * FROM main.pragma_database_list",
    "WITH sqlite_master AS (SELECT 1) SHOW sqlite_master",
]


@pytest.mark.parametrize("sql", SCOPES)
def test_a_name_means_what_it_means_there(sql: str) -> None:
    with pytest.raises(UsageError):
        one_select(sql, TABLES)


def test_what_is_meant_is_said_and_nothing_internal() -> None:
    def said(sql: str) -> str:
        with pytest.raises(UsageError) as refused:
            one_select(sql, TABLES)
        return f"{refused.value.message} {refused.value.hint}"

    assert said("FROM customer_trusded") == (
        "There is no table customer_trusded. Did you mean customer_trusted?"
    )
    assert said("SELECT lowr('A')") == "The function lowr cannot be used here. Did you mean lower?"
    assert "`stedi tables`" in said("FROM sqlite_maste")
    assert "Did you mean" not in said("FROM sqlite_maste")
    assert "read_json" not in said("FROM read_jsn('x')").replace("read_jsn", "")
    assert "PIVOT … ON column IN" in said("PIVOT customer_trusted ON x USING count(*)")
    assert "`stedi tables`" in said("SHOW ALL TABLES")


@pytest.mark.parametrize("depth", mostly_slow([2_000, 10_000]))
def test_a_query_nested_deeply_ends_in_a_line(depth: int) -> None:
    sql = "SELECT * FROM " + "(SELECT * FROM " * depth + "read_text('x')" + ")" * depth
    with pytest.raises(UsageError) as refused:
        one_select(sql, TABLES)
    assert len(refused.value.message) < 1_000


# --- Names -------------------------------------------------------------------------------------

NAMED: list[tuple[str, set[str]]] = [
    ("SELECT * FROM CUSTOMER_Trusted", {"customer_trusted"}),
    ('SELECT * FROM stedi."customer_landing"', {"customer_landing"}),
    ("SELECT 'quarantine' AS customer_landing FROM customer_trusted", {"customer_trusted"}),
    ("-- quarantine\nSELECT 1 /* customer_landing */", set()),
    ("SELECT quarantine.x FROM t AS quarantine", set()),
    ("WITH quarantine AS (SELECT 1) SELECT * FROM quarantine", set()),
    ("WITH quarantine AS (FROM quarantine) SELECT * FROM quarantine", {"quarantine"}),
    ("SELECT my_quarantine FROM quarantine_of_others", set()),
    ('SELECT * FROM "quarantine$snapshots"', {"quarantine"}),
    # In Athena's dialect alone, so that no more than words can be told.
    ("SELECT * FROM quarantine FOR VERSION AS OF 1 -- customer_landing", {"quarantine"}),
    ("SELECT 'customer_landing' FROM \"quarantine\" FOR TIMESTAMP AS OF now()", {"quarantine"}),
    ("COPY quarantine TO 'x'", {"quarantine"}),
    ("SELEC customer_trusted", {"customer_trusted"}),
]


@pytest.mark.parametrize(("sql", "named"), NAMED, ids=[sql[:50] for sql, _ in NAMED])
def test_names_are_those_of_tables(sql: str, named: set[str]) -> None:
    assert tables_named(sql, TABLES) == named


# --- Columns that a query names ------------------------------------------------------------------

NAMED_COLUMNS = {
    "SELECT email, count(*) AS Violations, 1 + 1 FROM t GROUP BY email": {"email", "violations"},
    'SELECT a."Violations" FROM t a': {"violations"},
    "WITH a AS (SELECT 1 AS inner_one) SELECT x FROM a -- AS violations": {"x"},
    "(SELECT 1 AS x, 'violations') UNION ALL SELECT 2 AS violations, 3": {"x"},
    "SELECT * FROM (SELECT 1 AS violations)": set(),
    "FROM t": set(),
    "-- nothing": set(),
    "SELEC 1 AS violations": set(),
    "COPY (SELECT 1 AS violations) TO 'x'": set(),
}


@pytest.mark.parametrize("sql", NAMED_COLUMNS)
def test_the_columns_that_a_query_names(sql: str) -> None:
    assert columns_named(sql) - {""} == NAMED_COLUMNS[sql]
