"""``stedi tables``, ``preview``, ``query``, ``history``, ``export``: look at what is there."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.session import Session, session
from stedi_cli.errors import ExitCode, UsageError
from stedi_cli.sql import identifier

if TYPE_CHECKING:
    from stedi_cli.tables.provenance import Snapshot, TableState

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TableArgument = Annotated[str, typer.Argument(help="Name of the table.")]
_SHOWN = 1000


def tables(
    ctx: typer.Context,
    with_ddl: Annotated[bool, typer.Option("--ddl", help="Print the tables' DDL.")] = False,
    drop: Annotated[
        str | None,
        typer.Option("--drop", metavar="NAME", help="Remove a table that left the model."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before --drop.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the tables with their zone, rows and meaning.

    With --drop, remove one that left the model.

    Example: stedi tables --ddl
    """
    if drop is not None and with_ddl:
        raise UsageError("--ddl and --drop exclude each other.", hint="Give one of them.")
    with session(ctx) as opened:
        if drop is not None:
            _drop(opened, drop, yes=yes, as_json=as_json)
            return
        model = opened.lakehouse.tables
        if with_ddl:
            from stedi_cli.tables.ddl import ddl

            texts = {
                name: ddl(table, opened.lake.tables.location(table))
                for name, table in model.items()
            }
            if as_json:
                render.emit([{"table": name, "ddl": text} for name, text in texts.items()])
            else:
                render.say("\n\n".join(texts.values()))
            return
        states = opened.lake.tables.states()
        lines = {name: state.lines for name, state in opened.lake.landing.states().items()}
        records = [
            {
                "table": name,
                "zone": table.zone,
                "rows": _rows(states.get(name)),
                "lines": lines.get(name),
                "doc": table.doc,
            }
            for name, table in model.items()
        ]
        records += [
            {
                "table": stranger.name,
                "zone": None,
                "rows": stranger.rows,
                "lines": None,
                "doc": f"Left the model; `stedi tables --drop {stranger.name}` removes it.",
            }
            for stranger in opened.lake.tables.strangers()
            if stranger.ours
        ]
        if as_json:
            render.emit(records)
            return
        rows = [
            (r["table"], r["zone"], r["rows"] if r["lines"] is None else r["lines"], r["doc"])
            for r in records
        ]
        render.show(render.table(["table", "zone", ">rows", "holds"], rows))
        render.say("\nrows of a landing table: its lines, usable or not.")


def _drop(opened: Session, name: str, *, yes: bool, as_json: bool) -> None:
    # What cannot be dropped is refused before anything is asked.
    from stedi_cli.lake.strangers import to_drop

    found = to_drop(opened.lakehouse, opened.lake.tables.strangers(), name)
    if not yes:
        if not render.is_interactive():
            raise UsageError(
                f"`--drop` removes {name} and its files, and there is no terminal to ask.",
                hint="Add --yes to remove them.",
            )
        rows = "" if found.rows is None else f", {found.rows:,} rows"
        if not render.confirm(f"Remove {name}{rows}, and all files in {found.place}?"):
            render.note("Nothing was removed.")
            raise typer.Exit(ExitCode.FAILED)
    removed = list(opened.lake.tables.drop(name))
    if as_json:
        render.emit([{"kind": r.kind, "name": r.name, "state": r.state} for r in removed])
    else:
        render.say(f"{name} was removed with all its files.")


def preview(
    ctx: typer.Context,
    table: TableArgument,
    rows: Annotated[
        int, typer.Option("--rows", "-n", min=1, max=_SHOWN, help="Rows to show.")
    ] = 10,
    as_json: JsonOption = False,
) -> None:
    """Show the first rows of a table.

    Example: stedi preview customer_trusted --rows 5
    """
    with session(ctx) as opened:
        name = opened.lakehouse.table(table).name
        answer = opened.lake.questions.ask(f"SELECT * FROM {identifier(name)} LIMIT {rows}")
        if as_json:
            render.emit_rows(answer.columns, answer.rows)
        else:
            _show_rows(answer.columns, list(answer.rows))
        render.show_cost(opened.query_cost)


def query(
    ctx: typer.Context,
    sql: Annotated[str, typer.Argument(help="One SELECT, over any of the tables.")],
    as_json: JsonOption = False,
) -> None:
    """Run a query over all tables.

    Example: stedi query "SELECT count(*) FROM customer_trusted"
    """
    with session(ctx) as opened:
        with render.busy("Running the query"):
            answer = opened.lake.questions.ask(sql)
        if as_json:
            render.emit_rows(answer.columns, answer.rows)
        else:
            _show_rows(answer.columns, list(islice(answer.rows, _SHOWN)))
            if next(answer.rows, None) is not None:
                render.note(f"Only the first {_SHOWN:,} rows are shown; --json prints all.")
        render.show_cost(opened.query_cost)


def history(
    ctx: typer.Context,
    table: Annotated[str | None, typer.Argument(help="One table [default: all].")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show snapshots, and of one table what made them from what.

    Example: stedi history customer_trusted
    """
    with session(ctx) as opened:
        wanted = opened.lakehouse.table(table).name if table is not None else None
        states = opened.lake.tables.states()
        found = [
            (name, snapshot)
            for name in opened.lakehouse.tables
            if name in states and wanted in (None, name)
            for snapshot in reversed(states[name].snapshots)
        ]
        if as_json:
            render.emit([_record(name, snapshot) for name, snapshot in found])
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


def export(
    ctx: typer.Context,
    table: TableArgument,
    file: Annotated[Path, typer.Argument(help="File to make, ending in .parquet or .csv.")],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a table to a Parquet or CSV file.

    Example: stedi export machine_learning_curated steps.parquet
    """
    from stedi_cli.questions.export_file import is_taken

    with session(ctx) as opened:
        if is_taken(file) and not force:
            raise UsageError(f"{file} exists.", hint="Add --force to replace it.")
        with render.busy(f"Writing {file}"):
            rows = opened.lake.questions.export(table, file)
        cost = opened.query_cost
        if as_json:
            record = {"table": table, "file": str(file), "rows": rows}
            render.emit(record | render.cost_record(cost))
        else:
            render.say(f"{rows:,} row(s) of {table} written to {file}.")
            render.show_cost(cost)


def _show_rows(columns: list[str], rows: list[tuple[object, ...]]) -> None:
    from rich.cells import cell_len

    columns = [render.one_line(name) for name in columns]
    numeric = [
        all(isinstance(row[i], int | float) and not isinstance(row[i], bool) for row in rows)
        for i in range(len(columns))
    ]
    heads = [f"{'>' if right else '<'}{n}" for n, right in zip(columns, numeric, strict=True)]
    rows = [tuple(_cell(value) for value in row) for row in rows]
    wide = sum(
        max([cell_len(c), *(cell_len(str(r[i])) + 2 for r in rows)]) for i, c in enumerate(columns)
    )
    if wide + 2 * len(columns) <= render.console().width:
        render.show(render.table(heads, rows))
    else:
        for row in rows:
            render.show(render.table(["column", "value"], list(zip(columns, row, strict=True))))
            render.say()
    render.note(f"{len(rows):,} row(s)")


def _cell(value: object) -> object:
    """Return a value as SQL writes it, in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    return render.one_line(value) if isinstance(value, str) else value


def _rows(state: TableState | None) -> int | None:
    return state.current.rows if state and state.current else None


def _when(snapshot: Snapshot) -> str:
    return datetime.fromtimestamp(snapshot.committed_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _maker(snapshot: Snapshot) -> tuple[str, str]:
    made = snapshot.provenance
    return (made.policy, made.engine) if made else ("–", "–")


def _record(name: str, snapshot: Snapshot) -> dict[str, object]:
    made = snapshot.provenance
    record: dict[str, object] = {
        "table": name,
        "snapshot": str(snapshot.id),
        "committed": _when(snapshot).replace(" ", "T") + "Z",
        "rows": snapshot.rows,
    }
    if made is not None:
        record |= {"run": made.run, "job": made.job, "policy": made.policy, "engine": made.engine}
        record |= {"sql_sha256": made.sql, "inputs": made.inputs}
    return record


def _show_provenance(snapshot: Snapshot) -> None:
    made = snapshot.provenance
    pairs: list[tuple[str, object]] = [
        ("snapshot", str(snapshot.id)),
        ("committed", _when(snapshot)),
    ]
    if made is not None:
        pairs += [("run", made.run), ("job", made.job), ("SQL, SHA-256", made.sql)]
        pairs += [(f"from {name}", value) for name, value in made.inputs.items()]
        pairs += [
            (f"lines of {name}", f"{a.lines:,}, {a.quarantined:,} in quarantine")
            for name, a in made.landing.items()
        ]
    render.say()
    render.show(render.table(["provenance", ""], pairs))
