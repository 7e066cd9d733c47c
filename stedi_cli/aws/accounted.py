"""Whether the lines of each landing file are accounted for, file by file, as Athena counts them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from stedi_cli.aws.typed_copies import Held
from stedi_cli.landing.files import LandingState
from stedi_cli.landing.traced import tables_of_lines
from stedi_cli.project.lakehouse import LANDING_FILE
from stedi_cli.sql import identifier, literal


def lines_query(held: Iterable[Held], beside: Collection[str]) -> str:
    """Return a query of the lines of every landing file: table, file, what they are in, number.

    Args:
        held: The copies.
        beside: The tables of unusable lines that are there.
    """
    file = identifier(LANDING_FILE)
    parts = [
        f"SELECT {literal(copy.table.name)} AS landing_table, {file},"
        f" {literal(copy.table.typed.name)} AS found_in, count(*) AS lines"
        f" FROM {copy.rows} GROUP BY {file}"
        for copy in held
    ]
    # Of one line there may be several rows.
    parts += [
        f'SELECT "table" AS landing_table, file, {literal(name)} AS found_in,'
        f' count(DISTINCT line) AS lines FROM {identifier(name)} GROUP BY "table", file'
        for name in beside
    ]
    return "\nUNION ALL\n".join(parts)


def miscounted(
    held: Mapping[str, Held],
    landing: Mapping[str, LandingState],
    rows: Iterable[tuple[Any, ...]],
) -> dict[str, int]:
    """Return by landing table the lines that another file has too many or too few of.

    Lines of files that a copy does not hold as they are now are among them.

    Args:
        held: The copies.
        landing: The landing files.
        rows: The answer to the query.
    """
    counted: dict[tuple[str, str], dict[str, int]] = {}
    for table, file, found_in, lines in rows:
        counted.setdefault((table, found_in), {})[file] = int(lines)
    found: dict[str, int] = {}
    for name, copy in held.items():
        files = landing[name].files
        usable = counted.get((name, copy.table.typed.name), {})
        bad = [counted.get((name, lines), {}) for lines in tables_of_lines(copy.table)]
        found[name] = copy.ledger.miscounted(usable, bad, files) + copy.ledger.unread(files)
    return found
