"""``stedi explain``: what makes a row count."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import completion, render
from stedi_cli.cli.flow import flow_asked, show_flow
from stedi_cli.cli.session import Session, session
from stedi_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stedi_cli.checks.accounts import Flow
    from stedi_cli.checks.expected import DataSet
    from stedi_cli.checks.explanation import Cause
    from stedi_cli.checks.observed import Observed
    from stedi_cli.project.lakehouse import Lakehouse


def explain(
    ctx: typer.Context,
    table: Annotated[
        str, typer.Argument(help="The table that was counted.", autocompletion=completion.tables)
    ],
    rows: Annotated[str, typer.Argument(help="The count, such as 28680 or 28,680.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what makes a row count of a table.

    Known figures of known data first; else known mistakes are made on the data that is there, and
    counted. Exit code 3 if nothing makes it.

    Example: stedi explain step_trainer_trusted 28680
    """
    from stedi_cli.checks.asking import NO_CHECKS, Asking
    from stedi_cli.checks.explanation import causes, known_causes, sets_by_files
    from stedi_cli.checks.known_sets import known_sets, recognised

    with session(ctx) as opened:
        name, number = opened.lakehouse.table(table).name, _number(rows)
        lakehouse, lake = opened.lakehouse, opened.lake
        with render.busy("Counting"):
            known = known_sets(lakehouse, lake).all
            sets: Sequence[DataSet] = sets_by_files(lakehouse, known, lake.landing.states())
            found = known_causes(sets, name, number)
            flows: list[Flow] = []
            notes = [f"{file}: It holds no query." for file in _empty(lakehouse, name)]
            if not found:
                asking = Asking(lakehouse, lake, again=False, only=NO_CHECKS)
                observed = asking.observed()
                sets = recognised(lakehouse, known, observed, asking.sums).sets
                found = known_causes(sets, name, number)
                if not found:
                    # What is counted without some lines may be anything.
                    unread = sorted(observed.unread)
                    found = [] if unread else causes(lakehouse, lake, name, number)
                    notes += _unread(unread) or _not_known(lakehouse, observed, name)
            if not found:
                flows, problems = _accounts(opened, name)
                notes += [*_elsewhere(known, name, number), *problems]
        if as_json:
            record = {
                "table": name,
                "rows": number,
                "source": sets[0].source if sets else None,
                "causes": [cause.as_json() for cause in found],
                "account": flows[0].as_json() if flows else None,
                "notes": notes,
            }
            render.emit(record | render.cost_record(opened.query_cost))
        else:
            _show(f"{name}: {number:,}", found, notes, flows)
            render.show_cost(opened.query_cost)
        if not found:
            raise typer.Exit(ExitCode.BAD_DATA)


def _show(count: str, found: list[Cause], notes: list[str], flows: list[Flow]) -> None:
    for cause in found:
        render.entry(f"{count} is {cause.text}.", *([cause.file] if cause.file else []))
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


def _not_known(lakehouse: Lakehouse, observed: Observed, table: str) -> list[str]:
    """Say what is not known of the tables that the rules read, before a run."""
    from stedi_cli.checks.variants import jobs_up_to
    from stedi_cli.project.lakehouse import HELD_BACK

    read = {name for job in jobs_up_to(lakehouse, table) for name in job.reads}
    missing = [t.name for t in lakehouse.beside if t.name in read and t.name not in observed.states]
    if missing:
        told = f"{', '.join(missing)} is not built yet, so rules that read it were not followed."
        return [f"{told} Run `stedi jobs run --all`."]
    if HELD_BACK not in read:
        return []
    return [
        f"{name} has lines that no run has looked at: whom they hold back is not known, and rules"
        " were followed as if it were nobody. Run `stedi jobs run --all`."
        for name in observed.not_looked_at()
        if name in read and name in lakehouse.traced
    ]


def _empty(lakehouse: Lakehouse, table: str) -> list[Path | None]:
    from stedi_cli.checks.variants import without_query

    return [variant.file for variant in without_query(lakehouse, table)]


def _elsewhere(known: list[DataSet], table: str, rows: int) -> list[str]:
    from stedi_cli.checks.explanation import known_causes

    return [
        f"On {data_set.source} it is {cause.text}; but these landing files are not that data set."
        for data_set in known
        for cause in known_causes([data_set], table, rows)
    ]


def _accounts(opened: Session, table: str) -> tuple[list[Flow], list[str]]:
    """Return where the rows of a table's job went, and what speaks against that being so now.

    Of a landing table it is those of what reads it. What nobody can tell is left out.
    """
    whole = flow_asked(opened)
    about = [f for f in whole.jobs if table in (f.table, *(side.table for side in f.sides))]
    told = [flow for flow in about if flow.is_told]
    errors = [flow.error for flow in about if flow.error is not None]
    return told, [*errors, *(whole.problems if told else [])]
