"""Answers questions over all tables of a lakehouse on AWS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stedi_cli.aws.account import side_by_side
from stedi_cli.aws.athena import Athena, BadLineError, NoTableError
from stedi_cli.aws.layout import Layout
from stedi_cli.errors import UsageError
from stedi_cli.lake.records import Answer, Exported, Question
from stedi_cli.project.lakehouse import Table
from stedi_cli.questions.export_file import export_format
from stedi_cli.questions.not_built import not_built
from stedi_cli.questions.statement import TOKEN, no_select, refuse_broken_text, tables_named
from stedi_cli.sql import identifier

if TYPE_CHECKING:
    from stedi_cli.aws.table_files import TableFiles

_E_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SERIAL = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Questions:
    """All tables of a lakehouse by name, through Athena.

    Args:
        layout: Names and places.
        tables: The Iceberg tables.
        athena: Runs the queries.
    """

    def __init__(self, layout: Layout, tables: TableFiles, athena: Athena) -> None:
        self._layout = layout
        self._tables = tables
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
        return self._run(wanted)

    def ask_all(self, questions: Sequence[Question]) -> list[Answer | UsageError]:
        return side_by_side([partial(self._answer, question) for question in questions])

    def miscounted(self) -> dict[str, int]:
        # There are no copies: the landing files themselves are read.
        return {}

    def export(
        self, table: str, file: Path, tell: Callable[[Exported], object] | None = None
    ) -> Exported:
        from stedi_cli.aws.export import write

        export_format(file)
        found = self._layout.lakehouse.table(table)

        def told(rows: int) -> None:
            if tell is not None:
                tell(Exported(table, file, rows))

        return Exported(table, file, write(found, self.rows(found), file, told))

    def rows(self, table: Table) -> Iterator[tuple[Any, ...]]:
        """Return the rows of an Iceberg table."""
        names = ", ".join(identifier(column.name) for column in table.columns)
        return self._run(f"SELECT {names} FROM {identifier(table.name)}").rows

    def _answer(self, question: Question) -> Answer | UsageError:
        try:
            with question.blamed():
                return self._run(one_select(question.sql))
        except UsageError as error:
            return error

    def _run(self, sql: str) -> Answer:
        try:
            return self._as_modelled(sql, self._athena.select(sql))
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
