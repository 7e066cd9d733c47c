"""``stedi tables``: the tables, their DDL, and the removal of one that left the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.interrupts import if_interrupted
from stedi_cli.cli.session import Session, session
from stedi_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from stedi_cli.lake.records import Resource, TableEntry
    from stedi_cli.lake.strangers import Stranger
    from stedi_cli.tables.provenance import TableState


def tables(
    ctx: typer.Context,
    with_ddl: Annotated[bool, typer.Option("--ddl", help="Print the tables' DDL.")] = False,
    drop: Annotated[
        str | None,
        typer.Option("--drop", metavar="NAME", help="Remove a table that left the model."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before --drop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the tables with their zone, rows and meaning.

    With --drop, remove one that left the model.

    Example: stedi tables --ddl
    """
    if drop is not None and with_ddl:
        raise UsageError("--ddl and --drop exclude each other.", hint="Give one of them.")
    with session(ctx) as opened:
        if drop is not None:
            with if_interrupted(f"`stedi tables --drop {drop}` removes what is left of it"):
                _drop(opened, drop, yes=yes, as_json=as_json)
        elif with_ddl:
            _show_ddl(opened, as_json=as_json)
        else:
            _list(opened, as_json=as_json)


def _show_ddl(opened: Session, *, as_json: bool) -> None:
    from stedi_cli.tables.ddl import ddl

    model, tables = opened.lakehouse.tables, opened.lake.tables
    texts = {name: ddl(table, tables.location(table)) for name, table in model.items()}
    if as_json:
        render.emit([{"table": name, "ddl": text} for name, text in texts.items()])
    else:
        render.say("\n\n".join(texts.values()))


def _list(opened: Session, *, as_json: bool) -> None:
    entries = _entries(opened)
    if as_json:
        render.emit([entry.as_json() for entry in entries])
        return
    rows = [(e.table, e.zone, e.rows if e.lines is None else e.lines, e.doc) for e in entries]
    render.show(render.table(["table", "zone", ">rows", "holds"], rows))
    render.paragraph("rows of a landing table: its lines, usable or not.")


def _entries(opened: Session) -> list[TableEntry]:
    """Return the tables of the model, and those made here that left it."""
    from stedi_cli.lake.records import TableEntry

    states = opened.lake.tables.states()
    lines = {name: state.lines for name, state in opened.lake.landing.states().items()}
    entries = [
        TableEntry(name, table.zone, _rows(states.get(name)), lines.get(name), table.doc)
        for name, table in opened.lakehouse.tables.items()
    ]
    for stranger in opened.lake.tables.strangers():
        if stranger.ours:
            doc = f"Left the model; `stedi tables --drop {stranger.name}` removes it."
            entries.append(TableEntry(stranger.name, None, stranger.rows, None, doc))
    return entries


def _drop(opened: Session, name: str, *, yes: bool, as_json: bool) -> None:
    # What cannot be dropped is refused before anything is asked.
    from stedi_cli.lake.strangers import TABLE, to_drop

    found = to_drop(opened.lakehouse, opened.lake.tables.strangers(), name)
    if not yes:
        if not render.is_interactive():
            raise UsageError(
                f"`--drop` removes {name} with what it holds, and there is no terminal to ask.",
                hint="Add --yes to remove them.",
            )
        content = f", {found.content}" if found.content else ""
        files = f", and all files in {found.place}" if found.kind == TABLE else ""
        if not render.confirm(f"Remove {name}{content}{files}?"):
            render.note("Nothing was removed.")
            raise typer.Exit(ExitCode.FAILED)
    removed = list(opened.lake.tables.drop(name))
    if as_json:
        render.emit([resource.as_json() for resource in removed])
    else:
        render.say(f"{name} was removed{_removed(found, removed)}.")


def _removed(found: Stranger, removed: list[Resource]) -> str:
    """Return how something was removed."""
    from stedi_cli.lake.strangers import TABLE
    from stedi_cli.project.lakehouse import QUARANTINE

    kept = [resource.note for resource in removed if resource.state == "left"]
    if kept and found.kind == TABLE:
        return f" from the catalog; {kept[0]}, which stay"
    if kept:
        return f"; {kept[0]}"
    return " from the quarantine" if found.kind == QUARANTINE else " with all its files"


def _rows(state: TableState | None) -> int | None:
    return state.current.rows if state and state.current else None
