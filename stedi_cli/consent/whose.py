"""Whose the rows of a table are, as a SELECT that names the person before each."""

from __future__ import annotations

from stedi_cli.project.folder import read_text
from stedi_cli.project.lakehouse import Lakehouse, Table
from stedi_cli.questions.sql_text import bare
from stedi_cli.sql import identifier


def person_sql(column: str) -> str:
    """Return the SQL of who an address in a column is of, as the jobs compare addresses."""
    return f"lower(trim(BOTH ' ' FROM {identifier(column)}))"


def whose(lakehouse: Lakehouse, table: Table, policy: str) -> str | None:
    """Return a SELECT of a table's rows after their person.

    Rows of which it is not sure whose they are need not be there.

    Args:
        lakehouse: The model.
        table: The table.
        policy: The policy that the tables have.

    Returns:
        The SELECT; None where the project does not say whose the rows are.
    """
    columns = ", ".join(identifier(column.name) for column in table.columns)
    names = {t.held_back.email for t in lakehouse.traced.values() if t.held_back}
    own = next((c.name for c in table.columns if c.name in names), None)
    if own is not None:
        return f"SELECT {person_sql(own)} AS person, {columns} FROM {identifier(table.name)}"
    path = lakehouse.folder / "jobs" / "whose" / f"{table.name}.sql"
    told = None if path.is_file() else lakehouse.persons(table, policy)
    sql = read_text(path) if path.is_file() else told.sql if told else ""
    return f"SELECT person, {columns} FROM ({bare(sql)}\n) whose" if sql else None


def counted(source: str) -> str:
    """Return a SELECT of how many rows are of each person."""
    return f"SELECT person, count(*) FROM ({source}) owned GROUP BY person"
