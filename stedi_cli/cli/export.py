"""``stedi export``: a table as a Parquet or CSV file, or as a folder of folds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import completion, render
from stedi_cli.cli.interrupts import if_interrupted
from stedi_cli.cli.session import Session, session
from stedi_cli.errors import UsageError, quantity

if TYPE_CHECKING:
    from stedi_cli.lake.records import Folded

_MOST_FOLDS = 1000


@if_interrupted("what it writes is as before or whole")
def export(
    ctx: typer.Context,
    table: Annotated[
        str, typer.Argument(help="Name of the table.", autocompletion=completion.tables)
    ],
    file: Annotated[
        Path,
        typer.Argument(help="File to make, ending in .parquet or .csv; with --folds a folder."),
    ],
    folds: Annotated[
        int | None,
        typer.Option(
            min=2, max=_MOST_FOLDS, help="Write so many files, each person's rows in one of them."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Other folds with another number [default: 0].")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a table to a Parquet or CSV file, or in folds.

    Folds, for training, are Parquet files in random order, without personal columns.

    Example: stedi export machine_learning_curated steps --folds 5
    """
    if folds is None and seed is not None:
        raise UsageError("--seed goes with --folds.", hint="Add --folds, or leave --seed away.")
    with session(ctx) as opened:
        if folds is None:
            _export_file(opened, table, file, force=force, as_json=as_json)
            return
        done = _export_folds(opened, table, file, folds, seed or 0, force=force)
        if as_json:
            render.emit(done.as_json())
        else:
            rows = [(fold.file, fold.rows, fold.people) for fold in done.folds]
            render.show(render.table(["fold", ">rows", ">people"], rows))
            render.paragraph(f"{quantity(done.rows, 'row')} of {table} written to {file}.")
        if empty := sum(not fold.people for fold in done.folds):
            told = quantity(empty, "fold holds", "folds hold")
            render.note(f"{told} nobody: people are few. Take fewer folds.")


def _export_file(opened: Session, table: str, file: Path, *, force: bool, as_json: bool) -> None:
    from stedi_cli.cli.ledger import enter
    from stedi_cli.questions.export_file import is_taken

    if is_taken(file) and not force:
        raise UsageError(f"{file} exists.", hint="Add --force to replace it.")
    found = opened.lakehouse.table(table)
    with render.busy(f"Writing {file}"):
        exported = opened.lake.questions.export(
            table, file, lambda done: enter(opened, "export", found, done.file, done.rows)
        )
    if exported.left:
        render.note(exported.left)
    cost = opened.query_cost
    if as_json:
        render.emit(exported.as_json() | render.cost_record(cost))
    else:
        render.say(f"{quantity(exported.rows, 'row')} of {table} written to {file}.")
        render.show_cost(cost)


def _export_folds(
    opened: Session, table: str, folder: Path, folds: int, seed: int, *, force: bool
) -> Folded:
    from stedi_cli.cli.ledger import enter

    if opened.lake.folds is None:
        raise UsageError(
            "--folds is not done on AWS, where queries and their results would name people.",
            hint="Build the same landing files on one machine, and export them there.",
        )
    found = opened.lakehouse.table(table)
    with render.busy(f"Writing {folder}"):
        return opened.lake.folds.export(
            table,
            folder,
            folds,
            seed,
            force=force,
            tell=lambda done: enter(
                opened, "export --folds", found, done.folder, done.rows, personal=False
            ),
        )
