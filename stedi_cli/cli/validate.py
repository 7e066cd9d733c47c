"""``stedi validate``: row counts and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

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
        validation = Validation(opened.lakehouse, opened.lake, policy, again=again)
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

    report = Validation(opened.lakehouse, opened.lake, None).run()
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
            [
                (c.check, c.violations, f"{_check_verdict(c)}{', kept' if c.kept else ''}")
                for c in report.checks
            ],
        )
    )
    if any(check.violations and check.known for check in report.checks):
        render.paragraph(f"known: a rule that policy {report.policy} breaks on purpose.")
    if any(check.kept for check in report.checks):
        render.paragraph("kept: asked before, of the same data. `--again` asks anew.")
    for name, reasons in report.left_out.items():
        for reason, number in reasons:
            render.paragraph(f"{name.replace('_', ' ').capitalize()}: {number:,}; {reason}.")
    for text in (*report.notes, *report.problems):
        render.paragraph(text)
    render.say(f"\n{_summary(report)}")


def _summary(report: Report) -> str:
    if not report.ok:
        return "Not everything is right."
    if any(check.violations is None for check in report.checks):
        return "Everything that could be checked is as it should be."
    return "Everything is as it should be."


def _verdict(table: TableCount) -> str:
    if table.rows is None:
        return "not read" if table.zone == "landing" else "not built"
    if table.expected is None:
        return "unknown"
    return "ok" if table.ok else f"{table.rows - table.expected:+,}"


def _check_verdict(check: CheckResult) -> str:
    if check.waiting:
        return "not looked at yet"
    if check.violations is None:
        return "not checked"
    if check.violations == 0:
        return "ok"
    return "known" if check.known else "FAILED"
