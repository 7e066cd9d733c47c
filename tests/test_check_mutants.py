"""A check that looks at each row once counts, whatever is wrong, what the plain text counts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from random import Random

import duckdb
import pytest
from conftest import PROJECT

from stedi_cli.checks.validation_queries import check_query
from stedi_cli.project.model import load

READER = "lower(trim(BOTH ' ' FROM a.user))"
OWNED = f"""
SELECT s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z
FROM accelerometer_trusted a
JOIN customers_curated c ON lower(trim(BOTH ' ' FROM c.email)) = {READER}
JOIN step_trainer_trusted s
  ON s.serialNumber = c.serialNumber AND s.sensorReadingTime = a.timestamp
"""
READINGS, STEPS = "accelerometer_trusted", "step_trainer_trusted"
LANDED_READINGS, LANDED_STEPS = "accelerometer_landing", "step_trainer_landing"
PEOPLE, PAIRS = "customers_curated", "machine_learning_curated"
COLUMNS = {
    READINGS: {"user": str, "timestamp": int, "x": float, "y": float, "z": float},
    STEPS: {"sensorReadingTime": int, "serialNumber": str, "distanceFromObject": int},
    LANDED_READINGS: {"user": str, "timestamp": int, "x": float, "y": float, "z": float},
    LANDED_STEPS: {"sensorReadingTime": int, "serialNumber": str, "distanceFromObject": int},
    PEOPLE: {"email": str, "serialNumber": str},
    PAIRS: {
        "sensorReadingTime": int,
        "distanceFromObject": int,
        "x": float,
        "y": float,
        "z": float,
    },
}


def spelled(table: str) -> str:
    """A table with each e-mail in one spelling."""
    plain = f"* REPLACE ({READER} AS user)" if "user" in COLUMNS[table] else "*"
    return f"SELECT {plain} FROM {table} a"


def alike(table: str) -> str:
    return " AND ".join(f"l.{name} IS NOT DISTINCT FROM t.{name}" for name in COLUMNS[table])


def strange(table: str, landed: str, *keys: str) -> str:
    """The rows of which there is none in a landing table, where no line is without a key."""
    rows, there = spelled(table), spelled(landed)
    known = "".join(f" AND t.{key} IS NOT NULL" for key in keys)
    return f"SELECT t.* FROM ({rows}) t ANTI JOIN ({there}) l ON {alike(table)}{known}"


def too_often(table: str, landed: str) -> str:
    """The rows that are there several times, as far as more often than in a landing table."""
    rows, there = spelled(table), spelled(landed)
    several = f"FROM ({rows}) GROUP BY ALL HAVING count(*) > 1"
    more = f"({rows}) EXCEPT ALL ({there})"
    return f"SELECT t.* FROM ({more}) t SEMI JOIN (SELECT * {several}) l ON {alike(table)}"


PLAIN = {
    f"{READINGS}_no_duplicates": f"SELECT 1 FROM {READINGS} a"
    f" GROUP BY {READER}, a.timestamp, a.x, a.y, a.z HAVING count(*) > 1",
    f"{READINGS}_key": f"SELECT * FROM {READINGS} GROUP BY ALL HAVING count(*) > 1",
    f"{STEPS}_no_duplicates": f"SELECT * FROM {STEPS} GROUP BY ALL HAVING count(*) > 1",
    f"{STEPS}_key": f"SELECT * FROM {STEPS} GROUP BY ALL HAVING count(*) > 1",
    f"{READINGS}_rows": strange(READINGS, LANDED_READINGS, "user", "timestamp"),
    f"{STEPS}_rows": strange(STEPS, LANDED_STEPS, "sensorReadingTime", "serialNumber"),
    f"{READINGS}_as_often": too_often(READINGS, LANDED_READINGS),
    f"{STEPS}_as_often": too_often(STEPS, LANDED_STEPS),
    f"{PAIRS}_owner_join": f"SELECT * FROM (TABLE {PAIRS} EXCEPT ALL ({OWNED}))"
    f" UNION ALL SELECT * FROM (({OWNED}) EXCEPT ALL TABLE {PAIRS})",
}
"""Each check as one would write it, whatever it costs."""

TYPES = {str: "VARCHAR", int: "BIGINT", float: "DOUBLE"}
ODD = {
    str: ["NULL", "''", "' ANN@x.org'"],
    int: ["NULL", "0", "-9223372036854775808"],
    float: ["NULL", "'NaN'", "'-0.0'", "0.0", "'inf'", "'-inf'", "1.7e308", "-1.7e308", "5e-324"],
}


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        for table, columns in COLUMNS.items():
            types = ", ".join(f"{name} {TYPES[kind]}" for name, kind in columns.items())
            connection.execute(f"CREATE TABLE {table} ({types})")
        for table, rows in {
            PEOPLE: "('ann@x.org', 'a'), ('bob@x.org', 'b')",
            STEPS: "(1, 'a', 7), (1, 'b', 7), (2, 'a', 7), (2, 'b', 8), (0, 'a', 0)",
            # The sums of the axes of the first two are the same.
            READINGS: "('ann@x.org', 1, 6.2, 0, 0), ('bob@x.org', 1, 0, 2, 0), ('ann@x.org', 2,"
            " 1, 1, 1), ('bob@x.org', 2, 1, 1, 1), ('ann@x.org', 0, 0, 0, 0)",
            PAIRS: "(1, 7, 6.2, 0, 0), (1, 7, 0, 2, 0), (2, 7, 1, 1, 1), (2, 8, 1, 1, 1),"
            " (0, 0, 0, 0, 0)",
        }.items():
            connection.execute(f"INSERT INTO {table} VALUES {rows}")
        connection.execute(f"INSERT INTO {LANDED_READINGS} FROM {READINGS}")
        connection.execute(f"INSERT INTO {LANDED_STEPS} FROM {STEPS}")
        yield connection


@pytest.fixture(scope="module")
def checks() -> dict[str, str]:
    # Those of the project, and what this policy has beside them.
    return {check.name: check_query(check) for check in load(PROJECT).checks_under("published")}


def count_both(
    engine: duckdb.DuckDBPyConnection, checks: dict[str, str], changes: list[str]
) -> tuple[dict[str, int], dict[str, int]]:
    """Count what breaks each rule, by the plain text and by the project's; undo the changes."""
    engine.begin()
    try:
        for change in changes:
            engine.execute(change)
        plain = {n: engine.sql(f"SELECT count(*) FROM ({PLAIN[n]})").fetchall() for n in PLAIN}
        asked = {name: engine.sql(checks[name]).fetchall() for name in PLAIN}
    finally:
        engine.rollback()
    return {n: r[0][0] for n, r in plain.items()}, {n: int(r[0][1]) for n, r in asked.items()}


def again(table: str, times: int = 1, where: str = "rowid = 0") -> str:
    return f"INSERT INTO {table} SELECT t.* FROM {table} t, range({times}) WHERE {where}"


def put(table: str, column: str, value: str, row: int = 0) -> str:
    return f"UPDATE {table} SET {column} = {value} WHERE rowid = {row}"


def counted(table: str) -> dict[str, list[str]]:
    """Rows lost, added, there several times."""
    first = f"SELECT * FROM {table} WHERE rowid = 0"
    return {
        "nothing": [],
        "lost": [f"DELETE FROM {table} WHERE rowid = 0"],
        "all lost": [f"DELETE FROM {table}"],
        "doubled": [again(table)],
        "tripled": [again(table, 2)],
        "all doubled": [again(table, where="true")],
        "doubled and lost": [again(table, 3), f"DELETE FROM {table} WHERE rowid = 1"],
        "one for another": [f"DELETE FROM {table} WHERE rowid = 1", f"INSERT INTO {table} {first}"],
    }


def odd(table: str) -> Iterator[list[str]]:
    """Odd values in one row, there once and thrice, and two of them beside each other."""
    for column, kind in COLUMNS[table].items():
        for value in ODD[kind]:
            for times in (0, 2):
                yield [put(table, column, value), again(table, times)]
        for one, other in pairwise(ODD[kind]):
            copy = f"SELECT max(rowid) FROM {table}"
            yield [
                put(table, column, one),
                again(table),
                f"UPDATE {table} SET {column} = {other} WHERE rowid = ({copy})",
            ]


@pytest.mark.slow
@pytest.mark.parametrize("table", [STEPS, READINGS, PEOPLE, PAIRS])
def test_rows_lost_and_there_several_times(
    engine: duckdb.DuckDBPyConnection, checks: dict[str, str], table: str
) -> None:
    for name, changes in counted(table).items():
        plain, asked = count_both(engine, checks, changes)
        assert asked == plain, name
        assert any(plain.values()) == (name != "nothing"), name


@pytest.mark.slow
@pytest.mark.parametrize("table", COLUMNS)
def test_odd_values(engine: duckdb.DuckDBPyConnection, checks: dict[str, str], table: str) -> None:
    for changes in odd(table):
        plain, asked = count_both(engine, checks, changes)
        assert asked == plain, changes


@pytest.mark.slow
def test_several_things_at_once(engine: duckdb.DuckDBPyConnection, checks: dict[str, str]) -> None:
    random, seen = Random(14), dict.fromkeys(PLAIN, 0)
    for _ in range(100):
        changes = []
        for _ in range(random.randint(2, 6)):
            table = random.choice(list(COLUMNS))
            column, kind = random.choice(list(COLUMNS[table].items()))
            row = random.randrange(5)
            changes += random.choice(
                [
                    [put(table, column, random.choice(ODD[kind]), row)],
                    [again(table, random.randint(1, 2), f"rowid = {row}")],
                    [f"DELETE FROM {table} WHERE rowid = {row}"],
                ]
            )
        plain, asked = count_both(engine, checks, changes)
        assert asked == plain, changes
        seen = {name: max(number, seen[name]) for name, number in plain.items()}
    assert all(number > 1 for number in seen.values())
