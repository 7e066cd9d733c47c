"""Answers questions over all tables of a lakehouse on AWS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stedi_cli.aws.account import side_by_side
from stedi_cli.aws.athena import Athena
from stedi_cli.aws.query_failures import BadLineError, NoTableError
from stedi_cli.aws.result_file import ResultFile
from stedi_cli.errors import StediError, UsageError, quantity
from stedi_cli.lake.records import Answer, Exported, Question
from stedi_cli.questions.export_file import export_format
from stedi_cli.questions.not_built import not_built
from stedi_cli.questions.sql_text import TOKEN
from stedi_cli.questions.standing_in import standing_in
from stedi_cli.questions.statement import no_select, refuse_broken_text, tables_named
from stedi_cli.sql import identifier

if TYPE_CHECKING:
    from stedi_cli.aws.place import Place

_E_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SERIAL = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Questions:
    """All tables of a lakehouse by name, through Athena.

    Landing tables are read from their typed copies, as the last run left these.

    Args:
        place: The lakehouse.
        athena: Runs the queries.
    """

    def __init__(self, place: Place, athena: Athena) -> None:
        self._layout = place.layout
        self._tables = place.tables
        self._zone = place.zone
        self._copies = place.copies
        self._athena = athena

    def ask(self, sql: str) -> Answer:
        """Run one SELECT.

        Args:
            sql: The query.

        Returns:
            The answer.

        Raises:
            UsageError: If it is not one SELECT, names a person, or cannot be run; the first two
                are found before anything is sent.
            StediError: If it fails otherwise.
        """
        wanted = one_select(sql)
        _refuse_identifiers(wanted)
        return replace(self._run(wanted), notes=tuple(self._notes(wanted)))

    def ask_unkept(self, sql: str) -> Answer:
        wanted = one_select(sql)
        _refuse_identifiers(wanted)
        with self._blamed(wanted):
            answer, result = self._athena.filed(self.sent(wanted))
        return self._as_modelled(wanted, replace(answer, rows=_removed_after(answer, result)))

    def ask_all(self, questions: Sequence[Question]) -> list[Answer | UsageError]:
        return side_by_side([partial(self._answer, question) for question in questions])

    def sent(self, sql: str) -> str:
        named = tables_named(sql, self._layout.lakehouse.landing)
        held = self._copies.held() if named else {}
        return standing_in(sql, {name: held[name].select for name in named & held.keys()})

    def unread(self) -> frozenset[str]:
        landing = self._layout.lakehouse.landing
        return frozenset(landing.keys() - self._copies.held().keys())

    def miscounted(self) -> dict[str, int]:
        from stedi_cli.aws.accounted import lines_query, miscounted

        held = self._copies.held()
        if not held:
            return {}
        states, beside = self._tables.states(), self._layout.lakehouse.beside
        query = lines_query(held.values(), [t.name for t in beside if t.name in states])
        return miscounted(held, self._zone.states(), self._athena.select(query).rows)

    def export(
        self, table: str, file: Path, tell: Callable[[Exported], object] | None = None
    ) -> Exported:
        from stedi_cli.aws.export import write

        export_format(file)
        found = self._layout.lakehouse.table(table)

        def told(rows: int) -> None:
            if tell is not None:
                tell(Exported(table, file, rows))

        names = ", ".join(identifier(column.name) for column in found.columns)
        sql = f"SELECT {names} FROM {identifier(found.name)}"
        with self._blamed(sql):
            answer, result = self._athena.filed(self.sent(sql))
        try:
            rows = write(found, answer.rows, file, told)
        except BaseException:
            self._remove(result)
            raise
        return Exported(table, file, rows, self._remove(result))

    def _remove(self, result: ResultFile) -> str:
        """Remove what Athena left of an export; where that cannot be, return what is to be said."""
        try:
            result.remove()
        except StediError as error:
            days = self._layout.settings.results_days
            return (
                f"{result.location} holds the rows too and could not be removed, it goes after"
                f" {quantity(days, 'day')}: {error.message}"
            )
        return ""

    def _notes(self, sql: str) -> Iterator[str]:
        """Yield what is to be known of the landing tables that a query names."""
        named = tables_named(sql, self._layout.lakehouse.landing)
        held = self._copies.held() if named else {}
        for name in sorted(named):
            if name not in held:
                yield (
                    f"{name}: its JSON as it is, until a run has read it: 0 stays 0,"
                    " and a line that cannot be used breaks a query."
                )
                continue
            files = {file: self._zone.known(name, file) for file in self._zone.listed()[name]}
            if not held[name].is_of(files):
                yield f"{name}: as the last run read it; its files changed since."

    def _answer(self, question: Question) -> Answer | UsageError:
        try:
            question.begun()
            with question.blamed():
                return self._run(one_select(question.sql))
        except UsageError as error:
            return error

    def _run(self, sql: str) -> Answer:
        with self._blamed(sql):
            return self._as_modelled(sql, self._athena.select(self.sent(sql)))

    @contextmanager
    def _blamed(self, sql: str) -> Iterator[None]:
        """Name the tables in what is raised since one is not built, or holds a bad line."""
        try:
            yield
        except NoTableError as error:
            raise self._not_built(sql, error) from error
        except BadLineError as error:
            tables = sorted(tables_named(sql, self._layout.lakehouse.landing))
            raise BadLineError(
                f"The query reads {' and '.join(tables) or 'a landing table'}, whose files hold a"
                " line that Athena cannot read.",
                hint=error.hint,
            ) from error

    def _as_modelled(self, sql: str, answer: Answer) -> Answer:
        """Give columns the model's spelling, of which Athena keeps no capitals."""
        tables = self._layout.lakehouse.tables
        spelled = {
            column.name.lower(): column.name
            for name in sorted(tables_named(sql, tables))
            for column in tables[name].columns
        }
        names = [spelled.get(name, name) for name in answer.columns]
        return Answer(names, answer.types, answer.rows)

    def _not_built(self, sql: str, error: NoTableError) -> UsageError:
        states = self._tables.states()
        lakehouse = self._layout.lakehouse
        named = tables_named(sql, lakehouse.writers)
        missing = [name for name in lakehouse.writers if name in named and name not in states]
        return not_built(lakehouse, lakehouse.tables[missing[0]]) if missing else error


def _removed_after(answer: Answer, result: ResultFile) -> Iterator[tuple[Any, ...]]:
    try:
        yield from answer.rows
    finally:
        result.remove()


def one_select(sql: str) -> str:
    """Return a query without comments and final semicolon.

    Args:
        sql: The query.

    Returns:
        The query, as it may be sent.

    Raises:
        UsageError: If it is not UTF-8 text, or not one SELECT.
    """
    refuse_broken_text(sql)
    # Comments go: Athena keeps query texts, and no one looks for an address in a comment.
    bare = TOKEN.sub(lambda found: " " if found["comment"] else found[0], sql).strip()
    bare = re.sub(r"[;\s]+\Z", "", bare)
    tokens = [found for found in TOKEN.finditer(bare) if not found["comment"]]
    first = next((found["word"] or found[0] for found in tokens if found[0] != "("), "")
    if first.upper() not in ("SELECT", "WITH") or any(found[0] == ";" for found in tokens):
        raise no_select()
    return bare


def _refuse_identifiers(sql: str) -> None:
    """Raise UsageError for an address or serial number, which Athena's history would keep."""
    if _E_MAIL.search(sql) or _SERIAL.search(sql):
        raise UsageError(
            "The query holds an e-mail address or serial number, and Athena keeps query texts"
            " for 45 days.",
            hint="`stedi export` the table, and look for the person there.",
        )
