"""Answers questions over all tables of a local lakehouse."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import duckdb

from stedi_cli.lake.records import Answer
from stedi_cli.local.access import users_own
from stedi_cli.local.engine import PARQUET, Engine, query_error
from stedi_cli.local.landing_reader import LandingReader
from stedi_cli.local.landing_zone import LandingZone
from stedi_cli.local.layout import Layout
from stedi_cli.local.tables import Tables
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.project.settings import LocalSettings
from stedi_cli.questions.export_file import export_format, exported
from stedi_cli.questions.not_built import not_built
from stedi_cli.questions.statement import one_select
from stedi_cli.sql import identifier, literal

_FORMATS = {".parquet": PARQUET, ".csv": "FORMAT csv, HEADER"}


class Questions:
    """All tables of a lakehouse by name.

    An engine can open the files of the tables that it was made for, and no others.

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
        settings: LocalSettings,
        lakehouse: Lakehouse,
        zone: LandingZone,
        tables: Tables,
    ) -> None:
        self._layout = layout
        self._settings = settings
        self._lakehouse = lakehouse
        self._zone = zone
        self._tables = tables
        self._engines: list[tuple[frozenset[str], Engine]] = []
        self._open = ExitStack()

    def close(self) -> None:
        """Close the engines and remove their intermediate files."""
        self._open.close()

    def ask(self, texts: Sequence[str]) -> list[Answer]:
        """Run SELECTs.

        Args:
            texts: The queries.

        Returns:
            The answers, in the order of the queries.

        Raises:
            UsageError: If one is not one SELECT or cannot be run.
        """
        queries = [one_select(text, self._lakehouse.tables) for text in texts]
        engine = self._engine(frozenset().union(*(query.tables for query in queries)))
        return [engine.select(query) for query in queries]

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
        engine = self._engine(frozenset({name}))
        inside = engine.temp / f"export{suffix}"
        copy = f"COPY (FROM {identifier(name)}) TO {literal(str(inside))} ({_FORMATS[suffix]})"
        try:
            rows = int(engine.execute(copy)[0][0])
        except duckdb.Error as error:
            raise query_error(error) from error
        with users_own(), exported(file) as sink, inside.open("rb") as stream:
            shutil.copyfileobj(stream, sink)
        return rows

    def _engine(self, names: frozenset[str]) -> Engine:
        """Return an engine in which tables can be read by their names."""
        for there, engine in self._engines:
            if names <= there:
                return engine
        landing = {name: self._zone.state(name) for name in names & set(self._lakehouse.landing)}
        built = {name: self._built(name) for name in names - set(landing)}
        opened = [path for files in built.values() for path in files]
        for name, state in landing.items():
            opened += [self._zone.folder(name) / file for file in state.files]
        engine = Engine(self._layout, self._settings, opened)
        self._open.callback(engine.close)
        engine.open().lock()
        for name, files in built.items():
            engine.define_files(self._lakehouse.tables[name], files)
        reader = LandingReader(engine, self._zone, self._tables)
        for name, state in landing.items():
            reader.define(self._lakehouse.tables[name], state, guarded=False)
        self._engines.append((names, engine))
        return engine

    def _built(self, name: str) -> list[Path]:
        files = self._tables.files(name)
        if files is None:
            raise not_built(self._lakehouse, self._lakehouse.tables[name])
        return files
