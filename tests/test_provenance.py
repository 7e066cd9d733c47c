"""The record in a snapshot: what one version writes, another one reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stedi_cli.tables.provenance import LandingAccount, Provenance

TEXTS = {"run": "r", "job": "j", "policy": "strict", "engine": "e", "sql": "s", "columns": "c"}
ACCOUNT = {"fingerprint": "f", "lines": 7, "quarantined": 2}


def read(landing: Any, **more: str) -> Provenance | None:
    """What is read of a record with these accounts."""
    record = {"inputs": "{}", "files": "{}", "landing": json.dumps(landing), **TEXTS, **more}
    return Provenance.from_summary({f"stedi.{name}": text for name, text in record.items()})


def account(record: Any, **more: str) -> LandingAccount:
    made = read({"customer_landing": record}, **more)
    assert made is not None
    return made.landing["customer_landing"]


def told(found: LandingAccount) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ACCOUNT}


def test_accounts_are_written_by_name() -> None:
    made = read({"customer_landing": ACCOUNT})
    assert made is not None
    written = json.loads(made.to_summary()["stedi.landing"])["customer_landing"]
    assert {name: written[name] for name in ACCOUNT} == ACCOUNT
    assert Provenance.from_summary(made.to_summary()) == made


def test_accounts_of_older_versions_stand_by_position() -> None:
    assert told(account(["f", 7, 2, False])) == ACCOUNT


@pytest.mark.parametrize("record", [{"later": 1, **ACCOUNT}, {**ACCOUNT, "later": {"a": [1]}}])
def test_what_a_later_version_adds_is_left_out(record: dict[str, Any]) -> None:
    assert told(account(record, later="[1]")) == ACCOUNT


@pytest.mark.parametrize("name", ["fingerprint", "lines", "quarantined"])
def test_a_record_that_lacks_something_is_none(name: str) -> None:
    assert read({"customer_landing": {n: v for n, v in ACCOUNT.items() if n != name}}) is None
    assert read({"customer_landing": ["f"]}) is None


@pytest.mark.parametrize("record", [None, 7, "text", [], [1], {"customer_landing": None}])
def test_a_record_of_another_shape_is_none(record: Any) -> None:
    assert read(record) is None


@pytest.mark.parametrize(
    ("quarantined", "asked", "all_used"),
    [
        ({"a": 0, "b": 0}, ["a", "b"], True),
        ({"a": 0, "b": 1}, ["a"], True),
        ({"a": 0, "b": 1}, ["a", "b"], False),
        ({"a": 0}, ["a", "b"], False),
        ({"a": None}, ["a"], False),
        ({}, [], True),
    ],
)
def test_all_lines_were_used_where_none_is_known_not_to_be(
    quarantined: dict[str, int | None], asked: list[str], all_used: bool
) -> None:
    made = read({name: {**ACCOUNT, "quarantined": n} for name, n in quarantined.items()})
    assert made is not None
    assert made.used_all_lines(asked) is all_used
