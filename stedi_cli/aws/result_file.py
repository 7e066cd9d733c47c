"""The file that Athena leaves of a query's result: read as it comes, and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

from stedi_cli.aws.account import aws_errors
from stedi_cli.aws.infra.emptying import empty
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.storage import Storage
from stedi_cli.errors import StediError

# A row has to fit.
_BLOCK = 16 << 20
_SLICE = 10_000


class ResultFile:
    """A result below the lakehouse's prefix for them.

    Args:
        layout: Names.
        location: URI of the file, as Athena tells it.
    """

    def __init__(self, layout: Layout, location: str) -> None:
        if not location.startswith(layout.results):
            raise StediError(
                f"Athena left the result in {location}, not below {layout.results}.",
                hint="Somebody changed the work group: run `stedi infra up`, and remove that file.",
            )
        self.location = location
        self._storage = Storage(layout)
        self._key = location.removeprefix(layout.uri(""))

    def rows(self, readers: Sequence[Callable[[str], Any]]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows.

        Args:
            readers: What makes a value of a text, for each column.

        Raises:
            StediError: If the file cannot be read.
        """
        with self._storage.opened(self._key) as (stream, _):
            rows = _texts(stream, len(readers))
            # The first one holds the columns' names.
            next(rows, None)
            for row in rows:
                yield tuple(
                    None if text is None else reader(text)
                    for text, reader in zip(row, readers, strict=True)
                )

    def remove(self) -> None:
        """Remove the file, and the one that tells of its columns.

        Raises:
            StediError: If that cannot be done.
        """
        # Both names begin so, and of a versioned bucket no version is to stay.
        with aws_errors(f"s3:DeleteObjectVersion {self._key}"):
            empty(self._storage.s3, self._storage.place(), self._key)


def _texts(stream: BinaryIO, columns: int) -> Iterator[tuple[str | None, ...]]:
    """Yield lines of CSV; what stands in no quotes and is empty is NULL, as Athena writes it."""
    import pyarrow as pa
    from pyarrow import csv

    names = [str(number) for number in range(columns)]
    try:
        with csv.open_csv(
            stream,
            csv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=names),
            csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        ) as batches:
            for batch in batches:
                for start in range(0, batch.num_rows, _SLICE):
                    some = batch.slice(start, _SLICE)
                    yield from zip(*(column.to_pylist() for column in some.columns), strict=True)
    except pa.ArrowInvalid:
        # What Arrow says of it holds values.
        raise StediError(
            "The result that Athena left is no table.", hint="Run the command again."
        ) from None
