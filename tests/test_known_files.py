"""What is known of landing files: under which names, and by which columns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT, Lake, Result
from small import JOBS, SMALL, STRICT, C, customer, lines, motion, write_lake

from stedi_cli.project.folder import copy_out

# --- Names ---------------------------------------------------------------------------------------


def swap(lake: Lake, one: str, other: str) -> None:
    """Swap the names of two landing files of customers."""
    folder = lake.layout.landing / "customer"
    aside = folder.parent / "aside"
    (folder / one).rename(aside)
    (folder / other).rename(folder / one)
    aside.rename(folder / other)


NONSENSE = b'{"email": "ivy@x.org", "serialNumber": "serial-ivy", nonsense'


@pytest.mark.slow
def test_lines_in_quarantine_are_found_again_after_files_swapped_names(
    tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    good = lines([customer("eve@x.org", "serial-eve", C), customer("gus@x.org", "serial-gus", C)])
    broken = lines([customer("hal@x.org", "serial-hal", C)]) + NONSENSE + b"\n"
    lake = Lake(tmp_path / "lake", max_bad_rows=1).up()
    files = {**SMALL, "customer_landing": {"a.json": good, "b.json": broken}}
    lake.upload(write_lake(tmp_path / "data", files))
    lake.run()
    assert lake.rows("quarantine") == [("customer_landing", "b.json", 2, "not-json")]
    swap(lake, "a.json", "b.json")
    assert lake.built() == set(JOBS.values())
    assert lake.rows("quarantine") == [("customer_landing", "a.json", 2, "not-json")]
    shown = invoke("--root", lake.settings.root, "quarantine", "--show", "--json").json()
    assert [record["content"] for record in shown] == [NONSENSE.decode()]
    assert lake.built() == set()
    report = lake.validate()
    assert (report.verdict, report.problems) == ("empty", [])
    assert all(check.ok for check in report.checks)


@pytest.mark.slow
def test_expected_counts_hold_whatever_the_files_are_called(lake: Lake, tmp_path: Path) -> None:
    digests = {
        f"{path.parent.parent.name}/elsewhere {path.name}": hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in (tmp_path / "data").rglob("*.json")
    }
    known = {"source": "the small lake", "files": digests, "counts": {"strict": STRICT}}
    (tmp_path / "data" / "expected.yaml").write_text(yaml.safe_dump(known))
    lake.upload(tmp_path / "data")
    (lake.layout.landing / "customer" / "c.json").rename(
        lake.layout.landing / "customer" / "another.json"
    )
    lake.run()
    report = lake.validate()
    assert report.source == "the small lake"
    assert {table.table: table.expected for table in report.tables} == STRICT


# --- Columns -------------------------------------------------------------------------------------

MODELS = {
    "a column becomes required": (
        "name: phone, type: string, personal",
        "name: phone, type: string, required: true, personal",
        ("customer_landing", "c.json", 2, "missing:phone"),
    ),
    "a float becomes an integer": (
        "name: y, type: double",
        "name: y, type: long",
        ("accelerometer_landing", "a.json", 2, "not-whole:y"),
    ),
    "a text becomes an integer": (
        "name: customerName, type: string",
        "name: customerName, type: long",
        ("customer_landing", "c.json", 1, "not-a-number:customerName"),
    ),
}


def clean_files() -> dict[str, dict[str, bytes]]:
    """Clean under the model as it is; under each other one a line is not."""
    named = {**customer("ann@x.org", "serial-ann", C), "customerName": "Ann"}
    silent = {**customer("bob@x.org", "serial-bob", C), "customerName": "7"}
    del silent["phone"]
    readings = [motion("ann@x.org", C), motion("bob@x.org", C) | {"y": 1.7}]
    return {
        "customer_landing": {"c.json": lines([named, silent])},
        "accelerometer_landing": {"a.json": lines(readings)},
    }


@pytest.mark.slow
@pytest.mark.parametrize("change", MODELS)
def test_lines_clean_under_other_columns_are_judged_again(tmp_path: Path, change: str) -> None:
    old, new, entry = MODELS[change]
    copy_out(PROJECT, tmp_path / "project")
    lake = Lake(tmp_path / "lake", project=tmp_path / "project", max_bad_rows=1).up()
    lake.upload(write_lake(tmp_path / "data", clean_files()))
    lake.run()
    assert lake.rows("quarantine") == []
    model = tmp_path / "project" / "configs" / "lakehouse.yaml"
    before = model.read_text()
    assert before.count(old) == 1
    model.write_text(before.replace(old, new))
    assert len(lake.rows(entry[0])) == 1
    lake.run()
    assert lake.rows("quarantine") == [entry]
    assert len(lake.rows(entry[0])) == 1
    report = lake.validate()
    assert (report.verdict, report.problems) == ("empty", [])
    assert all(check.ok for check in report.checks)
    model.write_text(before)
    lake.run()
    assert lake.rows("quarantine") == []
    assert len(lake.rows(entry[0])) == 2
