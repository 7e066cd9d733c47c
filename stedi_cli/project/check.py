"""A check, and the checks that follow from a table of the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
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
    """A rule, as SQL that selects the rows which break it, and the file that holds it."""

    name: str
    sql: str
    file: Path | None = None


def key_check(table: Table) -> Check:
    """Return the check that no two rows of a table share its key."""
    # Grouped, NULL is like NULL: two rows without a value have the same key.
    key = ", ".join(map(identifier, table.key))
    sql = f"SELECT {key} FROM {identifier(table.name)} GROUP BY {key} HAVING count(*) > 1"
    return Check(_KEY_CHECK.format(table=table.name), sql)


def taken_names(tables: Iterable[Table]) -> set[str]:
    """Return the names that no check of a file may have, since a result could be either's."""
    found: set[str] = set()
    for table in tables:
        if table.key:
            found.add(_KEY_CHECK.format(table=table.name))
        if table.zone == "landing":
            # A landing table's own name is that of its lines, where these are counted.
            found |= {table.name, ACCOUNT_CHECK.format(table=table.name)}
        if not table.personal:
            found.add(PERSONAL_CHECK.format(table=table.name))
    return found
