"""Landing files and quarantined lines of landing tables that left the model, and their removal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stedi_cli.durable import sync
from stedi_cli.errors import quantity
from stedi_cli.lake.records import Resource
from stedi_cli.lake.strangers import LANDING_ZONE, Stranger, landing_zone
from stedi_cli.local.landing_folder import remove_empty, stored_files
from stedi_cli.local.layout import Layout
from stedi_cli.local.place import Place
from stedi_cli.local.writer import Writer, write_journal
from stedi_cli.project.lakehouse import QUARANTINE, Lakehouse
from stedi_cli.project.naming import is_name


def left_zones(layout: Layout, lakehouse: Lakehouse) -> list[Stranger]:
    """Return the landing zones with landing files that no table of the model has."""
    known = {table.folder for table in lakehouse.landing.values()}
    linked = layout.landing.is_symlink() or not layout.landing.is_dir()
    folders = [] if linked else sorted(layout.landing.iterdir())
    return [
        landing_zone(folder.name, str(folder), len(files))
        for folder in folders
        if is_name(folder.name) and folder.name not in known
        if (files := stored_files(folder))
    ]


def left_lines(place: Place) -> list[Stranger]:
    """Return the landing tables that have lines in quarantine and are not in the model.

    Raises:
        StediError: If the catalog or a table's metadata is broken.
    """
    lines: dict[str, int] = {}
    for table in place.lakehouse.beside:
        state = place.tables.states().get(table.name)
        lines |= (state.current.lines if state and state.current else None) or {}
    where = str(place.layout.warehouse / QUARANTINE)
    return [
        Stranger(
            name,
            where,
            ours=True,
            kind=QUARANTINE,
            holds=f"{quantity(number, 'line')} in quarantine",
        )
        for name, number in sorted(lines.items())
        if number and name not in place.lakehouse.landing
    ]


def drop_zone(zone: Stranger) -> Iterator[Resource]:
    """Remove the landing files of a zone that left the model, and the zone if it is empty then."""
    folder = Path(zone.place)
    for name in stored_files(folder):
        (folder / name).unlink()
        remove_empty((folder / name).parent, folder)
    sync(folder)
    if any(folder.iterdir()):
        yield Resource(LANDING_ZONE, str(folder), "left", "what is no landing file stays in it")
        return
    folder.rmdir()
    sync(folder.parent)
    yield Resource(LANDING_ZONE, str(folder), "removed")


def drop_lines(writer: Writer, table: str) -> Iterator[Resource]:
    """Take a landing table's lines out of the quarantine, and of its older snapshots too.

    What can be made out of them goes first, since it says whose they are.

    Args:
        writer: The writer of the lakehouse, which is locked by the caller.
        table: The landing table.
    """
    from stedi_cli.local.held_back import beside

    place = writer.place
    layout, tables = place.layout, place.tables
    names = [found.name for found in place.lakehouse.beside]
    tables.forget()
    try:
        write_journal(layout, names)
        for lines in filter(None, reversed(beside(place, keep=1))):
            done = lines.replace({table: []}, {})
            writer.note(done.refs if done is not None else ())
        tables.forget()
        tables.seal()
    finally:
        tables.forget()
        writer.clean(names)
    yield Resource(QUARANTINE, table, "removed")
