"""Parquet files: values, the statistics of the footer, and key-values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from stedi_cli.privacy.needles import INSTANT, Needles
from stedi_cli.privacy.unreadable import UnreadableError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAGIC = b"PAR1"
_ROWS = 1 << 16
_LARGEST_CHUNK = 1 << 32

Found = Counter[tuple[str, str]]


def read_parquet(file: BinaryIO, needles: Needles, found: Found) -> None:
    """Count what stands in a Parquet file, by view and kind.

    Raises:
        UnreadableError: If it cannot be read to its end; what was found by then is counted.
    """
    import pyarrow.parquet as pq

    try:
        opened = pq.ParquetFile(file, buffer_size=1 << 20)
        texts = _of_footer(opened, needles, found)
        # As their dictionaries, values that stand there often are held once.
        file.seek(0)
        opened = pq.ParquetFile(file, buffer_size=1 << 20, read_dictionary=texts)
        for group in range(opened.num_row_groups if texts else 0):
            _add(found, "parquet dictionaries", _of_dictionaries(opened, group, needles))
        values = _Values(needles, found)
        for batch in opened.iter_batches(batch_size=_ROWS, use_threads=False):
            for column in batch.columns:
                values.look_at(column)
    # The library raises whatever a hostile file makes it stumble over.
    except Exception as error:
        raise UnreadableError("it is damaged, encrypted or cut short") from error


def _of_footer(opened: pq.ParquetFile, needles: Needles, found: Found) -> list[str]:
    """Count what the footer holds; return the paths of the columns of text."""
    footer, texts = opened.metadata, []
    pairs = dict(footer.metadata or {})
    schema = opened.schema_arrow
    pairs |= schema.metadata or {}
    named = [field for name in schema.names for field in _fields(schema.field(name))]
    said = [value for pair in pairs.items() for value in pair]
    said += [value for field in named for pair in (field.metadata or {}).items() for value in pair]
    said += [field.name.encode() for field in named] + [str(footer.created_by).encode()]
    _add(found, "parquet key-values", needles.kinds(b"\0".join(said)))
    for place in range(footer.num_columns):
        column = opened.schema.column(place)
        if column.physical_type == "BYTE_ARRAY":
            texts.append(column.path)
    for group in range(footer.num_row_groups):
        for place in range(footer.num_columns):
            chunk = footer.row_group(group).column(place)
            if chunk.total_uncompressed_size > _LARGEST_CHUNK:
                raise UnreadableError("a column in it is too large")
            _add(found, "parquet statistics", _of_statistics(chunk.statistics, needles))
    return texts


def _of_dictionaries(opened: pq.ParquetFile, group: int, needles: Needles) -> Counter[str]:
    """Count what a group's columns of text list of values, whether a row has them or not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    counted: Counter[str] = Counter()
    # The first row brings the whole list with it.
    for batch in opened.iter_batches(batch_size=1, row_groups=[group], use_threads=False):
        for leaf in (leaf for column in batch.columns for leaf in _leaves(column)):
            if pa.types.is_dictionary(leaf.type):
                listed = pc.cast(leaf.dictionary, pa.binary()).to_pylist()
                counted += needles.kinds(b"\0".join(listed))
        break
    return counted


def _leaves(array: Any) -> Iterator[Any]:
    """Yield the columns in a column that hold values, itself if it does."""
    import pyarrow as pa

    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        yield from _leaves(array.storage)
    elif pa.types.is_map(kind):
        yield from (leaf for below in (array.keys, array.items) for leaf in _leaves(below))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or _is_fixed_list(kind):
        yield from _leaves(array.flatten())
    elif pa.types.is_struct(kind):
        yield from (leaf for below in array.flatten() for leaf in _leaves(below))
    else:
        yield array


def _fields(field: pa.Field) -> list[pa.Field]:
    below = [field.type.field(number) for number in range(field.type.num_fields)]
    return [field, *(deeper for one in below for deeper in _fields(one))]


def _of_statistics(statistics: Any, needles: Needles) -> Counter[str]:
    counted: Counter[str] = Counter()
    if statistics is None or not statistics.has_min_max:
        return counted
    for bound in (statistics.min, statistics.max):
        if isinstance(bound, int):
            counted[INSTANT] += bound in needles.values.instants
            continue
        value = bound if isinstance(bound, bytes) else str(bound).encode()
        counted += needles.kinds(value)
        counted += needles.bounds([value])
    return counted


def _add(found: Found, view: str, kinds: Counter[str]) -> None:
    for kind, number in kinds.items():
        if number:
            found[view, kind] += number


class _Values:
    """Counts rows that hold what is sought.

    Args:
        needles: What is sought.
        found: Takes what is found.
    """

    def __init__(self, needles: Needles, found: Found) -> None:
        import pyarrow as pa

        self._needles = needles
        self._found = found
        self._instants = pa.array(sorted(needles.values.instants), pa.int64())

    def look_at(self, array: Any) -> None:
        """Look at a column, and at all columns in it."""
        for leaf in _leaves(array):
            self._look_at(leaf)

    def _look_at(self, array: Any) -> None:
        import pyarrow as pa

        kind = array.type
        if _says_nothing(kind):
            return
        if pa.types.is_timestamp(kind):
            self._numbers(array.cast(pa.timestamp("ms", kind.tz), safe=False).cast(pa.int64()))
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
            self._numbers(array)
        else:
            self._texts(array)

    def _numbers(self, array: Any) -> None:
        import pyarrow.compute as pc

        if array.type.bit_width < 64 or not len(self._instants):
            return
        number = pc.sum(pc.is_in(array, self._instants.cast(array.type))).as_py()
        _add(self._found, "parquet values", Counter({INSTANT: number or 0}))

    def _texts(self, array: Any) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        counts = pc.value_counts(array)
        values = counts.field("values")
        if pa.types.is_dictionary(array.type):
            values = values.dictionary_decode()
        if not pa.types.is_fixed_size_binary(values.type):
            values = values.cast(pa.string() if _is_told(values.type) else pa.binary())
        listed = [
            (value if isinstance(value, bytes) else value.encode(), count)
            for value, count in zip(
                values.to_pylist(), counts.field("counts").to_pylist(), strict=True
            )
            if value is not None
        ]
        if not self._needles.kinds(b"\0".join(value for value, _ in listed)):
            return
        for value, count in listed:
            kinds = self._needles.kinds(value)
            _add(self._found, "parquet values", Counter(dict.fromkeys(kinds, count)))


def _says_nothing(kind: Any) -> bool:
    """Tell whether no value of a type can be what is sought."""
    import pyarrow as pa

    checks = (pa.types.is_null, pa.types.is_boolean, pa.types.is_time, pa.types.is_duration)
    return any(check(kind) for check in checks)


def _is_fixed_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_fixed_size_list(kind))


def _is_told(kind: Any) -> bool:
    """Tell whether values of a type are neither text nor bytes, and so are told as text."""
    import pyarrow as pa

    known = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary)
    return not any(check(kind) for check in (*known, pa.types.is_large_binary))
