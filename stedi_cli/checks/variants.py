"""The SQL that counts a table by the rules of a policy, with a known mistake in one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stedi_cli.project.check import Check
from stedi_cli.project.lakehouse import Job, Lakehouse
from stedi_cli.questions.sql_text import TOKEN, bare
from stedi_cli.questions.statement import columns_named
from stedi_cli.sql import identifier

_WEIGHT = frozenset({"n"})
"""The only column of a variant whose rows stand for several, so that no cross join is made."""


@dataclass(frozen=True)
class Way:
    """A way to come to a table.

    Args:
        policy: The policy whose rules are followed.
        sql: Counts the table, from the landing tables alone.
        table: The table in whose rule something is changed; empty where nothing is.
        variant: What is there in its place.
    """

    policy: str
    sql: str
    table: str = ""
    variant: Check | None = None


def jobs_up_to(lakehouse: Lakehouse, table: str) -> list[Job]:
    """Return the jobs that a table depends on, in their order; its own is the last."""
    needed = {table}
    found: list[Job] = []
    for job in reversed(lakehouse.jobs.values()):
        if job.writes in needed:
            needed |= set(job.reads)
            found.insert(0, job)
    return found


def ways_of_rules(lakehouse: Lakehouse, policies: Sequence[str], table: str) -> Iterator[Way]:
    """Yield how each policy comes to a table."""
    for policy in policies:
        yield Way(policy, _count(table, _rules(lakehouse, policy, table), weighed=False))


def ways_of_variants(
    lakehouse: Lakehouse, policies: Sequence[str], table: str, changed: str
) -> Iterator[Way]:
    """Yield how each policy would come to a table if one rule were another.

    Args:
        lakehouse: The model.
        policies: Names of policies.
        table: The table that is counted.
        changed: The table, this or one that it depends on, in whose rule something is changed.
    """
    for variant in sorted(lakehouse.variants(changed), key=_words):
        if not bare(variant.sql):
            continue
        weighed = columns_named(variant.sql) == _WEIGHT
        # What stands for several rows has no columns to build another table from.
        if weighed and changed != table:
            continue
        for policy in policies:
            rules = _rules(lakehouse, policy, table)
            sql = _count(table, _changed(rules, changed, variant.sql), weighed=weighed)
            yield Way(policy, sql, changed, variant)


def without_query(lakehouse: Lakehouse, table: str) -> list[Check]:
    """Return the variants, of a table and those that it depends on, that hold no query."""
    jobs = jobs_up_to(lakehouse, table)
    return [v for job in jobs for v in lakehouse.variants(job.writes) if not bare(v.sql)]


def _words(variant: Check) -> int:
    """Return how much SQL a variant is: what takes least to say is the plainest cause."""
    return sum(not token["comment"] for token in TOKEN.finditer(variant.sql))


def _rules(lakehouse: Lakehouse, policy: str, table: str) -> dict[str, str]:
    jobs = jobs_up_to(lakehouse, table)
    return {job.writes: _quoted(lakehouse.job_text(job, policy).sql) for job in jobs}


def _quoted(sql: str) -> str:
    """Return a job's SQL with the column ``table`` in quotes.

    Trino reserves the word, and Spark, which runs jobs, takes no name in double quotes.
    """
    after_dot, parts, end = False, [], 0
    for token in TOKEN.finditer(sql):
        if after_dot and token[0].lower() == "table":
            parts += [sql[end : token.start()], identifier(token[0])]
            end = token.end()
        after_dot = token[0] == "."
    return "".join([*parts, sql[end:]])


def _changed(rules: dict[str, str], table: str, sql: str) -> dict[str, str]:
    """Put another SQL in the place of a table's; in it the table's name means what rules give."""
    ruled = f"{table} by the rules"
    own = _renamed(sql, table, ruled)
    found: dict[str, str] = {}
    for name, text in rules.items():
        if name == table and own != sql:
            found[ruled] = text
        found[name] = own if name == table else text
    return found


def _renamed(sql: str, table: str, name: str) -> str:
    """Give a table that a query names another name."""
    return TOKEN.sub(
        lambda found: identifier(name) if (found["word"] or "").lower() == table else found[0], sql
    )


def _count(table: str, rules: dict[str, str], *, weighed: bool) -> str:
    named = ",\n".join(f"{identifier(n)} AS (\n{bare(sql)}\n)" for n, sql in rules.items())
    number = "CAST(coalesce(sum(n), 0) AS BIGINT)" if weighed else "count(*)"
    rest = f"SELECT {number} AS table_rows FROM {identifier(table)}"
    return f"WITH {named}\n{rest}" if named else rest
