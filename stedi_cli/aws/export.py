"""Writes a table's rows to a Parquet or CSV file, as they come."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from stedi_cli.project.lakehouse import Table
from stedi_cli.questions.export_file import exported

Rows = Iterable[tuple[Any, ...]]

_BATCH = 50_000


def write(table: Table, rows: Rows, file: Path, tell: Callable[[int], None]) -> int:
    """Write rows to a file, which is there whole or not at all.

    Args:
        table: Names and types of the columns.
        rows: The rows, in the order of the columns.
        file: The file to make, ending in ``.parquet`` or ``.csv``.
        tell: Called with the number of rows before the file is in its place.

    Returns:
        The number of rows.

    Raises:
        StediError: If the file cannot be written.
    """
    as_parquet = file.suffix.lower() == ".parquet"
    with exported(file) as sink, TemporaryFile(dir=file.parent) as temp:
        written = _parquet(table, rows, temp) if as_parquet else _csv(table, rows, temp)
        temp.seek(0)
        shutil.copyfileobj(temp, sink)
        tell(written)
    return written


def _parquet(table: Table, rows: Rows, stream: IO[bytes]) -> int:
    import pyarrow.parquet as pq

    from stedi_cli.tables.arrow import arrow_table, schema_of

    written = 0
    with pq.ParquetWriter(stream, schema_of(table), compression="zstd") as writer:
        for batch in _batches(rows):
            writer.write_table(arrow_table(table, batch))
            written += len(batch)
    return written


def _csv(table: Table, rows: Rows, stream: IO[bytes]) -> int:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(column.name for column in table.columns)
    written = 0
    for batch in _batches(rows):
        lines.writerows(batch)
        written += len(batch)
    text.flush()
    text.detach()
    return written


def _batches(rows: Rows) -> Iterator[list[tuple[Any, ...]]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
