"""What may be wrong with a lakehouse on AWS."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

from stedi_cli.aws import lake_formation
from stedi_cli.aws.kept_aside import KeptAside
from stedi_cli.aws.landing_zone import LandingZone
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.place import Place
from stedi_cli.errors import StediError
from stedi_cli.lake import elsewhere
from stedi_cli.lake.findings import NO_USE, REBUILD, Finding, in_no_folder, kept_aside
from stedi_cli.lake.records import Resource
from stedi_cli.landing.names import RENAME_THERE, with_address
from stedi_cli.tables.drift import LOST, changed_by_others, drift_said, lost


def diagnose(place: Place) -> Iterator[Finding]:
    """Look at boto3, credentials, region, Lake Formation, each resource, names and tables.

    Args:
        place: The lakehouse.

    Yields:
        Findings, good and bad; after the first that keeps AWS from being asked, none.
    """
    layout = place.layout
    yield from elsewhere.findings("upload DIR")
    try:
        yield Finding("boto3", metadata.version("boto3"))
    except metadata.PackageNotFoundError:
        yield Finding("boto3", "not installed", "Install it: `pip install 'stedi[aws]'`.")
        return
    try:
        yield Finding("region", layout.account.region)
        yield Finding("account", layout.account.id)
    except StediError as error:
        yield Finding("account", error.message, error.hint or "Look at your credentials.")
        return
    yield lake_formation.looked_at(layout)
    try:
        parts = place.infrastructure.status()
    except StediError as error:
        yield Finding("infrastructure", error.message, error.hint or "Look at your permissions.")
        return
    if all(part.state in ("missing", "left") or not part.ours for part in parts):
        yield Finding("infrastructure", "no lakehouse here", "Run `stedi infra up`.")
        return
    yield from (_finding(part) for part in parts if part.state != "left")
    yield from _tables(place)
    yield from _landing_names(layout, place.zone)
    yield from _kept_aside(place)


def _tables(place: Place) -> Iterator[Finding]:
    layout, tables, landing = place.layout, place.tables, place.layout.lakehouse.landing
    try:
        yield from (stranger.finding() for stranger in tables.strangers())
        states = tables.states()
        changed = changed_by_others(layout.lakehouse, states)
        yield from (Finding(name, LOST, REBUILD) for name in lost(layout.lakehouse, states))
        no_use = {t.typed.name for t in landing.values() if not place.copies.is_usable(t)}
        for name in states:
            if not tables.is_whole(name):
                todo = "Run `stedi jobs run --all`: it rebuilds the table."
                yield Finding(name, "its files are not whole", todo)
            elif name in no_use:
                yield Finding(name, NO_USE, REBUILD)
            elif name not in changed:
                yield Finding(name, "its files are whole")
        yield from (Finding(name, drift_said(what), REBUILD) for name, what in changed.items())
    except StediError as error:
        yield Finding("tables", error.message, error.hint or "Look at your permissions.")


def _landing_names(layout: Layout, zone: LandingZone) -> Iterator[Finding]:
    try:
        number = sum(with_address(files) for files in zone.listed().values())
        stray = zone.in_no_folder()
    except StediError as error:
        yield Finding("landing files", error.message, error.hint or "Upload them again.")
        return
    place = layout.uri(f"{layout.settings.landing_prefix}/")
    if stray:
        yield in_no_folder(stray, place)
    if number:
        found = f"{number} with an @ in their name, in {place}"
        yield Finding("landing files", found, RENAME_THERE)


def _kept_aside(place: Place) -> Iterator[Finding]:
    try:
        size = KeptAside(place.layout).size()
        # While a run is at work it is that one's.
        if size and not place.runs.active():
            yield kept_aside(size)
    except StediError as error:
        yield Finding("kept aside", error.message, error.hint or "Look at your permissions.")


def _finding(part: Resource) -> Finding:
    what = f"{part.kind} {part.name}"
    if part.state == "there":
        return Finding(what, part.note or "as it should be")
    if part.state == "not ours":
        return Finding(what, part.note, "Choose another name in the config file.")
    if part.state == "lacking":
        return Finding(what, part.note, "Ask whoever looks after the role to allow it.")
    found = f"{part.state}: {part.note}" if part.note else part.state
    return Finding(what, found, "Run `stedi infra up`; `stedi infra plan` shows why.")
