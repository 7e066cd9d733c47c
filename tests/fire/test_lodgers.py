"""Tables of others with files below a table's folder: no command takes any of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.types import LongType, NestedField
from small import STRICT

from fire.arena import Arena
from fire.state import catalog, path_of
from stedi_cli.local.layout import Layout, to_uri
from stedi_cli.local.table_files import open_catalog


def rows(root: Path, name: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = StaticTable.from_metadata(catalog(root)[name]).scan()
    return sorted(found.to_arrow().to_pylist(), key=repr)  # type: ignore[attr-defined]


def rename(root: Path) -> str:
    """What another engine's `ALTER TABLE … RENAME TO` does: the files stay where they are."""
    with closing(sqlite3.connect(root / "catalog.db")) as db, db:
        db.execute(
            "UPDATE iceberg_tables SET table_name = 'other' WHERE table_name = 'customers_curated'"
        )
    return "other"


def make(root: Path, location: Path, **properties: str) -> str:
    schema = Schema(NestedField(1, "n", LongType(), required=False))
    table = open_catalog(Layout(root)).create_table(
        "stedi.weird", schema, location=to_uri(location), properties=properties
    )
    table.append(pa.table({"n": [1, 2, 3]}))
    return "weird"


def nest(root: Path) -> str:
    return make(root, root / "warehouse" / "customer_trusted" / "sub")


def write_into(root: Path) -> str:
    """A table elsewhere that has its data below a table's folder."""
    data = to_uri(root / "warehouse" / "customer_trusted" / "data")
    return make(root, root.parent / "elsewhere", **{"write.data.path": data})


@pytest.mark.parametrize("lodge", [rename, nest, write_into])
def test_a_table_of_others_below_a_folder_of_ours_stays(built: Arena, lodge) -> None:  # type: ignore[no-untyped-def]
    root = built.root
    name = lodge(root)
    before = rows(root, name)
    assert before
    for words in ("jobs run --all", "jobs run --all --force", "infra up --no-data"):
        built.done(*words.split())
        assert rows(root, name) == before, words
    assert built.counts() == STRICT
    path_of(catalog(root)["customer_trusted"]).write_text("{")
    built.done("infra", "up", "--no-data")
    assert rows(root, name) == before
    built.done("jobs", "run", "--all")
    ours = [uri for table, uri in catalog(root).items() if table != name]
    told = built.done("infra", "down", "--yes")
    assert f"{name} left" in " ".join(told.out.split())
    assert rows(root, name) == before
    assert set(catalog(root)) == {name}
    assert not any(path_of(uri).exists() for uri in ours)
