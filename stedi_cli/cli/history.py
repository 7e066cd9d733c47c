"""``stedi history``: the snapshots of the tables, and what made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import completion, render
from stedi_cli.cli.ledger import show_exports
from stedi_cli.cli.session import session

if TYPE_CHECKING:
    from stedi_cli.tables.provenance import Snapshot


def history(
    ctx: typer.Context,
    table: Annotated[
        str | None,
        typer.Argument(help="One table [default: all].", autocompletion=completion.tables),
    ] = None,
    exports: Annotated[
        bool, typer.Option("--exports", help="Show what was written out of the lakehouse.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show snapshots, and of one table what made them from what.

    With --exports, show which files were written of which snapshot.

    Example: stedi history customer_trusted
    """
    with session(ctx) as opened:
        if exports:
            show_exports(opened, table, as_json=as_json)
            return
        wanted = opened.lakehouse.table(table).name if table is not None else None
        states = opened.lake.tables.states()
        found = [
            (name, snapshot)
            for name in opened.lakehouse.tables
            if name in states and wanted in (None, name)
            for snapshot in reversed(states[name].snapshots)
        ]
        if as_json:
            render.emit([{"table": name, **snapshot.as_json()} for name, snapshot in found])
            return
        if wanted in opened.lakehouse.landing:
            render.say(f"{wanted} is a landing table: files, of which there are no snapshots.")
            return
        if not found:
            render.say("There are no snapshots yet. Run `stedi jobs run --all`.")
            return
        render.show(
            render.table(
                ["committed (UTC)", "table", ">rows", "policy", "engine"],
                [(_when(s), name, s.rows, *_maker(s)) for name, s in found],
            )
        )
        if wanted is not None:
            for _, snapshot in found:
                _show_provenance(snapshot)


def _when(snapshot: Snapshot) -> str:
    return snapshot.committed.strftime("%Y-%m-%d %H:%M:%S")


def _maker(snapshot: Snapshot) -> tuple[str, str]:
    provenance = snapshot.provenance
    return (provenance.policy, provenance.engine) if provenance else ("–", "–")


def _show_provenance(snapshot: Snapshot) -> None:
    provenance = snapshot.provenance
    pairs: list[tuple[str, object]] = [
        ("snapshot", str(snapshot.id)),
        ("committed", _when(snapshot)),
    ]
    if provenance is not None:
        pairs += [
            ("run", provenance.run),
            ("job", provenance.job),
            ("SQL, SHA-256", provenance.sql),
        ]
        pairs += [(f"from {name}", value) for name, value in provenance.inputs.items()]
        pairs += [
            (f"lines of {name}", f"{a.lines:,}, {a.quarantined:,} in quarantine")
            for name, a in provenance.landing.items()
        ]
    render.say()
    render.show(render.table(["provenance", ""], pairs))
