"""What manifests say of data files is what pyiceberg would say, through Arrow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.io.pyarrow import parquet_file_to_data_file
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.table.metadata import TableMetadata, new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from small import THINGS

from stedi_cli.local.engine import PARQUET
from stedi_cli.local.layout import to_uri
from stedi_cli.local.plain_files import PlainFiles
from stedi_cli.project.lakehouse import Column, Table
from stedi_cli.tables import metrics
from stedi_cli.tables.data_file import data_file
from stedi_cli.tables.iceberg import schema_of

MODEL = replace(THINGS, columns=(*THINGS.columns, Column("a b", "string", "A text")))
ROWS = (
    "SELECT 'p' || i AS who, CASE WHEN i % 3 > 0 THEN i END AS n, i / 7 AS x,"
    " CASE WHEN i < 2500 THEN 'a' END AS \"a b\" FROM range({}) AS t(i)"
)


def metadata(model: Table = MODEL) -> TableMetadata:
    return new_table_metadata(
        schema_of(model),
        UNPARTITIONED_PARTITION_SPEC,
        UNSORTED_SORT_ORDER,
        "file:///nowhere",
        {"format-version": "2", **metrics.properties(model)},
    )


def by_duckdb(path: Path, rows: int, more: str = "") -> None:
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({ROWS.format(rows)}) TO '{path}' ({PARQUET}{more})")


def by_arrow(path: Path, rows: int, **options: object) -> None:
    with duckdb.connect() as connection:
        pq.write_table(connection.sql(ROWS.format(rows)).to_arrow_table(), path, **options)


WRITERS = {
    "duckdb": lambda path: by_duckdb(path, 10),
    "duckdb, groups": lambda path: by_duckdb(path, 9_000, ", ROW_GROUP_SIZE 2048"),
    "duckdb, no row": lambda path: by_duckdb(path, 0),
    "arrow": lambda path: by_arrow(path, 10),
    "arrow, groups": lambda path: by_arrow(path, 9_000, row_group_size=400),
    "arrow, plain": lambda path: by_arrow(path, 5_000, use_dictionary=False),
    "arrow, no row": lambda path: by_arrow(path, 0),
}


NAMES = (
    *("content", "file_path", "file_format", "partition", "record_count", "file_size_in_bytes"),
    *("column_sizes", "value_counts", "null_value_counts", "nan_value_counts", "lower_bounds"),
    *("upper_bounds", "key_metadata", "split_offsets", "equality_ids", "sort_order_id"),
)


def told(said: DataFile) -> dict[str, object]:
    return {name: getattr(said, name) for name in NAMES}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_is_described_as_by_pyiceberg(tmp_path: Path, writer: str) -> None:
    path = tmp_path / "a.parquet"
    WRITERS[writer](path)
    table = metadata()
    said = data_file(path, table, to_uri(path))
    assert told(said) == told(parquet_file_to_data_file(PlainFiles(), table, to_uri(path)))


def test_nulls_that_a_footer_does_not_count_are_not_told(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    by_arrow(path, 10, write_statistics=["n"])
    said = data_file(path, metadata(), to_uri(path))
    assert said.null_value_counts == {2: 4}
    assert said.value_counts == {2: 10, 3: 10, 4: 10}


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1\x00\x00\x00\x00PAR1", b"x" * 99])
def test_what_is_no_parquet_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="Parquet"):
        data_file(path, metadata(), to_uri(path))


def test_a_footer_that_is_cut_or_changed_is_refused_or_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    by_duckdb(path, 10)
    content = path.read_bytes()
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    refused = 0
    for place in range(start, len(content) - 8):
        broken = bytearray(content)
        broken[place] ^= 0xFF
        path.write_bytes(broken)
        try:
            data_file(path, metadata(), to_uri(path))
        except ValueError:
            refused += 1
    assert refused > 0


def test_a_file_with_another_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"who": ["ann"], "other": [1]}), path)
    with pytest.raises(ValueError, match="a column that its table has not"):
        data_file(path, metadata(), to_uri(path))


def test_a_new_file_takes_no_others_place(tmp_path: Path) -> None:
    files = PlainFiles()
    uri = to_uri(tmp_path / "new" / "a")
    with files.new_output(uri).create() as stream:
        stream.write(b"first")
    with pytest.raises(FileExistsError):
        files.new_output(uri).create()
    with files.new_input(uri.replace("file://", "file:")).open() as stream:
        assert stream.read() == b"first"
    with files.new_output(uri).create(overwrite=True) as stream:
        stream.write(b"more")
    assert len(files.new_input(uri)) == 4
    files.delete(uri)
    assert not files.new_input(uri).exists()
    with pytest.raises(FileNotFoundError):
        files.delete(files.new_input(uri))
