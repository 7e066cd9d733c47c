"""What metadata tell of values: none of them, whoever wrote a table, and no older version's either.

Every manifest and every Parquet file below the warehouse is looked at, not only what is current.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import PROJECT, Lake
from pyiceberg.expressions import EqualTo
from pyiceberg.io.pyarrow import PyArrowFileIO, parquet_file_to_data_file
from pyiceberg.manifest import DataFile, ManifestContent, ManifestFile
from pyiceberg.table.metadata import TableMetadata
from small import JOBS, STRICT, write_lake

from stedi_cli.lake.job_run import JobDone
from stedi_cli.lake.records import RunOptions
from stedi_cli.local.table_files import open_catalog
from stedi_cli.project.lakehouse import Table
from stedi_cli.runs.pipeline import Pipeline
from stedi_cli.tables import iceberg, metrics

ALL = set(JOBS.values())
STORED = sorted(ALL | {"quarantine"})


def bounds(lake: Lake, table: str) -> dict[str, set[bytes]]:
    """Least and greatest values, by manifest; a manifest without any has an empty set."""
    found: dict[str, set[bytes]] = {}
    for path in (lake.layout.warehouse / table / "metadata").glob("*-m*.avro"):
        manifest = ManifestFile.from_args(
            manifest_path=str(path),
            manifest_length=path.stat().st_size,
            partition_spec_id=0,
            content=ManifestContent.DATA,
            sequence_number=1,
            min_sequence_number=1,
            added_snapshot_id=1,
        )
        values = found.setdefault(path.name, set())
        for entry in manifest.fetch_manifest_entry(PyArrowFileIO(), discard_deleted=False):
            assert entry.data_file.value_counts is not None
            for told in (entry.data_file.lower_bounds, entry.data_file.upper_bounds):
                values |= set((told or {}).values())
    return found


def filtered(lake: Lake, table: str) -> list[str]:
    """Columns with a Bloom filter in any data file of a table."""
    files = f"{lake.layout.warehouse / table}/data/*.parquet"
    sql = f"SELECT path_in_schema FROM parquet_metadata('{files}') WHERE bloom_filter_offset > 0"
    with duckdb.connect() as connection:
        return [row[0] for row in connection.execute(sql).fetchall()]


def assert_untold(lake: Lake, tables: list[str] = STORED) -> None:
    for name in tables:
        found = bounds(lake, name)
        assert found, name
        assert set().union(*found.values()) == set(), name
        assert filtered(lake, name) == [], name


@pytest.fixture
def dirty(lake: Lake, tmp_path: Path) -> Lake:
    """The small lake with a line for the quarantine, not built."""
    made = Lake(lake.settings.root, max_bad_rows=1)
    made.upload(write_lake(tmp_path / "bad", {"customer_landing": {"bad.json": b"{}\n"}}))
    return made


def as_before(table: Table) -> dict[str, str]:
    """The properties that older versions gave a table."""
    personal = (column.name for column in table.columns if column.personal)
    return {f"write.metadata.metrics.column.{name}": "none" for name in personal}


def told_with_values(_: Path, metadata: TableMetadata, uri: str) -> DataFile:
    """What a manifest said of a data file in older versions: its columns' bounds too."""
    return parquet_file_to_data_file(PyArrowFileIO(), metadata, uri)


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The sample in a lakehouse of an older version, each table built twice."""
    lake = Lake(tmp_path / "old").up()
    lake.upload(PROJECT / "data" / "sample")
    with monkeypatch.context() as patch:
        patch.setattr(metrics, "properties", as_before)
        patch.setattr(iceberg, "COUNTS_ONLY", {})
        patch.setattr(iceberg, "_may_hold_bounds", lambda _: False)
        patch.setattr(iceberg, "data_file", told_with_values)
        patch.setattr("stedi_cli.local.engine.PARQUET", "FORMAT parquet, COMPRESSION zstd")
        # Made by `infra up` with the properties of today.
        open_catalog(lake.layout).drop_table("stedi.quarantine")
        lake.run()
        lake.run(force=True)
    told = {name: bounds(lake, name).values() for name in STORED}
    assert all(any(values) for values in told.values())
    assert {len(lake.states()[name].snapshots) for name in ALL} == {2}
    assert "serialNumber" in filtered(lake, "step_trainer_trusted")
    return lake


@pytest.mark.slow
def test_no_manifest_holds_a_value_and_no_file_a_filter(dirty: Lake) -> None:
    dirty.run()
    dirty.run(force=True)
    assert_untold(dirty)
    assert {len(dirty.states()[name].snapshots) for name in ALL} == {2}


@pytest.mark.slow
def test_the_next_run_rids_an_older_lakehouse_of_them(old: Lake) -> None:
    done = old.run()
    assert {event.job.writes for event in done.values() if event.status == "built"} == ALL
    first = done["customer_landing_to_trusted"]
    assert first.why == "the metadata of customer_trusted and quarantine may hold values"
    assert_untold(old)
    assert {len(state.snapshots) for state in old.states().values()} == {1}
    assert old.built() == set()


@pytest.mark.slow
def test_the_next_job_alone_rids_the_quarantine_of_them(old: Lake) -> None:
    old.run("customer_landing_to_trusted")
    assert_untold(old, ["customer_trusted", "quarantine"])


def set_property(lake: Lake, table: str, name: str, value: str | None) -> None:
    with open_catalog(lake.layout).load_table(f"stedi.{table}").transaction() as transaction:
        if value is None:
            transaction.remove_properties(name)
        else:
            transaction.set_properties({name: value})


CHANGES: dict[str, tuple[str, str | None]] = {
    "no default": ("write.metadata.metrics.default", None),
    "another default": ("write.metadata.metrics.default", "truncate(16)"),
    "a column of its own": ("write.metadata.metrics.column.serialNumber", "full"),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_a_property_that_another_engine_set_is_put_right(dirty: Lake, change: str) -> None:
    dirty.run()
    set_property(dirty, "customers_curated", *CHANGES[change])
    done = dirty.run()
    assert done["customer_trusted_to_curated"].why == (
        "the metadata of customers_curated may hold values"
    )
    assert done["customer_landing_to_trusted"].status == "unchanged"
    assert dirty.built() == set()
    assert_untold(dirty)


@pytest.mark.slow
def test_a_property_of_the_quarantine_is_put_right(dirty: Lake) -> None:
    dirty.run()
    set_property(dirty, "quarantine", "write.metadata.metrics.column.file", "full")
    assert "customer_trusted" in dirty.built()
    assert dirty.built() == set()
    assert_untold(dirty)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["customer_trusted", "quarantine"])
def test_what_another_engine_wrote_is_not_kept(dirty: Lake, name: str) -> None:
    dirty.run()
    table = open_catalog(dirty.layout).load_table(f"stedi.{name}")
    with table.transaction() as transaction:
        transaction.set_properties(
            {
                "write.metadata.metrics.default": "full",
                **{
                    f"write.metadata.metrics.column.{c.name}": "full"
                    for c in dirty.model.tables[name].columns
                },
            }
        )
    column = "email" if name == "customer_trusted" else "table"
    table.delete(EqualTo(column, "nobody's"))
    table.overwrite(table.scan().to_arrow())
    assert any(bounds(dirty, name).values())
    assert "customer_trusted" in dirty.built()
    assert_untold(dirty)
    assert dirty.counts() == STRICT | {"customer_landing": dirty.counts()["customer_landing"]}
    assert dirty.built() == set()


@pytest.mark.slow
def test_an_export_holds_no_filter(old: Lake, invoke: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "out.parquet"
    root = old.settings.root
    assert invoke("--root", root, "export", "step_trainer_trusted", str(file)).code == 0
    with duckdb.connect() as connection:
        sql = f"SELECT bloom_filter_offset FROM parquet_metadata('{file}')"
        assert {row[0] for row in connection.execute(sql).fetchall()} == {None}


def run_on_spark(lake: Lake) -> list[JobDone]:
    with lake.opened() as opened:
        events = Pipeline(lake.model, opened, "strict").run(RunOptions("spark"))
        return [event for event in events if isinstance(event, JobDone)]


@pytest.mark.spark
@pytest.mark.slow
def test_the_same_on_spark(old: Lake) -> None:
    assert {done.status for done in run_on_spark(old)} == {"built"}
    assert_untold(old)
    assert {len(old.states()[name].snapshots) for name in ALL} == {1}
    assert old.built() == set()
    set_property(old, "customer_trusted", "write.metadata.metrics.column.email", "full")
    set_property(old, "quarantine", "write.metadata.metrics.default", "full")
    run_on_spark(old)
    assert_untold(old)
    assert old.built() == set()
