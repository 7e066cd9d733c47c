"""``stedi validate``: row counts and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.checks.verdict import ERROR, FAILED, WRONG
from stedi_cli.cli import render
from stedi_cli.cli.session import Session, session
from stedi_cli.errors import ExitCode

if TYPE_CHECKING:
    from stedi_cli.checks.verdict import CheckResult, Report, TableCount


def validate(
    ctx: typer.Context,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy",
            help="Compare with this policy"
            " [STEDI_POLICY; default: the one the tables were built under].",
        ),
    ] = None,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print what would be asked, and stop.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Ask also what was asked of the same before.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare row counts with the expected ones; check the rules.

    Exit code 3 if one is not as it should be. What was asked before, of the same tables, is kept.

    Example: stedi validate
    """
    from stedi_cli.checks.validation import Validation
    from stedi_cli.project.settings import named_policy

    with session(ctx) as opened:
        policy = named_policy(policy)
        usual = opened.settings.policy
        validation = Validation(opened.lakehouse, opened.lake, policy, again=again, usual=usual)
        if sql:
            texts = [question.sql for question in validation.queries().all().values()]
            render.say(";\n\n".join(texts) + ";")
            return
        with render.busy("Validating"):
            report = validation.run()
        cost = opened.query_cost
        if as_json:
            render.emit(report.as_json() | render.cost_record(cost))
        else:
            show_report(report)
            render.show_cost(cost)
        if not report.ok:
            raise typer.Exit(ExitCode.BAD_DATA)


def validate_session(opened: Session) -> Report:
    """Validate and show the report."""
    from stedi_cli.checks.validation import Validation

    usual = opened.settings.policy
    report = Validation(opened.lakehouse, opened.lake, None, usual=usual).run()
    show_report(report)
    render.show_cost(opened.query_cost)
    return report


def show_report(report: Report) -> None:
    """Show a report as tables with what explains a difference."""
    course = any(table.published is not None for table in report.tables)
    headings = [
        "table",
        "zone",
        ">rows",
        ">expected",
        *([">published"] if course else []),
        "verdict",
    ]
    rows = [
        [t.table, t.zone, t.rows, t.expected, *([t.published] if course else []), _verdict(t)]
        for t in report.tables
    ]
    source = f", {report.source}" if report.source else ""
    render.wrapped(f"Policy {report.policy}{source}")
    render.say()
    render.show(render.table(headings, rows))
    if course:
        render.paragraph("published: the course's published count, which policy published gives.")
    render.say()
    render.show(
        render.table(
            ["check", ">violations", "verdict"],
            [(c.check, c.violations, _check_verdict(c)) for c in report.checks],
        )
    )
    if any(check.violations and check.known for check in report.checks):
        render.paragraph(f"known: a rule that policy {report.policy} breaks on purpose.")
    if any(check.kept for check in report.checks):
        render.paragraph("kept: asked before, of the same data. `--again` asks anew.")
    for name, reasons in report.left_out.items():
        for reason, number in reasons:
            render.paragraph(f"{name.replace('_', ' ').capitalize()}: {number:,}; {reason}.")
    errors = [check.error for check in report.checks if check.error is not None]
    for text in (*report.notes, *report.problems, *errors, *report.errors.values()):
        render.paragraph(text)
    render.paragraph(report.summary)


def _verdict(table: TableCount) -> str:
    if table.verdict == WRONG and table.rows is not None and table.expected is not None:
        return f"{table.rows - table.expected:+,}"
    return table.verdict


def _check_verdict(check: CheckResult) -> str:
    verdict = check.verdict.upper() if check.verdict in (FAILED, ERROR) else check.verdict
    return f"{verdict}, kept" if check.kept else verdict
