"""``stedi consent``: what is held of people and whether they agree; and their word for it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.ended_jobs import show_failure
from stedi_cli.cli.help import Group
from stedi_cli.cli.interrupts import EVERY_TABLE, if_interrupted
from stedi_cli.cli.live_jobs import Progress, live
from stedi_cli.cli.people import PeopleOption, people_in
from stedi_cli.cli.session import (
    BadRowsOption,
    Session,
    UnreadableOption,
    session,
    show_removed,
)
from stedi_cli.errors import ExitCode, StediError, UsageError, quantity, some
from stedi_cli.landing.names import shown
from stedi_cli.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from stedi_cli.consent.change import Changed, ConsentChange
    from stedi_cli.consent.held import Holding
    from stedi_cli.privacy.people import Person
    from stedi_cli.runs.pipeline import Event

app = typer.Typer(cls=Group, help="See, give and withdraw people's consent.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
WaitOption = Annotated[
    bool, typer.Option("--wait", help="Wait for another writer, and for those who read.")
]
_MOST_LINES = 20
_TRUE = f"{EVERY_TABLE}; give the command again to be sure of all of them"


@app.callback()
def _group() -> None:
    """See, give and withdraw people's consent."""


@app.command()
def show(
    ctx: typer.Context,
    file: PeopleOption = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="With --json: the rows themselves too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what is held of people, and the history of their consent.

    Table by table. People are named one a line, as for `stedi privacy scan`: an e-mail address, or
    a JSON object with email. Exit code 5 where nothing is held of somebody.

    Example: stedi consent show --file people.txt --json
    """
    if rows and not as_json:
        raise UsageError("--rows goes with --json.", hint="Add --json, or leave out --rows.")
    people = people_in(file, "consent show", any_name=True)
    from stedi_cli.consent.held import held_of, stale_tables

    with session(ctx) as opened:
        found, missing = held_of(opened.lakehouse, opened.lake, people, rows=rows)
        stale, run = stale_tables(opened.lakehouse, opened.lake, opened.settings.policy)
    if as_json:
        told = [one.as_json() for one in found]
        render.emit({"people": told, "not_found": missing, "stale": stale})
    else:
        for one in found:
            _show_holding(one, is_sure=not stale)
    if stale:
        render.note(
            "Warning: no run has built the tables by what there is now, so that nobody knows who"
            f" is held back. Run `{run}`."
        )
    _end(missing, "Nothing is held of")


@app.command()
@if_interrupted(_TRUE)
def grant(
    ctx: typer.Context,
    file: PeopleOption = None,
    supersede: Annotated[
        bool,
        typer.Option("--supersede", help="Lines that hold them back are answered by this."),
    ] = False,
    max_bad_rows: BadRowsOption = None,
    max_unreadable_customers: UnreadableOption = None,
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Record that people agree from now on, and build the tables anew.

    Each gets a new record like their latest one in a new landing file. Who agrees already is left
    as they are. Where somebody is held back, files and lines are named and nothing is changed,
    unless --supersede says that these lines are answered; to know it, what is stale is built anew
    first. Exit code 5 where no record of somebody is there.

    Example: stedi consent grant --file people.txt
    """
    people = people_in(file, "consent grant", any_name=True)
    with session(
        ctx, max_bad_rows=max_bad_rows, max_unreadable_customers=max_unreadable_customers
    ) as opened:
        change = _change(opened, wait=wait)
        with _half_way_told(change):
            events = change.grant(people, supersede=supersede)
            done, progress = _follow(opened, events, quiet=as_json)
        if as_json:
            _emit(done, progress)
        else:
            _say("agrees from now on", "agree from now on", people, done)
    _end(done.missing, "No customer's record that can be read is there of")


@app.command()
@if_interrupted(_TRUE)
def revoke(
    ctx: typer.Context,
    file: PeopleOption = None,
    max_bad_rows: BadRowsOption = None,
    max_unreadable_customers: UnreadableOption = None,
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Record that people do not agree any more, and build without them.

    Each gets a new record like their latest one, without consent, in a new landing file. What is
    stale is built anew under the policy that the tables have, and of each table one snapshot
    stays, with no other file. Refused while somebody else writes or reads, unless --wait is given;
    on AWS nobody knows who reads, and a query on what goes meanwhile fails.
    Exit code 5 where no record of somebody is there, 4 where a table has them all the same, 3 where
    nobody can tell whether one has.

    Example: stedi consent revoke --file people.txt --wait
    """
    people = people_in(file, "consent revoke", any_name=True)
    with session(
        ctx, max_bad_rows=max_bad_rows, max_unreadable_customers=max_unreadable_customers
    ) as opened:
        change = _change(opened, wait=wait)
        with _half_way_told(change):
            done, progress = _follow(opened, change.revoke(people), quiet=as_json)
        if as_json:
            _emit(done, progress)
        else:
            _say("does not agree any more", "do not agree any more", people, done)
        _warn_of_unknown(done.not_looked_at)
        if done.changed or progress.done:
            _warn_of_others(opened)
    doubt = ExitCode.BAD_DATA if done.not_looked_at else ExitCode.DONE
    _end(done.missing, "No customer's record that can be read is there of", doubt)


def _change(opened: Session, *, wait: bool) -> ConsentChange:
    from stedi_cli.consent.change import ConsentChange

    return ConsentChange(opened.lakehouse, opened.lake, wait=wait)


@contextmanager
def _half_way_told(change: ConsentChange) -> Iterator[None]:
    """Say what is left to do where somebody or something ends the command half-way."""
    try:
        yield
    except StediError:
        # It says so itself.
        raise
    except BaseException:
        if change.recorded:
            render.note("It is recorded, but not carried out yet: give this command again.")
        raise


def _follow(
    opened: Session, events: Generator[Event, None, Changed], *, quiet: bool
) -> tuple[Changed, Progress]:
    """Show jobs while they run, and return what it came to."""
    progress = Progress()
    try:
        with closing(events), live(progress, quiet) as update:
            while True:
                try:
                    progress.add(next(events))
                except StopIteration as end:
                    return end.value, progress
                update()
    finally:
        progress.removed += opened.lake.removed()
        show_removed(progress.removed)
        show_failure(progress, forced=False)


def _emit(done: Changed, progress: Progress) -> None:
    jobs = [job.as_json() for job in progress.done]
    removed = [ref.as_json() for ref in progress.removed]
    render.emit({**done.as_json(), "jobs": jobs, "removed": removed})


def _say(one: str, several: str, people: Sequence[Person], done: Changed) -> None:
    if changed := _count(people, done.changed):
        said = quantity(changed, f"person {one}", f"people {several}")
        render.paragraph(f"{said}: {done.file} is their record in the landing zone.")
    if unchanged := _count(people, done.unchanged):
        render.paragraph(quantity(unchanged, "person agrees", "people agree") + " already.")


def _count(people: Sequence[Person], lines: Collection[int]) -> int:
    """Return how many people were named on lines; several may name one."""
    return len({person.email for person in people if person.line in lines})


def _warn_of_unknown(tables: Sequence[str]) -> None:
    for table in tables:
        render.note(
            f"Warning: {table} may hold them: jobs/whose/{table}.sql is not there, which would say"
            " whose its rows are. Write it, then give this command again."
        )


def _warn_of_others(opened: Session) -> None:
    """Name what may hold them and no run builds anew."""
    for stranger in opened.lake.tables.strangers():
        render.note(f"Warning: {stranger.kind} {stranger.name} may hold them: {stranger.note}.")
    exports = opened.lake.exports.read()
    if exports.entries or exports.unreadable:
        render.note("What was exported before may hold them: see `stedi history --exports`.")
    for line in opened.lake.consent.beyond():
        render.note(line)


def _show_holding(holding: Holding, *, is_sure: bool) -> None:
    from stedi_cli.consent.held import changes_of

    record = holding.as_json()
    since, held = record["agrees_since"], record["held_back_by"]
    state = f"agrees since {since}" if since else "does not agree"
    if since and not is_sure:
        state += ", as far as is known"
    if held:
        places = ", ".join(f"{one_line(shown(line['file']))}:{line['line']}" for line in held)
        state = f"is held back: {places} cannot be used, and may be a withdrawal"
    render.wrapped(f"{one_line(holding.email)}: {state}.")
    changes = list(changes_of(holding))
    if changes:
        told = [(change["updated"], change["consent"] or "no consent") for change in changes]
        render.say()
        render.show(render.table(["record of", "consent"], told))
    told = [(h.table, "?" if h.rows is None else f"{h.rows:,}") for h in holding.tables]
    render.say()
    render.show(render.table(["table", ">rows"], told))
    render.say()


def _end(missing: Sequence[int], what: str, doubt: ExitCode = ExitCode.DONE) -> None:
    """Say which lines name nobody who is known; exit 5 where any does, unless in doubt of more."""
    if missing:
        lines = "line" if len(missing) == 1 else "lines"
        render.note(f"{what} who stands on {lines} {some(missing, _MOST_LINES)} of the people.")
    if doubt or missing:
        raise typer.Exit(doubt or ExitCode.NOBODY)
