"""Landing files: brought in once, by content, whole, and from a folder that has some."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import pytest
from conftest import Result
from small import CUSTOMERS, FOLDERS, lines, write_lake

from places.place import Place

NAMES = ["a.json", "c.json", "s.json"]


def counted(told: Result) -> Counter[str]:
    """How many files were new, unchanged, changed, removed, or are not in the folder."""
    found: Counter[str] = Counter()
    for table in told.json():
        found.update({k: n for k, n in table.items() if isinstance(n, int) and n})
    return found


def test_a_second_time_nothing_is_brought(up: Place, data: Path) -> None:
    assert counted(up.done("upload", data, "--json"))["new"] == 3
    assert up.landed() == NAMES
    held = up.everything()
    assert counted(up.done("upload", data, "--json"))["unchanged"] == 3
    assert up.everything() == held


def test_only_what_changed_is_brought(up: Place, data: Path) -> None:
    up.done("upload", data)
    path = data / "customer" / "landing" / "c.json"
    path.write_bytes(path.read_bytes().swapcase())
    told = counted(up.done("upload", data, "--json"))
    assert (told["changed"], told["unchanged"], told["new"]) == (1, 2, 0)
    assert up.landed() == NAMES


def test_files_of_another_folder_are_told_and_removed_only_when_asked(
    up: Place, data: Path, tmp_path: Path
) -> None:
    up.done("upload", data)
    other = write_lake(tmp_path / "other", {"customer_landing": {"new.json": CUSTOMERS}})
    told = up.done("upload", other)
    assert "Warning: 3 landing file(s) are not in" in told.err
    assert "--replace" in told.err
    assert len(up.landed()) == 4
    again = up.done("upload", other, "--json")
    assert [table["mixed"] for table in again.json()] == [1, 1, 1]
    calm = up.done("upload", other, "--replace", "--json")
    assert "Warning" not in calm.err
    assert counted(calm)["removed"] == 3
    assert up.landed() == ["new.json"]


def broken(folder: Path) -> None:
    write_lake(folder, {"customer_landing": {"z.json.gz": gzip.compress(lines(CUSTOMERS))[:-9]}})


def addressed(folder: Path) -> None:
    write_lake(folder, {"customer_landing": {"ann@x.org.json": CUSTOMERS}})


def outside(folder: Path) -> None:
    folder.mkdir()
    (folder / "c.json").write_bytes(lines(CUSTOMERS))


REFUSED = {
    "missing": lambda folder: None,
    "a file": lambda folder: folder.write_text("{}"),
    "empty": lambda folder: folder.mkdir(),
    "no landing files": lambda folder: write_lake(folder, {name: {} for name in FOLDERS}),
    "a file in no table's folder": outside,
    "a broken gzip file": broken,
    "an address in a name": addressed,
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_folder_that_cannot_be_used_changes_nothing(
    up: Place, data: Path, tmp_path: Path, what: str
) -> None:
    up.done("upload", data)
    REFUSED[what](tmp_path / "given")
    held = up.everything()
    for more in ([], ["--replace"]):
        told = up.ask("upload", tmp_path / "given", *more)
        assert (told.code, told.out) == (2, "")
        assert "Hint: " in told.err
        assert "ann@" not in told.err
    assert up.everything() == held
