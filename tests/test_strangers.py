"""Tables beside the model's: what others made is left and named, what was ours can be dropped."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import PROJECT, Lake, Result, mostly_slow, run_stedi
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField
from small import JOBS, STRICT, TYPED, write_lake

from stedi_cli.cli import render
from stedi_cli.errors import StediError
from stedi_cli.local.layout import to_uri
from stedi_cli.local.lock import exclusive
from stedi_cli.local.table_files import open_catalog
from stedi_cli.project.folder import copy_out

Invoke = Callable[..., Result]

TABLE = """  people:
    zone: curated
    doc: Who there is.
    columns: [customer_landing.email]

  quarantine:
"""
JOB = """  people:
    doc: Who there is
    reads: [customer_trusted]
    writes: people

# breaks:"""


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def states(told: Result) -> dict[str, str]:
    found = told.json()
    resources = found["resources"] if isinstance(found, dict) else found
    return {resource["name"]: resource["state"] for resource in resources}


# --- Tables of others -----------------------------------------------------------------------------


def make(root: Path, name: str, place: Path) -> Path:
    """A table of somebody else in the catalog, as another engine makes it; returns its folder."""
    catalog = open_catalog(Lake(root).layout)
    catalog.create_namespace_if_not_exists(name.partition(".")[0])
    schema = Schema(NestedField(1, "n", LongType(), required=False))
    catalog.create_table(name, schema, location=to_uri(place))
    return place


PLACES = {
    "outside": ("stedi.mine", "../elsewhere", "mine"),
    "in the warehouse": ("stedi.mine", "warehouse/mine", "mine"),
    "in a folder of its namespace": ("other.mine", "warehouse/other/mine", "other.mine"),
    "of a table's name in another namespace": (
        "other.customer_trusted",
        "../elsewhere",
        "other.customer_trusted",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("where", PLACES)
def test_a_table_of_others_is_left_and_named(
    root: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setenv("STEDI_ROOT", str(root))
    name, place, title = PLACES[where]
    folder = make(root, name, (root / place).resolve())
    before, ours = files(folder), Lake(root).states()
    told = invoke("infra", "up", "--no-data", "--json")
    assert told.code == 0, told.err
    assert states(told)[title] == "left"
    assert Lake(root).states() == ours
    status = invoke("infra", "status", "--json")
    assert (status.code, states(status)[title]) == (0, "left")
    assert "Everything is in place." in invoke("infra", "plan").out
    doctor = invoke("doctor", "--json")
    assert doctor.code == 0
    (found,) = [f for f in doctor.json() if f["what"] == f"table {title}"]
    assert "not made by this tool" in found["found"]
    assert str(folder) in found["found"]
    assert invoke("jobs", "run", "--all", "--force").code == 0
    assert Lake(root).counts() == STRICT
    refused = invoke("tables", "--drop", title, "--yes")
    assert refused.code == 2
    assert "not made by this tool" in refused.err
    down = invoke("infra", "down", "--yes", "--json")
    assert down.code == 0
    assert states(down)[title] == "left"
    assert files(folder) == before
    assert open_catalog(Lake(root).layout).load_table(name).schema().column_names == ["n"]
    # What is left is a lakehouse without tables, which can be made again or asked to go again.
    assert states(invoke("infra", "down", "--yes", "--json"))[title] == "left"
    assert invoke("infra", "up", "--no-data").code == 0
    assert files(folder) == before


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["lost", "cut"])
def test_a_broken_table_of_others_breaks_none_of_ours(
    root: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setenv("STEDI_ROOT", str(root))
    folder = make(root, "stedi.mine", root.parent / "elsewhere")
    for path in folder.glob("metadata/*.json"):
        path.unlink() if broken == "lost" else path.write_text("{")
    ours = Lake(root).states()
    assert invoke("infra", "up", "--no-data").code == 0
    assert Lake(root).states() == ours
    for command in (["tables"], ["jobs", "run", "--all"], ["validate"], ["doctor"]):
        assert invoke(*command).code == 0, command


@pytest.mark.slow
def test_a_moved_lakehouse_keeps_the_table_of_others(root: Path, invoke: Invoke) -> None:
    folder = make(root, "stedi.mine", root.parent / "elsewhere")
    before = files(folder)
    moved = root.rename(root.parent / "moved")
    status = invoke("--root", moved, "infra", "status", "--json")
    assert states(status)[str(moved)] == "moved"
    assert states(invoke("--root", moved, "infra", "up", "--no-data", "--json"))["mine"] == "left"
    assert invoke("--root", moved, "jobs", "run", "--all").code == 0
    assert Lake(moved).counts() == STRICT
    assert files(folder) == before
    assert open_catalog(Lake(moved).layout).table_exists("stedi.mine")


@pytest.mark.slow
def test_one_broken_table_leaves_the_others_built(root: Path, invoke: Invoke) -> None:
    lake = Lake(root)
    before = lake.states()
    Path(before["step_trainer_trusted"].metadata.removeprefix("file://")).write_text("{")
    assert invoke("--root", root, "infra", "up", "--no-data").code == 0
    after = lake.states()
    assert after == {n: s for n, s in before.items() if n != "step_trainer_trusted"}
    assert lake.built() == {"step_trainer_trusted", "machine_learning_curated"}
    assert lake.counts() == STRICT


@pytest.mark.slow
@pytest.mark.parametrize("table", ["customer_trusted", "quarantine"])
def test_a_table_of_others_under_a_name_of_ours_is_never_written(
    root: Path, invoke: Invoke, tmp_path: Path, table: str
) -> None:
    open_catalog(Lake(root).layout).drop_table(f"stedi.{table}")
    folder = make(root, f"stedi.{table}", tmp_path / "elsewhere")
    before = files(folder)
    for command in ("jobs run --all", "jobs run --all --force", "validate", "infra up --no-data"):
        told = invoke("--root", root, *command.split())
        assert told.code == (0 if "infra" in command else 1), command
        if told.code:
            assert f"The table {table} in the catalog lies in {folder}" in told.err
    assert invoke("--root", root, "doctor").code == 1
    assert states(invoke("--root", root, "infra", "down", "--yes", "--json"))[table] == "left"
    assert files(folder) == before


# --- Tables that left the model ------------------------------------------------------------------


@pytest.fixture
def shrunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A built lake whose model had a table more when it was built."""
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    model = project / "configs" / "lakehouse.yaml"
    smaller = model.read_text()
    for old, new in {"  quarantine:\n": TABLE, "\n# breaks:": JOB}.items():
        assert model.read_text().count(old) == 1
        model.write_text(model.read_text().replace(old, new))
    (project / "jobs" / "people.sql").write_text("SELECT email FROM customer_trusted")
    lake = Lake(tmp_path / "lake", project=project).up()
    lake.upload(write_lake(tmp_path / "data"))
    lake.run()
    model.write_text(smaller)
    monkeypatch.setenv("STEDI_ROOT", str(lake.settings.root))
    return lake


def people(lake: Lake) -> Path:
    return lake.layout.warehouse / "people"


def is_reported(invoke: Invoke) -> bool:
    doctor = invoke("doctor", "--json")
    found = [f for f in doctor.json() if f["what"] == "table people"]
    listed = [t for t in invoke("tables", "--json").json() if t["table"] == "people"]
    assert len(found) == len(listed) == doctor.code
    assert all("stedi tables --drop people" in f["todo"] and not f["ok"] for f in found)
    assert all("stedi tables --drop people" in t["doc"] and t["rows"] == 4 for t in listed)
    return bool(found)


@pytest.mark.slow
def test_a_table_that_left_the_model_is_reported_and_dropped(shrunk: Lake, invoke: Invoke) -> None:
    assert is_reported(invoke)
    assert "--drop people" in " ".join(invoke("tables").out.split())
    assert states(invoke("infra", "up", "--no-data", "--json"))["people"] == "left"
    assert is_reported(invoke)
    refused = invoke("tables", "--drop", "people")
    assert refused.code == 2
    assert "--yes" in refused.err
    before = shrunk.states()
    told = invoke("tables", "--drop", "people", "--yes", "--json")
    assert (told.code, told.json()) == (
        0,
        [{"kind": "table", "name": str(people(shrunk)), "state": "removed"}],
    )
    assert not people(shrunk).exists()
    assert not open_catalog(shrunk.layout).table_exists("stedi.people")
    assert shrunk.states() == before
    assert shrunk.counts() == STRICT
    assert not is_reported(invoke)
    again = invoke("tables", "--drop", "people", "--yes")
    assert again.code == 2
    assert "There is no table 'people'" in again.err


@pytest.mark.slow
@pytest.mark.parametrize("answer", [True, False])
def test_it_asks_before_it_drops(
    shrunk: Lake, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(render, "is_interactive", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda text, **how: asked.append(text) or answer)
    told = invoke("tables", "--drop", "people")
    assert told.code == (0 if answer else 1)
    assert people(shrunk).exists() == (not answer)
    assert ["people" in text and "4 rows" in text for text in asked] == [True]
    assert answer or "Nothing was removed." in told.err


def break_metadata(lake: Lake) -> None:
    with closing(sqlite3.connect(lake.layout.catalog)) as db:
        query = "SELECT metadata_location FROM iceberg_tables WHERE table_name = 'people'"
        ((uri,),) = db.execute(query).fetchall()
    # An older one, by which it can still be told whose it is.
    path = Path(uri.removeprefix("file://"))
    shutil.copy(path, path.with_name("00000-older.metadata.json"))
    path.write_text("{")


LOST: dict[str, Callable[[Lake], Any]] = {
    "its entry": lambda lake: open_catalog(lake.layout).drop_table("stedi.people"),
    "its data": lambda lake: shutil.rmtree(people(lake) / "data"),
    "its metadata": break_metadata,
}


@pytest.mark.slow
@pytest.mark.parametrize("lost", LOST)
def test_what_is_left_of_it_is_reported_and_dropped_too(
    shrunk: Lake, invoke: Invoke, lost: str
) -> None:
    LOST[lost](shrunk)
    assert is_reported(invoke)
    assert invoke("tables", "--drop", "people", "--yes").code == 0
    assert not people(shrunk).exists()
    assert not is_reported(invoke)


@pytest.mark.slow
@pytest.mark.parametrize("lost", [None, *LOST])
def test_down_removes_it_too(shrunk: Lake, invoke: Invoke, lost: str | None) -> None:
    if lost:
        LOST[lost](shrunk)
    assert invoke("infra", "down", "--yes").code == 0
    assert not shrunk.settings.root.exists()


# --- Landing tables that left the model ----------------------------------------------------------


LANDING = """  people_landing:
    zone: landing
    doc: Who there is.
    folder: people
    columns:
      - {name: email, type: string, doc: Address, required: true, personal: true}

"""
READS = """  people:
    doc: Who there is
    reads: [people_landing]
    writes: people

# breaks:"""


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A built lake whose model had a landing table more, of which a line was not usable."""
    project = tmp_path / "project"
    copy_out(PROJECT, project)
    model = project / "configs" / "lakehouse.yaml"
    smaller = model.read_text()
    table = LANDING + TABLE.replace("customer_landing", "people_landing")
    for old, new in {"  quarantine:\n": table, "\n# breaks:": READS}.items():
        assert model.read_text().count(old) == 1
        model.write_text(model.read_text().replace(old, new))
    (project / "jobs" / "people.sql").write_text("SELECT email FROM people_landing")
    lake = Lake(tmp_path / "lake", project=project, max_bad_rows=1.0).up()
    data = write_lake(tmp_path / "data")
    folder = data / "people" / "landing"
    folder.mkdir(parents=True)
    (folder / "p.json").write_text('{"email": "ann@x.org"}\n{}\n')
    lake.upload(data)
    lake.run()
    model.write_text(smaller)
    monkeypatch.setenv("STEDI_ROOT", str(lake.settings.root))
    assert invoke_drop(lake, "people").code == 0
    return lake


def invoke_drop(lake: Lake, name: str) -> Result:
    return run_stedi("--root", lake.settings.root, "tables", "--drop", name, "--yes")


def to_be_dropped(invoke: Invoke) -> set[str]:
    """What `doctor` and `tables` say that can be dropped."""
    doctor = invoke("doctor", "--json")
    wrong = [f for f in doctor.json() if not f["ok"]]
    assert doctor.code == (1 if wrong else 0)
    found = {f["what"].rpartition(" ")[2] for f in wrong}
    assert all(f"`stedi tables --drop {f['what'].rpartition(' ')[2]}`" in f["todo"] for f in wrong)
    listed = [t for t in invoke("tables", "--json").json() if t["zone"] is None]
    assert {t["table"] for t in listed} == found
    assert all(f"`stedi tables --drop {t['table']}`" in t["doc"] for t in listed)
    return found


@pytest.mark.slow
def test_a_landing_table_that_left_is_reported_and_dropped(left: Lake, invoke: Invoke) -> None:
    zone = left.layout.landing / "people"
    everything = {"landing/people", "people_landing", "people_landing_typed"}
    assert to_be_dropped(invoke) == everything
    for command in ("infra up --no-data --json", "infra status --json"):
        told = invoke(*command.split())
        assert (told.code, states(told)[str(zone)]) == (0, "left")
    before = left.states()
    told = invoke("tables", "--drop", "landing/people", "--yes", "--json")
    assert told.json() == [{"kind": "landing zone", "name": str(zone), "state": "removed"}]
    assert not zone.exists()
    assert left.states() == before
    assert to_be_dropped(invoke) == everything - {"landing/people"}
    assert invoke("tables", "--drop", "people_landing_typed", "--yes").code == 0
    assert to_be_dropped(invoke) == {"people_landing"}
    told = invoke("tables", "--drop", "people_landing", "--yes")
    assert (told.code, told.out) == (0, "people_landing was removed from the quarantine.\n")
    assert to_be_dropped(invoke) == set()
    rows = invoke("query", 'SELECT DISTINCT "table" FROM quarantine', "--json").json()
    assert rows == []
    assert len(left.states()["quarantine"].snapshots) == 1
    assert invoke("validate").code == 0
    assert invoke("tables", "--drop", "landing/people", "--yes").code == 2
    assert left.counts() == STRICT


@pytest.mark.slow
def test_what_is_no_landing_file_stays(left: Lake, invoke: Invoke, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "m.json").write_text("{}")
    zone = left.layout.landing / "people"
    (zone / "mine.txt").touch()
    (zone / "mine").mkdir()
    (zone / "mine" / "m.txt").touch()
    (zone / "01").mkdir()
    (zone / "01" / "p.json").touch()
    (zone / "link.json").symlink_to(mine / "m.json")
    (zone / "ann@x.org.json").touch()
    (left.layout.landing / "no-name").mkdir()
    (left.layout.landing / "no-name" / "m.json").touch()
    assert "landing/no-name" not in invoke("tables").out
    told = invoke("tables", "--drop", "landing/people", "--yes")
    assert told.code == 0, told.err
    assert "stays in it" in told.out
    assert {path.name for path in zone.rglob("*")} == {"mine.txt", "mine", "m.txt", "link.json"}
    assert (mine / "m.json").is_file()
    assert (left.layout.landing / "no-name" / "m.json").is_file()
    assert invoke("tables", "--drop", "landing/no-name", "--yes").code == 2


@pytest.mark.slow
def test_down_names_what_it_leaves_of_it(left: Lake, invoke: Invoke) -> None:
    told = invoke("infra", "down", "--yes")
    assert told.code == 0, told.err
    said = " ".join(told.out.split())
    assert "landing/people/p.json left in a landing zone that is not the model's" in said
    assert (left.layout.landing / "people" / "p.json").is_file()


@pytest.mark.slow
def test_it_asks_before_it_drops_a_zone(
    left: Lake, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    assert invoke("tables", "--drop", "landing/people").code == 2
    monkeypatch.setattr(render, "is_interactive", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda text, **how: asked.append(text) or False)
    assert invoke("tables", "--drop", "landing/people").code == 1
    assert asked == ["Remove landing/people, 1 landing file?"]
    assert (left.layout.landing / "people" / "p.json").is_file()


@pytest.mark.parametrize(
    "table", mostly_slow(["customer_trusted", "Customer_Trusted", "customer_landing"])
)
def test_a_table_of_the_model_is_not_dropped(root: Path, invoke: Invoke, table: str) -> None:
    before = files(root)
    told = invoke("--root", root, "tables", "--drop", table, "--yes")
    assert told.code == 2
    assert "is a table of the model" in told.err
    assert files(root).keys() == before.keys()
    assert set(Lake(root).states()) == {*JOBS.values(), *TYPED, "quarantine", "held_back"}


@pytest.mark.parametrize(
    "name",
    mostly_slow(["..", "landing/customer", "mine", "", ".", "../landing", "/", "nonsense"]),
)
def test_nothing_else_is_dropped(root: Path, invoke: Invoke, name: str) -> None:
    mine = root / "warehouse" / "mine" / "metadata" / "1.metadata.json"
    mine.parent.mkdir(parents=True)
    mine.write_text("{}")
    before = files(root)
    told = invoke("--root", root, "tables", "--drop", name, "--yes")
    assert told.code == 2, told.err
    assert files(root) == before


@pytest.mark.slow
def test_nothing_is_dropped_while_another_writes(shrunk: Lake) -> None:
    with (
        shrunk.opened() as opened,
        exclusive(shrunk.layout.lock),
        pytest.raises(StediError, match="is changing") as refused,
    ):
        list(opened.tables.drop("people"))
    assert refused.value.hint == "Let it finish, then try again."
    assert people(shrunk).exists()
