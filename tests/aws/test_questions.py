"""Questions through Athena: one SELECT and no person in it, all of validate at once, exports."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from conftest import Lake
from sandbox.server import Sandbox
from small import JOBS, LANDING_COUNTS, STRICT, C

from aws.cloud_lake import aws_settings
from aws.scripted_validation import account_answers
from aws.test_athena import ready
from stedi_cli.aws.athena import Athena, BadLineError
from stedi_cli.aws.questions import Questions
from stedi_cli.aws.usable_lines import usable_lines
from stedi_cli.checks.validation import Validation
from stedi_cli.checks.verdict import Report
from stedi_cli.errors import StediError, UsageError
from stedi_cli.lake.records import Answer
from stedi_cli.landing.file_facts import FileFacts
from stedi_cli.landing.files import LandingState
from stedi_cli.landing.traced import traced_sha256
from stedi_cli.tables.ddl import SERDE, landing_inputs, lines_table
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


@pytest.fixture
def questions(sandbox: Sandbox) -> Questions:
    built: Any = Tables("customer_trusted")
    layout = ready(sandbox)
    return Questions(layout, built, Athena(layout))


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
    sandbox.queries.script(columns=[("n", "bigint")], rows=[["1"]] * 1500)
    told = ("InvalidRequestException", "the result is gone", 400)
    sandbox.fail(told, service="athena", action="GetQueryResults", nth=2)
    with pytest.raises(StediError, match="the result is gone"):
        questions.export("customer_trusted", Path("out.csv"))
    assert [path.name for path in workspace.iterdir()] == ["out.csv"]
    assert (workspace / "out.csv").read_text() == "before"


# --- Validation -----------------------------------------------------------------------------------


class Asked:
    """A lake that answers from Athena, with states as a test says."""

    def __init__(
        self,
        questions: Questions,
        bad: int,
        fingerprint: str | None = None,
        contract: str | None = None,
        answers_here: list[Answer] | None = None,
    ) -> None:
        self._questions = questions
        self._model = aws_settings().lakehouse()
        self._bad = bad
        self._fingerprint = fingerprint
        self._contract = contract
        self._answers_here = answers_here or []
        self.here: list[str] = []

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
                self._contract or self._model.tables[name].contract_sha256,
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

    def usable_lines(self) -> dict[str, str]:
        return {name: usable_lines(t) for name, t in self._model.landing.items()}

    def query_here(self, sql: str) -> Any:
        self.here.append(sql)
        return self._answers_here.pop(0) if self._answers_here else None

    def validate(self) -> Report:
        lake: Any = SimpleNamespace(
            landing=SimpleNamespace(states=self.landing, expected_file=lambda: None),
            tables=SimpleNamespace(
                states=self.tables, is_whole=lambda name: True, read_again=lambda: None
            ),
            questions=self._questions,
            raw_lines=SimpleNamespace(usable_lines=self.usable_lines, answer=self.query_here),
            kept=None,
            account=None,
        )
        return Validation(self._model, lake, None).run()


def script_validation(sandbox: Sandbox, *, read: dict[str, int], bad: int = 0) -> None:
    pairs = [("name", "varchar"), ("number", "bigint")]
    built = {name: count for name, count in STRICT.items() if name not in LANDING_COUNTS}
    checks = [check.name for check in aws_settings().lakehouse().checks]
    answers = account_answers(STRICT) | {
        "AS table_name": built,
        "AS lines FROM quarantine": dict.fromkeys(LANDING_COUNTS, bad),
        "AS reason": {"nobody has it": 1},
    }
    for name, number in (dict.fromkeys(checks, 0) | read).items():
        answers[f"'{name}' AS check_name"] = {name: number}
    for text, found in answers.items():
        rows: list[list[str | None]] = [[name, str(number)] for name, number in found.items()]
        sandbox.queries.script(columns=pairs, rows=rows, contains=text)


READ = {"customer_landing": 7, "accelerometer_landing": 8, "step_trainer_landing": 11}


def test_all_counts_are_one_query_and_each_check_is_another(
    sandbox: Sandbox, questions: Questions
) -> None:
    script_validation(sandbox, read=READ)
    with sandbox.recording() as calls:
        report = Asked(questions, 0).validate()
    assert report.ok
    assert {t.table: t.rows for t in report.tables} == STRICT
    assert {c.check for c in report.checks} >= {f"{name}_accounted" for name in LANDING_COUNTS}
    assert not {c.check for c in report.checks} & set(LANDING_COUNTS)
    assert all(check.violations == 0 for check in report.checks)
    assert report.left_out == {"step_readings_of_nobody": [("nobody has it", 1)]}
    queries = asked(sandbox)
    checks = [query for query in queries if "AS check_name" in query]
    assert len(checks) == len(aws_settings().lakehouse().checks) + len(READ)
    assert len(queries) == len(checks) + 3 + len(JOBS)
    assert sum(call.action == "StartQueryExecution" for call in calls) == len(queries)
    (counts,) = (query for query in queries if "AS table_name" in query)
    # Landing rows come from the runs, for a count would take an unusable line for a row.
    assert "landing" not in counts
    assert not [query for query in queries if '_landing" AS (' in query and '_lines"' not in query]


def test_unusable_lines_are_accounted_for(sandbox: Sandbox, questions: Questions) -> None:
    script_validation(sandbox, read=READ, bad=2)
    report = Asked(questions, 2).validate()
    assert report.ok
    assert {t.table: t.rows for t in report.tables} == STRICT


def test_a_line_missing_from_the_quarantine_is_found(
    sandbox: Sandbox, questions: Questions
) -> None:
    script_validation(sandbox, read=READ, bad=1)
    report = Asked(questions, 2).validate()
    assert not report.ok
    wrong = {check.check: check.violations for check in report.checks if not check.ok}
    assert wrong == {f"{name}_accounted": 1 for name in LANDING_COUNTS}


def pairs(found: dict[str, int]) -> Answer:
    return Answer(["name", "number"], ["VARCHAR", "BIGINT"], iter(found.items()))


def test_rules_about_lines_that_athena_cannot_read_are_checked_here(
    sandbox: Sandbox, questions: Questions
) -> None:
    script_validation(sandbox, read=READ | {"accelerometer_landing": 7})
    exact = [pairs({"step_trainer_trusted_owner": 3}), pairs({"told here": 2})]
    exact += [pairs({"no consent": 8 - 4}), pairs({"no consent": 11 - 5})]
    asked_lake = Asked(questions, 0, answers_here=exact)
    report = asked_lake.validate()
    found = {c.check: c.violations for c in report.checks if c.violations}
    assert found == {"step_trainer_trusted_owner": 3}
    assert report.left_out == {"step_readings_of_nobody": [("told here", 2)]}
    assert not any("accelerometer_landing" in note for note in report.notes)
    # Only what is about that table, and over the tables by their names.
    assert len(asked_lake.here) == 4
    assert "customer_trusted_consent" not in asked_lake.here[0]
    assert not [sql for sql in asked_lake.here if "_lines" in sql]


def test_rules_that_cannot_be_checked_here_either_are_not_called_kept(
    sandbox: Sandbox, questions: Questions
) -> None:
    script_validation(sandbox, read=READ | {"accelerometer_landing": 7})
    report = Asked(questions, 0).validate()
    unchecked = {check.check for check in report.checks if check.violations is None}
    rows = {"accelerometer_trusted_accounted", "step_trainer_trusted_accounted"}
    assert unchecked == {"step_trainer_trusted_owner"} | rows
    assert any("accelerometer_landing" in note and "7 of its 8" in note for note in report.notes)
    check, *_ = (check for check in report.checks if check.violations is None)
    assert (check.ok, check.verdict, report.verdict, report.ok) == (
        None,
        "not checked",
        "not checked",
        False,
    )


def test_sql_that_athena_cannot_run_hides_no_other_result(
    sandbox: Sandbox, questions: Questions
) -> None:
    sandbox.queries.script(
        "FAILED",
        reason="COLUMN_NOT_FOUND: line 1:8: Column 'nonsense' cannot be resolved",
        error={"ErrorCategory": 2, "Retryable": False},
        contains="'step_trainer_trusted_owner' AS check_name",
    )
    script_validation(sandbox, read=READ)
    report = Asked(questions, 0).validate()
    (broken,) = (check for check in report.checks if not check.ok)
    assert (broken.check, broken.verdict, broken.ok) == (
        "step_trainer_trusted_owner",
        "error",
        None,
    )
    assert "step_trainer_trusted_owner.sql: " in str(broken.error)
    assert (report.verdict, report.ok) == ("error", False)
    assert {check.violations for check in report.checks if check != broken} == {0}


@pytest.mark.parametrize(("files", "columns"), [("older", None), (None, "older")])
def test_landing_files_that_no_run_has_read(
    sandbox: Sandbox, questions: Questions, files: str | None, columns: str | None
) -> None:
    script_validation(sandbox, read=READ)
    report = Asked(questions, 0, fingerprint=files, contract=columns).validate()
    assert {t.table: t.rows for t in report.tables} == STRICT | dict.fromkeys(LANDING_COUNTS)
    assert not report.ok
    problem = report.problems[0]
    assert all(name in problem for name in LANDING_COUNTS)
    assert "jobs run --all" in problem
    words = {table.table: table.verdict for table in report.tables}
    assert {words[name] for name in LANDING_COUNTS} == {"not looked at yet"}


# --- Landing tables in the catalog ----------------------------------------------------------------


def test_a_landing_table_is_json_and_beside_it_lie_its_lines() -> None:
    table = aws_settings().lakehouse().tables["accelerometer_landing"]
    whole, lines = landing_inputs(table, "s3://b/landing/accelerometer/")
    assert whole["Name"] == "accelerometer_landing"
    assert whole["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"] == SERDE
    assert [(c["Name"], c["Type"]) for c in whole["StorageDescriptor"]["Columns"]] == [
        ("user", "string"),
        ("timestamp", "bigint"),
        ("x", "double"),
        ("y", "double"),
        ("z", "double"),
    ]
    assert lines["Name"] == lines_table("accelerometer_landing")
    assert [c["Type"] for c in lines["StorageDescriptor"]["Columns"]] == ["string"]
    assert {t["StorageDescriptor"]["Location"] for t in (whole, lines)} == {
        "s3://b/landing/accelerometer/"
    }
