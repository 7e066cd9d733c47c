"""Setting up, looking, mending and removing: only what is its own, and the same a second time."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from conftest import PROJECT, Lake, Result, mostly_slow
from small import PUBLISHED, STRICT, write_lake

from stedi_cli.project.folder import copy_out

Invoke = Callable[..., Result]


def listing(root: Path) -> dict[str, tuple[int, bytes | None]]:
    """Everything below a folder with its time and content."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in root.rglob("*")
    }


# --- Up and status --------------------------------------------------------------------------------


@pytest.mark.slow
def test_up_makes_everything_and_a_second_time_nothing(workspace: Path, invoke: Invoke) -> None:
    write_lake(workspace / "data")
    first = invoke("infra", "up", "--data", "data")
    assert first.code == 0, first.err
    assert invoke("jobs", "run", "--all").code == 0
    before = listing(workspace)
    again = invoke("infra", "up", "--data", "data", "--json")
    assert again.code == 0, again.err
    assert {r["state"] for r in again.json()["resources"]} == {"there"}
    assert [(t["new"], t["unchanged"]) for t in again.json()["uploaded"]] == [(0, 1)] * 3
    after = listing(workspace)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    # Who held the lock last; when landing files were read last; times of folders and the marker.
    assert changed <= {f".stedi{name}" for name in ("", "/lock", "/landing-index.json", "/tmp")} | {
        ".stedi/stedi.json"
    }
    assert before[".stedi/stedi.json"][1] == after[".stedi/stedi.json"][1]


def test_status_names_each_part(invoke: Invoke) -> None:
    kinds = [part["kind"] for part in invoke("infra", "status", "--json").json()]
    assert kinds == ["folder", *["landing zone"] * 3, "warehouse", "catalog"]


@pytest.mark.parametrize("part", mostly_slow(["landing/customer", "warehouse", "catalog.db"]))
def test_what_is_missing_is_shown_and_made_again(root: Path, invoke: Invoke, part: str) -> None:
    path = root / part
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    told = invoke("--root", root, "infra", "status", "--json")
    assert told.code == 3
    missing = [part["name"] for part in told.json() if part["state"] == "missing"]
    assert missing == [str(path)]
    made = invoke("--root", root, "infra", "up", "--no-data", "--json")
    names = {r["name"] for r in made.json()["resources"] if r["state"] == "made"}
    # A catalog of tables that are gone is made anew.
    assert names == {str(path)} | ({str(root / "catalog.db")} if part == "warehouse" else set())
    assert invoke("--root", root, "infra", "status").code == 0


def test_upload_makes_the_folders_of_landing_tables_that_the_model_gained(
    lake: Lake, invoke: Invoke, tmp_path: Path
) -> None:
    copy_out(PROJECT, tmp_path / "project")
    model = tmp_path / "project" / "configs" / "lakehouse.yaml"
    entry = "zone: landing, doc: D, columns: [{name: n, type: long, doc: N}]"
    gained = [f"  {name}_landing: {{folder: {name}, {entry}}}\n" for name in ("here", "empty")]
    model.write_text(model.read_text().replace("tables:\n", f"tables:\n{''.join(gained)}", 1))
    at = ["--config", tmp_path / "project/configs/local.yaml", "--root", lake.settings.root]
    assert "landing/empty\tmissing" in invoke(*at, "infra", "status").out
    more = write_lake(tmp_path / "more", {"customer_landing": {"c.json": b""}})
    (more / "here").mkdir()
    (more / "here" / "a.json").write_bytes(b'{"n": 7}\n')
    assert invoke(*at, "upload", more, "--allow-missing").code == 0
    told = invoke(*at, "infra", "status")
    assert (told.code, "missing" in told.out) == (0, False)
    shown = [invoke(*at, "query", f"SELECT * FROM {name}_landing") for name in ("here", "empty")]
    assert [told.out for told in shown] == ["n\n7\n", "n\n"]


def test_a_plan_costs_nothing_here(invoke: Invoke) -> None:
    assert invoke("infra", "plan", "--json").json()["costs"] == []
    assert invoke("infra", "up", "--no-data").code == 0
    assert "Everything is in place" in invoke("infra", "plan").out


# --- Down -----------------------------------------------------------------------------------------

# In a table's folder and in tmp nothing foreign is spared, there or by a run's sweep.
FOREIGN = [
    "notes.txt",
    "mine/notes.txt",
    "landing/notes.txt",
    "landing/customer/notes.txt",
    "landing/customer/it's mine.json",
    "warehouse/notes.txt",
    "warehouse/mine/notes.txt",
]


@pytest.mark.parametrize("name", mostly_slow(FOREIGN))
def test_down_leaves_what_it_did_not_make_and_names_it(
    root: Path, invoke: Invoke, name: str
) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("mine")
    told = invoke("--root", root, "infra", "down", "--yes", "--json")
    assert told.code == 0, told.err
    left = {r["name"]: r["state"] for r in told.json()}
    assert left[str(root / name)] == "left"
    files = {path for path in listing(root) if (root / path).is_file()}
    assert files == {name}
    assert (root / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["checked", "validation.json", "spark.log"])
def test_down_leaves_a_folder_in_the_place_of_a_file(root: Path, invoke: Invoke, name: str) -> None:
    (root / name).unlink(missing_ok=True)
    (root / name).mkdir()
    (root / name / "notes.txt").write_text("mine")
    told = invoke("--root", root, "infra", "down", "--yes", "--json")
    assert told.code == 0, told.err
    left = {r["name"]: r["state"] for r in told.json()}
    assert left[str(root / name / "notes.txt")] == "left"
    assert {path for path in listing(root) if (root / path).is_file()} == {f"{name}/notes.txt"}


@pytest.mark.slow
def test_down_leaves_a_foreign_link(root: Path, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("mine")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    told = invoke("--root", root, "infra", "down", "--yes", "--json")
    assert told.code == 0
    assert (tmp_path / "elsewhere" / "file").read_text() == "mine"
    assert (root / "link").is_symlink()


@pytest.mark.parametrize(
    "name", mostly_slow(["../../victim", "..", "/{victim}", "customer_trusted/../../../victim"])
)
def test_down_stays_below_its_root_whatever_the_catalog_says(
    root: Path, invoke: Invoke, tmp_path: Path, name: str
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_text("mine")
    with closing(sqlite3.connect(root / "catalog.db")) as db, db:
        row = ("stedi", "stedi", name.format(victim=victim), f"file://{victim}/x.metadata.json")
        db.execute("INSERT INTO iceberg_tables VALUES (?, ?, ?, ?, NULL, 'TABLE')", row)
    assert invoke("--root", root, "infra", "down", "--yes").code == 0
    assert (victim / "file").read_text() == "mine"
    assert not root.exists()


@pytest.mark.slow
@pytest.mark.parametrize("part", ["warehouse", "landing", "tmp"])
def test_down_does_not_follow_a_link_in_the_place_of_a_folder(
    root: Path, invoke: Invoke, tmp_path: Path, part: str
) -> None:
    (root / part).rename(tmp_path / "elsewhere")
    (root / part).symlink_to(tmp_path / "elsewhere")
    before = listing(tmp_path / "elsewhere")
    invoke("--root", root, "infra", "down", "--yes")
    assert listing(tmp_path / "elsewhere") == before


@pytest.mark.slow
def test_down_with_keep_data_leaves_landing_files_and_tables(root: Path, invoke: Invoke) -> None:
    counts = invoke("--root", root, "validate", "--again", "--json").out
    (root / "spark.log").write_text("")
    told = invoke("--root", root, "infra", "down", "--keep-data", "--yes", "--json")
    assert [(r["name"], r["state"]) for r in told.json()] == [(str(root), "left")]
    assert invoke("--root", root, "validate", "--again", "--json").out == counts


@pytest.mark.slow
def test_down_keeps_the_uploaded_folder(root: Path, invoke: Invoke) -> None:
    before = listing(root.parent / "data")
    assert before
    assert invoke("--root", root, "infra", "down", "--yes").code == 0
    assert listing(root.parent / "data") == before


# --- Roots that are not its own -------------------------------------------------------------------


@pytest.mark.parametrize("names", [["notes.txt"], ["lock"], ["lock", "catalog.db", "tmp/notes"]])
@pytest.mark.parametrize("command", [["up", "--no-data"], ["down", "--yes"]])
def test_a_foreign_folder_is_refused_and_left_alone(
    workspace: Path, invoke: Invoke, names: list[str], command: list[str]
) -> None:
    foreign = workspace / "foreign"
    for name in names:
        (foreign / name).parent.mkdir(parents=True, exist_ok=True)
        (foreign / name).write_text("mine")
    before = listing(foreign)
    told = invoke("--root", "foreign", "infra", *command)
    assert (told.code, told.out) == (2, "")
    assert "foreign" in told.err
    assert listing(foreign) == before


def test_a_file_for_a_root_is_refused(workspace: Path, invoke: Invoke) -> None:
    (workspace / "file").write_text("mine")
    for command in (["infra", "up", "--no-data"], ["infra", "down", "--yes"], ["tables"]):
        told = invoke("--root", "file", *command)
        assert (told.code, told.out) != (0, "")
        assert "Traceback" not in told.err
    assert invoke("--root", "file", "infra", "up", "--no-data").code == 2
    assert (workspace / "file").read_text() == "mine"


@pytest.mark.parametrize("character", "*?[]{}%#'\"\\\n:;")
def test_a_root_with_an_unsafe_character_is_refused(
    workspace: Path, invoke: Invoke, character: str
) -> None:
    told = invoke("--root", f"la{character}ke", "infra", "up", "--no-data")
    assert told.code == 2
    assert repr(character) in told.err
    assert list(workspace.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "spelled", ["sée/日本 ~$&@=+,!", "a lake (1)", "../work/x/../lake", "link/lake"]
)
def test_an_odd_root_works_from_end_to_end(workspace: Path, invoke: Invoke, spelled: str) -> None:
    (workspace / "real").mkdir()
    (workspace / "link").symlink_to("real")
    write_lake(workspace / "data")
    before = {path.name for path in workspace.iterdir()}
    root = ["--root", spelled]
    assert invoke(*root, "infra", "up", "--data", "data").code == 0
    for policy, counts in (("strict", STRICT), ("published", PUBLISHED)):
        assert invoke(*root, "jobs", "run", "--all", "--force", "--policy", policy).code == 0
        report = invoke(*root, "validate", "--json").json()
        assert {t["table"]: t["rows"] for t in report["tables"]} == counts
    assert invoke(*root, "doctor").code == 0
    assert invoke(*root, "export", "customer_trusted", "out.csv").code == 0
    # However it is spelled, it is the same place.
    place = (workspace / spelled).resolve()
    assert invoke("--root", place, "tables").code == 0
    assert invoke(*root, "infra", "down", "--yes").code == 0
    assert {path.name for path in workspace.iterdir()} - {"x", "sée"} == before | {"out.csv"}
