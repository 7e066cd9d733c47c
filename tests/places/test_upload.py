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
    path.write_bytes(path.read_bytes().replace(b"ann@", b"amy@"))
    told = counted(up.done("upload", data, "--json"))
    assert (told["changed"], told["unchanged"], told["new"]) == (1, 2, 0)
    assert up.landed() == NAMES


def test_files_of_another_folder_stay_and_are_told(up: Place, data: Path, tmp_path: Path) -> None:
    up.done("upload", data)
    other = write_lake(tmp_path / "other", {"customer_landing": {"new.json": CUSTOMERS}})
    told = up.done("upload", other)
    assert "Warning: 3 landing files are not in" in told.err
    assert "has no landing file of accelerometer_landing, step_trainer_landing" in told.err
    assert "--replace" not in told.err
    assert len(up.landed()) == 4
    again = up.done("upload", other, "--json")
    assert [table["mixed"] for table in again.json()] == [1, 1, 1]


def test_replace_asks_and_takes_nothing_of_tables_that_the_folder_has_no_file_of(
    up: Place, data: Path, tmp_path: Path
) -> None:
    up.done("upload", data)
    other = write_lake(tmp_path / "other", {"customer_landing": {"new.json": CUSTOMERS}})
    held = up.everything()
    told = up.ask("upload", other, "--replace")
    assert (told.code, told.out) == (2, "")
    assert "(1 of customer_landing)" in told.err
    assert "Add --yes" in told.err
    assert up.everything() == held
    done = up.done("upload", other, "--replace", "--yes", "--json")
    assert [table["removed"] for table in done.json()] == [1, 0, 0]
    assert up.landed() == ["a.json", "new.json", "s.json"]
    # Where nothing is to go, nobody is asked.
    assert counted(up.done("upload", other, "--replace", "--json"))["removed"] == 0


def test_a_table_without_a_landing_file_is_told(up: Place, tmp_path: Path) -> None:
    only = write_lake(tmp_path / "only", {"customer_landing": {"c.json": CUSTOMERS}})
    for words in (["upload", only], ["infra", "up", "--data", only]):
        told = up.ask(*words)
        assert told.code == 3
        said = "No landing file is there of accelerometer_landing, step_trainer_landing."
        assert said in told.err
        assert "--allow-missing" in told.err
        meant = up.done(*words, "--allow-missing", "--json")
        assert said in meant.err
        assert meant.json()
    assert up.landed() == ["c.json"]


def test_a_name_is_the_path_below_the_tables_folder(up: Place, data: Path) -> None:
    up.done("upload", data)
    more = {"01/a": lines(CUSTOMERS[:1]), "02/a.JSONL": gzip.compress(lines(CUSTOMERS[1:2]))}
    for name, content in more.items():
        path = data / "customer" / name
        path.parent.mkdir()
        path.write_bytes(content)
    assert counted(up.done("upload", data, "--json"))["new"] == 2
    assert up.landed() == ["a.json", "a.json", "a.json.gz", "c.json", "s.json"]
    assert counted(up.done("upload", data, "--json"))["unchanged"] == 5
    (data / "customer" / "01" / "a").unlink()
    told = up.done("upload", data, "--replace", "--yes", "--json")
    assert counted(told)["removed"] == 1
    assert up.landed() == ["a.json", "a.json.gz", "c.json", "s.json"]


def test_the_same_content_under_two_names_is_told(up: Place, data: Path) -> None:
    path = data / "customer" / "landing" / "c (1).json"
    path.write_bytes(lines(CUSTOMERS))
    for name in ("empty.json", "blank.json"):
        path.with_name(name).touch()
    for _ in range(2):
        told = " ".join(up.done("upload", data).err.split())
        assert "1 landing file of customer_landing holds what another holds" in told
        assert "c (1).json and c.json." in told
    path.unlink()
    path.with_name("packed.gz").write_bytes(gzip.compress(lines(CUSTOMERS)))
    told = " ".join(up.done("upload", data, "--replace", "--yes").err.split())
    assert "c.json and packed.json.gz." in told
    path.with_name("packed.gz").unlink()
    again = up.done("upload", data, "--replace", "--yes")
    assert "what another holds" not in again.err


def test_what_is_not_taken_is_named(up: Place, data: Path) -> None:
    (data / "customer" / "notes.txt").write_text("mine")
    (data / "customer" / "ann@x.org.txt").write_text("mine")
    (data / "customer" / "_SUCCESS").touch()
    (data / "README.md").write_text("mine")
    told = up.done("upload", data)
    assert "notes.txt: it holds no JSON lines" in told.err
    assert "README.md: it is in no table's folder" in told.err
    assert "Left out: 1 hidden" in told.err
    assert "ann" not in told.err
    assert up.landed() == NAMES


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


@pytest.mark.slow
@pytest.mark.parametrize("what", REFUSED)
def test_a_folder_that_cannot_be_used_changes_nothing(
    up: Place, data: Path, tmp_path: Path, what: str
) -> None:
    up.done("upload", data)
    REFUSED[what](tmp_path / "given")
    held = up.everything()
    for more in ([], ["--replace", "--yes"]):
        told = up.ask("upload", tmp_path / "given", *more)
        assert (told.code, told.out) == (2, "")
        assert "Hint: " in told.err
        assert "ann@" not in told.err
    assert up.everything() == held
