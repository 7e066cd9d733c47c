"""Answers questions over all tables of a local lakehouse."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from stedi_cli.export_file import export_format, exported
from stedi_cli.lakehouse import Lakehouse, Table
from stedi_cli.local.engine import PARQUET, Engine, one_select, query_error
from stedi_cli.local.landing_reader import LandingReader
from stedi_cli.local.landing_zone import LandingZone
from stedi_cli.local.layout import Layout
from stedi_cli.local.tables import Tables
from stedi_cli.questions import not_built
from stedi_cli.settings import Settings
from stedi_cli.sql import identifier, literal
from stedi_cli.target import Answer

_FORMATS = {".parquet": PARQUET, ".csv": "FORMAT csv, HEADER"}


class Questions:
    """All tables of a lakehouse by name, in one engine.

    Args:
        layout: The lakehouse.
        settings: Limits.
        lakehouse: The model.
        zone: The landing zone.
        tables: The Iceberg tables.
    """

    def __init__(
        self,
        layout: Layout,
        settings: Settings,
        lakehouse: Lakehouse,
        zone: LandingZone,
        tables: Tables,
    ) -> None:
        self._lakehouse = lakehouse
        self._zone = zone
        self._tables = tables
        self._engine = Engine(layout, settings)
        self._engine.lock()
        self._reader = LandingReader(self._engine)
        self._defined: set[str] = set()

    def close(self) -> None:
        """Close the engine and remove its intermediate files."""
        self._engine.close()

    def ask(self, sql: str) -> Answer:
        """Run one SELECT.

        Args:
            sql: The query.

        Returns:
            The answer.

        Raises:
            UsageError: If it is not one SELECT or cannot be run.
        """
        self._define(one_select(sql))
        return self._engine.select(sql)

    def export(self, table: str, file: Path) -> int:
        """Write a table to a file.

        Args:
            table: The table.
            file: The file to make; its ending tells the format.

        Returns:
            The number of rows.

        Raises:
            UsageError: If the ending is neither ``.parquet`` nor ``.csv``, the table is not built,
                or the file's place is none for it.
        """
        suffix = export_format(file)
        name = self._lakehouse.table(table).name
        self._define(name)
        inside = self._engine.temp / f"export{suffix}"
        copy = f"COPY (FROM {identifier(name)}) TO {literal(str(inside))} ({_FORMATS[suffix]})"
        try:
            rows = int(self._engine.execute(copy)[0][0])
        except duckdb.Error as error:
            raise query_error(error) from error
        with exported(file) as sink, inside.open("rb") as stream:
            shutil.copyfileobj(stream, sink)
        return rows

    def _define(self, sql: str) -> None:
        """Make the tables readable that a query mentions; landing files only when asked for."""
        for table in self._lakehouse.tables.values():
            if table.name in self._defined or table.name not in sql.lower():
                continue
            self._defined.add(table.name)
            if table.zone == "landing":
                self._define_landing(table)
            elif (files := self._tables.files(table.name)) is not None:
                self._engine.define_files(table, files)
            else:
                raise not_built(self._lakehouse, table)

    def _define_landing(self, table: Table) -> None:
        state = self._zone.state(table.name)
        folder = self._zone.folder(table.name)
        clean = self._tables.is_known_clean(table, state)
        if clean:
            self._reader.define(table, folder, state, known_clean=True)
        else:
            self._reader.inspect(table, folder, state)
