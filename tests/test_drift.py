"""What another engine changes is seen by jobs run, validate and doctor, and mended by the run."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Lake, Result
from pyiceberg.expressions import EqualTo
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import LongType, StringType
from small import BROKEN, JOBS, STRICT, write_lake

from stedi_cli.local.layout import to_path, to_uri
from stedi_cli.local.table_files import open_catalog
from stedi_cli.project.settings import Limits
from stedi_cli.runs import spark_request
from stedi_cli.tables.metrics import stray

Invoke = Callable[..., Result]
BAD = [("customer_landing", "bad.json", 1, "missing:registrationDate")]


@pytest.fixture
def dirty(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The small lake, built, with a line in quarantine."""
    lake = Lake(lake.settings.root, max_bad_rows=1)
    lake.upload(write_lake(tmp_path / "bad", {"customer_landing": {"bad.json": BROKEN}}))
    lake.run()
    monkeypatch.setenv("STEDI_ROOT", str(lake.settings.root))
    return lake


def rename(table: Any) -> None:
    with table.update_schema() as update:
        update.rename_column(table.schema().column_names[1], "other")


def drop(table: Any) -> None:
    with table.update_schema() as update:
        update.delete_column(table.schema().column_names[1])


def add(table: Any) -> None:
    with table.update_schema() as update:
        update.add_column("other", StringType())


def change_type(table: Any) -> None:
    name = table.schema().column_names[1]
    kind = StringType() if table.schema().find_type(name) != StringType() else LongType()
    with table.update_schema(allow_incompatible_changes=True) as update:
        update.delete_column(name)
    with table.update_schema() as update:
        update.add_column(name, kind)


def swap(table: Any) -> None:
    one, two = table.schema().column_names[:2]
    for old, new in ((one, "other"), (two, one), ("other", two)):
        with table.update_schema() as update:
            update.rename_column(old, new)


def make_again(table: Any) -> None:
    # The last one, so that the order is what it was.
    field = table.schema().fields[-1]
    with table.update_schema() as update:
        update.delete_column(field.name)
    with table.update_schema() as update:
        update.add_column(field.name, field.field_type, field.doc)


def reorder(table: Any) -> None:
    with table.update_schema() as update:
        update.move_first(table.schema().column_names[-1])


def require(table: Any) -> None:
    with table.update_schema(allow_incompatible_changes=True) as update:
        update.update_column(table.schema().column_names[0], required=True)


def identify(table: Any) -> None:
    require(table)
    with table.update_schema() as update:
        update.set_identifier_fields(table.schema().column_names[0])


def document(table: Any) -> None:
    with table.update_schema() as update:
        update.update_column(table.schema().column_names[0], doc="other")


def sort(table: Any) -> None:
    table.update_sort_order().asc(table.schema().column_names[0], IdentityTransform()).commit()


def partition(table: Any) -> None:
    with table.update_spec() as update:
        update.add_field(table.schema().column_names[0], IdentityTransform(), "parts")


def add_row(table: Any) -> None:
    schema = table.schema().as_arrow()
    table.append(pa.table([pa.nulls(1, field.type) for field in schema], schema=schema))


def take_a_row(table: Any) -> None:
    name = table.schema().column_names[0]
    table.delete(EqualTo(name, table.scan().to_arrow()[name][0].as_py()))


def bound(table: Any) -> None:
    name = f"write.metadata.metrics.column.{table.schema().column_names[0]}"
    with table.transaction() as transaction:
        transaction.set_properties({name: "full"})


def filter_by(table: Any) -> None:
    name = f"write.parquet.bloom-filter-enabled.column.{table.schema().column_names[0]}"
    with table.transaction() as transaction:
        transaction.set_properties({name: "true"})


def put_elsewhere(table: Any) -> None:
    with table.transaction() as transaction:
        transaction.set_properties({"write.data.path": f"{table.location()}-elsewhere"})


def unmap(table: Any) -> None:
    with table.transaction() as transaction:
        transaction.remove_properties("schema.name-mapping.default")


def map_otherwise(table: Any) -> None:
    one, two = table.schema().name_mapping.model_dump()[:2]
    mapping = [one | {"names": two["names"]}, two | {"names": one["names"]}]
    with table.transaction() as transaction:
        transaction.set_properties({"schema.name-mapping.default": json.dumps(mapping)})


SETTINGS = [bound, filter_by, put_elsewhere]
CHANGES = [
    *(rename, swap, make_again, drop, add, change_type, reorder, require, identify, document),
    *(partition, sort, *SETTINGS, unmap, map_otherwise, add_row, take_a_row),
]


def is_spark_told(lake: Lake, table: str) -> bool:
    """Tell whether Spark is told to take over nothing of a table of unusable lines."""
    nothing: dict[str, Any] = {"keep": None, "limits": Limits(0, 0), "folder": str, "sql": str}
    nothing |= {"ledgers": "", "ledger": lambda table: None, "is_whole": lambda name: True}
    nothing |= {"answered": {}, "aside": ""}
    names = dict.fromkeys(("engine", "catalog", "namespace"), "")
    asked = spark_request.request([], lake.model, lake.states(), **names, **nothing)
    return table in asked["changed"]


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", ["customers_curated", "quarantine", "held_back"])
@pytest.mark.filterwarnings("ignore:Delete operation did not match")
def test_what_another_engine_changes_is_told_and_mended(
    dirty: Lake, invoke: Invoke, table: str, change: Callable[[Any], None]
) -> None:
    change(open_catalog(dirty.layout).load_table(f"stedi.{table}"))
    wanted = table != "customers_curated" and change not in SETTINGS
    assert is_spark_told(dirty, table) == wanted
    doctor = invoke("doctor", "--json")
    assert doctor.code == 1
    (wrong,) = [f for f in doctor.json() if not f["ok"]]
    assert wrong["what"] == table
    assert "jobs run --all" in wrong["todo"]
    validate = invoke("validate")
    assert validate.code != 0
    assert table in validate.out + validate.err
    stale = {j["job"]: j["why"] for j in invoke("jobs", "list", "--json").json() if j["why"]}
    assert stale
    built = dirty.built()
    assert built == {JOBS[job] for job in stale}
    assert dirty.counts() == STRICT
    assert dirty.rows("quarantine") == BAD
    assert invoke("doctor").code == 0
    assert invoke("validate").code == 0
    assert dirty.built() == set()
    made = open_catalog(dirty.layout).load_table(f"stedi.{table}")
    wanted = dirty.model.tables[table].columns
    assert [f.name for f in made.schema().fields] == [c.name for c in wanted]
    assert [f.doc for f in made.schema().fields] == [c.doc for c in wanted]
    assert not any(field.required for field in made.schema().fields)
    assert not made.schema().identifier_field_ids
    assert made.spec().is_unpartitioned()
    assert made.sort_order().is_unsorted
    assert "full" not in made.properties.values()
    assert not stray(made.properties)
    assert made.name_mapping() == made.schema().name_mapping
    assert made.scan().to_arrow().num_rows == len(dirty.rows(table))


@pytest.mark.slow
@pytest.mark.parametrize("table", ["customers_curated", "quarantine"])
def test_a_table_of_a_newer_format_is_told_and_made_again(
    dirty: Lake, invoke: Invoke, table: str
) -> None:
    made = open_catalog(dirty.layout).load_table(f"stedi.{table}")
    before = to_path(made.metadata_location)
    after = before.with_name(f"00009-{uuid.uuid4()}.metadata.json")
    newer = {"format-version": 3, "next-row-id": 0}
    after.write_text(json.dumps(json.loads(before.read_text()) | newer))
    with closing(sqlite3.connect(dirty.layout.catalog)) as db, db:
        moved = "UPDATE iceberg_tables SET metadata_location = ? WHERE table_name = ?"
        db.execute(moved, (to_uri(after), table))
    for words in (["validate"], ["jobs", "run", "--all"], ["tables"]):
        told = invoke(*words)
        assert told.code == 1
        assert "another engine made it format 3 of Iceberg" in told.err
        assert "`stedi infra up`" in told.err
    assert any("format 3" in f["found"] for f in invoke("doctor", "--json").json())
    assert invoke("infra", "up", "--no-data").code == 0
    assert dirty.built()
    assert dirty.counts() == STRICT
    assert dirty.rows("quarantine") == BAD
    assert invoke("doctor").code == 0


@pytest.mark.slow
def test_a_table_that_another_engine_dropped_is_told(dirty: Lake, invoke: Invoke) -> None:
    open_catalog(dirty.layout).drop_table("stedi.customer_trusted")
    doctor = invoke("doctor", "--json")
    assert doctor.code == 1
    (wrong,) = [f for f in doctor.json() if not f["ok"]]
    assert wrong["what"] == "customer_trusted"
    assert "not in the catalog" in wrong["found"]
    assert "jobs run --all" in wrong["todo"]
    assert "customer_trusted" in dirty.built()
    assert invoke("doctor").code == 0


@pytest.mark.slow
def test_the_job_that_runs_first_takes_over_no_entry_of_another_engine(
    dirty: Lake, tmp_path: Path
) -> None:
    dirty.upload(write_lake(tmp_path / "x", {"accelerometer_landing": {"bad.json": BROKEN}}))
    dirty.run()
    table = open_catalog(dirty.layout).load_table("stedi.quarantine")
    rows = table.scan().to_arrow().to_pylist()
    assert len(rows) == 2
    wrong = pa.Table.from_pylist([r | {"line": 7} for r in rows], table.schema().as_arrow())
    table.overwrite(wrong)
    first = "customer_landing_to_trusted"
    assert dirty.built(first) == {JOBS[first]}
    assert dirty.rows("quarantine") == BAD
    assert "accelerometer_trusted" in dirty.built()
    more = ("accelerometer_landing", "bad.json", 1, "missing:user")
    assert sorted(dirty.rows("quarantine")) == [more, *BAD]
    assert dirty.validate().ok


@pytest.mark.slow
def test_rows_of_the_quarantine_in_another_file_are_not_a_runs(dirty: Lake) -> None:
    """The same rows written by another engine: nobody can tell that they are the same."""
    table = open_catalog(dirty.layout).load_table("stedi.quarantine")
    table.overwrite(table.scan().to_arrow())
    assert not dirty.validate().ok
    assert dirty.built()
    assert dirty.validate().ok
    assert len(pq.read_table(dirty.data_file("quarantine"), partitioning=None)) == 1


@pytest.mark.spark
@pytest.mark.slow
def test_spark_mends_what_another_engine_changed(dirty: Lake, invoke: Invoke) -> None:
    catalog = open_catalog(dirty.layout)
    rename(catalog.load_table("stedi.customers_curated"))
    partition(catalog.load_table("stedi.step_trainer_trusted"))
    table = catalog.load_table("stedi.quarantine")
    partition(table)
    add_row(catalog.load_table("stedi.quarantine"))
    assert invoke("validate").code != 0
    told = invoke("jobs", "run", "--all", "--engine", "spark", "--max-bad-rows", "1")
    assert told.code == 0, told.err
    assert dirty.counts() == STRICT
    assert dirty.rows("quarantine") == BAD
    assert invoke("doctor").code == 0
    assert invoke("validate").code == 0
    assert dirty.built() == set()
    for name in ("step_trainer_trusted", "quarantine"):
        assert open_catalog(dirty.layout).load_table(f"stedi.{name}").spec().is_unpartitioned()


@pytest.mark.spark
@pytest.mark.slow
def test_spark_mends_what_only_the_metadata_tell_of(dirty: Lake, invoke: Invoke) -> None:
    changes = {
        "customer_trusted": swap,
        "accelerometer_trusted": make_again,
        "customers_curated": reorder,
        "step_trainer_trusted": sort,
        "machine_learning_curated": identify,
        "quarantine": unmap,
    }
    for name, change in changes.items():
        change(open_catalog(dirty.layout).load_table(f"stedi.{name}"))
        filter_by(open_catalog(dirty.layout).load_table(f"stedi.{name}"))
        put_elsewhere(open_catalog(dirty.layout).load_table(f"stedi.{name}"))
    told = {f["what"] for f in invoke("doctor", "--json").json() if not f["ok"]}
    assert told == changes.keys()
    assert invoke("jobs", "run", "--all", "--engine", "spark", "--max-bad-rows", "1").code == 0
    assert dirty.counts() == STRICT
    assert dirty.rows("quarantine") == BAD
    assert invoke("doctor").code == 0
    assert invoke("validate").code == 0
    assert dirty.built() == set()
    for name in changes:
        assert not stray(open_catalog(dirty.layout).load_table(f"stedi.{name}").properties)
    # Nor does the other engine find anything to do.
    assert dirty.built(force=True)
    assert invoke("doctor").code == 0
    assert dirty.built() == set()


@pytest.mark.slow
def test_what_was_written_under_swapped_names_reads_as_it_was_written(dirty: Lake) -> None:
    table = open_catalog(dirty.layout).load_table("stedi.customers_curated")
    before = table.metadata.current_snapshot_id
    rows = table.scan().to_arrow().to_pylist()
    swap(table)
    dirty.run()
    table = open_catalog(dirty.layout).load_table("stedi.customers_curated")
    assert table.metadata.current_snapshot_id != before
    assert table.scan(snapshot_id=before).to_arrow().to_pylist() == rows
    assert table.scan().to_arrow().to_pylist() == rows


@pytest.mark.slow
def test_a_quarantine_of_an_older_version_is_told_apart(dirty: Lake, invoke: Invoke) -> None:
    table = open_catalog(dirty.layout).load_table("stedi.quarantine")
    # Older versions neither marked their tables nor said in a snapshot what it holds.
    table.overwrite(table.scan().to_arrow())
    with table.transaction() as transaction:
        transaction.remove_properties("stedi.table")
    (wrong,) = [f for f in invoke("doctor", "--json").json() if not f["ok"]]
    assert (wrong["what"], wrong["found"]) == ("quarantine", "written by an older version")
    problem, _ = dirty.validate().problems
    assert "written by an older version" in problem
    assert "something else" not in problem
    assert dirty.built()
    assert dirty.rows("quarantine") == BAD
    assert dirty.validate().ok


@pytest.mark.slow
def test_a_quarantine_of_another_engine_is_not_an_older_versions(dirty: Lake) -> None:
    table = open_catalog(dirty.layout).load_table("stedi.quarantine")
    table.overwrite(table.scan().to_arrow())
    problem, _ = dirty.validate().problems
    assert "changed by something else than a run" in problem
