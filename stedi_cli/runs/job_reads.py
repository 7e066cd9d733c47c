"""A job reads the tables that the model says, and no others: its inputs tell what is stale."""

from __future__ import annotations

from stedi_cli.errors import UsageError
from stedi_cli.project.lakehouse import HELD_BACK, Job, JobText, Lakehouse
from stedi_cli.questions.sql_text import texts_in


def refuse_undeclared(lakehouse: Lakehouse, job: Job, text: JobText, engine: str) -> None:
    """Raise UsageError for a job whose SQL reads what its reads do not name, or does not only read.

    Args:
        lakehouse: The model.
        job: The job.
        text: Its SQL.
        engine: The engine that will run it.
    """
    from stedi_cli.questions.statement import one_select, tables_named

    hint, refused = f"See jobs/{job.name}.sql.", None
    try:
        named = one_select(text.sql, lakehouse.tables).tables
    except UsageError as error:
        refused, named = error, tables_named(text.sql, lakehouse.tables)
    missing = [name for name in lakehouse.tables if name in named and name not in job.reads]
    if HELD_BACK in job.reads:
        # Of what a job does not read, held_back shows it nothing.
        told = texts_in(text.sql) - {*job.reads, *missing}
        missing += [name for name in lakehouse.traced if name in told]
    if missing:
        raise UsageError(
            f"Job {job.name} reads {', '.join(missing)}, not named in its reads.",
            hint=f"Add it to jobs.{job.name}.reads in configs/lakehouse.yaml, or leave it out of"
            " the SQL.",
        )
    if refused:
        raise UsageError(
            f"Job {job.name} failed: {refused.message}",
            hint=f"{hint} {refused.hint or ''}".rstrip(),
        ) from refused
    if engine != "duckdb" and "\\" in text.sql:
        # It may end a text or a comment for the one and not for the other, and so hide a table.
        raise UsageError(
            f"Job {job.name} failed: its SQL holds a backslash, which Spark reads otherwise.",
            hint=f"{hint} In a pattern, [0-9] does for \\d.",
        )
