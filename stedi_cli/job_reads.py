"""A job reads the tables that the model says, and no others: its inputs tell what is stale."""

from __future__ import annotations

from stedi_cli.errors import UsageError
from stedi_cli.lakehouse import Job, JobText, Lakehouse


def refuse_undeclared(lakehouse: Lakehouse, job: Job, text: JobText) -> None:
    """Raise UsageError for a job whose SQL reads a table of the model that its reads do not name.

    SQL that cannot be parsed here is left to the engine, which says what is wrong with it.
    """
    import duckdb

    try:
        names = duckdb.get_table_names(text.sql)
    except (duckdb.Error, RuntimeError, UnicodeError):
        return
    read = {name.lower() for name in names}
    missing = [name for name in lakehouse.tables if name.lower() in read and name not in job.reads]
    if missing:
        raise UsageError(
            f"Job {job.name} reads {', '.join(missing)}, not named in its reads.",
            hint=f"Add it to jobs.{job.name}.reads in configs/lakehouse.yaml, or leave it out of"
            " the SQL.",
        )
