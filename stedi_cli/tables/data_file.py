"""What a manifest says of a data file: how many values there are, and none of them.

Imported late, since pyiceberg costs half a second. pyiceberg's own way to it imports Arrow, and
pandas with it where that is installed.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import duckdb
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.typedef import Record

from stedi_cli.tables.metrics import UNCOUNTED, mode_of

# A dictionary lies before the pages that need it.
_CHUNKS = """
SELECT row_group_id, path_in_schema, total_compressed_size, num_values, stats_null_count,
  least(data_page_offset, coalesce(nullif(dictionary_page_offset, 0), data_page_offset))
FROM parquet_metadata(?)
"""
_ROWS = "SELECT num_rows FROM parquet_file_metadata(?)"


def data_file(path: Path, metadata: TableMetadata, uri: str) -> DataFile:
    """Return what is to be said of a Parquet file in a table without partitions.

    Args:
        path: Where the file can be read.
        metadata: The table's, which tell the ids of columns and what is counted of each.
        uri: The file's URI.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is no Parquet file, or has other columns than the table.
    """
    length = path.stat().st_size
    try:
        # One connection for all files: to make one takes longer than to ask.
        ((rows,),) = duckdb.execute(_ROWS, [str(path)]).fetchall()
        chunks = duckdb.execute(_CHUNKS, [str(path)]).fetchall()
    except duckdb.Error as error:
        raise ValueError(f"{uri} is no Parquet file that can be read") from error
    ids = {field.name: field.field_id for field in metadata.schema().fields}
    counted = {name for name in ids if mode_of(name, metadata.properties) != UNCOUNTED}
    sizes, values, nulls = Counter[int](), Counter[int](), Counter[int]()
    unknown = set()
    begins: dict[int, int] = {}
    for group, column, size, number_of, empty, offset in chunks:
        if column not in ids:
            raise ValueError(f"{uri} has a column that its table has not")
        number = ids[column]
        begins.setdefault(group, offset)
        sizes[number] += size
        if column in counted:
            values[number] += number_of
            nulls[number] += empty or 0
            unknown |= {number} if empty is None else set()
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=uri,
        file_format=FileFormat.PARQUET,
        partition=Record(),
        record_count=rows,
        file_size_in_bytes=length,
        column_sizes=dict(sizes),
        value_counts=dict(values),
        null_value_counts={n: count for n, count in nulls.items() if n not in unknown},
        nan_value_counts={},
        lower_bounds={},
        upper_bounds={},
        key_metadata=None,
        split_offsets=sorted(begins.values()),
        equality_ids=None,
        sort_order_id=None,
    )
