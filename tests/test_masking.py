"""No value that an engine quotes is shown; what helps is."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from conftest import Ask, Lake
from small import C, customer, write_lake

from stedi_cli.masking import duckdb_said, masked

HIDDEN = ("Aaron", "Neil", "Smith", "aaron", "neil", "example", "1967")
VALUES = (
    "Could not convert string 'Aaron' to INT64",
    "Could not convert string 'Shaun O'Neil Smith' to INT64",
    "Could not convert string 'Robert 'Bob' Smith' to INT64",
    "Could not convert string 'aaron@example.org' to INT64",
    "user o'neil@example.org is unknown",
    "the key aaron%40example.org is not there",
    'Failed to cast value to numerical: "Aaron"',
    'in "He said "Aaron" loudly" there is no number',
    'For input string: "1967-01-01"',
    "[CAST_INVALID_INPUT] The value 'Aaron' of the type \"STRING\" cannot be cast",
    "Malformed records are detected in record parsing: [null,Aaron,1967]",
    'Malformed JSON: {"customerName": "Aaron \\"Al\\" Smith", "n": 1}',
    "begun: 'Aaron Smith",
    "Smith' has ended",
    "a “Aaron” and a ‘Smith’ and a «Neil»",  # noqa: RUF001
    "one 'Aaron\nSmith\nNeil' to INT64",
    "column `aaron smith` is not there",
)


@pytest.mark.parametrize("text", VALUES)
def test_no_value_is_left(text: str) -> None:
    told = masked(text)
    assert not [word for word in HIDDEN if word in told]
    assert "…" in told


SHOWN = (
    "java.lang.OutOfMemoryError: Java heap space",
    "[UNRESOLVED_COLUMN] name `no_such`. Did you mean one of [`email`, `phone`]?",
    'cannot be cast to "BIGINT"; set "spark.sql.ansi.enabled" to "false"',
    "it can't be read, and isn't there",
    "\tat org.apache.spark.sql.Dataset.collect(Dataset.scala:1521)",
    "25/11/24 09:05:05 WARN TaskSetManager: Lost task 0.0 in stage 1.0 (TID 1) [main]",
    f'  File "{Path(__file__)}", line 3, in run',
)


@pytest.mark.parametrize("text", SHOWN)
def test_what_helps_is_left(text: str) -> None:
    assert masked(text) == text


def test_what_follows_a_value_that_never_ends_is_shown() -> None:
    told = masked("no 'Aaron\n\tat org.x.Y(Z.scala:1)\nCaused by: java.io.IOException: disk full")
    assert told.split("\n")[1:] == [
        "\tat org.x.Y(Z.scala:1)",
        "Caused by: java.io.IOException: disk full",
    ]
    assert "Aaron" not in told


def _said(sql: str) -> str:
    with pytest.raises(duckdb.Error) as told:
        duckdb.connect().execute(sql).fetchall()
    return duckdb_said(told.value)


PEOPLE = "(SELECT 'Shaun O''Neil' AS email, 'aaron@example.org' AS who)"


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT CAST(email AS BIGINT) FROM {PEOPLE}",
        f"SELECT CAST(who AS DATE) FROM {PEOPLE}",
        f'SELECT * FROM {PEOPLE} WHERE email = "Aaron"',
        f'SELECT * FROM {PEOPLE} WHERE who = "aaron@example.org"',
        f"SELECT * FROM {PEOPLE} WHERE email = Shaun Neil",
        "SELECT json_extract('{\"Aaron\": 1', '$')",
    ],
)
def test_duckdb_quotes_nobody(sql: str) -> None:
    told = _said(sql)
    assert not [word for word in HIDDEN if word in told]


def test_names_that_are_not_there_can_be_read() -> None:
    told = _said("SELECT emial FROM (SELECT 1 AS email)")
    assert '"emial" not found' in told and '"email"' in told
    assert "no_such_table" in _said("SELECT * FROM no_such_table")


# --- Where it is said ---------------------------------------------------------------------------


@pytest.mark.parametrize("verbose", [(), ("--verbose",)])
def test_a_query_that_fails_shows_nobody(root: Path, stedi: Ask, verbose: tuple[str, ...]) -> None:
    told = stedi(
        *verbose, "--root", root, "query", "SELECT CAST(email AS BIGINT) FROM customer_trusted"
    )
    assert told.code == 2
    assert "Conversion Error" in told.err
    assert ("Traceback" in told.err) is bool(verbose)
    assert "x.org" not in told.err


def test_a_job_that_fails_shows_nobody(lake: Lake, stedi: Ask, tmp_path: Path) -> None:
    project = tmp_path / "project"
    assert stedi("init", project).code == 0
    job = project / "jobs" / "customer_landing_to_trusted.sql"
    job.write_text(job.read_text().replace("customerName, email,", "CAST(email AS BIGINT),", 1))
    told = stedi(*("--verbose", "--root", lake.settings.root, "jobs", "run", "--all"), cwd=project)
    assert told.code != 0
    assert "x.org" not in told.err


def test_a_key_that_may_be_an_address_is_counted_and_not_shown(
    lake: Lake, stedi: Ask, tmp_path: Path
) -> None:
    record = customer("gus@x.org", "serial-gus", C) | {"aaron@x.org": 1, "nickname": "x"}
    folder = write_lake(tmp_path / "more", {"customer_landing": {"more.json": [record]}})
    told = stedi("--root", lake.settings.root, "upload", folder)
    assert told.code == 0, told.err
    assert "ignores them: nickname, 1 with an @, not shown" in told.err
    assert "aaron" not in told.err + told.out
