"""What makes a row count: known figures, the rules of policies, known mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stedi_cli.checks.expected import DataSet
from stedi_cli.checks.variants import Way, jobs_up_to, ways_of_rules, ways_of_variants
from stedi_cli.checks.verdict import TableCount
from stedi_cli.errors import UsageError
from stedi_cli.lake.parts import Lake
from stedi_cli.lake.records import Question
from stedi_cli.landing.files import LandingState
from stedi_cli.project.folder import bundled
from stedi_cli.project.lakehouse import Job, Lakehouse
from stedi_cli.project.model import load

TWICE = ", appended twice"
MOST_LINES = 300_000
"""Landing lines up to which a validation looks by itself for what makes a count."""


@dataclass(frozen=True)
class Cause:
    """What makes a count.

    Args:
        text: What the count is, in words.
        policies: Policies by whose rules it comes out.
        file: SQL of what was changed in these rules, or None.
    """

    text: str
    policies: tuple[str, ...] = ()
    file: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        file = None if self.file is None else str(self.file)
        return {"cause": self.text, "policies": list(self.policies), "file": file}


def sets_by_files(
    lakehouse: Lakehouse, known: Iterable[DataSet], landing: Mapping[str, LandingState]
) -> list[DataSet]:
    """Return the known data sets that landing files are byte by byte: no row is read for that.

    Args:
        lakehouse: The model.
        known: The data sets.
        landing: The landing files.
    """
    tables = list(lakehouse.landing.values())
    return [s for s in known if s.tables(tables) and not s.other_files(landing, tables)]


def known_causes(sets: Iterable[DataSet], table: str, rows: int) -> list[Cause]:
    """Return what is known of a count on known data sets.

    Args:
        sets: The data sets.
        table: The table.
        rows: The count.
    """
    found: list[Cause] = []
    for known in sets:
        policies = [name for name, counts in known.counts.items() if counts.get(table) == rows]
        found += [Cause(given(policies), tuple(policies))] if policies else []
        found += [Cause(m) for name, number, m in known.figures if (name, number) == (table, rows)]
    return found


def causes(
    lakehouse: Lakehouse, lake: Lake, table: str, rows: int, built_by: str | None = None
) -> list[Cause]:
    """Look for what makes a count by counting on the landing files that there are.

    What the rules give comes first, then what they would give if the table's own rule were another,
    then if one before it were. Where something is found it goes no further, unless it is a rule of
    one's own that gives it, which may be the mistake.

    Args:
        lakehouse: The model.
        lake: Its parts.
        table: The table.
        rows: The count.
        built_by: The policy that the table was built by, whose rules explain nothing then and are
            the only ones that are followed; None for all policies.
    """
    names = list(lakehouse.policies) if built_by is None else [built_by]
    jobs = jobs_up_to(lakehouse, table)
    by_rules = counted(lake, ways_of_rules(lakehouse, names, table))
    if not jobs:
        times = {1: "the number of its rows", 2: "twice the number of its rows"}
        return [Cause(said) for n, said in times.items() if rows == n * by_rules[0][1] > 0]
    giving = [way for way, number in by_rules if number == rows and built_by is None]
    of_rules = _causes(giving, "")
    if giving and all(_is_shipped(lakehouse, way.policy, jobs) for way in giving):
        return of_rules
    found = _causes((way for way, number in by_rules if 2 * number == rows > 0), TWICE)
    for job in reversed(jobs):
        if not found:
            changed = counted(lake, ways_of_variants(lakehouse, names, table, job.writes))
            found = _causes((way for way, number in changed if number == rows), "")
    return of_rules + found


def given(policies: Sequence[str]) -> str:
    """Return in words what the rules of policies give."""
    *others, last = policies
    if not others:
        return f"what policy {last} gives"
    return f"what policies {', '.join(others)} and {last} give"


def causes_of_unexpected(
    lakehouse: Lakehouse,
    lake: Lake,
    tables: Iterable[TableCount],
    policy: str,
    sets: Sequence[DataSet],
    landing: Mapping[str, LandingState],
) -> list[str]:
    """Return in words what makes counts that are not the expected ones and no known figure.

    Args:
        lakehouse: The model.
        lake: Its parts.
        tables: The counts.
        policy: The policy that they are compared under.
        sets: The data sets that the landing files are.
        landing: The landing files.
    """
    told: list[str] = []
    is_cheap = lake.account is None and sum(s.lines for s in landing.values()) <= MOST_LINES
    for table in tables:
        name, rows = table.table, table.rows
        if rows is None or table.expected in (None, rows) or table.stale is not None:
            continue
        if name not in lakehouse.writers or known_causes(sets, name, rows):
            continue
        found = causes(lakehouse, lake, name, rows, policy) if is_cheap else []
        told += [f"{name}: {rows:,} is {cause.text}." for cause in found]
        if not found:
            told.append(f"{name}: `stedi explain {name} {rows}` looks for what makes {rows:,}.")
    return told


def counted(lake: Lake, ways: Iterable[Way]) -> list[tuple[Way, int]]:
    """Count a table by each way; one that cannot be gone explains nothing, and is left out.

    Args:
        lake: The lakehouse's parts.
        ways: The ways; where several are the same, one is asked.
    """
    listed = list(ways)
    texts = list(dict.fromkeys(way.sql for way in listed))
    answers = lake.questions.ask_all([Question(sql) for sql in texts])
    numbers = {
        sql: int(next(iter(answer.rows))[0])
        for sql, answer in zip(texts, answers, strict=True)
        if not isinstance(answer, UsageError)
    }
    return [(way, numbers[way.sql]) for way in listed if way.sql in numbers]


def _is_shipped(lakehouse: Lakehouse, policy: str, jobs: Iterable[Job]) -> bool:
    """Tell whether the rules of a policy are those that come with the installation."""
    if lakehouse.folder == bundled():
        return True
    shipped = load(bundled())
    return policy in shipped.policies and all(
        job.name in shipped.jobs
        and lakehouse.job_text(job, policy) == shipped.job_text(shipped.jobs[job.name], policy)
        for job in jobs
    )


def _causes(ways: Iterable[Way], rest: str) -> list[Cause]:
    """Return causes in words, one for what makes the same of several policies."""
    policies: dict[tuple[str, str], list[Way]] = {}
    for way in ways:
        name = way.variant.name if way.variant else ""
        policies.setdefault((way.table, name), []).append(way)
    found: list[Cause] = []
    for (table, _), alike in policies.items():
        names = tuple(way.policy for way in alike)
        variant = alike[0].variant
        text = given(names) + rest
        if variant is None:
            found.append(Cause(text, names))
        else:
            text += f" with one thing changed in {table}: {variant.rule}"
            found.append(Cause(text, names, variant.file))
    return found
