"""``stedi validate``: row counts and rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from stedi_cli.checks.verdict import ERROR, FAILED, WRONG
from stedi_cli.cli import completion, render
from stedi_cli.cli.accept import accept as accepted
from stedi_cli.cli.interrupts import if_interrupted
from stedi_cli.cli.rows import show_rows
from stedi_cli.cli.session import Session, session
from stedi_cli.errors import ExitCode, StediError, UsageError, quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stedi_cli.checks.offending import Offending
    from stedi_cli.checks.validation import Validation
    from stedi_cli.checks.verdict import CheckResult, Report, TableCount

_SHOWN = 10

ChecksArgument = Annotated[
    list[str] | None,
    typer.Argument(
        help="Checks to make [default: all, and counts].", autocompletion=completion.checks
    ),
]
ShowOption = Annotated[
    int | None,
    typer.Option(
        "--show",
        min=1,
        metavar="[N]",
        help=f"Show N rows that break each rule [default: {_SHOWN}].",
        # Without N, what follows is a check.
        autocompletion=completion.checks,
    ),
]
AcceptOption = Annotated[
    str | None,
    typer.Option(
        "--accept",
        metavar="[FILE]",
        help="Let the counts that there are be the expected ones; also write FILE (.yaml).",
    ),
]
SaveOption = Annotated[
    Path | None,
    typer.Option("--save", metavar="DIR", help="Write a picture of each table, and of the counts."),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="With --save: replace existing pictures.")
]
UnmaskedOption = Annotated[
    bool, typer.Option("--unmasked", help="With --show or --save: also who a person is.")
]
PolicyOption = Annotated[
    str | None,
    typer.Option(
        "--policy",
        help="Compare with this policy"
        " [STEDI_POLICY; default: the one the tables were built under].",
        autocompletion=completion.policies,
    ),
]


class ValidateCommand(TyperCommand):
    """A command two of whose options need no value: ``--show`` and ``--accept``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command's options and arguments."""
        read: list[str] = []
        for place, arg in enumerate(args):
            read.append(arg)
            following = "".join(args[place + 1 : place + 2])
            if arg == "--show" and not following.isdecimal():
                read.append(str(_SHOWN))
            if arg == "--accept" and (not following or following.startswith("-")):
                read.append("")
        return super().parse_args(ctx, read)


def validate(
    ctx: typer.Context,
    checks: ChecksArgument = None,
    show: ShowOption = None,
    unmasked: UnmaskedOption = False,
    policy: PolicyOption = None,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print what would be asked, and stop.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Ask also what was asked of the same before.")
    ] = False,
    accept: AcceptOption = None,
    save: SaveOption = None,
    force: ForceOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare row counts with the expected ones; check the rules.

    Exit code 3 if one is not as it should be. What was asked before, of the same tables, is kept.

    Example: stedi validate customer_trusted_consent --show
    """
    from stedi_cli.checks.validation import Validation
    from stedi_cli.project.settings import named_policy

    _refuse(show, save, unmasked=unmasked, force=force, one=bool(checks or sql), accept=accept)
    with session(ctx) as opened:
        policy, usual = named_policy(policy), opened.settings.policy
        model, lake = opened.lakehouse, opened.lake
        validation = Validation(model, lake, policy, again=again, usual=usual, only=checks or ())
        if sql:
            texts = [lake.questions.sent(each.sql) for each in validation.queries().values()]
            render.say(";\n\n".join(texts) + ";")
            return
        if save is not None:
            from stedi_cli.cli.deliverables import refuse_deliverables

            refuse_deliverables(opened, save, force=force)
        with render.busy("Validating") as now:
            report, rows = _looked(validation, show, now, masked=not unmasked)
        with if_interrupted("the expected counts are as before or as after"):
            written = [] if accept is None else accepted(opened, validation, report, accept)
        report = validation.judged() if written else report
        # What was asked for is told, also where it cannot be drawn.
        unsaved = _save(opened, report, save, unmasked=unmasked)
        if as_json:
            record = _record(report, rows, shown=show is not None)
            record |= {"accepted": written} if accept is not None else {}
            render.emit(record | render.cost_record(opened.query_cost))
        else:
            (show_checks if checks else show_report)(report)
            _show_offending(rows, masked=not unmasked)
            for place in written:
                render.paragraph(f"Wrote {place}: the counts under policy {report.policy}.")
            _show_end(opened, report)
        if unsaved is not None:
            raise unsaved
        if not report.ok:
            raise typer.Exit(ExitCode.BAD_DATA)


def _looked(
    validation: Validation, show: int | None, now: Callable[[str], None], *, masked: bool
) -> tuple[Report, dict[str, Offending]]:
    report = validation.run(now)
    if show is None:
        return report, {}
    now("looking for rows that break rules")
    return validation.offending(report, show, masked=masked)


def _refuse(
    show: int | None,
    save: Path | None,
    *,
    unmasked: bool,
    force: bool,
    one: bool,
    accept: str | None,
) -> None:
    if unmasked and show is None and save is None:
        raise UsageError("--unmasked is about rows.", hint="Give --show or --save too.")
    if force and save is None:
        raise UsageError("--force is about pictures.", hint="Give --save too.")
    if save is not None and one:
        raise UsageError("--save is about all tables.", hint="Name no checks, nor --sql.")
    if accept is not None and one:
        raise UsageError("--accept is about all counts.", hint="Name no checks, nor --sql.")


def _save(
    opened: Session, report: Report, folder: Path | None, *, unmasked: bool
) -> StediError | None:
    if folder is None:
        return None
    from stedi_cli.cli.deliverables import save_deliverables

    try:
        with render.busy("Drawing"), if_interrupted("each picture is there whole or not at all"):
            files = save_deliverables(opened, report, folder, unmasked=unmasked)
    except StediError as error:
        return error
    render.note(f"{quantity(len(files), 'picture')} written to {folder}.")
    return None


def validate_session(opened: Session) -> Report:
    """Validate and show the report."""
    from stedi_cli.checks.validation import Validation

    usual = opened.settings.policy
    with render.busy("Validating") as now:
        report = Validation(opened.lakehouse, opened.lake, None, usual=usual).run(now)
    show_report(report)
    _show_end(opened, report)
    return report


def _show_end(opened: Session, report: Report) -> None:
    render.paragraph(report.summary)
    render.show_cost(opened.query_cost)


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
    for check in report.checks:
        if check.verdict == FAILED:
            render.paragraph(_broken(check))
    errors = [check.error for check in report.checks if check.error is not None]
    for text in (
        *([report.nearest] if report.nearest else []),
        *report.notes,
        *report.problems,
        *errors,
        *report.errors.values(),
    ):
        render.paragraph(text)


def show_checks(report: Report) -> None:
    """Show checks with their rules in words, and what may colour the results."""
    render.wrapped(f"Policy {report.policy}")
    for check in report.checks:
        number = f", violations: {check.violations:,}" if check.violations else ""
        render.paragraph(f"{check.check}: {_check_verdict(check)}{number}")
        for text in (check.rule, check.file, check.error):
            if text:
                render.wrapped(str(text))
    for text in report.problems:
        render.paragraph(text)


def _show_offending(found: Mapping[str, Offending], *, masked: bool) -> None:
    for check, offending in found.items():
        number = len(offending.rows)
        what = "row that breaks" if number == 1 else f"{number:,} rows that break"
        first = "the first " if offending.more else ""
        render.paragraph(f"{check}, {first}{what} the rule:")
        render.say()
        show_rows(offending.columns, offending.rows)
    if found and masked:
        render.paragraph("… stands for what may identify a person. `--unmasked` shows it.")


def _record(report: Report, rows: Mapping[str, Offending], *, shown: bool) -> dict[str, Any]:
    record = report.as_json()
    for check in record["checks"] if shown else ():
        check["rows"] = rows[check["check"]].as_json() if check["check"] in rows else []
    return record


def _broken(check: CheckResult) -> str:
    """Return what is said of a broken rule: what it is, where it stands, how to see more."""
    what = check.rule if check.file is None else f"{check.rule} ({check.file})"
    return f"{check.check}: {what} See `stedi validate {check.check} --show`."


def _verdict(table: TableCount) -> str:
    if table.verdict == WRONG and table.rows is not None and table.expected is not None:
        return f"{table.rows - table.expected:+,}"
    return table.verdict


def _check_verdict(check: CheckResult) -> str:
    verdict = check.verdict.upper() if check.verdict in (FAILED, ERROR) else check.verdict
    return f"{verdict}, kept" if check.kept else verdict
