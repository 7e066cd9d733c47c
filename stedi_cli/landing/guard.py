"""The landing contract as SQL in DuckDB's words: SELECTs that raise where a line is unusable.

Text only: who runs it, and what follows where it raises, is said elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from stedi_cli.landing.contract import LONGEST_LINE
from stedi_cli.project.lakehouse import LANDING_FILE, Column, Table
from stedi_cli.sql import identifier, literal, literals, parquet

# Integers are read as DOUBLE, which keeps a fraction where BIGINT rounds it away; from here on
# a DOUBLE no longer holds every integer.
_EXACT = 2**53
# The reader's buffers are twice the longest line it takes, one for each thread and scan: at a
# sixteenth of its default it needs less memory and a fifth less processor time. Somewhat longer
# lines are taken all the same: which are too long is looked for where the file's bytes are.
_LONGEST_FAST = 1 << 20
_NAMED = f", filename = {literal(LANDING_FILE)}"
# Or a folder called column=value anywhere above would give every row that value.
_PATH_SAYS_NOTHING = "hive_partitioning = false"


class Guard:
    """SELECTs over the files of a landing table, of its columns and each row's landing file.

    Args:
        table: The table.
        types: DuckDB's name of each type of a column.
    """

    def __init__(self, table: Table, types: Mapping[str, str]) -> None:
        self._table = table
        self._types = types

    @property
    def tag(self) -> str:
        """The text by which the guard is found in errors and profiles."""
        return f"stedi-contract:{self._table.name}"

    def guarded(self, files: Iterable[Path], folder: Path, *, texts: bool = True) -> str:
        """Return a SELECT of all rows, which raises at a line that cannot be used.

        Args:
            files: The files.
            folder: The table's, below which a file's path is its name.
            texts: Whether texts are looked at; else `with_other_texts` is to be asked of the rows.
        """
        numbers = [_number(c, "raw.") for c in self._table.columns if c.type != "string"]
        conditions = [*numbers, *(self._texts("raw.") if texts else ())]
        guard = f"CASE WHEN {_all(conditions)} THEN true ELSE error({literal(self.tag)}) END"
        read = {c.name: "double" if c.type == "long" else c.type for c in self._table.columns}
        named = f"substr(raw.{LANDING_FILE}, {len(f'{folder}/') + 1})"
        return f"{self._select(files, read, named, _NAMED)} WHERE {guard}"

    def with_other_texts(self, read: Path) -> str | None:
        """Return a SELECT of the landing files of which a text may be none that can be used.

        Where rows are stored, a text that many have is looked at once for all of them.

        Args:
            read: A Parquet file of rows that were selected without a look at their texts.

        Returns:
            The SELECT; None where the table has no texts.
        """
        conditions = self._texts("")
        if not conditions:
            return None
        other = f"CASE WHEN {_all(conditions)} THEN false ELSE true END"
        return f"SELECT DISTINCT {LANDING_FILE} FROM {parquet([read])} WHERE {other}"

    def _texts(self, source: str) -> list[str]:
        """Return what holds for the texts of a row that can be used."""
        told = self._table.held_back
        found = [_text(c, source) for c in self._table.columns if c.type == "string"]
        return [*found, *([_address(source + identifier(told.email))] if told else [])]

    def usable(self, files: Mapping[Path, str], *, longest: int) -> str:
        """Return a SELECT of the rows of files of which every line is a usable one.

        Args:
            files: The files, each with the landing file that its lines are of.
            longest: Length of the longest line.
        """
        # One scan: of a UNION with one for each file, DuckDB runs one after another.
        rows = ", ".join(f"({literal(str(path))}, {literal(of)})" for path, of in files.items())
        # A map would be searched from its beginning for each row.
        named = f" JOIN (VALUES {rows}) AS named(path, name) ON named.path = raw.{LANDING_FILE}"
        return self._select(files, self._exact(), "named.name", _NAMED, longest) + named

    def sieved(self, file: Path) -> str:
        """Return a SELECT of the rows of a file whose usable lines name their landing files."""
        read = {**self._exact(), LANDING_FILE: "string"}
        return self._select([file], read, f"raw.{LANDING_FILE}", "")

    def _exact(self) -> dict[str, str]:
        """Return types that read integers as such, beyond a DOUBLE's reach."""
        return {column.name: column.type for column in self._table.columns}

    def _select(
        self,
        files: Iterable[Path],
        read: Mapping[str, str],
        of: str,
        options: str,
        longest: int = 0,
    ) -> str:
        kinds = {name: self._types[kind] for name, kind in read.items()}
        typed = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in kinds.items())
        selected = ", ".join(
            f"CAST({_given(c)} AS {self._types[c.type]}) AS {identifier(c.name)}"
            for c in self._table.columns
        )
        return (
            f"SELECT {selected}, {of} AS {LANDING_FILE}"
            f" FROM read_json({literals(str(path) for path in files)},"
            f" format = 'newline_delimited', columns = {{{typed}}}{options},"
            f" maximum_object_size = {max(longest, _LONGEST_FAST)}, {_PATH_SAYS_NOTHING}) AS raw"
        )


def lines_unlike(pattern: str, file: Path) -> str:
    """Return a SELECT of the ordinals of lines that do not match, and of the number of all.

    Blank lines do not count. The last line comes along, for the number; judging a good line does
    no harm.
    """
    source = (
        f"read_ndjson_objects({literal(str(file))}, ignore_errors = true,"
        f" maximum_object_size = {LONGEST_LINE}, {_PATH_SAYS_NOTHING})"
    )
    return (
        "SELECT ordinal, whole FROM ("
        " SELECT row_number() OVER () AS ordinal,"
        f" regexp_full_match(CAST(json AS VARCHAR), {literal(pattern)}) AS canonical,"
        f" count(*) OVER () AS whole FROM {source})"
        " WHERE canonical IS NOT TRUE OR ordinal = whole"
    )


def _given(column: Column) -> str:
    name = "raw." + identifier(column.name)
    # In an optional instant 0 means not given.
    return name if column.plausible is None or column.required else f"nullif({name}, 0)"


def texts_with(words: Iterable[bytes], files: Iterable[Path]) -> str:
    """Return a SELECT of the paths of files that hold some word; it raises at what is no UTF-8."""
    found = " OR ".join(f"contains(content, {literal(word.decode())})" for word in words)
    return f"SELECT filename FROM read_text({literals(str(path) for path in files)}) WHERE {found}"


def _all(conditions: list[str]) -> str:
    return " AND ".join(conditions) or "true"


def _address(name: str) -> str:
    """Return a condition that no address meets around which something else stands."""
    # Of ASCII alone, so that its last character is one and no cluster of several.
    plain = f"strlen({name}) = length({name}) AND {name}[-1] BETWEEN '!' AND '~'"
    return f"({name} IS NULL OR ({plain} AND NOT contains({name}, ':')))"


def _text(column: Column, source: str) -> str:
    name = source + identifier(column.name)
    condition = rf"{name} NOT LIKE '{{%' AND {name} NOT LIKE '[%'"
    if column.required:
        # What does not begin with a letter, digit or mark of ASCII may be blank.
        condition += f" AND {name} >= '!' AND {name} < chr(127)"
    return _given_only(column, name, condition)


def _number(column: Column, source: str) -> str:
    name = source + identifier(column.name)
    if column.plausible is not None:
        # Zero, which may be the word false, is looked at closer.
        least, end = column.plausible.start, column.plausible.stop
        condition = f"{name} = floor({name}) AND {name} >= {least} AND {name} < {end}"
    elif column.type == "long":
        condition = f"{name} = floor({name}) AND abs({name}) < {_EXACT}"
    else:
        condition = f"isfinite({name})"
    return _given_only(column, name, condition)


def _given_only(column: Column, name: str, condition: str) -> str:
    return f"({condition})" if column.required else f"({name} IS NULL OR ({condition}))"
