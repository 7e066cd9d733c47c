"""``stedi privacy``: what is still there of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import completion, render
from stedi_cli.cli.help import Group
from stedi_cli.cli.people import PeopleOption, people_in
from stedi_cli.cli.session import Options
from stedi_cli.errors import ExitCode, quantity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stedi_cli.privacy.scan import Scan
    from stedi_cli.privacy.source import Source

app = typer.Typer(cls=Group, help="See what is still there of a person.", no_args_is_help=True)
_KINDS = (
    ("emails", "e-mail address", "e-mail addresses"),
    ("serials", "serial number", "serial numbers"),
    ("instants", "instant", "instants"),
    ("dates", "date", "dates"),
)

_LOOKED_AT = (
    ("file",),
    ("current version",),
    ("older version",),
    ("delete marker",),
    ("catalog entry", "catalog entries"),
    ("log stream",),
)


@app.callback()
def _group() -> None:
    """See what is still there of a person."""


@app.command()
def scan(
    ctx: typer.Context,
    file: PeopleOption = None,
    allowed: Annotated[
        list[str] | None,
        typer.Option(
            "--except",
            metavar="PART",
            help="A part where they may be; repeatable.",
            autocompletion=completion.parts,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look for people in every byte below the root, whatever the tables say.

    On AWS that is every version of every object in the bucket, the Glue Data Catalog and the logs
    of the jobs.

    People are named one a line: an e-mail address, or a JSON object with email, serialNumber and
    instants. With --except, they may be in a part: landing, typed (its typed copies), tables,
    quarantine, held_back, ledgers, aside, temp, catalog, index, results, log, notes or others.
    Exit code 4 if anything is found elsewhere, 3 if something could not be read.

    Example: stedi privacy scan --file people.txt --except landing
    """
    from stedi_cli.privacy.scan import scan as look_for

    source = _source(ctx)
    people = people_in(file, "privacy scan")
    render.whole(f"stedi: {source.title}")
    with render.busy("Scanning") as now:
        result = look_for(source, people, allowed=allowed or (), now=now)
    if as_json:
        render.emit(result.as_json())
    else:
        _show(result)
    _warn(result)
    if result.wrong:
        raise typer.Exit(ExitCode.FOUND)
    if result.doubtful:
        raise typer.Exit(ExitCode.BAD_DATA)


def _source(ctx: typer.Context) -> Source:
    """Return what lies where the lakehouse is: no catalog and no table is asked what there is."""
    from stedi_cli.places import scan_source
    from stedi_cli.project.settings import load_settings

    options = ctx.obj if isinstance(ctx.obj, Options) else Options()
    return scan_source(load_settings(options.config, root=options.root))


def _show(result: Scan) -> None:
    if result.wrong:
        found: dict[tuple[str, str], list[str]] = {}
        for hit in result.wrong:
            found.setdefault((hit.place, hit.view), []).append(f"{hit.kind} {hit.count:,}")
        rows = [(place, view, _joined(what)) for (place, view), what in found.items()]
        render.show(render.table(["found in", "view", "what, how often"], rows))
        render.say()
    if result.doubtful:
        doubts = [(one.place, one.view, one.why) for one in result.doubtful]
        render.show(render.table(["could not be read", "as", "since"], doubts))
        render.say()
    _show_allowed(result)
    render.wrapped(_summary(result))
    if result.unreached:
        render.wrapped(f"A scan never looks at {'; '.join(result.unreached)}.")


def _show_allowed(result: Scan) -> None:
    counts: dict[str, int] = {}
    for hit in result.found:
        if hit.allowed:
            counts[hit.part] = counts.get(hit.part, 0) + hit.count
    if counts:
        told = _joined(f"{part} {number:,}" for part, number in counts.items())
        render.wrapped(f"Found where it may be: {told}.")


def _summary(result: Scan) -> str:
    told: dict[str, int] = {
        "emails": len(result.sought.values.emails),
        "serials": len(result.sought.values.serials),
        "instants": len(result.sought.values.instants),
        "dates": len(result.sought.values.dates),
    }
    sought = _joined(quantity(told[key], *words) for key, *words in _KINDS if told[key])
    looked_at = [
        quantity(result.looked_at[kind], kind, *several)
        for kind, *several in _LOOKED_AT
        if result.looked_at[kind]
    ]
    where = f"in {_joined(looked_at) or 'nothing'}, {result.bytes / 1e6:,.1f} MB"
    of = f"of {quantity(result.sought.people, 'person', 'people')}: {sought}, sought {where}"
    if result.wrong:
        places = len({hit.place for hit in result.wrong})
        return f"Found in {quantity(places, 'place')} {of}."
    if result.doubtful:
        return f"Nothing was found, but not everything could be read {of}."
    return f"Nothing was found {of}."


def _warn(result: Scan) -> None:
    sought = result.sought
    if sought.shared:
        render.note(
            f"{sought.shared:,} more of their values were not sought: other people's landing"
            " lines hold them too."
        )
    if sought.unknown:
        render.note(
            f"Of {sought.unknown:,} of them no landing line tells anything: only the e-mail"
            " address was sought. Tables without addresses may hold their readings; give serial"
            ' number and instants as {"email": …, "serialNumber": …, "instants": […]}.'
        )


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(parts)
