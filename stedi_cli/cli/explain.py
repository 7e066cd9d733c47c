"""``stedi explain``: what makes a row count."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.flow import flow_asked, show_flow
from stedi_cli.cli.session import Session, session
from stedi_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from stedi_cli.checks.accounts import Flow
    from stedi_cli.checks.expected import DataSet
    from stedi_cli.checks.explanation import Cause


def explain(
    ctx: typer.Context,
    table: Annotated[str, typer.Argument(help="The table that was counted.")],
    rows: Annotated[str, typer.Argument(help="The count, such as 28680 or 28,680.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what makes a row count of a table.

    Known figures of known data first; else known mistakes are made on the data that is there, and
    counted. Exit code 3 if nothing makes it.

    Example: stedi explain step_trainer_trusted 28680
    """
    from stedi_cli.checks.asking import NO_CHECKS, Asking
    from stedi_cli.checks.explanation import causes, known_causes
    from stedi_cli.checks.known_sets import known_sets, recognised

    with session(ctx) as opened:
        name, number = opened.lakehouse.table(table).name, _number(rows)
        lakehouse, lake = opened.lakehouse, opened.lake
        with render.busy("Counting"):
            asking = Asking(lakehouse, lake, again=False, only=NO_CHECKS)
            known = known_sets(lakehouse, lake).all
            observed = asking.observed()
            sets = recognised(lakehouse, known, observed, asking.sums).sets
            found = known_causes(sets, name, number)
            # What is counted without some lines may be anything.
            unread = sorted(observed.unread)
            if not found and not unread:
                found = causes(lakehouse, lake, name, number)
            flows = [] if found else _accounts(opened, name)
        notes = [] if found else [*_unread(unread), *_elsewhere(known, name, number)]
        if as_json:
            record = {
                "table": name,
                "rows": number,
                "source": sets[0].source if sets else None,
                "causes": [cause.as_json() for cause in found],
                "account": flows[0].as_json() if flows else None,
            }
            render.emit(record | render.cost_record(opened.query_cost))
        else:
            _show(f"{name}: {number:,}", found, notes, flows)
            render.show_cost(opened.query_cost)
        if not found:
            raise typer.Exit(ExitCode.BAD_DATA)


def _show(count: str, found: list[Cause], notes: list[str], flows: list[Flow]) -> None:
    for cause in found:
        render.wrapped(f"{count} is {cause.text}.")
        if cause.file is not None:
            render.wrapped(f"  {cause.file}")
    if not found:
        render.wrapped(f"{count} is made by nothing that is known, of this data.")
    for text in notes:
        render.paragraph(text)
    for flow in flows:
        render.say()
        show_flow(flow)


def _unread(tables: list[str]) -> list[str]:
    if not tables:
        return []
    return [f"No run has read {', '.join(tables)} yet, so nothing was counted."]


def _number(text: str) -> int:
    digits = re.sub(r"(?<=\d)[,._' ](?=\d{3}(?!\d))", "", text.strip())
    if not re.fullmatch(r"[0-9]{1,18}", digits, re.ASCII):
        raise UsageError(f"{text!r} is no number of rows.", hint="Write it as 28680 or 28,680.")
    return int(digits)


def _elsewhere(known: list[DataSet], table: str, rows: int) -> list[str]:
    from stedi_cli.checks.explanation import known_causes

    return [
        f"On {data_set.source} it is {cause.text}; but these landing files are not that data set."
        for data_set in known
        for cause in known_causes([data_set], table, rows)
    ]


def _accounts(opened: Session, table: str) -> list[Flow]:
    """Return where the rows of a table's job went; of a landing table those of what reads it."""
    return [
        flow
        for flow in flow_asked(opened).jobs
        if table == flow.table or table in (side.table for side in flow.sides)
    ]
