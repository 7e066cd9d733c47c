"""``stedi flow``: where every row went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.grid import folded_lines
from stedi_cli.cli.session import Session, session
from stedi_cli.errors import ExitCode
from stedi_cli.printable import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stedi_cli.checks.accounts import Flow, Side
    from stedi_cli.checks.whole_flow import WholeFlow

# Columns of what stands before a number, so that all fits into 80, and of a number.
_MOST = 56
_NUMBER = 13


def flow(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show where every row went, job by job.

    Rows in, rows that are not used and why, rows out. Exit code 3 if the sums of a job do not meet,
    or a table is stale or not built.

    Example: stedi flow
    """
    with session(ctx) as opened:
        with render.busy("Counting"):
            found = flow_asked(opened)
        cost = opened.query_cost
        if as_json:
            render.emit(found.as_json() | render.cost_record(cost))
        else:
            for number, of_job in enumerate(found.jobs):
                if number:
                    render.say()
                show_flow(of_job)
            for text in (*_problems(found), *found.problems):
                render.paragraph(text)
            render.show_cost(cost)
        if not found.ok:
            raise typer.Exit(ExitCode.BAD_DATA)


def flow_asked(opened: Session) -> WholeFlow:
    """Return where the rows of each job went, asking for nothing else."""
    from stedi_cli.checks.whole_flow import whole_flow

    return whole_flow(opened.lakehouse, opened.lake, opened.settings.policy)


def show_flow(found: Flow) -> None:
    """Show a job's rows in, why some are not used, and its rows out."""
    render.say(found.job)
    for side in found.sides:
        for sign, what, number in _sums(found, side):
            shown = "–" if number is None else f"{number:,}"
            if render.is_terminal():
                render.say(_line(sign, plain(what), shown))
            else:
                render.record(f"{sign} {what}".lstrip(), shown)
        if side.left_over:
            render.say(f"{'  ' if render.is_terminal() else ''}not explained: {side.left_over:,}")


def _line(sign: str, what: str, number: str) -> str:
    """Return a sum as a terminal shows it, with the number at the right."""
    width = min(_MOST, render.width() - _NUMBER - len("  - "))
    first, *others = folded_lines(what, max(width, 1))
    return "\n    ".join([f"  {sign} {first:<{width}}{number:>{_NUMBER}}", *others])


def _sums(found: Flow, side: Side) -> Iterator[tuple[str, str, int | None]]:
    yield " ", side.table, side.rows
    if side.quarantined:
        yield "-", "in quarantine", side.quarantined
    for reason, number in side.reasons:
        yield ("-" if number > 0 else "+"), reason, abs(number)
    yield "=", found.table, found.rows


def _problems(whole: WholeFlow) -> list[str]:
    problems: list[str] = []
    flows = whole.jobs
    missing = [found.table for found in flows if found.rows is None]
    if missing:
        problems.append(f"Not built yet: {', '.join(missing)}. Run `stedi jobs run --all`.")
    # Of a policy that has left the model there is no account, but a table that is stale.
    silent = [
        found.job
        for found in flows
        if not found.has_account and found.rows is not None and found.table not in whole.stale
    ]
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
