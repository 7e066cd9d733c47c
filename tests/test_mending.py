"""What is moved, broken, lost or left over: told, found by doctor, and mended."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Lake, Result, mostly_slow
from small import BROKEN, JOBS, STRICT, write_lake

from stedi_cli.errors import StediError
from stedi_cli.local.layout import Layout, to_uri
from stedi_cli.local.questions import Questions
from stedi_cli.local.table_files import open_catalog
from stedi_cli.tables.iceberg import replace

Invoke = Callable[..., Result]


def content(root: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in root.rglob("*")}


# --- Moved and broken -----------------------------------------------------------------------------

USES = [["tables"], ["preview", "customer_trusted"], ["query", "SELECT 1"], ["history"]]
USES += [["jobs", "list"], ["jobs", "run", "--all"], ["validate"], ["quarantine"], ["upload"]]
USES += [["export", "customer_trusted", "out.csv"]]


def assert_mended(root: Path, invoke: Invoke) -> None:
    assert invoke("--root", root, "infra", "up", "--no-data").code == 0
    assert invoke("--root", root, "jobs", "run", "--all").code == 0
    assert Lake(root).counts() == STRICT
    assert invoke("--root", root, "doctor").code == 0


@pytest.mark.parametrize("command", mostly_slow(USES), ids=" ".join)
def test_a_moved_root_is_noticed(
    root: Path, tmp_path: Path, invoke: Invoke, command: list[str]
) -> None:
    moved = root.rename(tmp_path / "moved")
    told = invoke("--root", moved, *command)
    assert (told.code, told.out) == (1, "")
    assert f"{moved} was made in {root} and moved" in told.err
    assert "infra up" in told.err


@pytest.mark.slow
def test_a_moved_root_is_shown_by_status_and_doctor(
    root: Path, tmp_path: Path, invoke: Invoke
) -> None:
    moved = root.rename(tmp_path / "moved")
    findings = invoke("--root", moved, "doctor", "--json")
    assert findings.code == 1
    (wrong,) = [f for f in findings.json() if f["what"] == "root"]
    assert not wrong["ok"]
    assert "infra up" in wrong["todo"]
    assert invoke("--root", moved, "infra", "status").code != 0


@pytest.mark.slow
def test_a_moved_root_is_mended(root: Path, tmp_path: Path, invoke: Invoke) -> None:
    assert_mended(root.rename(tmp_path / "moved"), invoke)


@pytest.mark.slow
def test_a_copied_root_is_mended_and_the_original_left_alone(
    root: Path, tmp_path: Path, invoke: Invoke
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    before = content(root)
    assert invoke("--root", copy, "tables").code == 1
    assert_mended(copy, invoke)
    assert content(root) == before
    assert invoke("--root", copy, "infra", "down", "--yes").code == 0
    assert content(root) == before
    assert Lake(root).built() == set()


def _metadata(root: Path) -> Path:
    return Path(Lake(root).states()["customer_trusted"].metadata.removeprefix("file://"))


BREAKS: dict[str, Callable[[Path], object]] = {
    "no database": lambda root: (root / "catalog.db").write_text("nonsense" * 1000),
    "an empty catalog": lambda root: (root / "catalog.db").write_bytes(b""),
    "no metadata file": lambda root: _metadata(root).unlink(),
    "a metadata file cut short": lambda root: _metadata(root).write_text('{"format-version": 2'),
    "other JSON for metadata": lambda root: _metadata(root).write_text("[]"),
    "a broken marker": lambda root: (root / "stedi.json").write_text("{"),
}


@pytest.mark.slow
@pytest.mark.parametrize("broken", BREAKS)
def test_what_is_broken_is_told_found_and_mended(root: Path, invoke: Invoke, broken: str) -> None:
    BREAKS[broken](root)
    for command in (["tables"], ["jobs", "run", "--all"], ["validate"], ["history"]):
        told = invoke("--root", root, *command)
        assert (told.code, told.out) == (1, ""), command
        assert len(told.err.splitlines()) == 3
        assert str(root) in told.err
        assert "infra up" in told.err
    findings = invoke("--root", root, "doctor", "--json")
    assert findings.code == 1
    assert any(not f["ok"] and "infra up" in f["todo"] for f in findings.json())
    assert_mended(root, invoke)


@pytest.mark.slow
def test_mending_leaves_what_it_did_not_make(root: Path, invoke: Invoke) -> None:
    mine = root / "warehouse" / "mine" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    (root / "catalog.db").unlink()
    assert_mended(root, invoke)
    assert mine.read_text() == "mine"


@pytest.mark.slow
def test_a_quarantine_that_does_not_name_its_files_is_read(lake: Lake, tmp_path: Path) -> None:
    """As older versions wrote it, and as Spark does."""
    lake = Lake(lake.settings.root, max_bad_rows=1)
    lake.upload(write_lake(tmp_path / "bad", {"customer_landing": {"bad.json": b"{}\n"}}))
    lake.run()
    catalog = open_catalog(lake.layout)
    table = lake.model.tables["quarantine"]
    path = lake.data_file("quarantine")
    replace(catalog, table, {to_uri(path): path}, {}, keep=1, forget=True)
    current = lake.states()["quarantine"].current
    assert current is not None and not current.files
    assert lake.rows("quarantine") == [("customer_landing", "bad.json", 1, "missing:email")]
    # It does not say either how many lines of which table it holds, so it is written again.
    assert "customer_trusted" in lake.built()
    assert lake.rows("quarantine") == [("customer_landing", "bad.json", 1, "missing:email")]
    assert lake.built() == set()


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["its data file", "the table"])
def test_a_lost_quarantine_is_found_and_mended(
    lake: Lake, tmp_path: Path, invoke: Invoke, lost: str
) -> None:
    lake = Lake(lake.settings.root, max_bad_rows=1)
    lake.upload(write_lake(tmp_path / "bad", {"customer_landing": {"bad.json": BROKEN}}))
    lake.run()
    assert lake.rows("quarantine") == [
        ("customer_landing", "bad.json", 1, "missing:registrationDate")
    ]
    if lost == "the table":
        open_catalog(lake.layout).drop_table("stedi.quarantine")
    else:
        lake.data_file("quarantine").unlink()
    assert invoke("--root", lake.settings.root, "doctor").code == 1
    told = invoke("--root", lake.settings.root, "validate")
    assert told.code in (1, 3)
    lake.run()
    assert lake.rows("quarantine") == [
        ("customer_landing", "bad.json", 1, "missing:registrationDate")
    ]
    assert lake.validate().ok


# --- A run that died ------------------------------------------------------------------------------


@pytest.mark.parametrize("after", mostly_slow(["jobs run", "upload"]))
def test_what_a_dead_run_left_is_found_and_swept(root: Path, invoke: Invoke, after: str) -> None:
    stray = root / "warehouse" / "customer_trusted" / "data" / "stray.parquet"
    stray.write_bytes(b"stray")
    (root / "tmp" / "stray.part").write_bytes(b"stray")
    journal = {"run": "x", "tables": ["customer_trusted"]}
    (root / "journal.json").write_text(json.dumps(journal))
    wrong = [f for f in invoke("--root", root, "doctor", "--json").json() if not f["ok"]]
    assert {finding["what"] for finding in wrong} == {"journal", "temporary files"}
    before = Lake(root).states()
    if after == "upload":
        assert invoke("--root", root, "upload", root.parent / "data").code == 0
        assert Lake(root).states() == before
    else:
        assert invoke("--root", root, "jobs", "run", "--all", "--force").code == 0
    assert not stray.exists()
    assert not (root / "journal.json").exists()
    assert list((root / "tmp").iterdir()) == []
    assert Lake(root).counts() == STRICT
    assert invoke("--root", root, "doctor").code == 0


@pytest.mark.slow
def test_doctor_on_a_built_lakehouse_finds_nothing_wrong(root: Path, invoke: Invoke) -> None:
    before = content(root)
    findings = invoke("--root", root, "doctor", "--json")
    assert findings.code == 0
    assert {f["ok"] for f in findings.json()} == {True}
    seen = {f["what"] for f in findings.json()}
    assert seen >= {"disk", "root", "catalog", "configuration", "Python", "duckdb", *JOBS.values()}
    assert content(root) == before


@pytest.mark.parametrize("table", mostly_slow(JOBS.values()))
def test_doctor_finds_a_lost_data_file(root: Path, invoke: Invoke, table: str) -> None:
    Lake(root).data_file(table).unlink()
    findings = invoke("--root", root, "doctor", "--json")
    assert findings.code == 1
    (wrong,) = [f for f in findings.json() if not f["ok"]]
    assert wrong["what"] == table
    assert "jobs run --all" in wrong["todo"]
    shown = invoke("--root", root, "preview", table)
    assert (shown.code, shown.out) == (1, "")
    assert "jobs run --all" in shown.err


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [False, True])
def test_doctor_closes_what_it_opened(
    root: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, wrong: bool
) -> None:
    opened: list[Questions] = []
    closed: list[Questions] = []
    make, close = Questions.__init__, Questions.close

    def made(self: Questions, *settings: Any) -> None:
        opened.append(self)
        make(self, *settings)

    def left(self: Questions) -> None:
        closed.append(self)
        close(self)

    monkeypatch.setattr(Questions, "__init__", made)
    monkeypatch.setattr(Questions, "close", left)
    if wrong:
        Lake(root).data_file("customer_trusted").unlink()
    opened.clear()
    closed.clear()
    assert invoke("--root", root, "doctor").code == int(wrong)
    assert len(opened) == 1
    assert closed == opened


@pytest.mark.slow
def test_a_run_that_cannot_begin_leaves_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    def broken(layout: Layout) -> None:
        raise StediError("no catalog")

    before = content(root)
    monkeypatch.setattr("stedi_cli.local.place.open_catalog", broken)
    told = invoke("--root", root, "jobs", "run", "--all", "--force")
    assert told.code == 1
    assert "no catalog" in told.err
    after = content(root)
    assert after.keys() - {root / "readers"} == before.keys() - {root / "readers"}
