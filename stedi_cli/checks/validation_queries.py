"""What a validation asks, in the SQL that DuckDB and Trino share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stedi_cli.lake.records import Question
from stedi_cli.project.check import Check
from stedi_cli.project.lakehouse import QUARANTINE, Lakehouse, Table
from stedi_cli.questions.select_list import Listed, columns_listed
from stedi_cli.questions.sql_text import bare
from stedi_cli.questions.statement import tables_named
from stedi_cli.sql import identifier, literal

COUNTS, QUARANTINED, FILES = "counts", "quarantined", "files"
"""Titles of what is asked beside checks and notes."""
# A row that another engine added may be of no table.
_QUARANTINED = (
    """SELECT coalesce("table", '') AS landing, count(*) AS lines"""
    f' FROM {QUARANTINE} GROUP BY "table"'
)
COUNT = "violations"
"""The column by which a row of a check says for how many it stands."""


@dataclass(frozen=True)
class Queries:
    """The queries of a validation.

    Args:
        counts: Rows of every table, or None where there is nothing to count.
        checks: Rows that break a rule, by the rule's name.
        quarantined: Lines in quarantine of every landing table, or None without one.
        notes: What was left out and why, by the name of the query.
        accounts: What is not in a job's table and why, by the job's name.
    """

    counts: Question | None
    checks: dict[str, Question]
    quarantined: Question | None
    notes: dict[str, Question]
    accounts: dict[str, Question]

    def all(self) -> dict[str, Question]:
        """Return all of them by title, in the order of the fields."""
        asked = {
            COUNTS: self.counts,
            **{check_title(name): question for name, question in self.checks.items()},
            QUARANTINED: self.quarantined,
            **{note_title(name): question for name, question in self.notes.items()},
            **{account_title(name): question for name, question in self.accounts.items()},
        }
        return {title: question for title, question in asked.items() if question is not None}


def row_texts(lakehouse: Lakehouse) -> dict[str, str]:
    """Return what is asked for all rows of each landing table, by title."""
    return {row_title(name): row_query(table) for name, table in lakehouse.landing.items()}


def row_query(table: Table) -> str:
    """Return a query for all rows of a table."""
    columns = ", ".join(identifier(column.name) for column in table.columns)
    return f"SELECT {columns} FROM {identifier(table.name)}"


def row_title(table: str) -> str:
    """Return the title of the rows of a table."""
    return f"rows {table}"


def check_title(name: str) -> str:
    """Return the title of a check."""
    return f"check {name}"


def note_title(name: str) -> str:
    """Return the title of a note."""
    return f"note {name}"


def account_title(job: str) -> str:
    """Return the title of a job's account."""
    return f"account {job}"


def subjects(
    lakehouse: Lakehouse,
    built: Collection[str],
    checks: Sequence[Check],
    accounts: Sequence[Check],
) -> dict[str, str]:
    """Return what a validation asks where all tables are built.

    No query is parsed for that.

    Args:
        lakehouse: The model.
        built: Names of the tables that are there beside the landing tables.
        checks: The checks of the policy that the tables were built under.
        accounts: The jobs' accounts that can be asked for.

    Returns:
        The text that each answer is told by, by title.
    """
    return {
        COUNTS: count_query(_counted(lakehouse, built, ())),
        **{check_title(check.name): check.sql for check in checks},
        **({QUARANTINED: _QUARANTINED} if QUARANTINE in built else {}),
        FILES: count_query(
            [*lakehouse.landing, *(t.name for t in lakehouse.beside if t.name in built)]
        ),
        **{note_title(note.name): note.sql for note in lakehouse.notes},
        **{account_title(account.name): account.sql for account in accounts},
    }


def queries(
    lakehouse: Lakehouse,
    built: Collection[str],
    checks: Sequence[Check],
    accounts: Sequence[Check],
    unread: Collection[str],
) -> Queries:
    """Return the queries of a validation.

    Args:
        lakehouse: The model.
        built: Names of the tables that are there beside the landing tables.
        checks: The checks of the policy that the tables were built under.
        accounts: The jobs' accounts that can be asked for.
        unread: The landing tables of which nothing can be asked, since no run has read them.
    """
    counted = _counted(lakehouse, built, unread)
    beside = [table.name for table in lakehouse.beside]
    there = [note for note in lakehouse.notes if tables_named(note.sql, beside) <= set(built)]
    checks, notes, told = (
        [one for one in asked if not (unread and tables_named(one.sql, unread))]
        for asked in (built_checks(lakehouse, checks, built), there, accounts)
    )
    return Queries(
        counts=Question(count_query(counted)) if counted else None,
        checks={check.name: Question(check_query(check), check.file) for check in checks},
        quarantined=Question(_QUARANTINED) if QUARANTINE in built else None,
        notes={note.name: Question(bare(note.sql) or note.sql, note.file) for note in notes},
        accounts={a.name: Question(account_query(a), a.file) for a in told},
    )


def built_checks(
    lakehouse: Lakehouse, checks: Sequence[Check], built: Collection[str]
) -> list[Check]:
    """Return the checks of which all tables are there.

    Args:
        lakehouse: The model.
        checks: The checks of the policy that the tables were built under.
        built: Names of the tables that are there beside the landing tables.
    """
    written = (*lakehouse.writers, *(table.name for table in lakehouse.beside))
    return [check for check in checks if tables_named(check.sql, written) <= set(built)]


def _counted(lakehouse: Lakehouse, built: Collection[str], unread: Collection[str]) -> list[str]:
    return [
        name
        for name, table in lakehouse.tables.items()
        if (name in built and table not in lakehouse.beside)
        or (table.zone == "landing" and name not in unread)
    ]


def count_query(tables: list[str]) -> str:
    """Return one query that counts the rows of all tables."""
    return "\nUNION ALL\n".join(
        f"SELECT {literal(name)} AS table_name, count(*) AS table_rows FROM {identifier(name)}"
        for name in tables
    )


def check_query(check: Check) -> str:
    """Return a query that counts the rows breaking a rule; of no query there is none."""
    sql = bare(check.sql)
    if not sql:
        return check.sql
    number, listed = "count(*)", columns_listed(check.sql)
    if any(column.name == COUNT for column in listed):
        # Whatever it says, a row that is there breaks the rule.
        said = f"sum(greatest(coalesce({COUNT}, 1), 1))"
        number = f"CAST(coalesce({said}, 0) AS BIGINT)"
    computed, names = _computed(listed)
    if computed:
        # No column has more values than there are rows.
        number = f"greatest({number}, {', '.join(f'count({name})' for name in computed)})"
    return (
        f"SELECT {literal(check.name)} AS check_name, {number} AS {COUNT}\n"
        f"FROM (\n{sql}\n) rule{names}"
    )


def _computed(listed: Sequence[Listed]) -> tuple[list[str], str]:
    """Return the columns that an engine would not compute for a count, and the names of all.

    A rule of which no row can be shown is wrong, and not broken. Columns that are only handed on
    cannot fail, and would cost something.
    """
    names = [COUNT if c.name == COUNT else f"c{place}" for place, c in enumerate(listed)]
    computed = [n for n, c in zip(names, listed, strict=True) if c.is_computed and n != COUNT]
    # What a * stands for has no place here.
    if not computed or len({*names}) < len(names) or any(column.is_star for column in listed):
        return [], ""
    return computed, f" ({', '.join(names)})"


def rows_query(check: Check, most: int) -> str:
    """Return a query for some of the rows that break a rule, one more than are wanted.

    Args:
        check: The rule.
        most: How many are wanted.
    """
    sql = bare(check.shown or check.sql)
    return f"SELECT *\nFROM (\n{sql}\n) broken\nLIMIT {most + 1}"


def account_query(account: Check) -> str:
    """Return a query that says why rows are not in a job's table, and of how many it is so."""
    sql, named = bare(account.sql), identifier(f"account of {account.name}")
    return f"SELECT reason, n\nFROM (\n{sql}\n) {named}" if sql else account.sql
