"""What a query's answer depends on beside the rows that it reads."""

from __future__ import annotations

import duckdb
import pytest

from stedi_cli.project.settings import load_settings
from stedi_cli.questions.determinism import is_determined, is_repeatable
from stedi_cli.questions.sql_functions import FUNCTIONS, UNREPEATABLE

DEPENDS_ON_MORE = [
    "SELECT now()",
    "SELECT * FROM (SELECT x FROM t WHERE y < Current_Date)",
    "SELECT current_timestamp",
    "SELECT CAST(localtime AS VARCHAR)",
    "SELECT age(y) FROM t",
    "WITH a AS (SELECT system.main.random() AS r) SELECT * FROM a",
    "SELECT * FROM t ORDER BY uuid()",
    "SELECT * FROM t USING SAMPLE 10%",
    "SELECT * FROM (SELECT * FROM t TABLESAMPLE 5 ROWS)",
    "SELECT sum(x) FILTER (WHERE random() < 0.5) FROM t",
    "SELECT reservoir_quantile(x, 0.5) FROM t",
    "SELECT current_user",
    # Of Athena's own functions nobody here knows what they depend on.
    "SELECT * FROM t WHERE rand() < 0.5",
    "SELECT * FROM t WHERE shuffle(ARRAY[x, y])[1] > 0",
    # It cannot be told.
    "SELECT * FROM t FOR VERSION AS OF 1",
    "SELEC",
]
GIVES_THE_SAME = [
    "SELECT user, count(*) FROM t GROUP BY user",
    "SELECT t.current_date, 'now()' AS random FROM t -- now()",
    "SELECT sample FROM uuid",
]


@pytest.mark.parametrize("sql", DEPENDS_ON_MORE)
def test_what_depends_on_clock_or_chance_is_not_repeatable(sql: str) -> None:
    assert not is_repeatable(sql)


@pytest.mark.parametrize("sql", GIVES_THE_SAME)
def test_what_depends_on_tables_alone_is_repeatable(sql: str) -> None:
    assert is_repeatable(sql)


LEFT_OPEN = {
    "a window": "SELECT row_number() OVER (ORDER BY x) FROM t",
    "a limit": "SELECT x FROM t ORDER BY x LIMIT 9",
    "a limit inside": "SELECT x FROM (SELECT x FROM t OFFSET 2) s",
    "the first of each": "SELECT DISTINCT ON (x) x, y FROM t",
    "places": "SELECT * FROM t POSITIONAL JOIN u",
    "the nearest of several": "SELECT t.x FROM t ASOF JOIN u ON t.y >= u.y",
    "what comes first": "SELECT first(x) FROM t",
    "any of them": "SELECT any_value(x) FROM t",
    "a sum of fractions": "SELECT sum(x) FROM t",
    "what an engine takes for today": "SELECT x FROM t WHERE y > DATE 'today'",
    "a number as an engine reads it": "SELECT CAST(x AS BIGINT) FROM t",
    "nothing that can be read": "SELECT FROM WHERE",
}


LANDING = load_settings().lakehouse().landing
ALL_OF_IT = ", ".join(f"r.{column.name}" for column in LANDING["customer_landing"].columns)
NUMBERED = "SELECT r.*, row_number() OVER (PARTITION BY r.email ORDER BY {order}) AS n FROM {t}"
TIES = {
    "a column that is not in the order": (ALL_OF_IT.replace("r.phone, ", ""), "customer_landing r"),
    "a part of a column": (ALL_OF_IT.replace("r.phone", "lower(r.phone)"), "customer_landing r"),
    "what some take for the same": (
        ALL_OF_IT.replace("r.phone", "r.phone COLLATE nocase"),
        "customer_landing r",
    ),
    "another table's column": (
        ALL_OF_IT.replace("r.phone", "s.phone"),
        "customer_landing r JOIN customer_landing s ON true",
    ),
    "columns by other names": (ALL_OF_IT, "customer_landing r(email, phone)"),
    "some rows of it": (ALL_OF_IT, "customer_landing r TABLESAMPLE 10%"),
    "a table that may hold more": (ALL_OF_IT, "customer_trusted r"),
    "rows of the query's own": (ALL_OF_IT, "(SELECT *, 1 AS m FROM customer_landing) r"),
    "two zeros, which tie": ("r.user, r.timestamp, r.x, r.y, r.z", "accelerometer_landing r"),
}
OPEN_WINDOWS = {
    **{name: NUMBERED.format(order=order, t=t) for name, (order, t) in TIES.items()},
    "a table of WITH": "WITH customer_landing AS (SELECT *, 1 AS m FROM customer_trusted) "
    + NUMBERED.format(order=ALL_OF_IT, t="customer_landing r"),
    "rows of groups": "SELECT count(*) AS c, row_number() OVER (ORDER BY "
    f"{ALL_OF_IT}) AS n FROM customer_landing r GROUP BY ROLLUP ({ALL_OF_IT})",
    "rows of all groups": "SELECT email, count(*) AS c, row_number() OVER (ORDER BY "
    f"{ALL_OF_IT}) AS n FROM customer_landing r GROUP BY ALL",
    "of whom a query around it tells": "SELECT (SELECT max(n) FROM ("
    + NUMBERED.format(order=ALL_OF_IT.replace("r.phone", "s.phone"), t="customer_landing r")
    + ") q) FROM customer_landing s",
}


@pytest.mark.parametrize("sql", [*LEFT_OPEN.values(), *DEPENDS_ON_MORE, *OPEN_WINDOWS.values()])
def test_what_leaves_rows_open_is_not_determined(sql: str) -> None:
    assert not is_determined(sql, LANDING)


@pytest.mark.parametrize("table", ["customer_landing r", "customer_landing AS R"])
def test_rows_numbered_by_all_that_they_hold_are_determined(table: str) -> None:
    assert is_determined(NUMBERED.format(order=ALL_OF_IT, t=table), LANDING)


def test_every_job_of_the_project_is_determined() -> None:
    model = load_settings().lakehouse()
    texts = [model.job_text(job, name) for job in model.jobs.values() for name in model.policies]
    assert [text for text in texts if not is_determined(text.sql, LANDING)] == []


def test_every_function_that_duckdb_says_is_not_constant_is_known() -> None:
    asked = "SELECT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
    changing = {name for (name,) in duckdb.execute(asked).fetchall()}
    assert changing & FUNCTIONS <= UNREPEATABLE <= FUNCTIONS
