"""Files that are no JSON lines: named and refused all at once, or converted; never passed over."""

from __future__ import annotations

import json
from pathlib import Path

from conftest import Result
from small import CUSTOMERS, MOTIONS, STEPS, write_lake

from places.place import Place
from places.test_upload import counted

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
ODD = {
    "customer_landing": {"c.json": json.dumps(CUSTOMERS, indent=2).encode()},
    "accelerometer_landing": {"a.json": "".join(map(json.dumps, MOTIONS)).encode()},
    "step_trainer_landing": {"s.json": "\n".join(map(json.dumps, STEPS)).encode("utf-16")},
}
FOUND = {
    "customer/landing/c.json: a JSON array;",
    "accelerometer/landing/a.json: several JSON objects on a line;",
    "step_trainer/landing/s.json: UTF-16 text;",
}


def rows(up: Place) -> Result:
    return up.done("query", "SELECT * FROM machine_learning_curated ORDER BY ALL", "--json")


def test_all_are_named_with_what_to_do_before_anything_is_copied(up: Place, tmp_path: Path) -> None:
    odd = write_lake(tmp_path / "odd", ODD)
    write_lake(odd, {"customer_landing": {"good.json": CUSTOMERS, "lfs.json": POINTER}})
    told = up.ask("upload", odd)
    assert told.code == 2
    assert all(found in told.err for found in FOUND)
    assert "lfs.json: a Git LFS pointer; run `git lfs pull` where it comes from." in told.err
    assert "--convert" in told.err
    assert "@x.org" not in told.err
    told = up.ask("upload", odd, "--convert")
    assert told.code == 2
    assert "lfs.json" in told.err
    assert "c.json" not in told.err
    assert up.landed() == []


def test_converted_they_are_what_the_records_are(up: Place, data: Path, tmp_path: Path) -> None:
    odd = write_lake(tmp_path / "odd", ODD)
    told = up.done("upload", odd, "--convert", "--json")
    converted = {t["table"]: t["converted"] for t in told.json()}
    assert converted == {
        "customer_landing": [{"file": "c.json", "shape": "a JSON array", "records": 7}],
        "accelerometer_landing": [
            {"file": "a.json", "shape": "several JSON objects on a line", "records": 8}
        ],
        "step_trainer_landing": [{"file": "s.json", "shape": "UTF-16 text", "records": 11}],
    }
    again = up.done("upload", odd, "--convert")
    assert "customer_landing: c.json, a JSON array: 7 records." in again.err
    # They are, but for blanks, the lines that others would have delivered.
    assert counted(up.done("upload", odd, "--convert", "--json"))["unchanged"] == 3


def test_a_file_of_which_anything_is_left_over_is_an_error(up: Place, tmp_path: Path) -> None:
    cut = write_lake(tmp_path / "cut", ODD)
    (cut / "customer" / "landing" / "c.json").write_text(json.dumps(CUSTOMERS)[:-1])
    told = up.ask("upload", cut, "--convert")
    assert told.code == 2
    assert "c.json, a JSON array, cannot be converted: the array ends after record 7" in told.err
    assert up.landed() == []
