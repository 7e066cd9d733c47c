"""What another engine changes is seen by jobs run, validate and doctor, and mended by the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import IN_CI, Lake, Result, mostly_slow
from pyiceberg.expressions import EqualTo
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import LongType, StringType
from small import JOBS, STRICT, write_lake

from stedi_cli.local import spark
from stedi_cli.local.table_files import open_catalog

Invoke = Callable[..., Result]
BAD = [("customer_landing", "bad.json", 1, "missing:email")]


@pytest.fixture
def dirty(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The small lake, built, with a line in quarantine."""
    lake = Lake(lake.settings.root, max_bad_rows=1)
    lake.upload(write_lake(tmp_path / "bad", {"customer_landing": {"bad.json": b"{}\n"}}))
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


def partition(table: Any) -> None:
    with table.update_spec() as update:
        update.add_field(table.schema().column_names[0], IdentityTransform(), "parts")


def add_row(table: Any) -> None:
    schema = table.schema().as_arrow()
    table.append(pa.table([pa.nulls(1, field.type) for field in schema], schema=schema))


def take_a_row(table: Any) -> None:
    name = table.schema().column_names[0]
    table.delete(EqualTo(name, table.scan().to_arrow()[name][0].as_py()))


CHANGES = [rename, drop, add, change_type, partition, add_row, take_a_row]


@pytest.mark.parametrize("change", mostly_slow(CHANGES, quick=2))
@pytest.mark.parametrize("table", ["customers_curated", "quarantine"])
@pytest.mark.filterwarnings("ignore:Delete operation did not match")
def test_what_another_engine_changes_is_told_and_mended(
    dirty: Lake, invoke: Invoke, table: str, change: Callable[[Any], None]
) -> None:
    change(open_catalog(dirty.layout).load_table(f"stedi.{table}"))
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
    assert set(made.schema().column_names) == {c.name for c in dirty.model.tables[table].columns}
    assert made.spec().is_unpartitioned()
    assert made.scan().to_arrow().num_rows == len(dirty.rows(table))


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


def test_the_job_that_runs_first_takes_over_no_entry_of_another_engine(
    dirty: Lake, tmp_path: Path
) -> None:
    dirty.upload(write_lake(tmp_path / "x", {"accelerometer_landing": {"bad.json": b"{}\n"}}))
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
    what = spark.missing()
    if what is not None:
        pytest.fail(what) if IN_CI else pytest.skip(what)
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


def test_a_quarantine_of_an_older_version_is_told_apart(dirty: Lake, invoke: Invoke) -> None:
    table = open_catalog(dirty.layout).load_table("stedi.quarantine")
    # Older versions neither marked their tables nor said in a snapshot what it holds.
    table.overwrite(table.scan().to_arrow())
    with table.transaction() as transaction:
        transaction.remove_properties("stedi.table")
    (wrong,) = [f for f in invoke("doctor", "--json").json() if not f["ok"]]
    assert (wrong["what"], wrong["found"]) == ("quarantine", "written by an older version")
    (problem,) = dirty.validate().problems
    assert "written by an older version" in problem
    assert "something else" not in problem
    assert dirty.built()
    assert dirty.rows("quarantine") == BAD
    assert dirty.validate().ok


def test_a_quarantine_of_another_engine_is_not_an_older_versions(dirty: Lake) -> None:
    table = open_catalog(dirty.layout).load_table("stedi.quarantine")
    table.overwrite(table.scan().to_arrow())
    (problem,) = dirty.validate().problems
    assert "changed by something else than a run" in problem
