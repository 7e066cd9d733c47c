"""``stedi flow``: where every row went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.session import Session, session
from stedi_cli.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stedi_cli.checks.accounts import Flow, Side

_WIDTH = 56
"""Columns of what stands before a number, so that all fits into 80."""


def flow(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show where every row went, job by job.

    Rows in, rows that are not used and why, rows out. Exit code 3 if the sums of a job do not meet,
    or a table is not built.

    Example: stedi flow
    """
    with session(ctx) as opened:
        with render.busy("Counting"):
            flows = flows_asked(opened)
        cost = opened.query_cost
        if as_json:
            record = {"jobs": [found.as_json() for found in flows], "ok": all(f.ok for f in flows)}
            render.emit(record | render.cost_record(cost))
        else:
            for number, found in enumerate(flows):
                if number:
                    render.say()
                show_flow(found)
            for text in _problems(flows):
                render.paragraph(text)
            render.show_cost(cost)
        if not all(found.ok for found in flows):
            raise typer.Exit(ExitCode.BAD_DATA)


def flows_asked(opened: Session) -> list[Flow]:
    """Return where the rows of each job went, asking for nothing else."""
    from stedi_cli.checks.accounts import flows
    from stedi_cli.checks.asking import Asking
    from stedi_cli.project.check import ACCOUNT_CHECK

    sums = [ACCOUNT_CHECK.format(table=name) for name in opened.lakehouse.writers]
    asking = Asking(opened.lakehouse, opened.lake, again=False, only=sums)
    return flows(opened.lakehouse, asking.observed())


def show_flow(found: Flow) -> None:
    """Show a job's rows in, why some are not used, and its rows out."""
    render.say(found.job)
    for side in found.sides:
        for sign, what, number in _sums(found, side):
            shown = "–" if number is None else f"{number:,}"
            render.say(f"  {sign} {what:<{_WIDTH}}{shown:>13}")
        if side.left_over:
            render.say(f"  not explained: {side.left_over:,}")


def _sums(found: Flow, side: Side) -> Iterator[tuple[str, str, int | None]]:
    yield " ", side.table, side.rows
    if side.quarantined:
        yield "-", "in quarantine", side.quarantined
    for reason, number in side.reasons:
        yield ("-" if number > 0 else "+"), reason, abs(number)
    yield "=", found.table, found.rows


def _problems(flows: list[Flow]) -> list[str]:
    problems: list[str] = []
    missing = [found.table for found in flows if found.rows is None]
    if missing:
        problems.append(f"Not built yet: {', '.join(missing)}. Run `stedi jobs run --all`.")
    silent = [found.job for found in flows if not found.has_account and found.rows is not None]
    if silent:
        problems.append(
            f"No account says where rows of these jobs went: {', '.join(silent)}."
            " Write jobs/accounts/<job>.sql."
        )
    problems += [f"{found.error}" for found in flows if found.error is not None]
    broken = [found.table for found in flows if found.broken]
    if broken:
        problems.append(
            f"The sums of {', '.join(broken)} do not meet. Run `stedi jobs run --all`, or mend the"
            " account if the job's SQL was changed."
        )
    return problems
