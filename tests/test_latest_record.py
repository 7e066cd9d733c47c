"""The latest record of a customer is the same thing in every SQL text that asks for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import duckdb
import pytest
from conftest import PROJECT

JOBS = PROJECT / "jobs"
TEXTS = {
    path.relative_to(JOBS).with_suffix("").as_posix(): path.read_text()
    for path in sorted(JOBS.rglob("*.sql"))
}
JOB = "customer_landing_to_trusted"
# Those that number records and keep the first, and nothing else of them.
ASKING = {
    *(JOB, "step_trainer_trusted", "checks/step_trainer_trusted_owner"),
    *("notes/step_readings_of_nobody", "notes/accelerometer_lines_without_an_instant"),
    *("accounts/step_trainer_trusted", "whose/step_trainer_trusted"),
    *(f"variants/customer_trusted/{name}" for name in ("nobody_held_back", "consent_not_applied")),
}
# Those that number them in a join, or tell of the others too.
NUMBERING = ASKING | {
    *(f"accounts/{JOB}", "accounts/accelerometer_landing_to_trusted"),
    "consent_on_accelerometer/accounts/step_trainer_trusted",
}


@cache
def latest_records(sql: str) -> tuple[str, ...]:
    """What is kept of the records of customers, for each SELECT that numbers them, in one spelling.

    How columns are qualified and what the tables are called besides is left out.
    """
    (text,) = duckdb.execute("SELECT json_serialize_sql(?)", [sql]).fetchone() or ("",)
    return tuple(
        json.dumps([numbering, inner["from_table"], inner["where_clause"], kept], sort_keys=True)
        for outer in selects(plain(json.loads(text)))
        if (inner := outer["from_table"].get("subquery", {}).get("node"))
        for numbering in inner.get("select_list", ())
        if numbering["class"] == "WINDOW"
        for kept in conditions(outer["where_clause"])
        if kept["left"].get("column_names") == ["recency"]
    )


def numberings(sql: str) -> list[str]:
    """How a text numbers the records of each customer, in one spelling."""
    (text,) = duckdb.execute("SELECT json_serialize_sql(?)", [sql]).fetchone() or ("",)
    return [
        json.dumps(plain([column, select["from_table"], select["where_clause"]]), sort_keys=True)
        for select in selects(json.loads(text))
        for column in select.get("select_list", ())
        if column["class"] == "WINDOW" and column["alias"] == "recency"
    ]


def plain(node: Any) -> Any:
    if isinstance(node, list):
        return [plain(part) for part in node]
    if not isinstance(node, dict):
        return node
    found = {
        key: plain(value)
        for key, value in node.items()
        if key != "alias" and not key.startswith("query_location")
    }
    if "column_names" in found:
        found["column_names"] = [found["column_names"][-1].lower()]
    return found


def selects(node: Any) -> Iterator[dict[str, Any]]:
    parts = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if isinstance(node, dict) and node.get("type") == "SELECT_NODE":
        yield node
    for part in parts:
        yield from selects(part)


def conditions(where: dict[str, Any] | None) -> list[dict[str, Any]]:
    parts = where.get("children", [where]) if where else []
    return [part for part in parts if part.get("class") == "COMPARISON"]


def test_it_is_the_same_in_all_texts() -> None:
    found = {name: latest_records(sql) for name, sql in TEXTS.items()}
    assert {name for name, texts in found.items() if texts} == ASKING
    assert {len(found[name]) for name in ASKING} == {1}
    assert len({found[name] for name in ASKING}) == 1


def test_it_is_numbered_in_one_way_in_all_texts() -> None:
    found = {name: numberings(sql) for name, sql in TEXTS.items()}
    assert {name for name, told in found.items() if told} == NUMBERING
    assert len({one for told in found.values() for one in told}) == 1


@pytest.mark.parametrize("name", sorted(ASKING))
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lastUpdateDate DESC", "lastUpdateDate"),
        ("shareWithResearchAsOfDate DESC NULLS FIRST", "shareWithResearchAsOfDate DESC NULLS LAST"),
        ("phone NULLS LAST", "phone NULLS FIRST"),
        ("registrationDate,", ""),
        ("FROM customer_landing ", "FROM customer_trusted "),
        ("recency = 1", "recency <= 1"),
        ("PARTITION BY lower(", "PARTITION BY upper("),
        ("row_number()", "rank()"),
    ],
)
def test_another_one_is_told(name: str, old: str, new: str) -> None:
    wrong = TEXTS[name].replace(old, new)
    assert wrong != TEXTS[name]
    assert latest_records(wrong) != latest_records(TEXTS[name])


def test_how_it_is_spelled_is_nothing() -> None:
    sql = TEXTS["notes/step_readings_of_nobody"]
    assert latest_records(sql.replace("r.phone", "PHONE")) == latest_records(sql)
