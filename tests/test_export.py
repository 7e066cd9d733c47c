"""Exports for the data scientist: the table, whole, and nothing overwritten unasked."""

from __future__ import annotations

import csv
import os
import stat
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import HARM, Ask, Lake, mostly_slow
from small import STRICT, TABLES

from stedi_cli.errors import StediError


@pytest.mark.slow
@pytest.mark.parametrize("table", [*TABLES, "quarantine"])
def test_a_parquet_file_holds_the_table(built: Lake, ask: Ask, workspace: Path, table: str) -> None:
    told = ask("export", table, "out.parquet", "--json")
    assert told.json() == {"table": table, "file": "out.parquet", "rows": STRICT.get(table, 2)}
    read = pq.read_table("out.parquet")
    assert read.column_names == [c.name for c in built.model.tables[table].columns]
    assert Counter(map(tuple, (r.values() for r in read.to_pylist()))) == Counter(built.rows(table))
    assert [path.name for path in workspace.iterdir()] == ["out.parquet"]


def test_a_csv_file_holds_the_table(harmful: Lake, invoke: Ask) -> None:
    root = ["--root", harmful.settings.root]
    assert invoke(*root, "export", "customer_trusted", "OUT.CSV").code == 0
    with Path("OUT.CSV").open(newline="", encoding="utf-8") as stream:
        read = list(csv.DictReader(stream))
    rows = harmful.rows("customer_trusted")
    expected = [tuple("" if value is None else str(value) for value in row) for row in rows]
    assert Counter(tuple(row.values()) for row in read) == Counter(expected)
    assert HARM in {row["customerName"] for row in read}


def test_an_existing_file_is_replaced_only_when_forced(ask: Ask) -> None:
    Path("out.csv").write_text("mine")
    told = ask("export", "customer_trusted", "out.csv")
    assert told.code == 2
    assert "--force" in told.err
    assert Path("out.csv").read_text() == "mine"
    assert ask("export", "customer_trusted", "out.csv", "--force").code == 0
    assert Path("out.csv").read_text().startswith("customerName,")


@pytest.mark.parametrize("name", ["out.json", "out", "out.parquet.gz", "nowhere/out.csv", ".csv"])
def test_a_file_that_cannot_be_made_is_refused(ask: Ask, workspace: Path, name: str) -> None:
    told = ask("export", "customer_trusted", name)
    assert (told.code, told.out) == (2, "")
    assert list(workspace.iterdir()) == []


def test_a_folder_in_the_place_of_the_file_is_left_alone(ask: Ask, workspace: Path) -> None:
    (workspace / "out.csv").mkdir()
    assert ask("export", "customer_trusted", "out.csv").code == 2
    assert ask("export", "customer_trusted", "out.csv", "--force").code == 1
    assert [path.name for path in workspace.rglob("*")] == ["out.csv"]


def test_a_link_that_leads_nowhere_is_replaced_only_when_forced(
    ask: Ask, workspace: Path, tmp_path: Path
) -> None:
    link = workspace / "out.csv"
    link.symlink_to(tmp_path / "elsewhere.csv")
    told = ask("export", "customer_trusted", "out.csv")
    assert (told.code, told.out) == (2, "")
    assert "--force" in told.err
    assert link.is_symlink()
    assert ask("export", "customer_trusted", "out.csv", "--force").code == 0
    assert not link.is_symlink()
    assert link.read_text().startswith("customerName,")
    assert not (tmp_path / "elsewhere.csv").exists()


def test_a_link_to_itself_is_replaced_only_when_forced(ask: Ask, workspace: Path) -> None:
    link = workspace / "out.csv"
    link.symlink_to(link)
    assert ask("export", "customer_trusted", "out.csv").code == 2
    assert link.is_symlink()
    assert ask("export", "customer_trusted", "out.csv", "--force").code == 0
    assert link.read_text().startswith("customerName,")


def test_a_link_to_a_file_is_replaced_and_the_file_left(ask: Ask, workspace: Path) -> None:
    mine = workspace / "mine"
    mine.write_text("mine")
    mine.chmod(0o640)
    (workspace / "out.csv").symlink_to(mine)
    assert ask("export", "customer_trusted", "out.csv").code == 2
    assert ask("export", "customer_trusted", "out.csv", "--force").code == 0
    assert mine.read_text() == "mine"
    assert mode_of(workspace / "out.csv") == 0o640


@pytest.mark.slow
@pytest.mark.parametrize("mode", mostly_slow([0o600, 0o640, 0o400, 0o666, 0o6755, 0o1600], quick=2))
@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_replaced_file_keeps_its_mode(ask: Ask, workspace: Path, name: str, mode: int) -> None:
    file = workspace / name
    file.write_text("mine")
    file.chmod(mode)
    assert ask("export", "customer_trusted", name, "--force").code == 0
    assert file.stat().st_size > 4
    assert mode_of(file) == mode & 0o777


def test_what_is_no_file_is_left_alone(ask: Ask, workspace: Path) -> None:
    os.mkfifo(workspace / "out.csv")
    told = ask("export", "customer_trusted", "out.csv", "--force")
    assert (told.code, told.out) == (1, "")
    assert (workspace / "out.csv").is_fifo()


PLACES = ["", "landing/customer", "warehouse/customer_trusted/data", "tmp"]


@pytest.mark.parametrize("place", mostly_slow(PLACES))
@pytest.mark.parametrize("force", mostly_slow([[], ["--force"]]))
@pytest.mark.usefixtures("ran")
def test_a_place_inside_the_lakehouse_is_refused_however_it_is_named(
    lake: Lake, invoke: Ask, workspace: Path, place: str, force: list[str]
) -> None:
    root = lake.settings.root
    inside = root / place
    inside.mkdir(exist_ok=True)
    (workspace / "link").symlink_to(inside)
    (workspace / "file.csv").symlink_to(inside / "out.csv")
    (workspace / "up").symlink_to(root / "landing" / "customer")
    (root.parent / "x").mkdir()
    before = content_of(root)
    for name in (
        inside / "out.csv",
        os.path.relpath(inside / "out.csv"),
        root.parent / "x" / ".." / root.name / place / "out.parquet",
        "link/out.csv",
        "link/./out.parquet",
        "up/../../stedi.csv",
    ):
        told = invoke("--root", root, "export", "customer_trusted", name, *force)
        assert (told.code, told.out) == (2, ""), name
        assert "inside the lakehouse" in told.err
    told = invoke("--root", root, "export", "customer_trusted", "file.csv", "--force")
    assert (told.code, told.out) == (2, "")
    assert "inside the lakehouse" in told.err
    assert content_of(root) == before


def test_a_place_inside_another_lakehouse_is_refused(ask: Ask, lake: Lake) -> None:
    name = lake.settings.root / "out.csv"
    told = ask("export", "customer_trusted", name)
    assert (told.code, told.out) == (2, "")
    assert str(lake.settings.root) in told.err
    assert not name.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_a_place_beside_the_lakehouse_is_none_inside(lake: Lake, invoke: Ask) -> None:
    root = lake.settings.root
    beside = root.parent / f"{root.name}-out"
    beside.mkdir()
    for name in (root.parent / "out.csv", beside / "out.csv", root / ".." / "more.csv"):
        assert invoke("--root", root, "export", "customer_trusted", name).code == 0


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_an_export_of_a_table_that_is_not_built_makes_nothing(lake: Lake, tmp_path: Path) -> None:
    with lake.opened() as opened, pytest.raises(StediError, match="not built yet"):
        opened.questions.export("customer_trusted", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
