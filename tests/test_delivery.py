"""What is taken of a folder that somebody delivers, what is not, and what is said of it."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import PROJECT
from small import CUSTOMERS, FOLDERS, lines, write_lake

from stedi_cli.errors import StediError, UsageError
from stedi_cli.landing.delivery import Delivery, find_files
from stedi_cli.project.settings import load_settings

LINES = lines(CUSTOMERS)
PACKED = gzip.compress(LINES)
CUSTOMER = "customer_landing"


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """An empty folder."""
    (tmp_path / "given").mkdir()
    return tmp_path / "given"


def found(folder: Path, apart: Path | None = None) -> Delivery:
    model = load_settings(PROJECT / "configs" / "local.yaml").lakehouse()
    return find_files(folder, model.landing.values(), apart)


def names(delivery: Delivery, table: str = CUSTOMER) -> list[str]:
    return [source.name for source in delivery.files[table]]


def made(folder: Path, *files: str, content: bytes = LINES) -> Path:
    """A folder with these files, each of other content."""
    for number, name in enumerate(files):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content + b" " * number if not content.startswith(b"\x1f") else content)
    return folder


# --- Files, by content ---------------------------------------------------------------------------

STORED = {
    "c.json": "c.json",
    "c.JSON": "c.json",
    "c.jsonl": "c.json",
    "c.ndjson": "c.json",
    "c.NDJson": "c.json",
    "c.json.json": "c.json.json",
    "run-1691348231425-part-r-00000": "run-1691348231425-part-r-00000.json",
    "c.txt": "c.txt.json",
    "c.json.gz": "c.json",
    "c.bz2": "c.bz2.json",
}
PACKED_STORED = {
    "c.json.gz": "c.json.gz",
    "c.JSON.GZ": "c.json.gz",
    "c.gz": "c.json.gz",
    "c.jsonl.gz": "c.json.gz",
    "c.json": "c.json.gz",
    "stream-1-2023-01-31-07-22-09": "stream-1-2023-01-31-07-22-09.json.gz",
}


@pytest.mark.parametrize("name", STORED)
def test_json_lines_are_taken_under_any_suffix(given: Path, name: str) -> None:
    delivery = found(made(given, f"customer/{name}"))
    assert (names(delivery), delivery.not_taken) == ([STORED[name]], ())


@pytest.mark.parametrize("name", PACKED_STORED)
def test_gzip_is_taken_under_any_suffix(given: Path, name: str) -> None:
    delivery = found(made(given, f"customer/{name}", content=PACKED))
    assert (names(delivery), delivery.not_taken) == ([PACKED_STORED[name]], ())


@pytest.mark.parametrize("landing", ["", "landing/", "Landing/"])
def test_files_are_taken_at_any_depth(given: Path, landing: str) -> None:
    files = ["2023/01/31/07/a", "2023/01/31/08/a", "dt=2023-01-31/b.json", "c.json"]
    made(given, *(f"customer/{landing}{name}" for name in files))
    assert names(found(given)) == [
        "2023/01/31/07/a.json",
        "2023/01/31/08/a.json",
        "c.json",
        "dt=2023-01-31/b.json",
    ]


def test_files_beside_landing_are_taken_too(given: Path) -> None:
    made(given, "customer/landing/a.json", "customer/b.json", "customer/more/c.json")
    assert names(found(given)) == ["a.json", "b.json", "more/c.json"]


def test_landing_is_left_out_of_names_only_where_it_stands_first(given: Path) -> None:
    made(given, "customer/landing/landing/a.json", "customer/b/landing/a.json")
    assert names(found(given)) == ["b/landing/a.json", "landing/a.json"]


def test_markers_and_hidden_files_are_left_out_and_counted(given: Path) -> None:
    hidden = ["_SUCCESS", ".DS_Store", "._c.json", ".c.json.crc", "c.json.crc", "2023_$folder$"]
    hidden += [".ipynb_checkpoints/c.json", "_delta_log/0.json", "_temporary/0/part-0.json"]
    made(given, "customer/c.json", *(f"customer/{name}" for name in hidden), ".git/config")
    delivery = found(given)
    assert names(delivery) == ["c.json"]
    assert (delivery.hidden, delivery.not_taken) == (len(hidden) + 1, ())


NO_LINES = {
    "notes.txt": (b"Taken from the phone on Monday.\n", "it holds no JSON lines"),
    "c.csv": (
        b"email,serialNumber\na@x.org,1\n",
        "it is CSV; export it as JSON lines, one object a line",
    ),
    "part-00001": (b"", "it is empty"),
    "part-00002.gz": (gzip.compress(b""), "it is empty"),
    "c.json.part": (LINES, "its name is that of an unfinished file"),
    "c.json.crdownload": (LINES[:99], "its name is that of an unfinished file"),
    "d.json.part": (b"[" + LINES.replace(b"\n", b",\n"), "its name is that of an unfinished file"),
    "README.md": (b"# An example\n\n```json\n" + LINES + b"```\n", "it holds no JSON lines"),
    "notes.utf-16.txt": (
        "Taken on Monday.\n".encode("utf-16"),
        "it is UTF-16 text; `stedi upload DIR --convert` writes it as JSON lines",
    ),
    "photo.jpg": (
        b"\xff\xd8\xff\xe0\n{" + bytes(range(256)) * 9,
        "it is a binary file; export it as JSON lines, one object a line",
    ),
}


@pytest.mark.parametrize("name", NO_LINES)
def test_what_holds_no_lines_is_named(given: Path, name: str) -> None:
    content, why = NO_LINES[name]
    made(given, "customer/c.json")
    (given / "customer" / name).write_bytes(content)
    delivery = found(given)
    assert names(delivery) == ["c.json"]
    assert delivery.not_taken == ((given / "customer" / name, why),)


def test_lines_that_cannot_be_used_are_no_reason_to_leave_a_file_out(given: Path) -> None:
    made(given, "customer/c.json", content=b"nonsense\n")
    made(given, "customer/d", content=b"nonsense\n\xef\xbb\xbf\n  " + LINES)
    made(given, "customer/e", content=gzip.compress(b"nonsense\n" + LINES))
    assert names(found(given)) == ["c.json", "d.json", "e.json.gz"]


def test_an_archive_in_a_tables_folder_is_named(given: Path) -> None:
    made(given, "customer/c.json")
    with tarfile.open(given / "customer" / "more.tar.gz", "w:gz") as archive:
        archive.add(given / "customer" / "c.json", "c.json")
    delivery = found(given)
    assert [why for _, why in delivery.not_taken] == [
        "it is a tar archive; unpack it, and upload what is in it"
    ]


def test_what_is_no_regular_file_is_named_and_not_opened(given: Path) -> None:
    made(given, "customer/c.json")
    os.mkfifo(given / "customer" / "p.json")
    delivery = found(given)
    assert names(delivery) == ["c.json"]
    assert [why for _, why in delivery.not_taken] == ["it is no regular file"]


def test_what_lies_beside_the_tables_folders_is_named(given: Path) -> None:
    made(given, "customer/c.json", "README.md", "orders/o.json", "expected.yaml")
    delivery = found(given)
    assert {path.name: why for path, why in delivery.not_taken} == {
        "README.md": "it is in no table's folder",
        "orders": "no table has that folder",
    }


# --- Folders -------------------------------------------------------------------------------------

CALLED = {
    "customer_landing": ["customer", "Customers", "CUSTOMER_LANDING", "customers"],
    "accelerometer_landing": ["accelerometers", "Accelerometer", "accelerometer_landing"],
    "step_trainer_landing": ["step_trainers", "STEP_TRAINER"],
}


@pytest.mark.parametrize("table", CALLED)
def test_a_tables_folder_may_be_called_otherwise(given: Path, table: str) -> None:
    for number, folder in enumerate(CALLED[table]):
        made(given, f"{folder}/{number}.json")
    expected = [f"{number}.json" for number in range(len(CALLED[table]))]
    assert names(found(given), table) == expected


def test_folders_may_lie_deeper_in_one_place(given: Path) -> None:
    write_lake(given / "stedi-main" / "project" / "starter")
    made(given / "stedi-main", "README.md", "project/images/customer.png", ".git/customer/a")
    delivery = found(given)
    assert delivery.folder == given / "stedi-main" / "project" / "starter"
    assert [names(delivery, table) for table in FOLDERS] == [["c.json"], ["a.json"], ["s.json"]]


def test_folders_without_a_landing_file_are_no_place(given: Path) -> None:
    write_lake(given / "data")
    made(given, "docs/customer/picture.png", content=b"\x89PNG")
    assert found(given).folder == given / "data"


def test_several_places_are_refused(given: Path) -> None:
    write_lake(given / "one")
    write_lake(given / "b" / "two")
    with pytest.raises(UsageError, match="in 2 places") as refused:
        found(given)
    assert {str(given / "one"), str(given / "b" / "two")} <= {
        word.rstrip(",.") for word in refused.value.message.split()
    }


def test_the_lakehouse_is_no_part_of_a_delivery(given: Path) -> None:
    write_lake(given / "data")
    root = given / "lake"
    made(root, "landing/customer/old.json", "landing/accelerometer/old.json")
    assert found(given, root).folder == given / "data"
    inside = given / "data" / "customer" / "lake"
    made(inside, "landing/customer/old.json", "catalog.db")
    delivery = found(given / "data", inside)
    assert names(delivery) == ["c.json"]
    assert delivery.not_taken == ((inside, "it is the lakehouse itself"),)


@pytest.mark.parametrize("called", ["customer", "customers", "customer_landing"])
def test_a_lakehouse_is_none_either_where_it_is_called_like_a_table(
    given: Path, called: str
) -> None:
    write_lake(given / "data")
    (given / "data" / "customer").rename(given / "data" / "Customer")
    root = given / "data" / called
    made(root, "stedi.json", "landing/customer/old.json")
    delivery = found(given / "data", root)
    assert names(delivery) == ["c.json"]
    assert delivery.not_taken == ((root, "it is the lakehouse itself"),)
    for folder in (given / "data").iterdir():
        if folder != root:
            folder.rename(given / folder.name)
    with pytest.raises(UsageError, match="holds no landing files"):
        found(given / "data", root)


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("customer/landing/c.json", LINES)
    return content.getvalue()


REFUSED = {
    "a single file": (lambda path: path.write_bytes(LINES), "is a single file"),
    "an archive": (lambda path: path.write_bytes(zipped()), "is an archive"),
    "a pipe": (os.mkfifo, "is not a folder"),
    "nothing": (lambda path: None, "There is no folder"),
    "an empty folder": (Path.mkdir, "holds no landing files, but nothing"),
    "flat files": (lambda path: made(path, "customer_landing.json"), "customer_landing.json"),
    "a folder for no table": (lambda path: made(path, "orders/o.json"), "orders/"),
    "other files": (lambda path: made(path, "customer/a.txt", content=b"x"), "no JSON lines"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_delivery_is_refused_with_what_was_found(given: Path, what: str) -> None:
    make, said = REFUSED[what]
    make(given / "data")
    with pytest.raises(UsageError) as refused:
        found(given / "data")
    assert said in refused.value.message
    assert "customer/" in str(refused.value.hint) or what == "nothing"


def test_a_tables_folder_itself_is_refused_with_what_to_name(given: Path) -> None:
    with pytest.raises(UsageError, match="holds no landing files") as refused:
        found(made(given / "Customers", "landing/c.json"))
    assert "name the one above it" in str(refused.value.hint)


# --- Names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pair",
    [
        ("c.json", "c.jsonl"),
        ("c.json", "c"),
        ("c.json", "C.json"),
        ("c.json", "landing/c.json"),
        ("c.json", "landing/c.json/d.json"),
    ],
)
def test_two_files_that_would_get_one_name_are_refused(given: Path, pair: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="would get one name"):
        found(made(given, *(f"customer/{name}" for name in pair)))


def test_files_of_one_name_in_two_folders_are_two(given: Path) -> None:
    made(given, "customer/01/a.json", "customer/02/a.json", "customers/03/a.json")
    assert names(found(given)) == ["01/a.json", "02/a.json", "03/a.json"]


@pytest.mark.parametrize("name", ["a\nb/c.json", "a*/c.json", "~/c.json", "x" * 201 + "/c.json"])
def test_folders_above_a_file_follow_the_rule_for_names(given: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be used in the landing zone"):
        found(made(given, f"customer/{name}"))


def test_a_path_may_be_only_so_long(given: Path) -> None:
    with pytest.raises(UsageError, match="cannot be used in the landing zone"):
        found(made(given, "customer/" + "/".join(["x" * 200] * 4) + "/c.json"))


def test_an_address_in_a_folders_name_is_refused_and_not_shown(given: Path) -> None:
    with pytest.raises(UsageError, match="1 landing file") as refused:
        found(made(given, "customer/ann@x.org/c.json"))
    assert "ann" not in refused.value.message


# --- Links, and what cannot be read --------------------------------------------------------------


def test_a_folder_of_the_table_may_be_a_link_inside(given: Path) -> None:
    made(given, "stored/v2/c.json")
    (given / "customer").symlink_to("stored/v2")
    assert names(found(given)) == ["c.json"]


def test_a_link_to_a_folder_is_named_and_not_followed(given: Path) -> None:
    made(given, "customer/c.json")
    (given / "customer" / "again").symlink_to("..", target_is_directory=True)
    delivery = found(given)
    assert names(delivery) == ["c.json"]
    assert [why for _, why in delivery.not_taken] == ["it is a link to a folder"]


@pytest.mark.parametrize("to", ["nowhere.json", "link.json", "../../outside"])
def test_a_link_to_nothing_itself_or_outside_is_refused(given: Path, to: str) -> None:
    (given / "outside").mkdir()
    data = made(given / "data", "customer/c.json")
    (data / "customer" / "link.json").symlink_to(to)
    with pytest.raises(UsageError, match="is a link to"):
        found(data)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("what", ["customer/in", "customer/in/d.json"])
def test_what_cannot_be_read_is_not_passed_over(given: Path, what: str) -> None:
    made(given, "customer/c.json", "customer/in/d.json")
    (given / what).chmod(0)
    try:
        with pytest.raises((StediError, PermissionError)):
            found(given)
    finally:
        (given / what).chmod(0o700)
