"""Whether the lines of each landing file are accounted for, file by file."""

from __future__ import annotations

from stedi_cli.landing.ledger import Ledger
from stedi_cli.local.engine import Engine
from stedi_cli.local.place import Place
from stedi_cli.local.typed_copies import Held, TypedCopies
from stedi_cli.project.lakehouse import HELD_BACK, LANDING_FILE, QUARANTINE, Table
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
            found[name] = _in_copy(engine, ledger, held)
            found[name] += sum(
                _of_lines(place, engine, lines, table, held) for lines in _lines_of(place, table)
            )
    return found


def _in_copy(engine: Engine, ledger: Ledger, held: Held) -> int:
    rows = dict[str, int]()
    if held.files:
        query = f"SELECT {LANDING_FILE}, count(*) FROM {parquet(held.files)} GROUP BY 1"
        rows = dict(engine.execute(query))
    wanted = {file: a.lines - a.quarantined for file, a in ledger.files.items()}
    return sum(abs(rows.get(f, 0) - wanted.get(f, 0)) for f in rows.keys() | wanted.keys())


def _lines_of(place: Place, table: Table) -> list[str]:
    """Return the tables in which each unusable line of a landing table is."""
    traced = table.name in place.lakehouse.traced
    return [QUARANTINE, *([HELD_BACK] if traced else [])]


def _of_lines(place: Place, engine: Engine, lines: str, table: Table, held: Held) -> int:
    bad = dict[str, int]()
    if lines in place.tables.states():
        # Of one line there may be several rows.
        query = f'SELECT file, count(DISTINCT line) FROM {identifier(lines)} WHERE "table" = '
        bad = dict(engine.execute(f"{query}{literal(table.name)} GROUP BY 1"))
    # Of what was removed or changed since, a run on another engine may have taken out the lines.
    return sum(abs(bad.get(file, 0) - a.quarantined) for file, a in held.same.items())
