"""Rows that break a rule, shown to a person: the rule in words, and nobody's data unasked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PROJECT, Ask, Lake, Result
from small import JOBS, C, step, write_lake
from test_kept import asked as asked  # noqa: PLC0414 - a fixture

from stedi_cli.checks.offending import offending
from stedi_cli.lake.records import Answer
from stedi_cli.project.check import Check
from stedi_cli.project.folder import copy_out
from stedi_cli.questions.select_list import columns_listed

OWNER = "step_trainer_trusted_owner"
ALL_OF_THEM = """\
-- Nobody is called so.
-- Whatever a column is called.
SELECT
  email AS reader, serialNumber, phone AS x, CAST(phone AS BIGINT) AS y, [email] AS user_list,
  {'e': email} AS pair, 'a word' AS why, 3 AS three, lastUpdateDate, true AS flag, NULL AS nothing,
  make_date(1967, 1, n) AS day, 'bob' || email AS timestamp
FROM customer_trusted, (VALUES (1)) v(n)
WHERE email = 'ann@x.org' OR email = 'bob@x.org'
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one's own, with a check that everybody breaks."""
    copy_out(PROJECT, tmp_path / "project")
    (tmp_path / "project" / "jobs" / "checks" / "nobody.sql").write_text(ALL_OF_THEM)
    return tmp_path / "project"


@pytest.fixture
def validate(invoke: Ask, ran: Lake, project: Path) -> Callable[..., Result]:
    """The command on the small lake, by that project."""
    config = project / "configs" / "local.yaml"
    return lambda *args: invoke("--config", config, "--root", ran.settings.root, "validate", *args)


def test_a_failed_check_says_rule_file_and_how_to_see_more(
    validate: Callable[..., Result], project: Path
) -> None:
    told = validate()
    assert told.code == 3
    words = " ".join(told.out.split())
    file = project / "jobs" / "checks" / "nobody.sql"
    assert "nobody: Nobody is called so. Whatever a column is called. (" in words
    assert str(file) in told.out.replace("\n", "")
    assert "`stedi validate nobody --show`" in words
    assert "1 rule is broken" in words


def test_rows_are_shown_without_what_identifies_a_person(validate: Callable[..., Result]) -> None:
    told = validate("nobody", "--show", "--json")
    assert told.code == 3
    (check,) = told.json()["checks"]
    assert check["rule"] == "Nobody is called so. Whatever a column is called."
    assert check["file"].endswith("nobody.sql")
    assert len(check["rows"]) == 2
    hidden = ("reader", "serialNumber", "x", "y", "user_list", "pair", "day", "timestamp")
    for row in check["rows"]:
        assert {row[name] for name in hidden} == {"…"}
        assert (row["why"], row["three"], row["flag"], row["nothing"]) == ("a word", 3, True, None)
        assert row["lastUpdateDate"] in (C, C + 1)
    shown = validate("nobody", "--show").out
    assert "ann@" not in shown + told.out.replace("'ann@x.org'", "")
    assert "serial-ann" not in shown
    assert "--unmasked" in shown


NUMBERS = """\
SELECT
  c.lastUpdateDate, c.registrationDate + 0 AS registrationDate, 123456789 AS lastupdate,
  19670101 AS birth, CAST(left(c.phone, 5) AS INT) AS first_half, 12345.5 + 0 AS y, 12345 + 0 AS x,
  a.x AS z, a.timestamp AS line, 1967 AS year, -9999 AS low, -10000 AS lower, 77777 AS Violations,
  count(*) AS rows_alike, count(*) + 20000 AS rows_more, 20000 AS "table", c.phone AS email
FROM customer_trusted c
JOIN accelerometer_trusted a ON a.user = c.email
WHERE c.email = 'bob@x.org'
GROUP BY ALL
"""
SHOWN = {"year": 1967, "low": -9999, "Violations": 77_777, "z": 0.5, "rows_alike": 1}
HIDDEN = {"lastupdate", "birth", "first_half", "y", "x", "line", "lower", "rows_more"}


def test_numbers_are_shown_that_are_nobodys(validate: Callable[..., Result], project: Path) -> None:
    (project / "jobs" / "checks" / "numbers.sql").write_text(NUMBERS)
    (check,) = validate("numbers", "--show", "--json").json()["checks"]
    (row,) = check["rows"]
    assert (row.pop("lastUpdateDate"), row.pop("registrationDate")) == (C, C - 5000)
    assert {name: value for name, value in row.items() if value != "…"} == SHOWN
    assert row.keys() - SHOWN.keys() == HIDDEN | {"table", "email"}


BORN = "CAST(replace(birthDay, '-', '') AS BIGINT)"


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT count(*) AS n FROM customer_trusted WHERE false UNION ALL SELECT {BORN} FROM ann",
        f"SELECT x FROM (SELECT {BORN} AS x FROM ann)",
        f"SELECT b AS x FROM (SELECT {BORN} AS b FROM ann)",
        f"SELECT x FROM (SELECT {BORN} FROM ann) born(x)",
        f"SELECT * FROM (SELECT {BORN} AS x FROM ann)",
        f"SELECT * REPLACE ({BORN} AS lastUpdateDate) FROM ann",
    ],
)
def test_a_number_is_no_count_or_column_by_its_name(
    validate: Callable[..., Result], project: Path, sql: str
) -> None:
    # Born in 1967, other than in the year 967.
    born = "SELECT * REPLACE ('1967-01-01' AS birthDay) FROM customer_trusted"
    check = f"WITH ann AS ({born} WHERE email = 'ann@x.org')\n{sql}\n"
    (project / "jobs" / "checks" / "born.sql").write_text(check)
    told = validate("born", "--show", "--json")
    assert told.code == 3
    assert told.json()["checks"][0]["rows"]
    assert "19670101" not in told.out


def test_a_million_rows_alike_are_shown_as_such(ran: Lake) -> None:
    """A number that counts rows is none of a person, however large."""
    model = ran.model
    for check in (model.rules["customer_trusted_key"], Check("own", "SELECT count(*) FROM t")):
        width = len(columns_listed(check.shown or check.sql))
        values = [*["x"] * (width - 1), 1_234_567]
        answer = Answer([f"c{n}" for n in range(width)], [], iter([tuple(values)]))
        assert offending(model, check, answer, 1, masked=True).rows[0][-1] == 1_234_567


def test_rows_are_shown_whole_on_demand(validate: Callable[..., Result]) -> None:
    shown = validate("--show", "nobody", "--unmasked").out
    assert "ann@x.org" in shown
    assert "serial-shared" in shown
    assert "…" not in shown
    assert validate("nobody", "--unmasked").code == 2


def test_so_many_rows_are_shown_as_are_asked_for(validate: Callable[..., Result]) -> None:
    shown = validate("nobody", "--show", "1")
    assert "the first row that breaks the rule:" in shown.out
    assert shown.err.endswith("1 row\n")
    assert "first" not in validate("--show", "2", "nobody").out
    assert "first" not in validate("--show=2", "nobody").out
    assert validate("nobody", "--show", "0").code == 2


def test_checks_that_are_named_are_asked_alone(
    validate: Callable[..., Result], asked: list[str]
) -> None:
    told = validate(OWNER, "customer_trusted_key", "--json")
    assert told.code == 0
    assert {check["check"] for check in told.json()["checks"]} == {OWNER, "customer_trusted_key"}
    assert len([sql for sql in asked if "check_name" in sql]) == 2
    assert told.json()["summary"] == "2 rules hold."
    asked.clear()
    # They are kept like others, and keep the others.
    assert validate(OWNER, "--json").json()["checks"][0]["kept"]
    assert asked == []
    validate()
    kept = {c["check"] for c in validate("--json").json()["checks"] if c["kept"]}
    assert {OWNER, "customer_trusted_consent"} < kept
    validate(OWNER, "--again")
    asked.clear()
    validate()
    assert not [sql for sql in asked if f"'{OWNER}'" in sql]


def test_a_check_of_the_model_is_said_in_words(validate: Callable[..., Result]) -> None:
    names = ("customer_landing_accounted", "machine_learning_curated_no_personal_columns")
    told = validate(*names, "--show")
    assert told.code == 0
    words = " ".join(told.out.split())
    assert "Every line of customer_landing that is not blank is used, or in quarantine." in words
    assert "No column of machine_learning_curated is personal" in words
    assert "2 rules hold." in words


def test_rows_that_share_a_key_are_shown_by_it(
    ran: Lake, validate: Callable[..., Result], project: Path
) -> None:
    twice = "SELECT * FROM customer_landing UNION ALL SELECT * FROM customer_landing"
    (project / "jobs" / "customer_landing_to_trusted.sql").write_text(twice)
    Lake(ran.settings.root, project=project).run("customer_landing_to_trusted")
    told = validate("customer_trusted_key", "--show", "--unmasked", "--json")
    assert told.code == 3
    (check,) = told.json()["checks"]
    assert {"email": "dan@x.org", "alike": 2} in check["rows"]


def test_a_misspelt_check_is_answered_with_the_nearest(validate: Callable[..., Result]) -> None:
    told = validate("customer_trusted_consnt")
    assert told.code == 2
    assert "Did you mean customer_trusted_consent?" in told.err
    assert "`stedi validate` lists" in validate("x").err


def test_rules_about_stale_tables_are_not_said_to_hold_alone(
    ran: Lake, validate: Callable[..., Result], tmp_path: Path
) -> None:
    more = {"step_trainer_landing": {"more.json": [step("serial-none", C)]}}
    ran.upload(write_lake(tmp_path / "more", more))
    told = validate(OWNER, "--json")
    assert told.code == 3
    assert (told.json()["verdict"], told.json()["checks"][0]["ok"]) == ("stale", True)
    assert {found["table"] for found in told.json()["stale"]} < set(JOBS.values())
    assert "Stale: step_trainer_trusted" in validate(OWNER).out
