"""Questions and exports: any SELECT over the tables, nothing else, shown without harm."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import HARM, PROJECT, Ask, Lake
from small import LANDING_COUNTS, STRICT, TABLES, C, customer, lines, write_lake

from stedi_cli.errors import UsageError
from stedi_cli.project.folder import copy_out
from stedi_cli.project.model import load


def query(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    with lake.opened() as opened:
        return list(opened.questions.ask(sql).rows)


# --- Answers --------------------------------------------------------------------------------------


def test_a_query_over_several_tables(ask: Ask) -> None:
    told = ask(
        "query",
        "SELECT c.email, count(*) AS readings FROM customers_curated c"
        " JOIN accelerometer_trusted a ON a.user = c.email GROUP BY ALL ORDER BY ALL -- end",
        "--json",
    )
    assert told.json() == [
        {"email": "ann@x.org", "readings": 2},
        {"email": "bob@x.org", "readings": 1},
        {"email": "fay@x.org", "readings": 1},
    ]


def test_every_table_can_be_asked_for_in_any_case(built: Lake) -> None:
    counts = {name: query(built, f'SELECT count(*) FROM "{name.upper()}"')[0][0] for name in TABLES}
    assert counts == STRICT
    assert query(built, "SELECT line, reason FROM Quarantine ORDER BY line;") == [
        (1, "missing:email"),
        (2, "not-json"),
    ]


def test_json_keeps_values_as_they_are(ask: Ask) -> None:
    sql = "SELECT 9007199254740993 AS big, NULL AS none, 'nan'::DOUBLE AS nan, 0.1::DOUBLE AS x,"
    sql += " 'é\"\n' AS text, true AS yes, [1, NULL] AS list, DATE '2020-02-03' AS day,"
    sql += " 0.5 AS half, 2::HUGEINT AS huge"
    expected = {"big": 9007199254740993, "none": None, "nan": None, "x": 0.1, "text": 'é"\n'}
    expected |= {"yes": True, "list": [1, None], "day": "2020-02-03", "half": 0.5, "huge": 2}
    assert ask("query", sql, "--json").json() == [expected]


TIMES = {
    "to_timestamp(0)": "1970-01-01 00:00:00+00",
    "TIMESTAMPTZ '2020-01-01 00:00:00.25+02:00'": "2019-12-31 22:00:00.25+00",
    "TIMESTAMP '2020-01-01 00:00:00'": "2020-01-01 00:00:00",
    "TIMESTAMP_NS '2020-01-01 00:00:00.123456789'": "2020-01-01 00:00:00.123456789",
    "TIMETZ '10:00:00+02'": "10:00:00+02",
    "TIME '10:00:00.5'": "10:00:00.5",
    "DATE '-infinity'": "-infinity",
    "INTERVAL 1 MONTH": "1 month",
    "[to_timestamp(1), NULL]": ["1970-01-01 00:00:01+00", None],
    "[to_timestamp(1)]::TIMESTAMPTZ[1]": ["1970-01-01 00:00:01+00"],
    "{'DATE': 1, 'a b': [to_timestamp(1)]}": {"DATE": 1, "a b": ["1970-01-01 00:00:01+00"]},
    "MAP {1: to_timestamp(1)}": {"1": "1970-01-01 00:00:01+00"},
    "union_value(a := to_timestamp(1))": "1970-01-01 00:00:01+00",
    "'2020-01-01'::ENUM('2020-01-01')": "2020-01-01",
    "CAST(NULL AS TIMESTAMPTZ)": None,
    "NULL": None,
}


def test_times_come_out_as_text(ask: Ask) -> None:
    columns = ", ".join(f"{sql} AS c{number}" for number, sql in enumerate(TIMES))
    (row,) = ask("query", f"SELECT {columns}", "--json").json()
    assert list(row.values()) == list(TIMES.values())


def test_the_order_of_rows_with_times_is_kept(ask: Ask) -> None:
    sql = "SELECT to_timestamp(range) AS t FROM range(5000) ORDER BY range % 7, range DESC"
    wanted = sorted(range(5000), key=lambda n: (n % 7, -n))
    seconds = [row["t"] for row in ask("query", sql, "--json").json()]
    assert [_epoch(text) for text in seconds] == wanted


def _epoch(text: str) -> int:
    hours, minutes, seconds = text.split()[1].removesuffix("+00").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


@pytest.mark.slow
def test_times_are_those_of_no_particular_place(built: Lake, stedi: Ask) -> None:
    sql = "SELECT to_timestamp(0) AS t, to_timestamp(0)::DATE AS d, now() = now() AS same"
    told = stedi("--root", built.settings.root, "query", sql, "--json", TZ="America/New_York")
    assert told.json() == [{"t": "1970-01-01 00:00:00+00", "d": "1970-01-01", "same": True}]
    shown = stedi("--root", built.settings.root, "query", sql)
    assert "1970-01-01 00:00:00+00" in shown.out
    assert shown.code == 0


def test_json_keeps_columns_of_the_same_name_apart(ask: Ask) -> None:
    (row,) = ask("query", "SELECT 1 AS a, 2 AS a, 3 AS b", "--json").json()
    assert sorted(row.values()) == [1, 2, 3]


def test_json_prints_every_row_and_a_table_the_first_thousand(ask: Ask) -> None:
    sql = "SELECT range AS n FROM range(2500)"
    assert ask("query", sql, "--json").json() == [{"n": n} for n in range(2500)]
    shown = ask("query", sql)
    assert [int(line) for line in shown.out.split()[1:]] == list(range(1000))
    assert "Only the first 1,000 rows" in shown.err


def test_no_rows(ask: Ask) -> None:
    assert ask("query", "SELECT 1 AS n WHERE false", "--json").json() == []
    assert "0 rows\n" in ask("query", "SELECT 1 AS n WHERE false").err


def test_landing_tables_with_bad_lines_hold_their_usable_ones(lake: Lake, tmp_path: Path) -> None:
    bad = {"customer_landing": {"bad.json": b"nonsense\n" + lines([customer("e@x.org", "s", C)])}}
    lake.upload(write_lake(tmp_path / "bad", bad))
    count = LANDING_COUNTS["customer_landing"] + 1
    assert query(lake, "SELECT count(*) FROM customer_landing") == [(count,)]
    assert query(
        lake,
        "SELECT updated FROM (SELECT email, lastUpdateDate AS updated FROM"
        " customer_landing) WHERE email = 'e@x.org'",
    ) == [(C,)]


COMMENTED = "-- Counts the customers.\n/* all */ SELECT count(*) AS n FROM customer_trusted;"


@pytest.mark.slow
def test_sql_comes_as_argument_file_or_input(ask: Ask, built: Lake, tmp_path: Path) -> None:
    here = ("--root", str(built.settings.root))
    file = tmp_path / "count.sql"
    # As Windows' editors write it.
    file.write_bytes(b"\xef\xbb\xbf" + COMMENTED.replace("\n", "\r\n").encode())
    expected = [{"n": STRICT["customer_trusted"]}]
    assert ask("query", COMMENTED, "--json").json() == expected
    assert ask("query", "--file", file, "--json").json() == expected
    for words in (["-"], ["--file", "-"]):
        told = subprocess.run(
            [sys.executable, "-m", "stedi_cli", *here, "query", *words, "--json"],
            input=COMMENTED.encode(),
            capture_output=True,
            check=True,
        )
        assert json.loads(told.stdout) == expected


@pytest.mark.parametrize("path", sorted((PROJECT / "jobs").rglob("*.sql")), ids=lambda p: p.stem)
def test_every_sql_of_the_project_can_be_asked(path: Path, ask: Ask) -> None:
    told = ask("query", "--file", path, "--json")
    assert told.code == 0, told.err
    told.json()


def test_show_tables_names_all_tables(ask: Ask) -> None:
    names = list(load(PROJECT).tables)
    for sql in ("SHOW TABLES", "show tables;", "-- which?\nSHOW /* all */ TABLES ;"):
        assert [row["name"] for row in ask("query", sql, "--json").json()] == names


NO_SQL = {
    "neither": ([], "A query is one SQL text"),
    "both": (["SELECT 1", "--file", "a.sql"], "A query is one SQL text"),
    "no such file": (["--file", "nowhere.sql"], "Cannot read nowhere.sql: No such file"),
    "a folder": (["--file", "."], "Cannot read .: Is a directory"),
    "no text": (["--file", "latin.sql"], "latin.sql is not UTF-8 text"),
    "too long": (["--file", "long.sql"], "more than 1 MiB"),
    "an unknown option": (["--jsn", "SELECT 1"], "--jsn"),
}


@pytest.mark.parametrize("wrong", NO_SQL)
def test_a_query_that_is_no_sql_text_is_refused(ask: Ask, workspace: Path, wrong: str) -> None:
    (workspace / "latin.sql").write_bytes("SELECT 'é'".encode("latin-1"))
    (workspace / "long.sql").write_bytes(b"SELECT 1" + b" " * (1 << 20))
    words, said = NO_SQL[wrong]
    told = ask("query", *words)
    assert told.code == 2
    assert said in told.err.splitlines()[-2]
    assert told.err.splitlines()[-1].startswith("Hint: ")


# --- What a query may not do ----------------------------------------------------------------------

NO_SELECT = [
    "",
    " ; ",
    "/* nothing */",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE customer_trusted",
    "DROP VIEW customer_trusted",
    "CREATE TABLE mine AS SELECT 1",
    "INSERT INTO customer_trusted SELECT * FROM customer_trusted",
    "DELETE FROM customer_trusted",
    "COPY customer_trusted TO '{place}/stolen.csv'",
    "COPY (SELECT 1) TO '{zone}/customer/new.json'",
    "ATTACH '{place}/mine.db'",
    "EXPORT DATABASE '{place}/mine'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "RESET lock_configuration",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "EXPLAIN ANALYZE SELECT 1",
    "PREPARE x AS SELECT 1",
    "BEGIN",
]


@pytest.mark.parametrize("sql", NO_SELECT)
def test_anything_but_one_select_is_refused(lake: Lake, tmp_path: Path, sql: str) -> None:
    before = {path for path in tmp_path.rglob("*") if path.name != "readers"}
    with pytest.raises(UsageError, match="Only one SELECT"):
        query(lake, sql.format(place=tmp_path, zone=lake.layout.landing))
    assert {path for path in tmp_path.rglob("*") if path.name != "readers"} == before


ELSEWHERE = [
    "SELECT * FROM read_text('{file}')",
    "SELECT * FROM read_blob('{file}')",
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM read_json('{file}')",
    "SELECT * FROM read_ndjson_objects('{file}')",
    "SELECT * FROM read_parquet('{file}')",
    "SELECT * FROM sniff_csv('{file}')",
    "SELECT * FROM parquet_metadata('{file}')",
    "SELECT * FROM glob('{file}*')",
    "SELECT * FROM '{file}'",
    "SELECT * FROM query('SELECT * FROM read_text(''{file}'')')",
    "SELECT * FROM query_table(['{file}'])",
    "WITH q AS (SELECT * FROM read_text('{file}')) SELECT count(*) FROM q",
    "SELECT (SELECT content FROM read_text('{file}'))",
]


@pytest.mark.parametrize("sql", ELSEWHERE)
@pytest.mark.parametrize("place", ["outside", "traversal", "catalog"])
def test_files_elsewhere_cannot_be_read(built: Lake, tmp_path: Path, sql: str, place: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("secret\n1\n")
    back = "../" * len(built.layout.landing.parts)
    file = {
        "outside": str(secret),
        "traversal": f"{built.layout.landing}/{back}{str(secret)[1:]}",
        "catalog": str(built.layout.catalog),
    }[place]
    with pytest.raises(UsageError) as refused:
        query(built, sql.format(file=file))
    assert "secret\n" not in refused.value.message


def test_a_variable_of_the_program_cannot_be_read(built: Lake) -> None:
    for name in ("sql", "self", "query", "built"):
        with pytest.raises(UsageError, match=f"There is no table {name}"):
            query(built, f"SELECT * FROM {name}")


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT nonsense FROM customer_trusted", "nonsense"),
        ("SELECT * FROM nonsense", "nonsense"),
        ("SELECT error('a\nb')", "Invalid Input Error: …"),
        ("SELECT CAST('x' AS BIGINT)", "Conversion Error"),
        ("SELECT strftime(TIMESTAMP '2020-02-03', '%éé')", "Unrecognized format"),
        ("SELECT CASE WHEN range = 5000 THEN error('late') END FROM range(9000)", "Error: …"),
    ],
)
def test_a_wrong_query_is_told_in_one_line(built: Lake, sql: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as refused:
        query(built, sql)
    assert "\n" not in refused.value.message


def test_a_name_in_a_text_or_comment_is_no_use_of_a_table(lake: Lake) -> None:
    assert query(lake, "SELECT 'customers_curated' AS name") == [("customers_curated",)]
    assert query(lake, "SELECT 1 AS customers_curated -- customers_curated") == [(1,)]
    own = "WITH customers_curated AS (SELECT 2 AS n) SELECT n FROM customers_curated"
    assert query(lake, own) == [(2,)]
    with pytest.raises(UsageError, match="customers_curated is not built yet"):
        query(lake, "SELECT 'x' FROM customer_landing, Customers_Curated")


def test_a_table_that_is_not_built_names_its_job(lake: Lake) -> None:
    with pytest.raises(UsageError, match="customers_curated is not built yet") as refused:
        query(lake, "SELECT * FROM customers_curated")
    assert "stedi jobs run customer_trusted_to_curated" in str(refused.value.hint)
    assert query(lake, "SELECT count(*) FROM quarantine") == [(0,)]


def test_a_question_leaves_nothing_behind(built: Lake) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.layout.root.rglob("*.*")}
    query(built, "SELECT * FROM customer_trusted")
    with pytest.raises(UsageError):
        query(built, "SELECT nonsense FROM customer_trusted")
    assert {p: p.stat().st_mtime_ns for p in built.layout.root.rglob("*.*")} == before
    assert list(built.layout.temp.iterdir()) == []


# --- Preview --------------------------------------------------------------------------------------


def shown(lake: Lake, invoke: Ask, select: str) -> str:
    asked = f"SELECT {select} FROM customer_trusted WHERE email = 'eve@x.org'"
    told = invoke("--root", lake.settings.root, "query", asked)
    assert told.code == 0
    return told.out


@pytest.mark.parametrize("select", ["*", "customerName"])
def test_control_characters_are_shown_escaped(harmful: Lake, invoke: Ask, select: str) -> None:
    out = shown(harmful, invoke, select)
    # A tab or line feed is never part of a value.
    assert "".join(re.split(r"[\t\n]", out)).isprintable()
    assert r"a\x1b[31mred\x9b1m\x07\x00\r\u202e\u2028\tb[bold]c[/bold]:smile:" in "".join(
        out.split()
    )


@pytest.mark.slow
def test_a_line_feed_in_a_value_begins_no_line(harmful: Lake, invoke: Ask) -> None:
    assert not [
        o for o in shown(harmful, invoke, "customerName").splitlines() if o.strip() == "last"
    ]


def test_control_characters_of_a_heading_are_shown_escaped(harmful: Lake, invoke: Ask) -> None:
    out = shown(harmful, invoke, '1 AS "a\x1b[31m\nb"')
    assert out.replace("\n", "").isprintable()


@pytest.mark.slow
def test_preview_shows_landing_files_and_json_as_they_are(harmful: Lake, invoke: Ask) -> None:
    told = invoke("--root", harmful.settings.root, "preview", "customer_landing", "--json")
    names = [row["customerName"] for row in told.json()]
    assert HARM in names
    assert len(names) == LANDING_COUNTS["customer_landing"] + 1


def test_preview_shows_so_many_rows(ask: Ask) -> None:
    assert len(ask("preview", "accelerometer_trusted", "--json").json()) == 4
    assert len(ask("preview", "Accelerometer_Trusted", "--rows", "3", "--json").json()) == 3
    assert "3 rows\n" in ask("preview", "accelerometer_trusted", "-n", "3").err
    assert ask("preview", "accelerometer_trusted", "-n", "0").code == 2


# --- Tables ---------------------------------------------------------------------------------------


def test_tables_show_zone_rows_and_lines(ask: Ask) -> None:
    records = {record["table"]: record for record in ask("tables", "--json").json()}
    assert list(records) == [*TABLES, "quarantine", "held_back"]
    for name, record in records.items():
        lines = LANDING_COUNTS.get(name)
        assert record["lines"] == (9 if name == "customer_landing" else lines)
        assert record["rows"] == (None if lines else STRICT.get(name, 2))


def test_ddl_names_every_column_with_its_type(built: Lake, ask: Ask) -> None:
    types = {"string": "string", "long": "bigint", "double": "double"}
    shown = {record["table"]: record["ddl"] for record in ask("tables", "--ddl", "--json").json()}
    for name, table in built.model.tables.items():
        columns = re.findall(r"^  `(\w+)` (\w+) COMMENT '", shown[name], re.MULTILINE)
        assert columns == [(c.name, types[c.type]) for c in table.columns]
        assert ("JsonSerDe" in shown[name]) == (table.zone == "landing")
        assert ("ICEBERG" in shown[name]) == (table.zone != "landing")
    assert ask("tables", "--ddl").out.strip() == "\n\n".join(shown.values())


def test_ddl_quotes_texts_as_hive_reads_them(tmp_path: Path, invoke: Ask) -> None:
    # Its lexer takes two quotes for the seam of two texts, and a backslash for an escape.
    copy_out(PROJECT, tmp_path / "project")
    model = tmp_path / "project" / "configs" / "lakehouse.yaml"
    old = "doc: Readings of the phone's motion sensor."
    assert old in model.read_text()
    model.write_text(model.read_text().replace(old, "doc: \"It's a \\\\ '' here\""))
    config = tmp_path / "project" / "configs" / "local.yaml"
    shown = {
        r["table"]: r["ddl"] for r in invoke("--config", config, "tables", "--ddl", "--json").json()
    }
    assert r"COMMENT 'It\'s a \\ \'\' here" in shown["accelerometer_landing"]


def test_quarantined_lines_are_shown_on_demand_only(ask: Ask) -> None:
    records = ask("quarantine", "--json").json()
    assert records == [
        {"table": "customer_landing", "reason": "missing:email", "lines": 1},
        {"table": "customer_landing", "reason": "not-json", "lines": 1},
    ]
    shown = ask("quarantine", "customer_landing", "--show", "--json").json()
    assert [(r["file"], r["line"], r["content"]) for r in shown] == [
        ("bad.json", 1, "{}"),
        ("bad.json", 2, "nonsense"),
    ]
    assert json.loads(ask("quarantine", "step_trainer_landing", "--json").out) == []


def with_bad_gzip(lake: Lake, tmp_path: Path) -> Path:
    """A file whose second line is bad, with a million random bytes in lines behind it."""
    good = json.dumps(customer("zoe@x.org", "serial-zoe", C)).encode()
    behind = b"".join(
        json.dumps(customer(f"{os.urandom(500).hex()}@x.org", f"s{i}", C)).encode() + b"\n"
        for i in range(1000)
    )
    packed = gzip.compress(good + b"\nnonsense\n" + behind)
    more = {"customer_landing": {"more.json.gz": packed}}
    lake.upload(write_lake(tmp_path / "more", more))
    Lake(lake.settings.root, max_bad_rows=9).run()
    return lake.layout.landing / "customer" / "more.json.gz"


@pytest.mark.slow
def test_a_file_is_read_no_further_than_to_its_last_unusable_line(
    lake: Lake, tmp_path: Path
) -> None:
    path = with_bad_gzip(lake, tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with lake.opened() as opened:
        assert opened.landing.lines([("customer_landing", path.name, 2)]) == ["nonsense"]


@pytest.mark.slow
@pytest.mark.parametrize("left", [b"", b"\x1f\x8b", b"nonsense"])
def test_a_file_that_is_torn_before_the_line_is_told(
    lake: Lake, tmp_path: Path, invoke: Ask, left: bytes
) -> None:
    path = with_bad_gzip(lake, tmp_path)
    path.write_bytes(left or path.read_bytes()[:40])
    told = invoke("--root", lake.settings.root, "quarantine", "--show")
    assert (told.code, told.out) == (2, "")
    what = "is not compressed" if left == b"nonsense" else "is not a whole gzip file"
    assert f"more.json.gz {what}" in told.err


def test_the_folder_is_listed_once_however_many_files_have_unusable_lines(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = {"customer_landing": {f"bad-{i}.json": b"nonsense\n" for i in range(9)}}
    lake.upload(write_lake(tmp_path / "bad", bad))
    listed: list[Path] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (listed.append(path), scandir(path))[1])
    with lake.opened() as opened:
        listed.clear()
        places = [("customer_landing", f"bad-{i}.json", 1) for i in range(9)]
        assert opened.landing.lines(places) == ["nonsense"] * 9
    assert listed.count(lake.layout.landing / "customer") == 1


def test_a_line_of_a_table_or_file_that_is_gone_reads_as_such(lake: Lake) -> None:
    with lake.opened() as opened:
        places = [("customer_landing", "none.json", 1), ("customer_trusted", "x.json", 1)]
        places += [("nonsense", "x.json", 1), ("customer_landing", "../stedi.json", 1)]
        assert opened.landing.lines(places) == ["(no longer there)"] * 4
