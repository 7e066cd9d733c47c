"""A picture of a result: what was asked, the rows, and what tells where and when it was so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stedi_cli.addresses import MASK
from stedi_cli.cli.ledger import enter
from stedi_cli.cli.session import Session
from stedi_cli.errors import UsageError, quantity
from stedi_cli.printable import cell_text, one_line
from stedi_cli.project.personal import masked_rows
from stedi_cli.sql import identifier

if TYPE_CHECKING:
    from stedi_cli.project.lakehouse import Table

SUFFIXES = (".png", ".svg", ".html")


@dataclass(frozen=True)
class Picture:
    """What a picture shows, as texts that nothing is left to be done with.

    Args:
        title: Whose rows they are.
        sql: What was asked.
        columns: Names of the columns.
        numeric: Which columns hold numbers alone.
        rows: The cells.
        facts: What is said below, a line each.
    """

    title: str
    sql: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    facts: tuple[str, ...]


def picture_of(
    title: str,
    sql: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    facts: Sequence[str],
) -> Picture:
    """Return a picture in which no value does anything."""
    numeric = tuple(all(_is_number(row[i]) for row in rows) for i in range(len(columns)))
    return Picture(
        one_line(title),
        one_line(sql),
        tuple(one_line(name) for name in columns),
        numeric,
        tuple(tuple(cell_text(value) for value in row) for row in rows),
        tuple(one_line(fact) for fact in facts),
    )


def refuse_picture(file: Path, *, force: bool) -> None:
    """Raise UsageError for a file that a picture cannot be written to, before anything is asked."""
    from stedi_cli.questions.export_file import file_format, is_taken

    file_format(file, SUFFIXES)
    if file.suffix.lower() == ".png":
        from stedi_cli.cli.picture_formats import refuse_without_png

        refuse_without_png()
    if is_taken(file) and not force:
        raise UsageError(f"{file} exists.", hint="Add --force to replace it.")


def save_table(
    opened: Session, command: str, table: Table, file: Path, most: int, *, unmasked: bool
) -> None:
    """Ask for a table's first rows, and write a picture of them.

    Args:
        opened: The command's session.
        command: The command, for the ledger of exports.
        table: The table.
        file: The file to make.
        most: Most rows that it shows.
        unmasked: Whether it shows what identifies a person.
    """
    from stedi_cli.cli.picture_formats import drawn
    from stedi_cli.questions.export_file import exported

    name = identifier(table.name)
    sql = f"SELECT * FROM {name} LIMIT {most}"
    answer = opened.lake.questions.ask(sql)
    rows = list(answer.rows)
    total = next(opened.lake.questions.ask(f"SELECT count(*) FROM {name}").rows)[0]
    shown = rows if unmasked else masked_rows(table, answer.columns, rows)
    facts = [f"{len(rows):,} of {quantity(total, 'row')}", *_made(opened, table), opened.lake.name]
    if shown != rows:
        facts.append(f"{MASK} stands for what identifies a person")
    content = drawn(picture_of(table.name, sql, answer.columns, shown, facts), file)
    with exported(file) as sink:
        sink.write(content)
        enter(opened, command, table, file, len(rows), personal=unmasked)


def _made(opened: Session, table: Table) -> list[str]:
    """Return the policy and the snapshot that a table is of, or the digest of its files."""
    if table.folder is not None:
        state = opened.lake.landing.states().get(table.name)
        return [f"landing files {state.fingerprint[:16]}"] if state else []
    built = opened.lake.tables.states().get(table.name)
    current = built.current if built else None
    if current is None:
        return []
    made = current.provenance
    snapshot = f"snapshot {current.id} of {current.committed:%Y-%m-%d %H:%M:%S} UTC"
    return [*([f"policy {made.policy}"] if made else []), snapshot]


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
