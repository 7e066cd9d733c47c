"""What is said where lines cannot be used: why, how many, and what a whole file is."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Ask, Lake
from small import CUSTOMERS, MOTIONS, STRICT, C, lines, write_lake

from stedi_cli.durable import body_in
from stedi_cli.errors import BadDataError
from stedi_cli.runs.bad_rows import TooManyBadLines, frequent

UNREADABLE = ("--max-unreadable-customers", "100%")
BAD = b'nonsense\nmore\n{"user":"zoe@x.org"}\n'


def add(lake: Lake, name: str, content: bytes) -> None:
    """Put a file into the landing zone past `upload`."""
    (lake.layout.landing / "accelerometer" / name).write_bytes(content)


def test_the_stop_message_says_why_with_numbers(lake: Lake, invoke: Ask) -> None:
    add(lake, "bad.json", BAD)
    for limit in ("1%", "12.57%", "2"):
        told = invoke("--root", lake.settings.root, "jobs", "run", "--all", "--max-bad-rows", limit)
        assert told.code == 3
        assert (
            "Error: accelerometer_landing: 3 of 11 lines cannot be used (2 not-json, 1"
            f" missing:timestamp), more than max_bad_rows, {limit}, allows.\n"
        ) in told.err
        assert "zoe" not in told.err


@pytest.mark.slow
def test_so_does_that_of_a_run_in_which_all_is_up_to_date(lake: Lake) -> None:
    add(lake, "bad.json", BAD)
    Lake(lake.settings.root, max_bad_rows=3).run()
    with pytest.raises(TooManyBadLines, match=r"\(2 not-json, 1 missing:timestamp\)"):
        Lake(lake.settings.root, max_bad_rows=2).run()


@pytest.mark.slow
def test_the_end_of_a_run_says_why_with_numbers(lake: Lake, invoke: Ask) -> None:
    add(lake, "bad.json", BAD)
    run = ("--root", lake.settings.root, "jobs", "run", "--all", "--max-bad-rows", "3")
    told = invoke(*run)
    assert told.code == 0
    assert "3 landing lines are in quarantine (2 not-json, 1 missing:timestamp)" in told.out
    again = invoke(*run, "--force", "--json").json()
    assert again["reasons"] == {"missing:timestamp": 1, "not-json": 2}
    # Where nothing is done, nobody is asked.
    assert invoke(*run, "--json").json()["reasons"] == {}
    assert "3 landing lines are in quarantine; see" in invoke(*run).out


def test_a_run_without_bad_lines_says_nothing_of_them(lake: Lake, invoke: Ask) -> None:
    told = invoke("--root", lake.settings.root, "jobs", "run", "--all", "--json")
    assert told.json()["reasons"] == {}


UNITS = {
    "seconds": C // 1000,
    "microseconds": C * 1000,
    "nanoseconds": C * 1_000_000,
    "days": C // 86_400_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("write", [int, str, float])
def test_the_stop_message_says_what_instants_look_like(
    lake: Lake, unit: str, write: Callable[[int], object]
) -> None:
    add(lake, "unit.json", lines([{**m, "timestamp": write(UNITS[unit])} for m in MOTIONS]))
    with pytest.raises(TooManyBadLines) as raised:
        lake.run()
    assert f"(8 lines: timestamp looks like {unit})" in raised.value.message


def test_instants_of_no_unit_or_of_several_look_like_none(lake: Lake) -> None:
    several = [C // 1000, C * 1000, -1]
    for name, instants in (("one.json", [-1, 0, 17]), ("several.json", several)):
        add(lake, name, lines([{**MOTIONS[0], "timestamp": instant} for instant in instants]))
        with pytest.raises(TooManyBadLines) as raised:
            lake.run()
        assert "implausible-instant:timestamp" in raised.value.message
        assert "looks like" not in raised.value.message


def test_three_reasons_are_named_the_most_frequent_first() -> None:
    reasons = {"not-utf8": 1, "not-json": 7_000, "missing:x": 2, "missing:y": 2, "too-long": 1}
    assert frequent(reasons) == "7,000 not-json, 2 missing:x, 2 missing:y, 2 others"


def test_keys_spelled_otherwise_are_named_where_a_run_stops(lake: Lake) -> None:
    records = [{k.replace("timestamp", "timeStamp"): v for k, v in r.items()} for r in MOTIONS]
    add(lake, "case.json", lines(records))
    with pytest.raises(TooManyBadLines) as raised:
        lake.run()
    assert "(8 missing:timestamp)" in raised.value.message
    assert "case.json: JSON lines whose keys are spelled otherwise" in raised.value.message
    assert "(timeStamp for timestamp); `stedi upload DIR --convert`" in raised.value.message


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0.01, 1.0])
def test_a_file_of_another_shape_stops_a_run_however_few_lines_it_has(
    lake: Lake, limit: float
) -> None:
    add(lake, "array.json", json.dumps(MOTIONS * 50).encode())
    with pytest.raises(BadDataError) as raised:
        Lake(lake.settings.root, max_bad_rows=limit).run()
    assert raised.value.message == (
        "accelerometer_landing: array.json: a JSON array;"
        " `stedi upload DIR --convert` writes it as JSON lines."
    )
    assert set(lake.states()) <= {"quarantine", "held_back"}
    assert raised.value.message in lake.validate().problems
    (lake.layout.landing / "accelerometer" / "array.json").unlink()
    lake.run()
    assert lake.counts() == STRICT


def test_what_a_file_is_stands_in_the_index(lake: Lake) -> None:
    add(lake, "array.json", json.dumps(MOTIONS).encode())
    with lake.opened() as opened:
        opened.landing.states()
    index = json.loads(body_in(lake.layout.index.read_bytes()))
    assert index["accelerometer/array.json"]["facts"]["shape"].startswith("a JSON array;")
    assert index["accelerometer/a.json"]["facts"]["shape"] == ""


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["100%", "99"])
def test_no_usable_line_is_never_as_it_should_be(limit: str, tmp_path: Path, invoke: Ask) -> None:
    lake = Lake(tmp_path / "lake").up()
    lake.upload(write_lake(tmp_path / "data", {"customer_landing": {"c.json": b"nonsense\n" * 9}}))
    run = invoke(
        "--root", lake.settings.root, "jobs", "run", "--all", "--max-bad-rows", limit, *UNREADABLE
    )
    assert run.code == 0
    told = invoke("--root", lake.settings.root, "validate")
    assert told.code == 3
    assert "None of the 9 lines of customer_landing can be used" in told.out
    assert "as it should be" not in told.out


def test_before_a_run_lines_are_not_looked_at_yet(lake: Lake, invoke: Ask) -> None:
    add(lake, "bad.json", BAD)
    told = invoke("--root", lake.settings.root, "validate")
    assert told.code == 3
    assert "not looked at yet" in told.out
    assert "FAILED" not in told.out
    checks = invoke("--root", lake.settings.root, "validate", "--json").json()["checks"]
    waiting = [(c["check"], c["violations"], c["ok"]) for c in checks if not c["ok"]]
    assert waiting == [("accelerometer_landing_accounted", None, None)]


@pytest.mark.slow
def test_nor_are_files_that_came_since_the_last_run(lake: Lake, invoke: Ask) -> None:
    lake.run()
    add(lake, "bad.json", BAD)
    told = invoke("--root", lake.settings.root, "validate")
    assert told.code == 3
    assert "not looked at yet" in told.out
    assert "No run has read accelerometer_landing as it is now" in told.out
    assert "FAILED" not in told.out


@pytest.mark.slow
def test_lines_that_a_run_lost_are_failed(lake: Lake, invoke: Ask) -> None:
    add(lake, "bad.json", BAD)
    Lake(lake.settings.root, max_bad_rows=3).run()
    with sqlite3.connect(lake.layout.catalog) as catalog:
        catalog.execute("DELETE FROM iceberg_tables WHERE table_name = 'quarantine'")
    told = invoke("--root", lake.settings.root, "validate")
    assert told.code == 3
    assert re.search(r"accelerometer_landing_accounted\s3\sFAILED", told.out)


def test_the_index_keeps_what_a_file_was_converted_from(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake").up()
    text = "[\n" + ",\n".join(map(json.dumps, CUSTOMERS)) + "\n]"
    odd = write_lake(tmp_path / "odd", {"customer_landing": {"c.json": text.encode()}})
    with lake.opened() as opened:
        found = opened.landing.find(odd)
        list(opened.landing.upload(found, remove={}, wait=False, convert=True))
    for _ in range(2):
        index = json.loads(body_in(lake.layout.index.read_bytes()))
        origin = index["customer/c.json"]["origin"]
        assert (origin["file"], origin["records"]) == ("c.json", 7)
        # A copy of the lakehouse has other stamps, and the same bytes.
        landed = lake.layout.landing / "customer" / "c.json"
        landed.write_bytes(landed.read_bytes())
        with lake.opened() as opened:
            opened.landing.states()


def test_a_quarantined_line_of_a_converted_file_is_found_where_it_was_delivered(
    tmp_path: Path, invoke: Ask
) -> None:
    lake = Lake(tmp_path / "lake").up()
    text = json.dumps([*CUSTOMERS, {"email": "zoe@x.org"}], indent=1)
    odd = write_lake(tmp_path / "odd", {"customer_landing": {"c.json": text.encode()}})
    at = ("--root", lake.settings.root)
    invoke(*at, "upload", odd, "--convert", "--allow-missing")
    Lake(lake.settings.root, max_bad_rows=1).run()
    found = invoke(*at, "quarantine", "--show", "--json").json()
    line = text.split("\n").index('  "email": "zoe@x.org"')
    assert [(row["line"], row["delivered_line"]) for row in found] == [(8, line)]
    shown = invoke(*at, "quarantine", "--show").out
    assert f"customer_landing c.json:8 missing:serialNumber (line {line} as it was" in shown
