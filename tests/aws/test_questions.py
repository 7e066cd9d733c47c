"""Questions through Athena: one SELECT and no person in it, all of validate at once, exports."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest import Lake
from sandbox.faults import How
from sandbox.server import Sandbox
from small import JOBS, LANDING_COUNTS, STRICT, C

from aws.cloud_lake import CloudLake, aws_settings
from aws.places import CONFIG
from aws.scripted_validation import account_answers
from aws.test_athena import ready
from stedi_cli.aws.athena import Athena
from stedi_cli.aws.query_failures import BadLineError
from stedi_cli.aws.questions import Questions
from stedi_cli.aws.typed_copies import Held
from stedi_cli.checks.validation import Validation
from stedi_cli.checks.verdict import Report
from stedi_cli.errors import StediError, UsageError
from stedi_cli.landing.file_facts import FileFacts
from stedi_cli.landing.files import LandingState
from stedi_cli.landing.ledger import FileAccount, Ledger
from stedi_cli.landing.traced import traced_sha256
from stedi_cli.sql import hive_literal
from stedi_cli.tables.ddl import SERDE, ddl, landing_input
from stedi_cli.tables.metrics import properties
from stedi_cli.tables.provenance import LandingAccount, Snapshot, TableState
from stedi_cli.tables.recipes import Recipes
from stedi_cli.tables.summary import MARK


class Tables:
    """States of tables, as they are said to be."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def states(self) -> dict[str, Any]:
        return dict.fromkeys(self._names)


FACTS = FileFacts("a" * 64, 9, 4, False)
SNAPSHOT = 77


def held(landing: dict[str, LandingState], bad: int) -> dict[str, Held]:
    """What copies of landing tables hold of files, so many lines of each unusable."""
    tables = aws_settings().lakehouse().landing
    found: dict[str, Held] = {}
    for name, state in landing.items():
        files = {f: FileAccount(x.sha256, x.size, x.lines, bad) for f, x in state.files.items()}
        ledger = Ledger(tables[name].contract_sha256, files)
        found[name] = Held(tables[name], ledger, SNAPSHOT)
    return found


def asking(
    sandbox: Sandbox,
    copies: dict[str, Held] | None = None,
    files: dict[str, FileFacts | None] | None = None,
    landing: dict[str, LandingState] | None = None,
) -> Questions:
    """Questions of a lakehouse.

    Args:
        sandbox: The account.
        copies: What copies of landing tables hold.
        files: The files that there are of each landing table, as far as they are known.
        landing: The landing files.
    """
    layout, there = ready(sandbox), files or {}
    place: Any = SimpleNamespace(
        layout=layout,
        tables=Tables("customer_trusted", "quarantine", "held_back"),
        zone=SimpleNamespace(
            listed=lambda: dict.fromkeys(layout.lakehouse.landing, there),
            known=lambda table, file: there[file],
            states=lambda: landing,
        ),
        copies=SimpleNamespace(held=lambda: copies or {}),
    )
    return Questions(place, Athena(layout))


def readings(sandbox: Sandbox, files: dict[str, FileFacts | None] | None = None) -> Questions:
    """Questions of a lakehouse in which there is a copy of one landing table."""
    copies = held({"accelerometer_landing": LandingState({"f": FACTS})}, 0)
    return asking(sandbox, copies, {"f": FACTS} if files is None else files)


@pytest.fixture
def questions(sandbox: Sandbox) -> Questions:
    return asking(sandbox)


def asked(sandbox: Sandbox) -> list[str]:
    return [execution.query for execution in sandbox.queries.started.values()]


# --- What may be asked ----------------------------------------------------------------------------

NO_SELECT = [
    "",
    " ; ",
    "/* nothing */",
    "-- SELECT 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE customer_trusted",
    "SELECT ';' /* ; */; DROP TABLE customer_trusted -- ;",
    "DROP TABLE customer_trusted",
    "/* SELECT */ DROP TABLE customer_trusted",
    "(DROP TABLE customer_trusted)",
    "CREATE TABLE mine AS SELECT 1",
    "INSERT INTO customer_trusted SELECT * FROM customer_trusted",
    "DELETE FROM customer_trusted",
    "MERGE INTO customer_trusted USING x ON true WHEN MATCHED THEN DELETE",
    "UNLOAD (SELECT 1) TO 's3://somewhere/'",
    "OPTIMIZE customer_trusted REWRITE DATA USING BIN_PACK",
    "VACUUM customer_trusted",
    "USING EXTERNAL FUNCTION f(x VARCHAR) RETURNS VARCHAR LAMBDA 'f' SELECT f('x')",
    "EXECUTE prepared",
    "EXPLAIN ANALYZE SELECT 1",
    "VALUES 1",
    "SHOW TABLES",
    "'SELECT 1'",
    '"SELECT" 1',
]


@pytest.mark.parametrize("sql", NO_SELECT)
def test_anything_but_one_select_is_refused_before_any_call(
    sandbox: Sandbox, questions: Questions, sql: str
) -> None:
    with sandbox.recording() as calls, pytest.raises(UsageError, match="Only one SELECT"):
        questions.ask(sql)
    assert not calls


ONE_SELECT = [
    ("select 1", "select 1"),
    (" SELECT 1 ;\n ; ", "SELECT 1"),
    ("SELECT 1 -- end", "SELECT 1"),
    ("-- what is it\nSELECT 1", "SELECT 1"),
    ("(SELECT 1)", "(SELECT 1)"),
    ("WITH a AS (SELECT 1 AS n) SELECT n FROM a", "WITH a AS (SELECT 1 AS n) SELECT n FROM a"),
    ("SELECT ';--', '/*', 'it''s', \"a;b\"", "SELECT ';--', '/*', 'it''s', \"a;b\""),
    ("SELECT/* ; */1", "SELECT 1"),
]


@pytest.mark.parametrize(("sql", "sent"), ONE_SELECT)
def test_one_select_is_sent_without_its_comments(
    sandbox: Sandbox, questions: Questions, sql: str, sent: str
) -> None:
    questions.ask(sql)
    assert asked(sandbox) == [sent]
    (execution,) = sandbox.queries.started.values()
    assert (execution.group, execution.context["Database"]) == ("stedi", "stedi")


PERSONAL = [
    "SELECT * FROM customer_trusted WHERE email = 'ann@x.org'",
    "SELECT * FROM customer_trusted WHERE email LIKE 'ann.b+c@mail.x.org%'",
    'SELECT 1 AS "ann@x.org"',
    "SELECT * FROM step_trainer_trusted"
    " WHERE serialNumber = '0a1b2c3d-0000-4000-8000-0123456789ab'",
]


@pytest.mark.parametrize("sql", PERSONAL)
def test_no_identifier_of_a_person_leaves(sandbox: Sandbox, questions: Questions, sql: str) -> None:
    with sandbox.recording() as calls, pytest.raises(UsageError, match="45 days") as refused:
        questions.ask(sql)
    assert not calls
    assert "ann" not in refused.value.message + str(refused.value.hint)
    assert "stedi export" in str(refused.value.hint)


@pytest.mark.parametrize("comment", ["-- ann@x.org", "/* ann@x.org\n */"])
def test_a_comment_does_not_leave_either(
    sandbox: Sandbox, questions: Questions, comment: str
) -> None:
    questions.ask(f"SELECT 1 {comment}\n")
    assert asked(sandbox) == ["SELECT 1"]


def test_a_text_that_is_not_utf8_is_refused(questions: Questions) -> None:
    with pytest.raises(UsageError, match="UTF-8"):
        questions.ask("SELECT '\udcff'")


def test_columns_have_the_names_of_the_model(sandbox: Sandbox, questions: Questions) -> None:
    # Athena knows no capitals.
    columns = [(name, "bigint") for name in ("lastupdatedate", "x", "sensorreadingtime")]
    sandbox.queries.script(columns=columns)
    answer = questions.ask("SELECT *, sensorReadingTime FROM customer_trusted")
    assert answer.columns == ["lastUpdateDate", "x", "sensorreadingtime"]
    sandbox.queries.script(columns=columns)
    answer = questions.ask("SELECT *, 'step_trainer_trusted' AS x FROM customer_trusted")
    assert answer.columns == ["lastUpdateDate", "x", "sensorreadingtime"]


# --- What fails -----------------------------------------------------------------------------------


def test_a_table_that_is_not_built_names_its_job(sandbox: Sandbox, questions: Questions) -> None:
    told = "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.stedi.x' does not exist"
    sandbox.queries.script("FAILED", reason=told)
    with pytest.raises(UsageError, match="customers_curated is not built yet") as refused:
        questions.ask("SELECT * FROM Customers_Curated")
    assert "stedi jobs run customer_trusted_to_curated" in str(refused.value.hint)
    others = ["SELECT * FROM nonsense, customer_trusted", "SELECT 'customers_curated' FROM x"]
    others += ["SELECT 'customers_curated' FROM x FOR VERSION AS OF 1"]
    others += ["WITH customers_curated AS (SELECT 1) SELECT * FROM customers_curated, x"]
    for sql in others:
        sandbox.queries.script("FAILED", reason=told)
        with pytest.raises(UsageError, match=r"'awsdatacatalog\.stedi\.x' does not exist"):
            questions.ask(sql)


def test_a_bad_line_names_the_landing_table_and_not_what_it_says(
    sandbox: Sandbox, questions: Questions
) -> None:
    reason = "HIVE_CURSOR_ERROR: Unexpected token ann@x.org"
    sandbox.queries.script("FAILED", reason=reason)
    with pytest.raises(BadLineError, match="customer_landing, whose files hold a line") as refused:
        questions.ask("SELECT * FROM customer_landing")
    assert "x.org" not in refused.value.message
    assert "stedi quarantine" in str(refused.value.hint)


# --- Exports --------------------------------------------------------------------------------------

EXPORTED = [
    [str(C), "218", "0.5", "-1.0", "2.0"],
    [str(C + 1), None, "NaN", "1.0E-5", "0.1"],
]


def script_export(sandbox: Sandbox) -> None:
    names = ("sensorreadingtime", "distancefromobject", "x", "y", "z")
    types = ("bigint", "bigint", "double", "double", "double")
    columns = list(zip(names, types, strict=True))
    sandbox.queries.script(columns=columns, rows=[list(row) for row in EXPORTED])


def test_a_parquet_file_holds_the_table(
    sandbox: Sandbox, questions: Questions, workspace: Path
) -> None:
    script_export(sandbox)
    assert questions.export("Machine_Learning_Curated", Path("out.parquet")).rows == 2
    read = pq.read_table("out.parquet")
    assert [(f.name, str(f.type)) for f in read.schema] == [
        ("sensorReadingTime", "int64"),
        ("distanceFromObject", "int64"),
        ("x", "double"),
        ("y", "double"),
        ("z", "double"),
    ]
    first, second = (tuple(row.values()) for row in read.to_pylist())
    assert first == (C, 218, 0.5, -1.0, 2.0)
    assert (second[:2], str(second[2]), second[3:]) == ((C + 1, None), "nan", (1e-5, 0.1))
    assert [path.name for path in workspace.iterdir()] == ["out.parquet"]


def test_a_csv_file_holds_the_table(
    sandbox: Sandbox, questions: Questions, workspace: Path
) -> None:
    script_export(sandbox)
    assert questions.export("machine_learning_curated", Path("OUT.CSV")).rows == 2
    with Path("OUT.CSV").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows == [
        ["sensorReadingTime", "distanceFromObject", "x", "y", "z"],
        [str(C), "218", "0.5", "-1.0", "2.0"],
        [str(C + 1), "", "nan", "1e-05", "0.1"],
    ]
    assert [path.name for path in workspace.iterdir()] == ["OUT.CSV"]


def test_an_empty_table_is_exported(sandbox: Sandbox, questions: Questions) -> None:
    for name in ("out.parquet", "out.csv"):
        assert questions.export("customer_trusted", Path(name)).rows == 0
    assert pq.read_table("out.parquet").num_rows == 0


@pytest.mark.parametrize("name", ["out.json", "out", "out.parquet.gz"])
def test_an_unknown_format_is_refused_before_any_call(
    sandbox: Sandbox, questions: Questions, name: str
) -> None:
    with sandbox.recording() as calls, pytest.raises(UsageError, match="format"):
        questions.export("customer_trusted", Path(name))
    assert not calls


def test_a_place_inside_a_lakehouse_is_refused_before_any_call(
    sandbox: Sandbox, questions: Questions, lake: Lake, workspace: Path
) -> None:
    inside = lake.layout.landing / "customer"
    (workspace / "link").symlink_to(inside)
    (workspace / "file.csv").symlink_to(inside / "out.csv")
    before = sorted(lake.settings.root.rglob("*"))
    for name in (inside / "out.csv", Path("link/out.csv"), Path("link/../out.csv"), "file.csv"):
        with sandbox.recording() as calls, pytest.raises(UsageError, match="inside the lakehouse"):
            questions.export("customer_trusted", Path(name))
        assert not calls
    assert sorted(lake.settings.root.rglob("*")) == before


@pytest.mark.parametrize("name", ["out.parquet", "out.csv"])
def test_a_replaced_file_keeps_its_mode(questions: Questions, name: str) -> None:
    Path(name).write_text("before")
    Path(name).chmod(0o600)
    assert questions.export("customer_trusted", Path(name)).rows == 0
    assert Path(name).stat().st_mode & 0o777 == 0o600


def test_a_link_that_leads_nowhere_is_replaced(questions: Questions, tmp_path: Path) -> None:
    Path("out.csv").symlink_to(tmp_path / "elsewhere.csv")
    assert questions.export("customer_trusted", Path("out.csv")).rows == 0
    assert not Path("out.csv").is_symlink()
    assert not (tmp_path / "elsewhere.csv").exists()


def test_an_export_that_fails_half_way_leaves_nothing(
    sandbox: Sandbox, questions: Questions, workspace: Path
) -> None:
    (workspace / "out.csv").write_text("before")
    half = b'"serialnumber"\n"1"\n"2","3"\n'
    for step in ("GetQueryResults", "GetObject", "the file itself"):
        sandbox.queries.script(columns=[("n", "varchar")], rows=[["1"]], content=half)
        told = ("Refused", "the result is gone", 400)
        sandbox.fail(told, action=step)
        with pytest.raises(StediError, match=r"the result is gone|is no table"):
            questions.export("customer_trusted", Path("out.csv"))
        assert [path.name for path in workspace.iterdir()] == ["out.csv"]
        assert (workspace / "out.csv").read_text() == "before"
        assert results(sandbox) == []


def results(sandbox: Sandbox) -> list[str]:
    """What lies where Athena leaves results."""
    bucket = f"stedi-{sandbox.account}-{sandbox.region}"
    listed = sandbox.client("s3").list_objects_v2(Bucket=bucket, Prefix="athena-results/")
    return [entry["Key"] for entry in listed.get("Contents", ())]


TEXTS = [["", None], [None, ""], ['a "b",\nc\r\n', "é"], ["NULL", "\\N"], [None, None]]


def test_null_is_no_empty_text_and_nothing_of_an_export_stays(
    sandbox: Sandbox, questions: Questions
) -> None:
    columns = [("table", "varchar"), ("file", "varchar")]
    sandbox.queries.script(columns=columns, rows=TEXTS)
    answer, result = questions._athena.filed("SELECT 1")
    assert [list(row) for row in answer.rows] == TEXTS
    assert len(results(sandbox)) == 2
    result.remove()
    assert results(sandbox) == []
    sandbox.queries.script(columns=columns[:1], rows=[[None], ["x"], [None]])
    answer, _ = questions._athena.filed("SELECT 1")
    assert list(answer.rows) == [(None,), ("x",), (None,)]
    # What a query shows stays for as long as results_days says.
    sandbox.queries.script(columns=[("n", "bigint")], rows=[["1"]])
    assert list(questions.ask("SELECT 1 AS n").rows) == [(1,)]
    assert len(results(sandbox)) == 4


def test_an_export_whose_result_may_not_be_removed_says_where_it_stays(
    sandbox: Sandbox, questions: Questions
) -> None:
    script_export(sandbox)
    sandbox.fail(How.DENIED, action="DeleteObjects")
    exported = questions.export("machine_learning_curated", Path("out.csv"))
    assert exported.rows == 2
    assert results(sandbox)[0] in exported.left
    assert "7 days" in exported.left
    script_export(sandbox)
    assert questions.export("machine_learning_curated", Path("out.csv")).left == ""


MILLION = 1_000_000
PEAK = """
import sys
from stedi_cli.cli.app import app
try:
    app(sys.argv[1:])
finally:
    with open("/proc/self/status") as status:
        print(*[line.split()[1] for line in status if line.startswith("VmHWM")], file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_million_rows_are_exported_by_one_read_in_bounded_memory(
    sandbox: Sandbox, workspace: Path
) -> None:
    CloudLake(sandbox).up()
    peaks = []
    for number in (10, MILLION):
        lines = (f'"{C + n}",,"0.5","-1.0","2.0"\n' for n in range(number))
        content = '"sensorreadingtime","distancefromobject","x","y","z"\n' + "".join(lines)
        types = ("bigint", "bigint", "double", "double", "double")
        columns = list(zip("abcde", types, strict=True))
        sandbox.queries.script(columns=columns, content=content.encode())
        words = ("export", "machine_learning_curated", "out.parquet", "--force")
        command = [sys.executable, "-c", PEAK, "--config", str(CONFIG), *words]
        with sandbox.recording() as calls:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert f"{number:,} rows" in done.stdout
        peaks.append(int(done.stderr.split()[-1]) * 1024)
        asked = Counter(call.action for call in calls if "athena-results/" in call.resource)
        assert asked["GetObject"] == 1
        assert sum(call.action == "GetQueryResults" for call in calls) <= 1
    read = pq.read_table("out.parquet")
    assert read.num_rows == MILLION
    assert read.column(0)[MILLION - 1].as_py() == C + MILLION - 1
    assert read.column(1).null_count == MILLION
    # As one list they would take five times as much.
    assert peaks[1] - peaks[0] < 150 << 20


# --- Validation -----------------------------------------------------------------------------------


class Asked:
    """A lake that answers from Athena, with states as a test says."""

    def __init__(
        self, sandbox: Sandbox, bad: int = 0, *, fingerprint: str | None = None, read: bool = True
    ) -> None:
        self._model = aws_settings().lakehouse()
        self._bad = bad
        self._fingerprint = fingerprint
        copies = held(self.landing(), bad) if read else {}
        self._questions = asking(sandbox, copies, landing=self.landing())

    def landing(self) -> dict[str, LandingState]:
        return {
            name: LandingState({"f.json": FileFacts(name, 1, count + self._bad, False)})
            for name, count in LANDING_COUNTS.items()
        }

    def tables(self) -> dict[str, TableState]:
        accounts = {
            name: LandingAccount(
                self._fingerprint or state.fingerprint,
                state.lines,
                self._bad,
                self._model.tables[name].contract_sha256,
            )
            for name, state in self.landing().items()
        }
        found: dict[str, TableState] = {}
        recipes = Recipes(self._model, "strict")
        built = Snapshot(1, 1, 1, None)
        recipes.see(
            self.landing(),
            {name: TableState("", "", {}, (built,), built) for name in self._model.writers},
        )
        for name in (*self._model.writers, "quarantine", "held_back"):
            if name == "quarantine":
                current = replace(built, lines=dict.fromkeys(accounts, self._bad))
            elif name == "held_back":
                lines = dict.fromkeys(self._model.traced, self._bad)
                current = replace(built, lines=lines, traced=traced_sha256(self._model))
            else:
                made = recipes.provenance(self._model.writers[name], run="r", engine="glue")
                read = {n: a.fingerprint for n, a in accounts.items() if n in made.inputs}
                made = replace(made, landing=accounts, inputs=made.inputs | read)
                current = replace(built, provenance=made)
            table = self._model.tables[name]
            columns = {c.name: c.type for c in table.columns}
            set_ = {**properties(table), MARK: name}
            found[name] = TableState("", "", columns, (current,), current, properties=set_)
        return found

    def validate(self) -> Report:
        lake: Any = SimpleNamespace(
            landing=SimpleNamespace(states=self.landing, expected_file=lambda: None),
            tables=SimpleNamespace(
                states=self.tables, is_whole=lambda name: True, read_again=lambda: False
            ),
            questions=self._questions,
            kept=SimpleNamespace(
                right=None, read=bytes, write=lambda content: None, basis=lambda landing: {}
            ),
            account=None,
            has_copy=lambda table: True,
        )
        return Validation(self._model, lake, None).run()


def script_validation(sandbox: Sandbox, *, bad: int = 0, traced: int | None = None) -> None:
    """Let the queries of one validation find counts.

    Args:
        sandbox: The account.
        bad: Lines of each landing table in quarantine.
        traced: Those in the table of what can be made out of them; by default all.
    """
    pairs = [("name", "varchar"), ("number", "bigint")]
    checks = [check.name for check in aws_settings().lakehouse().checks]
    answers = account_answers(STRICT) | {
        "AS table_name": STRICT,
        "AS lines FROM quarantine": dict.fromkeys(LANDING_COUNTS, bad),
        "AS readings": {"nobody has it": 1},
    }
    for name in checks:
        answers[f"'{name}' AS check_name"] = {name: 0}
    for text, found in answers.items():
        rows: list[list[str | None]] = [[name, str(number)] for name, number in found.items()]
        sandbox.queries.script(columns=pairs, rows=rows, contains=text)
    files = {name: {"f.json": number} for name, number in LANDING_COUNTS.items()}
    script_files(sandbox, files, bad, bad if traced is None else traced)


def script_files(
    sandbox: Sandbox, usable: dict[str, dict[str, int]], bad: int = 0, traced: int = 0
) -> None:
    """Let a query find so many lines of each landing file in the copies, and beside them."""
    types = [("landing_table", "varchar"), ("landing_file", "varchar")]
    types += [("found_in", "varchar"), ("lines", "bigint")]
    rows: list[list[str | None]] = []
    for name, files in usable.items():
        rows += [[name, file, f"{name}_typed", str(number)] for file, number in files.items()]
        rows += [[name, "f.json", "quarantine", str(bad)]] if bad else []
        if traced and name in aws_settings().lakehouse().traced:
            rows.append([name, "f.json", "held_back", str(traced)])
    sandbox.queries.script(columns=types, rows=rows, contains="AS landing_table")


def test_all_counts_are_one_query_and_each_check_is_another(sandbox: Sandbox) -> None:
    script_validation(sandbox)
    with sandbox.recording() as calls:
        report = Asked(sandbox).validate()
    assert report.ok
    assert {t.table: t.rows for t in report.tables} == STRICT
    assert {c.check for c in report.checks} >= {f"{name}_accounted" for name in LANDING_COUNTS}
    assert not {c.check for c in report.checks} & set(LANDING_COUNTS)
    assert all(check.violations == 0 for check in report.checks)
    told = {name: reasons for name, reasons in report.left_out.items() if reasons}
    # It is no word of the query, as another that stands for itself may not be.
    assert told == {"step_readings_of_nobody": [("…", 1)]}
    assert report.held_back == 0
    queries = asked(sandbox)
    checks = [query for query in queries if "AS check_name" in query]
    assert len(checks) == len(aws_settings().lakehouse().checks)
    # Counts, lines in quarantine, and lines by file.
    rest = 3 + len(aws_settings().lakehouse().notes) + len(JOBS)
    assert len(queries) == len(checks) + rest
    assert sum(call.action == "StartQueryExecution" for call in calls) == len(queries)
    # Whatever is about a landing table is about what the run read of it, and stays so.
    about = [query for query in queries if re.search(r"_landing\b(?!')", query)]
    assert len(about) > 2
    for query in about:
        assert query.startswith("WITH ")
        assert query.count("FOR VERSION AS OF 77") == query.count('_landing" AS (')
    (files,) = (query for query in queries if "AS landing_table" in query)
    assert files.count("FOR VERSION AS OF 77") == len(LANDING_COUNTS)
    for name in ("quarantine", "held_back"):
        assert f'count(DISTINCT line) AS lines FROM "{name}"' in files


@pytest.mark.parametrize(
    ("files", "wrong"),
    [
        ({"f.json": 6, "g.json": 1}, 2),
        ({"g.json": 7}, 14),
        ({}, 7),
    ],
)
def test_lines_are_accounted_for_file_by_file(
    sandbox: Sandbox, files: dict[str, int], wrong: int
) -> None:
    usable = {name: {"f.json": n} for name, n in LANDING_COUNTS.items()}
    script_files(sandbox, usable | {"customer_landing": files})
    script_validation(sandbox)
    report = Asked(sandbox).validate()
    found = {check.check: check.violations for check in report.checks if not check.ok}
    assert found == {"customer_landing_accounted": wrong}


def test_unusable_lines_are_accounted_for(sandbox: Sandbox) -> None:
    script_validation(sandbox, bad=2)
    report = Asked(sandbox, 2).validate()
    assert report.ok
    assert {t.table: t.rows for t in report.tables} == STRICT


def test_a_line_missing_from_the_quarantine_is_found(sandbox: Sandbox) -> None:
    script_validation(sandbox, bad=1, traced=2)
    report = Asked(sandbox, 2).validate()
    assert not report.ok
    wrong = {check.check: check.violations for check in report.checks if not check.ok}
    assert wrong == {f"{name}_accounted": 1 for name in LANDING_COUNTS}


@pytest.mark.parametrize("traced", [0, 1, 3])
def test_a_line_is_held_back_as_often_as_it_is_in_quarantine(sandbox: Sandbox, traced: int) -> None:
    script_validation(sandbox, bad=2, traced=traced)
    report = Asked(sandbox, 2).validate()
    wrong = {check.check: check.violations for check in report.checks if not check.ok}
    asked_of = ("customer_landing", "accelerometer_landing")
    assert wrong == {f"{name}_accounted": abs(traced - 2) for name in asked_of}


def test_sql_that_athena_cannot_run_hides_no_other_result(sandbox: Sandbox) -> None:
    sandbox.queries.script(
        "FAILED",
        reason="COLUMN_NOT_FOUND: line 1:8: Column 'nonsense' cannot be resolved",
        error={"ErrorCategory": 2, "Retryable": False},
        contains="'step_trainer_trusted_owner' AS check_name",
    )
    script_validation(sandbox)
    report = Asked(sandbox).validate()
    (broken,) = (check for check in report.checks if not check.ok)
    assert (broken.check, broken.verdict, broken.ok) == (
        "step_trainer_trusted_owner",
        "error",
        None,
    )
    assert "step_trainer_trusted_owner.sql: " in str(broken.error)
    assert (report.verdict, report.ok) == ("error", False)
    assert {check.violations for check in report.checks if check != broken} == {0}


def test_landing_files_that_the_last_run_has_not_read(sandbox: Sandbox) -> None:
    script_validation(sandbox)
    report = Asked(sandbox, fingerprint="older").validate()
    assert not report.ok
    stale = {table.table for table in report.tables if table.verdict == "stale"}
    assert stale >= {"customer_trusted", "accelerometer_trusted", "step_trainer_trusted"}


def test_landing_files_that_no_run_has_read(sandbox: Sandbox) -> None:
    script_validation(sandbox)
    report = Asked(sandbox, read=False).validate()
    assert not report.ok
    problem = report.problems[0]
    assert all(name in problem for name in LANDING_COUNTS)
    assert "jobs run --all" in problem
    # Nothing is asked of files that nobody has looked at.
    assert not [query for query in asked(sandbox) if "_landing" in query]
    words = {check.check: (check.violations, check.verdict) for check in report.checks}
    assert words["step_trainer_trusted_owner"] == (None, "not checked")
    assert words["machine_learning_curated_owner_join"] == (0, "ok")


# --- Landing tables -------------------------------------------------------------------------------

COPY = (
    'WITH "accelerometer_landing" AS (\nSELECT "user", "timestamp", "x", "y", "z"'
    ' FROM "accelerometer_landing_typed" FOR VERSION AS OF 77\n)'
)
ABOUT_READINGS = [
    ("SELECT x FROM accelerometer_landing", f"{COPY}\nSELECT x FROM accelerometer_landing"),
    (
        "WITH a AS (SELECT x FROM Accelerometer_Landing) SELECT * FROM a ORDER BY x",
        f"{COPY}, a AS (SELECT x FROM Accelerometer_Landing) SELECT * FROM a ORDER BY x",
    ),
    ("SELECT x FROM accelerometer_landing_typed", "SELECT x FROM accelerometer_landing_typed"),
    ("SELECT email FROM customer_landing", "SELECT email FROM customer_landing"),
]


@pytest.mark.parametrize(("sql", "sent"), ABOUT_READINGS)
def test_a_landing_table_is_what_a_run_read_of_it(sandbox: Sandbox, sql: str, sent: str) -> None:
    questions = readings(sandbox)
    questions.ask(sql)
    assert asked(sandbox) == [sent] == [questions.sent(sql)]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"f": FACTS}, ()),
        ({"f": FACTS, "new": None}, ("accelerometer_landing: as the last run read it",)),
        ({"f": None}, ("accelerometer_landing: as the last run read it",)),
        ({"f": FACTS._replace(sha256="b" * 64)}, ("accelerometer_landing: as the last",)),
        ({}, ("accelerometer_landing: as the last run read it",)),
    ],
)
def test_of_files_that_changed_since_that_is_said(
    sandbox: Sandbox, files: dict[str, FileFacts | None], said: tuple[str, ...]
) -> None:
    questions = readings(sandbox, files)
    answer = questions.ask("SELECT * FROM accelerometer_landing, customer_trusted")
    assert len(answer.notes) == len(said)
    assert all(note.startswith(start) for note, start in zip(answer.notes, said, strict=True))


def test_of_files_that_no_run_has_read_that_is_said(questions: Questions) -> None:
    (note,) = questions.ask("SELECT * FROM customer_landing").notes
    assert note.startswith("customer_landing: its JSON as it is")
    assert questions.ask("SELECT * FROM customer_trusted").notes == ()


def test_a_landing_table_in_the_catalog_is_json_and_says_what_that_means() -> None:
    table = aws_settings().lakehouse().tables["accelerometer_landing"]
    made = landing_input(table, "s3://b/landing/accelerometer/")
    assert made["Name"] == "accelerometer_landing"
    storage = made["StorageDescriptor"]
    assert storage["SerdeInfo"]["SerializationLibrary"] == SERDE
    assert storage["Location"] == "s3://b/landing/accelerometer/"
    assert [(c["Name"], c["Type"]) for c in storage["Columns"]] == [
        ("user", "string"),
        ("timestamp", "bigint"),
        ("x", "double"),
        ("y", "double"),
        ("z", "double"),
    ]
    said = made["Description"]
    assert said.startswith(table.doc.rstrip("."))
    for what in ("0 stays 0", "breaks a query", "accelerometer_landing_typed"):
        assert what in said
    assert hive_literal(said) in ddl(table, storage["Location"])
