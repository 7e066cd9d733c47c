"""No value that an engine quotes is shown; what helps is."""

from __future__ import annotations

import sqlite3
import traceback
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from conftest import Ask, Lake, mostly_slow
from small import C, customer, write_lake

from stedi_cli.masking import aws_said, duckdb_said, masked

HIDDEN = ("Aaron", "Neil", "Smith", "aaron", "neil", "example", "1967", "5550100142", "0303a")
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
    "CSV Error on Line: 3\nOriginal Line: Neil,Smith,5550100142\nAaron,Smith",
    "x: Invalid Input Error: Aaron\nSmith",
    "PatternSyntaxException: Unclosed group near index 15\n(Aaron Smith\n\tat java.X",
    "[USER_RAISED_EXCEPTION] Aaron Smith",
    "INVALID_CAST_ARGUMENT: Value cannot be cast to date: Aaron",
    'The value 5550100142L of the type "BIGINT" cannot be cast to "TINYINT"',
    "bigint multiplication overflow: -5550100142 * 2",
    "born 1967-03-11 or 03/11/1967 or 1967-03-11T00:00:00.000Z",
    "1967.5 and .1967 and 1,967 and 0x0303af and 1.967E3",
    "of 0303af5c-0000-4000-8000-aa0303af5c11",
)


@pytest.mark.parametrize("text", VALUES)
def test_no_value_is_left(text: str) -> None:
    told = masked(text)
    assert not [word for word in HIDDEN if word in told]
    assert "…" in told
    assert "1,967" not in told and "1.967" not in told


SHOWN = (
    "java.lang.OutOfMemoryError: Java heap space",
    "[UNRESOLVED_COLUMN] name `no_such`. Did you mean one of [`email`, `phone`]?",
    'cannot be cast to "BIGINT"; set "spark.sql.ansi.enabled" to "false"',
    "it can't be read, and isn't there",
    "\tat org.apache.spark.sql.Dataset.collect(Dataset.scala:1521)",
    "25/11/24 09:05:05 WARN TaskSetManager: Lost task 0.0 in stage 1.0 (TID 1) [main]",
    f'  File "{Path(__file__)}", line 3, in run',
    f'  File "{Path(__file__)}", line 1234, in run',
    "ModuleNotFoundError: No module named 'awsglue.context'",
    "AttributeError: 'NoneType' object has no attribute 'rows'",
    "AttributeError: module 'pyspark.sql' has no attribute 'Frame'",
    "TypeError: run() got an unexpected keyword argument 'engine'",
    "ImportError: cannot import name 'one' from 'stedi_cli.two'",
    "NameError: name 'spark' is not defined",
    "line 1:12345: mismatched input; SQLSTATE: 22018; HTTP 503; java.net: localhost:54321",
    "at 10.0.0.1:54321, Spark 4.1.2, INT64, DECIMAL(18,3)",
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


PEOPLE = (
    "(SELECT 'Shaun O''Neil' AS email, 'aaron@example.org' AS who, 'Aaron Smith' AS name,"
    " '1967-01-01' AS born, 5550100142 AS phone)"
)


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT CAST(email AS BIGINT) FROM {PEOPLE}",
        f"SELECT CAST(who AS DATE) FROM {PEOPLE}",
        f'SELECT * FROM {PEOPLE} WHERE email = "Aaron"',
        f'SELECT * FROM {PEOPLE} WHERE who = "aaron@example.org"',
        f"SELECT * FROM {PEOPLE} WHERE email = Shaun Neil",
        "SELECT json_extract('{\"Aaron\": 1', '$')",
        f"SELECT strptime(name, '%Y') FROM {PEOPLE}",
        f"SELECT strptime(born, '%H') FROM {PEOPLE}",
        f"SELECT regexp_matches('a', '(' || name) FROM {PEOPLE}",
        f"SELECT error(name) FROM {PEOPLE}",
        f"SELECT error('Out of Range Error: ' || name) FROM {PEOPLE}",
        f"SELECT error('Could not convert string ' || name) FROM {PEOPLE}",
        f"SELECT CAST(name || chr(10) || chr(10) || name AS INT) FROM {PEOPLE}",
        f"SELECT CAST(name AS STRUCT(a INT)) FROM {PEOPLE}",
        f"SELECT CAST(phone AS TINYINT) FROM {PEOPLE}",
        f"SELECT phone * phone * phone FROM {PEOPLE}",
        f"SELECT make_date(phone, 1, 1) FROM {PEOPLE}",
    ],
)
def test_duckdb_quotes_nobody(sql: str) -> None:
    with pytest.raises(duckdb.Error) as error:
        duckdb.connect().execute(sql).fetchall()
    text = "".join(traceback.format_exception(error.value))
    for told in (duckdb_said(error.value), masked(str(error.value)), masked(text)):
        assert not [word for word in HIDDEN if word in told]
        assert " Error" in told


def test_what_is_known_of_a_value_that_does_not_fit_is_told() -> None:
    told = _said(f"SELECT CAST(phone AS TINYINT) FROM {PEOPLE}")
    assert "Type INT64 with value … can't be cast" in told
    assert told.endswith("INT8 when casting from source column phone")
    told = _said(f"SELECT strptime(name, '%Y') FROM {PEOPLE}")
    assert told.endswith('Could not parse string "…" according to format specifier "…"')


def test_a_few_candidates_are_told_in_a_line() -> None:
    told = _said("SELECT sum(name) FROM (SELECT 'x' AS name)")
    assert "argument types 'sum(VARCHAR)'" in told
    assert "sum(arg DECIMAL) -> DECIMAL; " in told and told.endswith(" more")
    assert "\t" not in told and len(told) < 400


def test_names_that_are_not_there_can_be_read() -> None:
    told = _said("SELECT emial FROM (SELECT 1 AS email)")
    assert '"emial" not found' in told and '"email"' in told
    assert "no_such_table" in _said("SELECT * FROM no_such_table")


def test_what_aws_says_of_itself_can_be_read() -> None:
    denied = (
        "User: arn:aws:sts::123456789012:assumed-role/dev/me is not authorized to perform:"
        " glue:GetTable on resource: arn:aws:glue:eu-west-1:123456789012:table/stedi/customer"
    )
    assert aws_said(f"{denied}.\n") == denied
    url = 'Could not connect to the endpoint URL: "https://glue.eu-west-1.amazonaws.com/"'
    assert aws_said(url) == url
    assert "eu-west-1" in aws_said("the region 'us-east-1' is wrong; expecting 'eu-west-1'.")


@pytest.mark.parametrize("text", VALUES)
def test_no_value_is_left_in_what_aws_says(text: str) -> None:
    assert not [word for word in HIDDEN if word in aws_said(text)]


@pytest.mark.parametrize(
    "text",
    [
        'the endpoint URL: "https://b.s3.amazonaws.com/landing/customer/aaron.json"',
        "the key landing/customer/aaron@x.y.json is not there",
        "arn:aws:sts::123456789012:assumed-role/dev/aaron@x.y is not authorized",
        "arn:aws:s3:::b/born/19670311",
    ],
)
def test_what_aws_quotes_of_keys_and_people_is_masked(text: str) -> None:
    told = aws_said(text)
    assert "…" in told
    assert "aaron" not in told
    assert "1967" not in told


# --- Where it is said ---------------------------------------------------------------------------


NAMES = ("x.org", "<ann", "<bob", "<cid", "<dan", "<fay")


@pytest.mark.parametrize("verbose", mostly_slow([[], ["--verbose"]]))
@pytest.mark.parametrize(
    "asked",
    mostly_slow(
        ["CAST(email AS BIGINT)", "strptime(email || email, '%Y')", "error('<' || email[:3])"]
    ),
)
def test_a_query_that_fails_shows_nobody(
    built: Lake, stedi: Ask, verbose: list[str], asked: str
) -> None:
    told = stedi(
        *verbose, "--root", built.settings.root, "query", f"SELECT {asked} FROM customer_trusted"
    )
    assert told.code == 2
    assert "Conversion Error" in told.err or "Invalid Input Error" in told.err
    assert ("Traceback" in told.err) is bool(verbose)
    assert not [name for name in NAMES if name in told.err]


@pytest.mark.slow
def test_a_job_that_fails_shows_nobody(lake: Lake, stedi: Ask, tmp_path: Path) -> None:
    project = tmp_path / "project"
    assert stedi("init", project).code == 0
    job = project / "jobs" / "customer_landing_to_trusted.sql"
    with_error = "l.customerName, CAST(strptime(l.email, '%Y') AS VARCHAR) AS email,"
    job.write_text(job.read_text().replace("l.customerName, l.email,", with_error, 1))
    told = stedi(*("--verbose", "--root", lake.settings.root, "jobs", "run", "--all"), cwd=project)
    assert told.code != 0
    assert 'Could not parse string "…"' in told.err
    assert "x.org" not in told.err


@pytest.mark.parametrize("words", mostly_slow([["tables"], ["doctor"]]))
def test_a_catalog_that_sqlite_cannot_read_shows_nobody(
    root: Path, stedi: Ask, words: list[str]
) -> None:
    with closing(sqlite3.connect(root / "catalog.db")) as db, db:
        db.execute('CREATE TABLE "ann@x.org" (n)')
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'ann@x.org'", ('CREATE "Aaron"',))
    told = stedi("--verbose", "--root", root, *words)
    said = " ".join((told.out + told.err).split())
    assert "malformed database schema" in said
    assert "x.org" not in said
    assert "Aaron" not in said


@pytest.mark.slow
def test_an_error_of_the_system_with_a_librarys_text_shows_nobody(
    root: Path, invoke: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Cannot open 'Aaron'", "/landing/ann@x.org.json")

    monkeypatch.setattr("stedi_cli.local.layout.Layout.require", fail)
    told = invoke("--root", root, "query", "SELECT 1")
    assert told.code == 1
    assert told.err.splitlines()[-2] == "Error: /landing/…: Cannot open '…'."


def test_a_key_that_may_be_an_address_is_counted_and_not_shown(
    lake: Lake, stedi: Ask, tmp_path: Path
) -> None:
    record = customer("gus@x.org", "serial-gus", C) | {"aaron@x.org": 1, "nickname": "x"}
    folder = write_lake(tmp_path / "more", {"customer_landing": {"more.json": [record]}})
    told = stedi("--root", lake.settings.root, "upload", folder)
    assert told.code == 0, told.err
    assert "ignores them: nickname, 1 with an @, not shown" in told.err
    assert "aaron" not in told.err + told.out
