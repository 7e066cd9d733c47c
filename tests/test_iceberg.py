"""Iceberg tables: atomic replace, provenance, expiry, privacy of metadata, other engines' view."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Lake, Result
from pyiceberg.expressions import EqualTo
from pyiceberg.table import Transaction as IcebergTransaction
from pyiceberg.table.update import update_table_metadata
from small import CUSTOMERS, FOLDERS, JOBS, PUBLISHED, STRICT, THINGS

from stedi_cli.local.catalog import SqliteCatalog
from stedi_cli.local.layout import to_uri
from stedi_cli.local.table_files import open_catalog
from stedi_cli.project.lakehouse import Column, Table
from stedi_cli.tables import iceberg
from stedi_cli.tables.transaction import Transaction

ALL = set(JOBS.values())


class Place:
    """A catalog and a folder for data files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog = SqliteCatalog(str(folder / "catalog.db"), warehouse=to_uri(folder))
        self.catalog.create_namespace(iceberg.NAMESPACE)
        self._files = 0

    def replace(self, columns: dict[str, list[Any]], model: Table = THINGS, **options: Any) -> int:
        self._files += 1
        path = self.folder / f"{self._files}.parquet"
        pq.write_table(pa.table(columns), path)
        given = {"keep": 10, "forget": False} | options
        return iceberg.replace(
            self.catalog, model, {to_uri(path): path}, {"stedi.n": "1"}, **given
        )[0]

    def load(self) -> Any:
        return self.catalog.load_table("stedi.things")

    def rows(self) -> list[dict[str, Any]]:
        return list(self.load().scan().to_arrow().to_pylist())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


FIRST = {"who": ["ann", "bob"], "n": [1, 2], "x": [0.5, -0.5]}
SECOND = {"who": ["cid"], "n": [3], "x": [1.5]}


# --- Replace -------------------------------------------------------------------------------


def test_replace_creates_and_replaces_in_one_snapshot_each(place: Place) -> None:
    first = place.replace(FIRST)
    second = place.replace(SECOND)
    assert place.rows() == [{"who": "cid", "n": 3, "x": 1.5}]
    snapshots = place.load().metadata.snapshots
    assert [s.snapshot_id for s in snapshots] == [first, second]
    assert [s.parent_snapshot_id for s in snapshots] == [None, first]
    totals = [(s.summary["total-records"], s.summary["total-data-files"]) for s in snapshots]
    assert totals == [("2", "1"), ("1", "1")]
    assert [s.summary["stedi.n"] for s in snapshots] == ["1", "1"]
    old = place.load().scan(snapshot_id=first).to_arrow().to_pylist()
    assert [row["who"] for row in old] == ["ann", "bob"]


def test_replace_by_nothing_leaves_an_empty_table(place: Place) -> None:
    place.replace(FIRST)
    iceberg.replace(place.catalog, THINGS, {}, {}, keep=10, forget=False)
    assert place.rows() == []
    assert place.load().current_snapshot().summary["total-records"] == "0"


@pytest.mark.parametrize(("forget", "left"), [(False, 2), (True, 1)])
def test_older_snapshots_expire(place: Place, forget: bool, left: int) -> None:
    made = [place.replace(FIRST, keep=2) for _ in range(3)]
    made.append(place.replace(SECOND, keep=2, forget=forget))
    assert [s.snapshot_id for s in place.load().metadata.snapshots] == made[-left:]
    assert len(place.load().metadata.metadata_log) == 2


def test_a_replaced_table_is_as_before_where_the_commit_fails(place: Place) -> None:
    place.replace(FIRST)
    before = place.load().metadata_location
    path = place.folder / "no.parquet"
    with pytest.raises(FileNotFoundError):
        iceberg.replace(place.catalog, THINGS, {to_uri(path): path}, {}, keep=1, forget=True)
    assert place.load().metadata_location == before
    assert len(place.rows()) == 2


def test_metadata_of_a_transaction_follow_each_change_and_are_worked_out_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.replace(FIRST)
    made: list[object] = []
    work_out = update_table_metadata
    monkeypatch.setattr(
        "pyiceberg.table.update_table_metadata",
        lambda *args: (made.append(args), work_out(*args))[1],
    )
    mine, theirs = Transaction(place.load()), IcebergTransaction(place.load())
    for change in ({"a": "1"}, {"a": "2", "b": "3"}):
        for transaction in (mine, theirs):
            transaction.set_properties(change)
        assert mine.table_metadata.properties == theirs.table_metadata.properties
    made.clear()
    assert [mine.table_metadata.properties["b"] for _ in range(3)] == ["3"] * 3
    assert made == []
    moved = place.load()
    mine._table = moved
    assert mine.table_metadata.properties["b"] == "3"
    assert len(made) == 1


# --- A changed model -----------------------------------------------------------------------


def _with(*columns: Column) -> Table:
    return dataclasses.replace(THINGS, columns=columns)


WHO, N, X = THINGS.columns
NEW = Column("new", "string", "A new one", personal=True)
N_TEXT = Column("n", "string", "Now a text")
N_PRIVATE = dataclasses.replace(N, personal=True)
ADOPTED: dict[str, tuple[Table, dict[str, list[Any]]]] = {
    "added": (_with(WHO, N, X, NEW), FIRST | {"new": ["p", "q"]}),
    "removed": (_with(WHO, X), {"who": ["ann"], "x": [0.25]}),
    "type changed": (_with(WHO, N_TEXT, X), {"who": ["ann"], "n": ["one"], "x": [0.25]}),
    "renamed": (_with(WHO, N, NEW), {"who": ["ann"], "n": [1], "new": ["p"]}),
    "order changed": (_with(X, N, WHO), {"x": [0.25], "n": [1], "who": ["ann"]}),
    "made personal": (_with(WHO, N_PRIVATE, X), FIRST),
}


@pytest.mark.parametrize("change", ADOPTED)
def test_a_change_of_the_columns_is_adopted(place: Place, change: str) -> None:
    model, columns = ADOPTED[change]
    place.replace(FIRST)
    place.replace(columns, model)
    rows = pa.table(columns).to_pylist()
    assert place.rows() == rows
    assert {(f.name, str(f.field_type)) for f in place.load().schema().fields} == {
        (c.name, c.type) for c in model.columns
    }
    place.replace(columns, model)
    assert place.rows() == rows


@pytest.mark.slow
@pytest.mark.parametrize("what", ["size", "content"])
def test_a_manifest_that_does_not_unpack_is_an_error_in_plain_words(
    root: Path, invoke: Callable[..., Result], what: str
) -> None:
    table = open_catalog(Lake(root).layout).load_table("stedi.customer_trusted")
    (manifest,) = table.current_snapshot().manifests(table.io)
    path = Path(manifest.manifest_path.removeprefix("file://"))
    content = bytearray(path.read_bytes())
    # An Avro file's header and each of its blocks end in the same 16 bytes; a block begins with
    # the count of its records, then the size of its content, as integers of 7 bits a byte.
    size = content.index(content[-16:]) + 17
    start = next(i for i in range(size, len(content)) if content[i] < 0x80) + 1
    damaged = size if what == "size" else start
    content[damaged : damaged + 6] = b"\xff" * 6
    path.write_bytes(content)
    told = invoke("--root", root, "doctor")
    assert told.code == 1, told.err
    assert f"{path.name}isbroken" in "".join(told.out.split())
    assert "Traceback" not in told.err
    assert invoke("--root", root, "jobs", "run", "--all", "--force").code == 0
    assert invoke("--root", root, "doctor").code == 0


def test_a_change_of_a_columns_doc_is_adopted(place: Place) -> None:
    place.replace(FIRST)
    place.replace(FIRST, _with(WHO, dataclasses.replace(N, doc="Another"), X))
    assert place.load().schema().find_field("n").doc == "Another"


# --- Privacy -------------------------------------------------------------------------------


@pytest.mark.usefixtures("ran")
def test_no_identifier_stands_in_metadata(lake: Lake) -> None:
    # Manifests are compressed; test_metrics.py looks into them.
    holding = {".parquet", ".avro"}
    files = [p for p in lake.layout.root.rglob("*") if p.is_file() and p.suffix not in holding]
    files = [path for path in files if not path.is_relative_to(lake.layout.landing)]
    assert {path.suffix for path in files} >= {".json", ".db"}
    for path in files:
        content = path.read_bytes()
        for record in CUSTOMERS:
            for column in ("email", "serialNumber", "customerName"):
                assert record[column].encode() not in content, path


# --- Provenance and history -------------------------------------------------------------------


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_history_tells_what_made_each_snapshot(
    lake: Lake, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEDI_ROOT", str(lake.settings.root))
    lake.run(policy="published")
    records = {record["table"]: record for record in invoke("history", "--json").json()}
    assert set(records) == ALL
    assert len({record["run"] for record in records.values()}) == 1
    for job in lake.model.jobs.values():
        own = lake.settings.project / "jobs" / "published" / f"{job.name}.sql"
        sql = own if own.exists() else lake.settings.project / "jobs" / f"{job.name}.sql"
        record = records[job.writes]
        assert (record["job"], record["policy"]) == (job.name, "published")
        assert (record["engine"], record["rows"]) == ("duckdb", PUBLISHED[job.writes])
        assert record["sql_sha256"] == _sha256(sql.read_bytes())
        assert record["inputs"] == {
            name: _landing_digest(lake, name) if name in FOLDERS else records[name]["snapshot"]
            for name in lake.model.inputs(job)
        }


def _landing_digest(lake: Lake, table: str) -> str:
    files = (lake.layout.landing / FOLDERS[table]).iterdir()
    named = sorted(f"{_sha256(path.read_bytes())} {path.name}" for path in files)
    return _sha256("\n".join(named).encode())


@pytest.mark.usefixtures("ran")
def test_the_summary_accounts_for_landing_lines_and_data_files(lake: Lake) -> None:
    uri = lake.states()["accelerometer_trusted"].metadata
    (snapshot,) = json.loads(Path(uri.removeprefix("file://")).read_text())["snapshots"]
    summary = snapshot["summary"]
    path = lake.data_file("accelerometer_trusted")
    assert json.loads(summary["stedi.files"]) == {path.name: path.stat().st_size}
    digest = _landing_digest(lake, "accelerometer_landing")
    account = json.loads(summary["stedi.landing"])["accelerometer_landing"]
    told = {"fingerprint": digest, "lines": 8, "quarantined": 0}
    assert {name: account[name] for name in told} == told


@pytest.mark.slow
def test_history_of_one_table_newest_first(
    lake: Lake, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEDI_ROOT", str(lake.settings.root))
    assert invoke("history", "--json").json() == []
    lake.run()
    lake.run("customer_landing_to_trusted", force=True)
    records = invoke("history", "customer_trusted", "--json").json()
    expected = [str(snapshot.id) for snapshot in lake.states()["customer_trusted"].snapshots]
    assert [record["snapshot"] for record in records] == expected[::-1]
    assert len(set(expected)) == 2
    assert {record["table"] for record in records} == {"customer_trusted"}


# --- Expiry ------------------------------------------------------------------------------------


def _files(lake: Lake, table: str) -> Counter[str]:
    folder = lake.layout.warehouse / table
    kinds = {"*.parquet": "data", "snap-*.avro": "lists", "*-m[0-9].avro": "manifests"}
    kinds["*.metadata.json"] = "metadata"
    return Counter(kind for glob, kind in kinds.items() for _ in folder.rglob(glob))


@pytest.mark.slow
def test_snapshots_are_kept_up_to_a_number_and_their_files_go(lake: Lake) -> None:
    lake = Lake(lake.settings.root, keep_snapshots=2)
    for _ in range(4):
        lake.run(force=True)
    for name in ALL:
        assert len(lake.states()[name].snapshots) == 2
        files = _files(lake, name)
        assert (files["data"], files["lists"], files["manifests"]) == (2, 2, 2)
        assert files["metadata"] <= 3
    assert lake.counts() == STRICT


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_a_change_of_policy_keeps_nothing_old(lake: Lake) -> None:
    lake.run(force=True)
    assert all(_files(lake, name)["data"] == 2 for name in ALL)
    lake.run(policy="published")
    for name in ALL:
        (snapshot,) = lake.states()[name].snapshots
        assert snapshot.provenance is not None
        assert snapshot.provenance.policy == "published"
        files = _files(lake, name)
        assert (files["data"], files["lists"], files["manifests"]) == (1, 1, 1)


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_a_reader_keeps_its_files_and_the_next_run_sweeps_them(lake: Lake) -> None:
    with lake.opened() as reader:
        answer = reader.questions.ask("SELECT * FROM step_trainer_trusted")
        lake.run(policy="published")
        again = reader.questions.ask("SELECT count(*) FROM step_trainer_trusted")
        assert len(list(answer.rows)) == STRICT["step_trainer_trusted"]
        assert list(again.rows) == [(STRICT["step_trainer_trusted"],)]
        assert _files(lake, "step_trainer_trusted")["data"] == 2
    lake.run("machine_learning_curated", policy="published", force=True)
    assert _files(lake, "step_trainer_trusted")["data"] == 1
    assert lake.counts() == PUBLISHED


# --- Other engines ------------------------------------------------------------------------------


@pytest.mark.usefixtures("ran")
def test_pyiceberg_reads_what_duckdb_reads(lake: Lake) -> None:
    catalog = open_catalog(lake.layout)
    for name in ALL:
        scanned = catalog.load_table(f"stedi.{name}").scan().to_arrow()
        assert scanned.column_names == [c.name for c in lake.model.tables[name].columns]
        rows = [tuple(row.values()) for row in scanned.to_pylist()]
        assert Counter(rows) == Counter(lake.rows(name))
        assert len(rows) == STRICT[name]


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_what_another_engine_changed_is_read_and_rebuilt(lake: Lake) -> None:
    table = open_catalog(lake.layout).load_table("stedi.customer_trusted")
    table.delete(EqualTo("email", "ann@x.org"))
    assert {row[1] for row in lake.rows("customer_trusted")} == {
        "bob@x.org",
        "dan@x.org",
        "fay@x.org",
    }
    assert lake.built() == ALL
    assert lake.counts() == STRICT
