"""The catalog in SQLite: behaviour of a catalog, Iceberg's JDBC layout, racing writers."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)

from stedi_cli.local.catalog import SqliteCatalog
from stedi_cli.local.layout import to_uri

SCHEMA = pa.schema([("n", pa.int64())])
ONCE = {"commit.retry.num-retries": "0"}


def rows(*numbers: int) -> pa.Table:
    return pa.table({"n": list(numbers)}, SCHEMA)


def opened(folder: Path) -> SqliteCatalog:
    return SqliteCatalog(str(folder / "catalog.db"), warehouse=to_uri(folder / "warehouse"))


@pytest.fixture
def catalog(tmp_path: Path) -> SqliteCatalog:
    made = opened(tmp_path)
    made.create_namespace("stedi")
    return made


def numbers(catalog: Catalog, table: str = "stedi.t") -> list[int]:
    return sorted(catalog.load_table(table).scan().to_arrow()["n"].to_pylist())


# --- Tables and namespaces -----------------------------------------------------------------------


def test_create_load_commit(catalog: SqliteCatalog, tmp_path: Path) -> None:
    made = catalog.create_table("stedi.t", SCHEMA)
    assert made.name() == ("stedi", "t")
    assert numbers(catalog) == []
    made.append(rows(1, 2))
    assert numbers(catalog) == [1, 2]
    assert numbers(opened(tmp_path)) == [1, 2]
    loaded = catalog.load_table(("stedi", "t"))
    assert loaded.metadata == made.metadata
    assert loaded.metadata_location == made.metadata_location
    assert loaded.metadata.table_uuid == catalog.load_table("stedi.t").metadata.table_uuid


def test_create_twice(catalog: SqliteCatalog) -> None:
    first = catalog.create_table("stedi.t", SCHEMA)
    with pytest.raises(TableAlreadyExistsError):
        catalog.create_table("stedi.t", SCHEMA)
    again = catalog.create_table_if_not_exists("stedi.t", pa.schema([("other", pa.string())]))
    assert again.metadata.table_uuid == first.metadata.table_uuid
    assert catalog.load_table("stedi.t").metadata == first.metadata


def test_two_creators_at_once(catalog: SqliteCatalog) -> None:
    first = catalog.create_table_transaction("stedi.t", SCHEMA)
    second = catalog.create_table_transaction("stedi.t", SCHEMA)
    first.commit_transaction()
    with pytest.raises((TableAlreadyExistsError, CommitFailedException)):
        second.commit_transaction()
    uuid = first.table_metadata.table_uuid
    assert catalog.load_table("stedi.t").metadata.table_uuid == uuid


def test_what_is_not_there(catalog: SqliteCatalog) -> None:
    assert not catalog.table_exists("stedi.t")
    for missing in (catalog.load_table, catalog.drop_table):
        with pytest.raises(NoSuchTableError):
            missing("stedi.t")
    with pytest.raises(NoSuchNamespaceError):
        catalog.load_namespace_properties("nowhere")


def test_list_and_drop(catalog: SqliteCatalog, tmp_path: Path) -> None:
    catalog.create_namespace("other")
    for name in ("stedi.b", "stedi.a", "other.c"):
        catalog.create_table(name, SCHEMA)
    assert catalog.list_tables("stedi") == [("stedi", "a"), ("stedi", "b")]
    assert catalog.list_tables("other") == [("other", "c")]
    location = catalog.load_table("stedi.a").metadata_location
    catalog.drop_table("stedi.a")
    assert catalog.list_tables("stedi") == [("stedi", "b")]
    assert not catalog.table_exists("stedi.a")
    assert Path(location.removeprefix("file://")).is_file()
    restored = catalog.register_table("stedi.a", location)
    assert restored.metadata_location == location
    with pytest.raises(TableAlreadyExistsError):
        catalog.register_table("stedi.b", location)


def test_namespaces(catalog: SqliteCatalog) -> None:
    with pytest.raises(NamespaceAlreadyExistsError):
        catalog.create_namespace("stedi")
    catalog.create_namespace_if_not_exists("stedi")
    catalog.create_namespace("more", {"owner": "ann", "place": "here"})
    assert catalog.list_namespaces() == [("more",), ("stedi",)]
    assert catalog.load_namespace_properties("more") == {"owner": "ann", "place": "here"}
    assert catalog.namespace_exists("stedi")


def test_a_transaction_without_changes_moves_nothing(catalog: SqliteCatalog) -> None:
    made = catalog.create_table("stedi.t", SCHEMA)
    made.transaction().commit_transaction()
    assert catalog.load_table("stedi.t").metadata_location == made.metadata_location


# --- Layout --------------------------------------------------------------------------------------


def test_layout_is_that_of_icebergs_jdbc_catalog_v1(catalog: SqliteCatalog, tmp_path: Path) -> None:
    table = catalog.create_table("stedi.t", SCHEMA)
    first = table.metadata_location
    table.append(rows(1))
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as db:
        columns = {
            name: [(c[1], c[2], c[5]) for c in db.execute(f"PRAGMA table_info({name})")]
            for name in ("iceberg_tables", "iceberg_namespace_properties")
        }
        stored = db.execute("SELECT * FROM iceberg_tables").fetchall()
        spaces = db.execute("SELECT * FROM iceberg_namespace_properties").fetchall()
    # Column, type and place in the primary key, as JdbcUtil of Iceberg makes them.
    assert columns["iceberg_tables"] == [
        ("catalog_name", "VARCHAR(255)", 1),
        ("table_namespace", "VARCHAR(255)", 2),
        ("table_name", "VARCHAR(255)", 3),
        ("metadata_location", "VARCHAR(1000)", 0),
        ("previous_metadata_location", "VARCHAR(1000)", 0),
        ("iceberg_type", "VARCHAR(5)", 0),
    ]
    assert columns["iceberg_namespace_properties"] == [
        ("catalog_name", "VARCHAR(255)", 1),
        ("namespace", "VARCHAR(255)", 2),
        ("property_key", "VARCHAR(255)", 3),
        ("property_value", "VARCHAR(1000)", 0),
    ]
    assert stored == [("stedi", "stedi", "t", table.metadata_location, first, "TABLE")]
    assert spaces == [("stedi", "stedi", "exists", "true")]


def test_other_rows_of_the_file_are_not_its_tables(catalog: SqliteCatalog, tmp_path: Path) -> None:
    location = catalog.create_table("stedi.t", SCHEMA).metadata_location
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as db, db:
        insert = "INSERT INTO iceberg_tables VALUES (?, 'stedi', ?, ?, NULL, ?)"
        db.execute(insert, ("stedi", "a_view", location, "VIEW"))
        db.execute(insert, ("stedi", "of_v0", location, None))
        db.execute(insert, ("another", "t2", location, "TABLE"))
    assert catalog.list_tables("stedi") == [("stedi", "of_v0"), ("stedi", "t")]
    for name in ("stedi.a_view", "stedi.t2"):
        with pytest.raises(NoSuchTableError):
            catalog.load_table(name)
    assert numbers(catalog, "stedi.of_v0") == []


@pytest.mark.slow
def test_pyicebergs_own_catalog_shares_the_file(catalog: SqliteCatalog, tmp_path: Path) -> None:
    from pyiceberg.catalog.sql import SqlCatalog

    catalog.create_table("stedi.ours", SCHEMA).append(rows(1))
    uri, warehouse = f"sqlite:///{tmp_path}/catalog.db", to_uri(tmp_path / "warehouse")
    theirs = SqlCatalog("stedi", uri=uri, warehouse=warehouse)
    try:
        assert theirs.list_namespaces() == [("stedi",)]
        assert numbers(theirs, "stedi.ours") == [1]
        theirs.load_table("stedi.ours").append(rows(2))
        theirs.create_table("stedi.theirs", SCHEMA).append(rows(3))
    finally:
        theirs.engine.dispose()
    assert numbers(catalog, "stedi.ours") == [1, 2]
    assert numbers(catalog, "stedi.theirs") == [3]


# --- Conflicts -----------------------------------------------------------------------------------


def test_the_second_of_two_commits_fails_and_changes_nothing(catalog: SqliteCatalog) -> None:
    catalog.create_table("stedi.t", SCHEMA, properties=ONCE).append(rows(1))
    first, second = catalog.load_table("stedi.t"), catalog.load_table("stedi.t")
    first.append(rows(2))
    location = catalog.load_table("stedi.t").metadata_location
    with pytest.raises(CommitFailedException):
        second.append(rows(3))
    assert catalog.load_table("stedi.t").metadata_location == location
    assert numbers(catalog) == [1, 2]
    catalog.load_table("stedi.t").append(rows(3))
    assert numbers(catalog) == [1, 2, 3]


def test_a_pointer_that_moved_in_between_is_noticed(catalog: SqliteCatalog, tmp_path: Path) -> None:
    table = catalog.create_table("stedi.t", SCHEMA)
    other = opened(tmp_path)

    class Slow(SqliteCatalog):
        """Lets another writer in between reading and swapping the pointer."""

        def _write_metadata(self, *args: object, **kwargs: object) -> None:
            super()._write_metadata(*args, **kwargs)  # type: ignore[arg-type]
            with other.load_table("stedi.t").transaction() as transaction:
                transaction.set_properties({"other": "1"})

    slow = Slow(str(tmp_path / "catalog.db"), warehouse=to_uri(tmp_path / "warehouse"))
    with (
        pytest.raises(CommitFailedException, match="changed by another"),
        slow.load_table("stedi.t").transaction() as transaction,
    ):
        transaction.set_properties({"slow": "1"})
    assert catalog.load_table("stedi.t").properties == {"other": "1"}
    assert table.metadata.table_uuid == catalog.load_table("stedi.t").metadata.table_uuid


_RACER = """
import sys
from pathlib import Path
from test_catalog import CommitFailedException, opened, rows
catalog, name = opened(Path(sys.argv[1])), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for turn in range(int(sys.argv[3])):
    number = name * 1000 + turn
    try:
        catalog.load_table("stedi.t").append(rows(number))
    except CommitFailedException:
        print("lost", number)
    else:
        print("landed", number)
"""


@pytest.mark.slow
def test_racing_processes_lose_no_commit_that_landed(
    catalog: SqliteCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.create_table("stedi.t", SCHEMA, properties=ONCE)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=":")
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", _RACER, tmp_path, str(name), "8"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in (1, 2, 3)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    told = [line.split() for racer in racers for line in racer.communicate()[0].splitlines()]
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert len(told) == 24
    landed = sorted(int(number) for verdict, number in told if verdict == "landed")
    assert landed
    assert numbers(catalog) == landed
    snapshots = catalog.load_table("stedi.t").metadata.snapshots
    assert len(snapshots) == len(landed)
    parents = [snapshot.parent_snapshot_id for snapshot in snapshots]
    assert parents == [None, *(snapshot.snapshot_id for snapshot in snapshots[:-1])]
