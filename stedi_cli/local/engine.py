"""DuckDB, confined to the lakehouse: it reads and writes below the root and nowhere else."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from stedi_cli.errors import StediError, UsageError
from stedi_cli.lakehouse import Table
from stedi_cli.local.layout import Layout
from stedi_cli.settings import Settings
from stedi_cli.sql import identifier, literal, literals
from stedi_cli.target import Answer

TYPES = {"string": "VARCHAR", "long": "BIGINT", "double": "DOUBLE"}
PARQUET = "FORMAT parquet, COMPRESSION zstd, WRITE_BLOOM_FILTER false"
"""How Parquet is written: without what answers whether a value is in it."""
_BATCH = 1000


class Engine:
    """A DuckDB connection over a local lakehouse.

    Args:
        layout: The lakehouse.
        settings: Memory, threads, limits.
        profile: Whether to keep the profile of each statement.
    """

    def __init__(self, layout: Layout, settings: Settings, *, profile: bool = False) -> None:
        self.temp = layout.temp / uuid.uuid4().hex
        self.temp.mkdir(parents=True)
        self._connection = duckdb.connect()
        options: dict[str, str] = {
            "temp_directory": literal(str(self.temp)),
            "max_temp_directory_size": literal(settings.temp_limit),
            # The inputs' sizes are unknown to DuckDB (a JSON file counts as 42 rows), so its own
            # order hashes the large side and explodes where serial numbers are shared: the jobs
            # are written in the order in which they should run.
            "disabled_optimizers": literal("join_order,build_side_probe_side"),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allowed_directories": literals(
                [str(layout.landing), str(layout.warehouse), str(self.temp)]
            ),
        }
        if settings.memory_limit:
            options["memory_limit"] = literal(settings.memory_limit)
        if settings.threads:
            options["threads"] = str(settings.threads)
        if profile:
            options["enable_profiling"] = "'no_output'"
        for name, value in (options | {"enable_external_access": "false"}).items():
            self.execute(f"SET {name} = {value}")
        self._spared = False
        self._defined: dict[str, str] = {}

    def close(self) -> None:
        """Close the connection and remove its intermediate files."""
        self._connection.close()
        shutil.rmtree(self.temp, ignore_errors=True)

    def lock(self) -> None:
        """Let no statement change the settings any more."""
        self.execute("SET lock_configuration = true")

    def spare_memory(self) -> bool:
        """Go on with one thread, which needs fewer buffers; return False if that is so already."""
        if self._spared:
            return False
        self.execute("SET threads = 1")
        self._spared = True
        return True

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """Run trusted SQL and return its rows; raises duckdb.Error."""
        with _calling():
            return self._connection.execute(sql).fetchall()

    def define(self, table: str, select: str, *, hint: str = "Run `stedi doctor`.") -> None:
        """Make a table readable by its name as the rows of a SELECT."""
        try:
            self.execute(f"CREATE OR REPLACE VIEW {identifier(table)} AS {select}")
        except duckdb.Error as error:
            raise StediError(
                f"The data of {table} cannot be read: {first_line(error)}", hint=hint
            ) from error
        self._defined[table] = select

    def show_only(self, tables: Iterable[str]) -> None:
        """Let only these tables be readable, so that a job reads what it says and nothing else."""
        for table in tables:
            if table in self._defined:
                self.define(table, self._defined[table])
        for table in self._defined.keys() - set(tables):
            self.execute(f"DROP VIEW IF EXISTS {identifier(table)}")

    def define_files(self, table: Table, files: Sequence[Path]) -> None:
        """Make an Iceberg table readable by its name from its data files."""
        if not files:
            self.define(table.name, empty_select(table))
            return
        names = literals(str(path) for path in files)
        columns = ", ".join(identifier(column.name) for column in table.columns)
        self.define(
            table.name,
            f"SELECT {columns} FROM read_parquet({names}, hive_partitioning = false)",
            hint="Run `stedi jobs run --all --force`: it rebuilds the table.",
        )

    def select(self, sql: str) -> Answer:
        """Run a user's query.

        Args:
            sql: One SELECT.

        Returns:
            The answer.

        Raises:
            UsageError: If it is not one SELECT, or cannot be run.
        """
        cursor = self._connection.cursor()
        try:
            with _calling():
                cursor.execute(one_select(sql))
        except duckdb.Error as error:
            raise query_error(error) from error
        described = cursor.description or []
        return Answer([d[0] for d in described], [str(d[1]) for d in described], _fetch(cursor))

    def columns_of(self, sql: str) -> list[str]:
        """Return the column names of a SELECT without running it; raises duckdb.Error."""
        return [row[0] for row in self.execute(f"DESCRIBE ({sql}\n)")]

    def filtered_rows(self, tag: str) -> int:
        """Return how many rows passed the filters that mention a tag in the last statement."""
        try:
            with _calling():
                profile = json.loads(self._connection.get_profiling_information(format="json"))
        except duckdb.Error:
            return 0
        passed = [0]

        def visit(node: dict[str, Any]) -> None:
            expression = str(node.get("extra_info", {}).get("Expression", ""))
            if node.get("type") == "FILTER" and tag in expression:
                passed.append(int(node["intermediate_rows"]))
            for child in node.get("children", []):
                visit(child)

        for node in profile.get("operator", []):
            visit(node)
        return max(passed)


def empty_select(table: Table) -> str:
    """Return a SELECT of a table's columns without rows."""
    columns = ", ".join(
        f"CAST(NULL AS {TYPES[c.type]}) AS {identifier(c.name)}" for c in table.columns
    )
    return f"SELECT {columns} WHERE false"


def one_select(sql: str) -> str:
    """Return a query without its final semicolon; raise UsageError if it is not one SELECT."""
    if not _is_unicode(sql):
        raise UsageError("The SQL is not UTF-8 text.", hint="Write it as UTF-8.")
    try:
        with _calling():
            statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise query_error(error) from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise UsageError(
            "Only one SELECT at a time can be run here.",
            hint="The lakehouse is changed by `stedi jobs run` and `stedi upload` alone.",
        )
    return statements[0].query.strip().rstrip(";")


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def first_line(error: Exception) -> str:
    """Return what a DuckDB error says, in one line and without the SQL that it is about."""
    return str(error).strip().split("\n\n")[0].split("\nLINE ")[0].replace("\n", " ")


def query_error(error: Exception) -> StediError:
    """Turn a DuckDB error into one line."""
    first = first_line(error)
    if "Permission Error" in first:
        return UsageError(
            "A query can read the lakehouse's tables only.", hint="`stedi tables` lists them."
        )
    if "IO Error" in first:
        return StediError(f"A file cannot be read: {first}", hint="Run `stedi doctor`.")
    return UsageError(
        f"The query cannot be run: {first}", hint="`stedi tables --ddl` shows columns."
    )


@contextmanager
def _calling() -> Iterator[None]:
    """Let nothing out of DuckDB but its own errors and Ctrl-C, whatever Python makes of them."""
    try:
        yield
    except (duckdb.Error, StediError):
        raise
    except UnicodeDecodeError as error:
        # DuckDB cuts what it quotes inside a character.
        raise duckdb.Error(error.object.decode(errors="replace")) from error
    except Exception as error:
        if isinstance(error, RuntimeError) and "interrupted" in str(error):
            raise KeyboardInterrupt from error
        raise duckdb.Error(f"{type(error).__name__}: {error}") from error


def _fetch(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    try:
        while batch := _batch(cursor):
            yield from batch
    except duckdb.Error as error:
        raise query_error(error) from error


def _batch(cursor: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    with _calling():
        return cursor.fetchmany(_BATCH)
