"""Whether the lines of each landing file are accounted for, file by file."""

from __future__ import annotations

from stedi_cli.landing.traced import tables_of_lines
from stedi_cli.local.engine import Engine
from stedi_cli.local.place import Place
from stedi_cli.local.typed_copies import Held, TypedCopies
from stedi_cli.project.lakehouse import LANDING_FILE, Table
from stedi_cli.sql import identifier, literal, parquet


def miscounted(place: Place, engine: Engine) -> dict[str, int]:
    """Return by landing table the lines that another file has too many or too few of.

    Of those are told that a copy holds, or the quarantine, otherwise than the copy's ledger says.

    Args:
        place: The lakehouse.
        engine: An engine in which the landing tables can be read, and those of unusable lines
            that are there.

    Raises:
        duckdb.Error: If a file cannot be read.
    """
    copies, found = TypedCopies(place), dict[str, int]()
    for name, table in place.lakehouse.landing.items():
        ledger = copies.ledger(table)
        if ledger is not None:
            held = copies.held(table, place.zone.state(name))
            bad = [_of_lines(place, engine, lines, table) for lines in tables_of_lines(table)]
            found[name] = ledger.miscounted(
                _in_copy(engine, held), bad, place.zone.state(name).files
            )
    return found


def _in_copy(engine: Engine, held: Held) -> dict[str, int]:
    if not held.files:
        return {}
    query = f"SELECT {LANDING_FILE}, count(*) FROM {parquet(held.files)} GROUP BY 1"
    return dict(engine.execute(query))


def _of_lines(place: Place, engine: Engine, lines: str, table: Table) -> dict[str, int]:
    if lines not in place.tables.states():
        return {}
    # Of one line there may be several rows.
    query = f'SELECT file, count(DISTINCT line) FROM {identifier(lines)} WHERE "table" = '
    return dict(engine.execute(f"{query}{literal(table.name)} GROUP BY 1"))
