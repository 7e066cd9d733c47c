"""A check, and the checks that follow from a table of the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from stedi_cli.sql import identifier

if TYPE_CHECKING:
    from stedi_cli.project.lakehouse import Table

PERSONAL_CHECK = "{table}_no_personal_columns"
ACCOUNT_CHECK = "{table}_accounted"
_KEY_CHECK = "{table}_key"


@dataclass(frozen=True)
class Check:
    """A rule, as SQL that selects the rows which break it, and the file that holds it.

    Where the SQL names a column ``violations``, a row stands for as many as that says. ``says`` is
    the rule in words where no comment is, and ``shown`` selects what a person is shown of the rows
    where the SQL selects less.
    """

    name: str
    sql: str
    file: Path | None = None
    says: str = ""
    shown: str = ""

    @property
    def rule(self) -> str:
        """The rule in words: what is said of it, or the first comment of its SQL."""
        return self.says or _first_comment(self.sql)


def key_check(table: Table) -> Check:
    """Return the check that no two rows of a table share its key."""
    types = {column.name: column.type for column in table.columns}
    numbers = [_number(name, types[name]) for name in table.key if types[name] != "string"]
    source = f"{identifier(table.name)} k"
    if 0 < len(numbers) < len(table.key):
        source = _sharing(source, numbers)
    # Grouped, NULL is like NULL: two rows without a value have the same key.
    key = ", ".join(f"k.{identifier(name)}" for name in table.key)
    rows = f"count(*) AS alike\nFROM {source}\nGROUP BY {key}\nHAVING count(*) > 1"
    return Check(
        _KEY_CHECK.format(table=table.name),
        f"SELECT {rows}",
        says=f"No two rows of {table.name} have the same {', '.join(table.key)}.",
        shown=f"SELECT {key}, {rows}",
    )


def checks_without_sql(tables: Iterable[Table]) -> list[Check]:
    """Return the checks of tables that no query is asked for, by what they say."""
    found: list[Check] = []
    for table in tables:
        if table.zone == "landing":
            says = f"Every line of {table.name} that is not blank is used, or in quarantine."
            found.append(Check(ACCOUNT_CHECK.format(table=table.name), "", says=says))
        elif table.zone != "quarantine":
            says = (
                f"Rows that the job of {table.name} reads are in it, or its account says why not;"
                " `stedi flow` shows them."
            )
            found.append(Check(ACCOUNT_CHECK.format(table=table.name), "", says=says))
        if not table.personal:
            says = f"No column of {table.name} is personal, or unknown to the model."
            found.append(Check(PERSONAL_CHECK.format(table=table.name), "", says=says))
    return found


def by_name(checks: Iterable[Check]) -> list[Check]:
    """Return checks in the order of their names; of several of one name the last."""
    found = {check.name: check for check in checks}
    return [found[name] for name in sorted(found)]


def _first_comment(sql: str) -> str:
    """Return the comment that a query begins with, in one line; nothing where it has none."""
    text = sql.strip()
    if text.startswith("/*"):
        text = text[2:].partition("*/")[0]
        return " ".join(line.strip(" *") for line in text.splitlines()).strip()
    lines = takewhile(lambda line: line.startswith("--"), map(str.strip, text.splitlines()))
    return " ".join(line.lstrip("-").strip() for line in lines)


def _number(name: str, kind: str) -> str:
    """Return a number that equals itself in every engine, as NULL and NaN do not."""
    column = f"k.{identifier(name)}"
    if kind == "double":
        return f"CASE WHEN abs({column}) < 1e300 THEN {column} ELSE 0 END"
    return f"coalesce({column}, 0)"


def _sharing(source: str, numbers: list[str]) -> str:
    """Return a source without the rows of which no two share all numbers: texts are slow."""
    named = ", ".join(f"{number} AS n{place}" for place, number in enumerate(numbers))
    same = " AND ".join(f"s.n{place} = {number}" for place, number in enumerate(numbers))
    groups = f"SELECT {named}\n  FROM {source}\n  GROUP BY {', '.join(numbers)}"
    return f"{source}\nJOIN (\n  {groups}\n  HAVING count(*) > 1\n) s ON {same}"


def taken_names(tables: Iterable[Table]) -> set[str]:
    """Return the names that no check of a file may have, since a result could be either's."""
    found: set[str] = set()
    for table in tables:
        if table.key:
            found.add(_KEY_CHECK.format(table=table.name))
        if table.zone == "landing":
            # A landing table's own name is that of its lines, where these are counted.
            found.add(table.name)
        if table.zone != "quarantine":
            found.add(ACCOUNT_CHECK.format(table=table.name))
        if not table.personal:
            found.add(PERSONAL_CHECK.format(table=table.name))
    return found
