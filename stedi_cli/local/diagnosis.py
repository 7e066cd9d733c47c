"""What may be wrong with a local lakehouse."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from stedi_cli.errors import StediError, quantity
from stedi_cli.lake import elsewhere
from stedi_cli.lake.findings import NO_USE, REBUILD, Finding, in_no_folder, kept_aside
from stedi_cli.landing.names import RENAME_THERE, is_landing_name, with_address
from stedi_cli.local import spark_submit
from stedi_cli.local.access import private
from stedi_cli.local.catalog_file import catalog_damage
from stedi_cli.local.kept_aside import KeptAside
from stedi_cli.local.layout import Layout
from stedi_cli.local.left_landing import left_lines, left_zones
from stedi_cli.local.lock import is_held
from stedi_cli.local.place import Place
from stedi_cli.local.strangers import strangers
from stedi_cli.local.table_files import TableFiles
from stedi_cli.local.typed_copies import TypedCopies
from stedi_cli.local.workspace import workspace_parent
from stedi_cli.local.writer import left_over, read_journal
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.tables.drift import LOST, changed_by_others, drift_said, lost

_LITTLE_SPACE = 1 << 30


@private
def diagnose(place: Place) -> Iterator[Finding]:
    """Look at disk, root, catalog, landing files, tables and what a dead run left.

    Args:
        place: The lakehouse.

    Yields:
        Findings, good and bad.
    """
    layout, lakehouse, tables = place.layout, place.lakehouse, place.tables
    yield _disk(layout.root)
    # An engine of choice, so its absence is no fault.
    yield Finding("Spark", spark_submit.missing() or "can run with --engine spark")
    yield from elsewhere.findings(_remedy(layout))
    if not layout.exists():
        yield Finding("root", f"no lakehouse in {layout.root}", "Run `stedi infra up`.")
        return
    yield _root(layout)
    yield Finding("temporary folder", str(workspace_parent(layout)))
    tables.read_again()
    yield _catalog(layout, tables)
    try:
        states = place.zone.states(save=False)
        files = sum(len(state.files) for state in states.values())
        yield Finding("landing files", f"{files}")
        number = sum(with_address(state.files) for state in states.values())
        if number:
            found = f"{number} with an @ in their name, in {layout.landing}"
            yield Finding("landing files", found, RENAME_THERE)
    except StediError as error:
        yield Finding("landing files", error.message, error.hint or "Upload them again.")
    yield from _tables(place)
    yield from _temp(layout)
    yield from _kept(layout)
    yield from _left_landing(layout, lakehouse)
    with suppress(StediError):
        yield from (s.finding() for s in strangers(layout, lakehouse.stored))
    with suppress(StediError):
        yield from (lines.finding() for lines in left_lines(place))
    left = read_journal(layout)
    if left is not None:
        yield Finding(
            "journal",
            "a run is going on or has died",
            "If none is going on, the next `stedi jobs run` removes what it left.",
        )


def _left_landing(layout: Layout, lakehouse: Lakehouse) -> Iterator[Finding]:
    """Tell of what lies in no table's folder, such as one whose table left the model."""
    zones = left_zones(layout, lakehouse)
    yield from (zone.finding() for zone in zones)
    known = {table.folder for table in lakehouse.landing.values()}
    known |= {Path(zone.place).name for zone in zones}
    folders = sorted(layout.landing.iterdir()) if layout.landing.is_dir() else []
    stray = [path for path in folders if is_landing_name(path.name) and not path.is_dir()]
    if stray:
        yield in_no_folder(len(stray), str(layout.landing))
    for folder in folders:
        if folder.name not in known and folder.is_dir() and any(folder.iterdir()):
            found = f"no table of the model has {folder}, which may hold landing lines"
            yield Finding("landing folder", found, "Remove it, or put its table into the model.")


def _remedy(layout: Layout) -> str:
    """Return a command of those that remove what a question left elsewhere."""
    if not layout.exists():
        return "infra up"
    return "jobs run --all" if os.access(layout.root, os.W_OK) else "validate --again"


def _kept(layout: Layout) -> Iterator[Finding]:
    for what, kept in (("kept answers", layout.kept), ("checked configs", layout.checked)):
        if kept.is_symlink() or (kept.exists() and not kept.is_file()):
            yield Finding(what, f"{kept} is no plain file", "Remove it.")


def _temp(layout: Layout) -> Iterator[Finding]:
    at_work = is_held(layout.lock)
    size = KeptAside(layout).size()
    if size and not at_work:
        yield kept_aside(size)
    left = left_over(layout)
    if left:
        yield Finding(
            "temporary files",
            f"a command that died left {len(left)} in {layout.temp}; they may hold landing lines",
            "Run `stedi jobs run --all`: it removes them, also where nothing is to be done.",
        )
    if layout.spark_log.exists() and not at_work:
        yield Finding(
            "Spark's log",
            f"a run that failed left {layout.spark_log}; one of an older version may hold values",
            "Run `stedi jobs run --all`: it removes the log once it succeeds, on any engine.",
        )


def _disk(root: Path) -> Finding:
    place = next(folder for folder in (root, *root.parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    found = f"{free / (1 << 30):.1f} GiB free in {place}"
    return Finding("disk", found, "Free some space." if free < _LITTLE_SPACE else "")


def _root(layout: Layout) -> Finding:
    try:
        made_at = layout.made_at()
    except StediError as error:
        return Finding("root", error.message, error.hint or "")
    if made_at != layout.root:
        return Finding(
            "root",
            f"{layout.root} was made in {made_at} and moved",
            "Move it back, or run `stedi infra up`, then `stedi jobs run --all`.",
        )
    if not os.access(layout.root, os.W_OK):
        return Finding("root", f"{layout.root} cannot be written", "Look at its permissions.")
    return Finding("root", str(layout.root))


def _catalog(layout: Layout, tables: TableFiles) -> Finding:
    if not layout.catalog.is_file():
        todo = "Run `stedi infra up`, then `stedi jobs run --all`."
        return Finding("catalog", f"{layout.catalog} is missing", todo)
    try:
        damage = catalog_damage(layout)
        if damage:
            todo = "Run `stedi infra up`, then `stedi jobs run --all --force`."
            return Finding("catalog", f"{layout.catalog} is damaged: {damage}", todo)
        return Finding("catalog", f"{quantity(len(tables.states()), 'table')} in {layout.catalog}")
    except StediError as error:
        return Finding("catalog", error.message, error.hint or "Run `stedi infra up`.")


def _tables(place: Place) -> Iterator[Finding]:
    lakehouse, tables, copies = place.lakehouse, place.tables, TypedCopies(place)
    try:
        names = list(tables.states())
    except StediError:
        return
    changed = changed_by_others(lakehouse, tables.states())
    for table in lakehouse.beside:
        if table.name not in names:
            yield Finding(table.name, "is not in the catalog", "Run `stedi infra up`.")
    for name in lost(lakehouse, tables.states()):
        yield Finding(name, LOST, REBUILD)
    no_use = {t.typed.name for t in lakehouse.landing.values() if not copies.is_usable(t)}
    for name in names:
        try:
            files = tables.files(name) or []
            tables.check(name)
            if name in changed:
                yield Finding(name, drift_said(changed[name]), REBUILD)
            elif name in no_use:
                yield Finding(name, NO_USE, REBUILD)
            else:
                yield Finding(name, f"{quantity(len(files), 'data file')}, whole")
        except StediError as error:
            yield Finding(name, error.message, error.hint or "Run `stedi jobs run --all`.")
