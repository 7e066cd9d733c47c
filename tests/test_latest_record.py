"""The latest record of a customer is the same thing in every SQL text that asks for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import duckdb
import pytest
from conftest import PROJECT

# The strict jobs, the checks and the notes; another policy has rules of its own.
TEXTS = {
    path.stem: path.read_text()
    for folder in ("", "checks", "notes")
    for path in (PROJECT / "jobs" / folder).glob("*.sql")
}
JOB = "customer_landing_to_trusted"
ASKING = {
    *(JOB, "step_trainer_trusted", "step_trainer_trusted_owner", "step_readings_of_nobody"),
    "accelerometer_lines_without_an_instant",
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


@pytest.mark.parametrize("name", sorted(ASKING))
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lastUpdateDate DESC", "lastUpdateDate"),
        ("shareWithResearchAsOfDate DESC NULLS FIRST", "shareWithResearchAsOfDate DESC NULLS LAST"),
        ("phone NULLS LAST", "phone NULLS FIRST"),
        ("registrationDate,", ""),
        ("customer_landing r\n", "customer_trusted r\n"),
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
    sql = TEXTS["step_readings_of_nobody"]
    assert latest_records(sql.replace("r.phone", "PHONE")) == latest_records(sql)
