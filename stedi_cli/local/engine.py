"""DuckDB, confined: it opens the files that it is given and its own temporary folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import duckdb

from stedi_cli.errors import StediError, UsageError
from stedi_cli.lake.records import Answer
from stedi_cli.local.layout import Layout
from stedi_cli.local.times import with_times_as_text
from stedi_cli.local.workspace import Workspace
from stedi_cli.project.lakehouse import Table
from stedi_cli.project.settings import LocalSettings
from stedi_cli.questions.calling import Calls
from stedi_cli.questions.statement import Select, first_line
from stedi_cli.sql import identifier, literal, literals, parquet
from stedi_cli.tables.types import TYPES

PARQUET = "FORMAT parquet, COMPRESSION zstd, WRITE_BLOOM_FILTER false"
"""How Parquet is written: without what answers whether a value is in it."""
_BATCH = 1000


class Engine:
    """A DuckDB connection over a local lakehouse.

    Args:
        layout: The lakehouse.
        settings: Threads, limits.
        opened: The files and folders that it may open beside its own temporary folder. DuckDB
            cannot be told to open them for reading only.
        memory: Memory that it may use before it spills to disk, or None for DuckDB's own limit.
    """

    def __init__(
        self,
        layout: Layout,
        settings: LocalSettings,
        opened: Sequence[Path],
        memory: str | None,
    ) -> None:
        self._workspace = Workspace(layout)
        self._settings = settings
        self._opened = opened
        self._memory = memory
        self._spared = False
        self._meanwhile: Callable[[], object] | None = None
        # What tables are, by name; and which of them can be read now.
        self._defined: dict[str, str] = {}
        self._shown: set[str] = set()

    def open(self) -> Self:
        """Connect; whoever calls this has to close it, however this ends."""
        self.temp = self._workspace.make()
        self._calls = Calls(duckdb.connect())
        options = self._options() | {"enable_external_access": "false"}
        self.execute("; ".join(f"SET {name} = {value}" for name, value in options.items()))
        return self

    def _options(self) -> dict[str, str]:
        settings = self._settings
        folders = [self.temp, *(path for path in self._opened if path.is_dir())]
        options = {
            "temp_directory": literal(str(self.temp)),
            "max_temp_directory_size": literal(settings.temp_limit),
            # Its own order explodes where serial numbers are shared: the jobs are written in the
            # order in which they should run.
            "disabled_optimizers": literal("join_order,build_side_probe_side"),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allowed_directories": literals(map(str, folders)),
            "allowed_paths": literals(str(path) for path in self._opened if path not in folders),
            # For every cursor; a setting of one connection is no setting of the next.
            "GLOBAL TimeZone": "'UTC'",
        }
        if self._memory:
            options["memory_limit"] = literal(self._memory)
        if settings.threads:
            options["threads"] = str(settings.threads)
        return options

    def close(self) -> None:
        """Close the connection and remove its intermediate files."""
        try:
            if hasattr(self, "_calls"):
                self._calls.close()
        finally:
            self._workspace.remove()

    def lock(self) -> None:
        """Let no statement change the settings any more."""
        self.execute("SET lock_configuration = true")
        self._spared = True

    def execute(
        self, sql: str, meanwhile: Callable[[], object] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run trusted SQL, and return its rows; raises duckdb.Error.

        Args:
            sql: The statement.
            meanwhile: What is done while it runs.
        """
        connection = self._calls.connection
        return self._calls.run(lambda: connection.execute(sql).fetchall(), meanwhile=meanwhile)

    def beside_next_copy(self, work: Callable[[], object]) -> None:
        """Do something once, while the next rows are written."""
        self._meanwhile = work

    def copy(self, select: str, path: Path, more: str = "") -> int:
        """Write the rows of a SELECT to a Parquet file and return their number.

        Where memory does not suffice it goes on with one thread, which needs fewer buffers.

        Args:
            select: The rows.
            path: The file to make.
            more: Further options of how it is written, each after a comma.

        Raises:
            duckdb.Error: If it cannot be read or written.
        """
        while True:
            try:
                sql = f"COPY ({select}\n) TO {literal(str(path))} ({PARQUET}{more})"
                meanwhile, self._meanwhile = self._meanwhile, None
                return int(self.execute(sql, meanwhile)[0][0])
            except duckdb.OutOfMemoryException:
                if self._spared:
                    raise
                self.execute("SET threads = 1")
                self._spared = True

    def interrupt(self) -> None:
        """End the statement that another thread runs."""
        self._calls.interrupt()

    def define(self, table: str, select: str, *, hint: str = "Run `stedi doctor`.") -> None:
        """Make a table readable by its name as the rows of a SELECT."""
        if table in self._shown and self._defined[table] == select:
            return
        try:
            self.execute(f"CREATE OR REPLACE VIEW {identifier(table)} AS {select}")
        except duckdb.Error as error:
            raise StediError(
                f"The data of {table} cannot be read: {first_line(error)}", hint=hint
            ) from error
        self._defined[table] = select
        self._shown.add(table)

    def show_only(self, tables: Collection[str]) -> None:
        """Let only these tables be readable, so that a job reads what it says and nothing else."""
        for table in self._defined.keys() & set(tables):
            self.define(table, self._defined[table])
        if others := self._shown - set(tables):
            self._shown -= others
            self.execute("; ".join(f"DROP VIEW {identifier(table)}" for table in others))

    def define_files(self, table: Table, files: Sequence[Path]) -> None:
        """Make an Iceberg table readable by its name from its data files."""
        if not files:
            self.define(table.name, empty_select(table))
            return
        columns = ", ".join(identifier(column.name) for column in table.columns)
        self.define(
            table.name,
            f"SELECT {columns} FROM {parquet(files)}",
            hint="Run `stedi jobs run --all --force`: it rebuilds the table.",
        )

    def select(self, query: Select) -> Answer:
        """Run a user's query; times come out as text, in UTC.

        Args:
            query: The query.

        Returns:
            The answer.

        Raises:
            UsageError: If it cannot be run.
        """
        cursor = self._calls.connection.cursor()
        try:
            relation = self._calls.run(lambda: cursor.sql(query.text), cursor)
            text = with_times_as_text(query.text, relation.types)
            self._calls.run(lambda: cursor.execute(text), cursor)
        except duckdb.Error as error:
            raise query_error(error) from error
        return Answer(
            relation.columns, [str(kind) for kind in relation.types], _fetch(self._calls, cursor)
        )

    def columns_of(self, sql: str) -> list[str]:
        """Return the column names of a SELECT without running it; raises duckdb.Error."""
        return [row[0] for row in self.execute(f"DESCRIBE ({sql}\n)")]


def empty_select(table: Table) -> str:
    """Return a SELECT of a table's columns without rows."""
    columns = ", ".join(
        f"CAST(NULL AS {TYPES[c.type].duckdb}) AS {identifier(c.name)}" for c in table.columns
    )
    return f"SELECT {columns} WHERE false"


def query_error(error: Exception) -> StediError:
    """Turn a DuckDB error into one line."""
    first = first_line(error)
    if "Permission Error" in first:
        return UsageError(
            "A query can read the lakehouse's tables only.", hint="`stedi tables` lists them."
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return StediError(
            f"The query has run out of memory, or of disk space to spill to: {first}",
            hint="Look at free disk space and at check_memory and temp_limit in the config.",
        )
    if "IO Error" in first:
        return StediError(f"A file cannot be read: {first}", hint="Run `stedi doctor`.")
    return UsageError(
        f"The query cannot be run: {first}", hint="`stedi tables --ddl` shows columns."
    )


def _fetch(calls: Calls, cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    try:
        while batch := calls.run(lambda: cursor.fetchmany(_BATCH), cursor):
            yield from batch
    except duckdb.Error as error:
        raise query_error(error) from error
