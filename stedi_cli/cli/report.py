"""``stedi report``: all that a lakehouse can be shown by, in one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.interrupts import if_interrupted
from stedi_cli.cli.session import Session, session
from stedi_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from stedi_cli.report.facts import Facts


@if_interrupted("the file is as before or whole")
def report(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="File to make, ending in .html.")] = Path(
        "stedi-report.html"
    ),
    open_it: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    unmasked: Annotated[
        bool, typer.Option("--unmasked", help="Show also what identifies a person.")
    ] = False,
) -> None:
    """Write a report of the lakehouse: one HTML file.

    Counts, where every row went, checks, tables, quarantine, runs and plots. Exit code 3 if not all
    is as it should be; the file is written all the same.

    Example: stedi report --out report.html
    """
    from stedi_cli.questions.export_file import exported, file_format, is_taken
    from stedi_cli.report.drawing import can_draw
    from stedi_cli.report.facts import gather
    from stedi_cli.report.page import page
    from stedi_cli.report.plots import drawn

    with session(ctx) as opened:
        file_format(out, (".html",))
        if is_taken(out) and not force:
            raise UsageError(f"{out} exists.", hint="Add --force to replace it.")
        has_plots = can_draw()
        if not has_plots:
            render.note("Without plots: what draws them is missing; `pip install 'stedi[report]'`.")
        _tell_cost(opened)
        with render.busy("Gathering") as now:
            facts = gather(
                opened.lakehouse,
                opened.lake,
                opened.settings.policy,
                unmasked=unmasked,
                plots=has_plots,
            )
            now("drawing")
            content = page(facts, drawn(facts.plots) if has_plots else None)
        with exported(out) as sink:
            sink.write(content)
            _enter(opened, facts, out)
        render.say(f"A report written to {out}.")
        render.paragraph(facts.found.summary)
        render.show_cost(opened.query_cost)
        if open_it:
            _show(out)
        if not facts.found.ok:
            raise typer.Exit(ExitCode.BAD_DATA)


def _tell_cost(opened: Session) -> None:
    """Say what it will cost, before anything is asked."""
    from stedi_cli.report.facts import questions_of

    if opened.lake.account is not None:
        number = questions_of(opened.lakehouse, opened.lake)
        render.note(opened.lake.account.queries_cost(number))


def _enter(opened: Session, facts: Facts, file: Path) -> None:
    from stedi_cli.cli.ledger import enter

    for told in facts.personal:
        enter(opened, "report --unmasked", told.table, file, len(told.shown))


def _show(file: Path) -> None:
    import webbrowser

    if not webbrowser.open(file.absolute().as_uri()):
        render.note(f"There is no browser to open {file} in.")
