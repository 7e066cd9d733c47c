"""Whom a scan finds, wherever the lakehouse lives."""

from __future__ import annotations

from pathlib import Path

import pytest

from places.place import Place

pytestmark = pytest.mark.usefixtures("data")


def test_a_person_is_in_landing_files_and_nobody_else_is(up: Place, tmp_path: Path) -> None:
    up.done("upload", "data")
    people = tmp_path / "people.txt"
    people.write_text("cid@x.org\n")
    scan = ("privacy", "scan", "--file", people)
    assert up.ask(*scan).code == 4
    told = up.done(*scan, "--except", "landing", "--json").json()
    assert {hit["part"] for hit in told["found"]} == {"landing"}
    assert told["sought"]["emails"] == 1
    people.write_text("nobody@x.org\n")
    assert "Nothing was found" in up.done(*scan).out
    assert up.ask(*scan, "--except", "nonsense").code == 2
