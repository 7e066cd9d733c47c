"""Exports for the data scientist: the table, whole, and nothing overwritten unasked."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import HARM, Ask, Lake
from small import STRICT, TABLES

from stedi_cli.errors import StediError


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


def test_an_export_of_a_table_that_is_not_built_makes_nothing(lake: Lake, tmp_path: Path) -> None:
    with lake.opened() as target, pytest.raises(StediError, match="not built yet"):
        target.export("customer_trusted", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
