"""The lines of landing files on Spark, each with what tells its number in its file.

A large file is read in blocks by several tasks at once, and only its lines that are not in
canonical form are brought to Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import unquote

from contract import LONGEST_LINE, Field, Unusable, canonical, is_blank, judge
from pyspark import RDD
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that PySpark's users know
from pyspark.sql.types import StructType

CANONICAL = "canonical"
"""The kind of lines that Spark's own reader takes as the contract does."""
EMPTY = "empty"
"""The kind of lines of no byte; those of blanks alone are odd."""
ODD = "odd"
"""The kind of all others, about which the contract decides."""

About = Callable[[bytes], tuple[Any, ...]]
"""Makes out of an unusable line what it is about."""

Judged = tuple[str, "tuple[Any, ...] | None", "tuple[int, str, tuple[Any, ...]] | None"]
"""A line's file, and its values, or its number, why it cannot be used and what it is about."""


class Lines:
    """The lines of some landing files.

    Args:
        spark: The session.
        folder: URI of the table's folder.
        places: URIs of the files.
        fields: The table's columns.
    """

    def __init__(
        self, spark: SparkSession, folder: str, places: list[str], fields: Sequence[Field]
    ) -> None:
        self._folder = folder
        self._fields = fields
        value = F.col("value")
        short = F.octet_length(value) <= LONGEST_LINE
        kind = (
            F.when(short & value.rlike(f"^(?:{canonical(fields)})$"), CANONICAL)
            .when(value == "", EMPTY)
            .otherwise(ODD)
        )
        # A task numbers what it reads, and each block of a file is read by one task in its order.
        self._lines = (
            spark.read.option("lineSep", "\n")
            .text(places)
            .select(
                F.col("_metadata.file_path").alias("uri"),
                F.col("_metadata.file_block_start").alias("block"),
                F.monotonically_increasing_id().alias("place"),
                kind.alias("kind"),
                value,
            )
        )

    def kinds(self) -> list[tuple[str, str, int]]:
        """Return file, kind and number of the lines of each kind."""
        found = self._lines.groupBy("uri", "kind").count().collect()
        return [(name_below(self._folder, row["uri"]), row["kind"], row["count"]) for row in found]

    def canonical(self, schema: StructType, file: str) -> DataFrame:
        """Return the rows of the lines in canonical form, with their file's name in a column."""
        lines = self._lines.where(F.col("kind") == CANONICAL)
        row = F.from_json("value", schema, {"mode": "FAILFAST"}).alias("row")
        rows = lines.select(named_below(self._folder, F.col("uri")).alias(file), row)
        return rows.select(*(given(f, f"row.{f.name}") for f in self._fields), file)

    def judged(self, about: About | None) -> RDD[Judged]:
        """Judge the lines that are odd and not blank."""
        odd = self._lines.where(F.col("kind") == ODD)
        lines = odd.select("uri", "block", "place", F.col("value").cast("binary").alias("line"))
        judged = partial(
            _judged,
            folder=self._folder,
            before=self._before(),
            fields=self._fields,
            about=about,
        )
        return lines.rdd.mapPartitions(judged)

    def _before(self) -> dict[tuple[str, int], int]:
        """Return by file and block what makes of a line's place its number in the file."""
        counted = self._lines.groupBy("uri", "block").agg(
            F.min("place").alias("first"), F.count("place").alias("lines")
        )
        before: dict[tuple[str, int], int] = {}
        file, number = None, 1
        for row in sorted(counted.collect(), key=lambda row: (row["uri"], row["block"])):
            if row["uri"] != file:
                file, number = row["uri"], 1
            before[row["uri"], row["block"]] = number - row["first"]
            number += row["lines"]
        return before


def _judged(
    lines: Iterable[Row],
    folder: str,
    before: dict[tuple[str, int], int],
    fields: Sequence[Field],
    about: About | None,
) -> Iterator[Judged]:
    for uri, block, place, value in lines:
        line = bytes(value)
        # Spark has taken a byte order mark off the first.
        if is_blank(line):
            continue
        name = name_below(folder, uri)
        try:
            values = judge(line, fields)
        except Unusable as verdict:
            number = place + before[uri, block]
            yield name, None, (number, str(verdict), about(line) if about else ())
        else:
            yield name, tuple(values[field.name] for field in fields), None


def given(field: Field, column: str) -> Column:
    """Return a column of canonical lines: 0 in an optional instant is not given."""
    value = F.col(column)
    if field.plausible is None or field.required:
        return value.alias(field.name)
    return F.when(value != 0, value).alias(field.name)


def name_below(folder: str, uri: str) -> str:
    """Return a landing file's name: its path below its table's folder, both given as URIs."""
    # What stands before the path differs: file:/ and file:///, s3:// and s3a://.
    above, path = (unquote(place).partition(":")[2].strip("/") for place in (folder, uri))
    return path.removeprefix(f"{above}/")


def named_below(folder: str, uri: Column) -> Column:
    """Return the name of the file that a URI is of, as `name_below` does."""
    decoded = F.url_decode(F.regexp_replace(uri, r"\+", "%2B"))
    above = unquote(folder).partition(":")[2].strip("/")
    return F.substr(F.regexp_replace(decoded, "^[^:]*:/*", ""), F.lit(len(above) + 2))
