"""``stedi infra``: set up and remove what a lakehouse needs."""

from __future__ import annotations

from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.help import Group
from stedi_cli.cli.interrupts import if_interrupted
from stedi_cli.cli.session import Session, session
from stedi_cli.cli.upload import AllowMissing, found_in, upload_into
from stedi_cli.errors import ExitCode, StediError, UsageError, quantity

if TYPE_CHECKING:
    from stedi_cli.cli.grid import Grid
    from stedi_cli.lake.records import Change, Plan, Resource

app = typer.Typer(
    cls=Group, help="Set up, look at and remove the infrastructure.", no_args_is_help=True
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_FEW = 3
_SHORT = 48
_BEFORE = 16


@app.command()
def plan(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Show what `infra up` would do, and what things will cost.

    Nothing is changed.

    Example: stedi infra plan
    """
    with session(ctx) as opened:
        with render.busy("Comparing"):
            planned = opened.lake.infrastructure.plan()
        if as_json:
            render.emit({**planned.as_json(), "costs": _costs(opened)})
            return
        _show_plan(opened, planned)


@app.command()
@if_interrupted("what was made stays, and `stedi infra up` makes the rest")
def up(
    ctx: typer.Context,
    data: Annotated[
        Path | None, typer.Option(help="Upload landing files from this folder instead.")
    ] = None,
    no_data: Annotated[bool, typer.Option("--no-data", help="Upload nothing.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Delete and make again what cannot be changed.")
    ] = False,
    allow_missing: AllowMissing = False,
    as_json: JsonOption = False,
) -> None:
    """Make what is missing, change what differs, and upload data.

    The data is the configured one. It deletes no data without --yes. A second time it changes
    nothing.

    Example: stedi infra up --data my-landing-files
    """
    if data is not None and no_data:
        raise UsageError("--data and --no-data exclude each other.", hint="Give one of them.")
    with session(ctx) as opened:
        delivery = None if no_data else found_in(opened, data or opened.settings.data)
        planned = None
        if _costs(opened) and not as_json:
            with render.busy("Comparing"):
                planned = opened.lake.infrastructure.plan()
            _show_plan(opened, planned)
            render.say()
        resources = _made(opened, planned, replace=yes)
        if not as_json:
            render.show(_table(opened, resources))
        result = None
        if delivery is not None:
            if not as_json:
                render.say()
            result = upload_into(opened, delivery, quiet=as_json)
        if as_json:
            uploaded = [count.as_json() for count in result.counts] if result else None
            render.emit({"resources": [r.as_json() for r in resources], "uploaded": uploaded})
        if result is not None:
            result.end(allow_missing=allow_missing)


def _made(opened: Session, planned: Plan | None, *, replace: bool) -> list[Resource]:
    """Carry out a plan, and say what is done and, once, what has to be waited for."""
    from stedi_cli.lake.records import WAITING

    resources: list[Resource] = []
    waiting: set[str] = set()
    with render.busy("Setting up") as tell:
        for resource in opened.lake.infrastructure.up(planned, replace=replace):
            done = f"{len(resources)} of {len(planned.changes)}, " if planned else ""
            tell(f"{done}{resource.kind} {resource.name} {resource.state}")
            if resource.state != WAITING:
                resources.append(resource)
            elif resource.name not in waiting:
                render.note(f"{resource.note} Waiting some minutes; Ctrl-C ends it.")
                waiting.add(resource.name)
    return resources


@app.command()
def status(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Show what is there, and what is missing or differs.

    Exit code 3 where anything is or does.

    Example: stedi infra status
    """
    with session(ctx) as opened:
        with render.busy("Comparing"):
            resources = opened.lake.infrastructure.status()
        if as_json:
            render.emit([r.as_json() for r in resources])
        else:
            render.show(_table(opened, resources))
        wrong = {resource.state for resource in resources} - {"there", "left"}
        if wrong:
            if not as_json:
                todo = "Ask whoever looks after the role to allow what it lacks."
                if wrong != {"lacking"}:
                    todo = "Run `stedi infra up`."
                render.paragraph(f"Not all is in place. {todo}")
            raise typer.Exit(ExitCode.BAD_DATA)


@app.command()
@if_interrupted("what was not removed stays, and `stedi infra down` removes it")
def down(
    ctx: typer.Context,
    keep_data: Annotated[
        bool, typer.Option("--keep-data", help="Leave landing files and tables.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove what this tool made, and nothing else.

    Example: stedi infra down --yes
    """
    with session(ctx) as opened:
        if not yes and _is_anything_there(opened) and not _confirmed(opened, keep_data=keep_data):
            render.note("Nothing was removed.")
            raise typer.Exit(ExitCode.FAILED)
        resources: list[Resource] = []
        try:
            with render.busy("Removing") as tell:
                for resource in opened.lake.infrastructure.down(keep_data=keep_data):
                    resources.append(resource)
                    tell(f"{resource.kind} {resource.name} {resource.state}")
        except StediError:
            # What went is told also where something is left over.
            if resources:
                _show_removed(opened, resources, as_json=as_json)
            raise
        _show_removed(opened, resources, as_json=as_json)


@app.command()
def policy(
    ctx: typer.Context,
    split: Annotated[
        bool, typer.Option("--split", help="Print several documents of less than 2,048 characters.")
    ] = False,
) -> None:
    """Print the permissions that you need, as a policy document.

    They suffice for everything from `infra up` to `infra down`. The document fits a managed policy.

    Example: stedi infra policy
    """
    with session(ctx) as opened:
        account = opened.lake.account
        if account is None:
            raise UsageError(
                "The local lakehouse needs no permissions but those of its folder.",
                hint="Name the AWS configuration: --config configs/aws.yaml.",
            )
        if not split:
            render.emit(account.caller_policy())
            return
        render.emit(account.caller_policies())
        render.note(
            "AWS counts all inline policies of a user together, 2,048 characters at most: to give"
            " one user all of it, make a managed policy of the whole document."
        )


def _costs(opened: Session) -> list[str]:
    """Return what a run and a query will cost; nothing where they are free."""
    return opened.lake.account.costs() if opened.lake.account else []


def _is_anything_there(opened: Session) -> bool:
    try:
        parts = opened.lake.infrastructure.status()
    except StediError:
        return True
    none = ("missing", "not ours", "left")
    return any(part.ours and part.state not in none for part in parts)


def _confirmed(opened: Session, *, keep_data: bool) -> bool:
    what = "all but landing files and tables" if keep_data else "tables and landing files"
    if not keep_data:
        with suppress(StediError):
            exports = len(opened.lake.exports.read().entries)
            what += f", and the ledger of {quantity(exports, 'export')}" if exports else ""
    if not render.is_interactive():
        raise UsageError(
            f"`infra down` removes {what}, and there is no terminal to ask.",
            hint="Add --yes to remove them.",
        )
    return render.confirm(f"Remove the {opened.lake.title}, {what}?")


def _show_removed(opened: Session, resources: list[Resource], *, as_json: bool) -> None:
    if as_json:
        render.emit([r.as_json() for r in resources])
    elif resources:
        render.show(_table(opened, resources))
    else:
        render.say("There is nothing to remove.")


def _show_plan(opened: Session, planned: Plan) -> None:
    from stedi_cli.lake.records import Resource

    rows = [Resource(c.kind, c.name, c.action, _difference(c)) for c in planned.changes]
    render.show(_table(opened, rows, state="to do"))
    lacking = [change for change in planned.changes if change.action == "lack"]
    if planned.todo or planned.refused or lacking:
        render.paragraph(f"{planned.todo} of {len(planned.changes)} to do.")
    else:
        render.paragraph("Everything is in place.")
    if planned.refused:
        render.wrapped(
            f"{planned.refused} in the way: `stedi infra up` will refuse, and change nothing."
        )
    for line in _costs(opened):
        render.paragraph(line)


def _difference(change: Change) -> str:
    lines = [_differing(name, there, wanted) for name, there, wanted in change.fields]
    between = "\n" if render.is_terminal() else "; "
    return between.join([change.note, *lines] if change.note else lines)


def _differing(name: str, there: str, wanted: str) -> str:
    # Long texts, such as policies, are shown from just before where they begin to differ.
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(there, wanted, strict=False))
    same = sum(1 for _ in alike)
    begin = max(0, same - _BEFORE) if max(len(there), len(wanted)) > _SHORT else 0
    return f"{name}: {_short(there, begin)} → {_short(wanted, begin)}"


def _short(text: str, begin: int) -> str:
    if not render.is_terminal():
        return text or "–"
    end = "…" if len(text) > begin + _SHORT else ""
    return f"{'…' if begin else ''}{text[begin : begin + _SHORT]}{end}" if text else "–"


def _table(opened: Session, resources: list[Resource], *, state: str = "state") -> Grid:
    from stedi_cli.lake.records import Resource

    settings = opened.settings
    # On AWS no name is a path.
    root = str(settings.root) if settings.target == "local" else None
    alike: dict[tuple[str, str], list[Resource]] = {}
    for r in resources:
        name = r.name if r.name == root else r.name.removeprefix(f"{root}/")
        # What has a note stands alone, and everything where each is a line for a program.
        alone = r.note or not render.is_terminal()
        key = (r.kind, f"{r.state} {r.name}") if alone else (r.kind, r.state)
        alike.setdefault(key, []).append(Resource(r.kind, name, r.state, r.note))
    rows: list[Resource] = []
    for group in alike.values():
        first = group[0]
        if len(group) <= _FEW:
            rows += group
        else:
            name = f"{len(group)}, {first.name} and others"
            rows.append(Resource(first.kind, name, first.state))
    return render.table(
        ["what", "where", state, ""], [(r.kind, r.name, r.state, r.note) for r in rows]
    )
