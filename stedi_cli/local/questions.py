"""Answers questions over all tables of a local lakehouse."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stedi_cli.errors import UsageError
from stedi_cli.lake.records import Answer, Exported, Question
from stedi_cli.local.access import private, users_own
from stedi_cli.local.lock import reading
from stedi_cli.local.place import Place
from stedi_cli.sql import identifier, literal

if TYPE_CHECKING:
    from stedi_cli.local.engine import Engine
    from stedi_cli.local.typed_copies import Held
    from stedi_cli.project.lakehouse import Table
    from stedi_cli.questions.statement import Select


class Questions:
    """All tables of a lakehouse by name.

    An engine can open the files of the tables that it was made for, and no others.

    Args:
        place: The lakehouse.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._engines: list[tuple[frozenset[str], Engine]] = []
        self._open = ExitStack()
        self._is_begun = False

    def close(self) -> None:
        """Close the engines and remove their intermediate files."""
        self._open.close()

    def renew(self) -> None:
        """See the tables as they are when it is next asked."""
        self.close()
        self._engines = []
        self._is_begun = False

    @private
    def ask(self, sql: str) -> Answer:
        from stedi_cli.questions.statement import one_select

        self.begin()
        query = one_select(sql, self._place.lakehouse.tables)
        return self.engine(query.tables).select(query)

    def ask_unkept(self, sql: str) -> Answer:
        return self.ask(sql)

    @private
    def ask_all(self, questions: Sequence[Question]) -> list[Answer | UsageError]:
        self.begin()
        queries = [self._read(question) for question in questions]
        runnable = [query for query in queries if not isinstance(query, UsageError)]
        engine = self.engine(frozenset().union(*(query.tables for query in runnable)))
        return [
            query if isinstance(query, UsageError) else _asked(engine, question, query)
            for question, query in zip(questions, queries, strict=True)
        ]

    def _read(self, question: Question) -> Select | UsageError:
        from stedi_cli.questions.not_built import not_built
        from stedi_cli.questions.statement import one_select

        tables = self._place.lakehouse.tables
        there = self._place.lakehouse.landing.keys() | self._place.tables.states().keys()
        try:
            with question.blamed():
                query = one_select(question.sql, tables)
                if missing := query.tables - there:
                    raise not_built(self._place.lakehouse, tables[min(missing)])
        except UsageError as error:
            return error
        return query

    def sent(self, sql: str) -> str:
        return sql

    def unread(self) -> frozenset[str]:
        # Of files that no run has read the lines are read for a question.
        return frozenset()

    @private
    def miscounted(self) -> dict[str, int]:
        import duckdb

        from stedi_cli.local.accounted import miscounted
        from stedi_cli.local.engine import query_error

        self.begin()
        landing = self._place.lakehouse.landing
        beside = {table.name for table in self._place.lakehouse.beside}
        names = frozenset(landing) | (beside & self._place.tables.states().keys())
        engine = self.engine(names)
        try:
            return miscounted(self._place, engine)
        except duckdb.Error as error:
            raise query_error(error) from error

    @private
    def export(
        self, table: str, file: Path, tell: Callable[[Exported], object] | None = None
    ) -> Exported:
        import duckdb

        from stedi_cli.local.engine import PARQUET, query_error
        from stedi_cli.questions.export_file import export_format, exported

        self.begin()
        suffix = export_format(file)
        name = self._place.lakehouse.table(table).name
        engine = self.engine(frozenset({name}))
        inside = engine.temp / f"export{suffix}"
        form = PARQUET if suffix == ".parquet" else "FORMAT csv, HEADER"
        copy = f"COPY (FROM {identifier(name)}) TO {literal(str(inside))} ({form})"
        try:
            rows = int(engine.execute(copy)[0][0])
        except duckdb.Error as error:
            raise query_error(error) from error
        done = Exported(table, file, rows)
        with users_own(), exported(file) as sink, inside.open("rb") as stream:
            shutil.copyfileobj(stream, sink)
            if tell is not None:
                tell(done)
        return done

    def begin(self) -> None:
        """Hold off sweeping from the first question on, and see the tables as they are then."""
        if not self._is_begun:
            self._place.layout.require()
            self._open.enter_context(reading(self._place.layout.readers))
            self._place.tables.forget()
            self._is_begun = True

    def engine(self, names: frozenset[str]) -> Engine:
        """Return an engine in which tables can be read by their names, once this has begun."""
        from stedi_cli.local.engine import Engine
        from stedi_cli.local.typed_copies import TypedCopies

        for there, engine in self._engines:
            if names <= there:
                return engine
        place = self._place
        copies, tables = TypedCopies(place), place.lakehouse.tables
        landing = {
            name: copies.held(tables[name], place.zone.state(name))
            for name in sorted(names & set(place.lakehouse.landing))
        }
        built = {name: self._built(name) for name in names - set(landing)}
        opened = [path for files in built.values() for path in files]
        for name, held in landing.items():
            opened += [*held.files, *(place.zone.folder(name) / file for file in held.new)]
        engine = Engine(place.layout, place.settings, opened, place.settings.check_memory)
        self._open.callback(engine.close)
        engine.open()
        for name, files in built.items():
            engine.define_files(tables[name], files)
        for name, held in landing.items():
            self._define_landing(engine, tables[name], held)
        engine.lock()
        self._engines.append((names, engine))
        return engine

    def _define_landing(self, engine: Engine, table: Table, held: Held) -> None:
        """Make a landing table readable, its new files read for this command alone."""
        from stedi_cli.local.landing_reader import LandingReader
        from stedi_cli.local.typed_copies import rows_without

        names = [column.name for column in table.columns]
        selects = [rows_without(held.files, held.gone, names)] if held.files else []
        if held.new:
            zone = self._place.zone
            files = {zone.folder(table.name) / name: facts for name, facts in held.new.items()}
            path = engine.temp / f"{table.name}.parquet"
            batch = LandingReader(engine, zone).read(table, files, path)
            selects += [rows_without([batch.path], (), names)] if batch.path else []
        if selects:
            engine.define(table.name, " UNION ALL ".join(selects))
        else:
            engine.define_files(table, [])

    def _built(self, name: str) -> list[Path]:
        files = self._place.tables.files(name)
        if files is None:
            from stedi_cli.questions.not_built import not_built

            raise not_built(self._place.lakehouse, self._place.lakehouse.tables[name])
        return files


def _asked(engine: Engine, question: Question, query: Select) -> Answer | UsageError:
    try:
        question.begun()
        with question.blamed():
            answer = engine.select(query)
            # Read to its end, so that the next one has the memory for itself.
            return replace(answer, rows=iter(list(answer.rows)))
    except UsageError as error:
        return error
