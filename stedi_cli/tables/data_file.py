"""What a manifest says of a data file: how many values there are, and none of them.

Imported late, since pyiceberg costs half a second. pyiceberg's own way to it imports Arrow, and
pandas with it where that is installed.
"""

from __future__ import annotations

from collections import Counter

from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.typedef import Record

from stedi_cli.tables.metrics import UNCOUNTED, mode_of
from stedi_cli.tables.parquet_footer import read_footer


def data_file(io: FileIO, metadata: TableMetadata, uri: str) -> DataFile:
    """Return what is to be said of a Parquet file in a table without partitions.

    Args:
        io: Reads the file.
        metadata: The table's, which tell the ids of columns and what is counted of each.
        uri: The file.

    Raises:
        ValueError: If it is no Parquet file, or has other columns than the table.
    """
    file = io.new_input(uri)
    size = len(file)
    with file.open() as stream:
        footer = read_footer(stream, size)
    ids = {field.name: field.field_id for field in metadata.schema().fields}
    counted = {name for name in ids if mode_of(name, metadata.properties) != UNCOUNTED}
    sizes, values, nulls = Counter[int](), Counter[int](), Counter[int]()
    unknown = set()
    for chunk in (chunk for group in footer.groups for chunk in group):
        if chunk.column not in ids:
            raise ValueError(f"{uri} has a column that its table has not")
        number = ids[chunk.column]
        sizes[number] += chunk.size
        if chunk.column in counted:
            values[number] += chunk.values
            nulls[number] += chunk.nulls or 0
            unknown |= {number} if chunk.nulls is None else set()
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=uri,
        file_format=FileFormat.PARQUET,
        partition=Record(),
        record_count=footer.rows,
        file_size_in_bytes=size,
        column_sizes=dict(sizes),
        value_counts=dict(values),
        null_value_counts={n: count for n, count in nulls.items() if n not in unknown},
        nan_value_counts={},
        lower_bounds={},
        upper_bounds={},
        key_metadata=None,
        split_offsets=sorted(group[0].offset for group in footer.groups if group),
        equality_ids=None,
        sort_order_id=None,
    )
