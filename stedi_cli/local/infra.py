"""The infrastructure of a local lakehouse: a folder, landing zones, a warehouse and a catalog."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE

from stedi_cli.durable import make_folder, remove_stale, replaced
from stedi_cli.errors import StediError, UsageError
from stedi_cli.lake.elsewhere import remove_abandoned
from stedi_cli.lake.records import Change, Plan, Resource
from stedi_cli.landing.names import shown
from stedi_cli.local.access import mask_of, private
from stedi_cli.local.catalog_file import NAMESPACE, BrokenError, Entry, entries, read_state
from stedi_cli.local.export_ledger import ExportLedger
from stedi_cli.local.kept_aside import KeptAside
from stedi_cli.local.layout import VERSION, to_path
from stedi_cli.local.left_landing import left_zones
from stedi_cli.local.lock import exclusive
from stedi_cli.local.lodgers import Lodger, clear_shared, lodgers, remove
from stedi_cli.local.place import Place
from stedi_cli.local.seals import read_seals
from stedi_cli.local.strangers import strangers
from stedi_cli.local.table_files import open_catalog
from stedi_cli.local.writer import Writer, ledgers, read_journal, write_journal

_FOREIGN = "not made by this tool"
_FOLDERS = ("folder", "landing zone", "warehouse")
_ACTIONS = {"there": "keep", "missing": "create", "moved": "change", "left": "leave"}


class Infrastructure:
    """Makes and removes what a local lakehouse needs.

    Args:
        place: Where it lives.
        writer: Its writer.
    """

    def __init__(self, place: Place, writer: Writer) -> None:
        self._place = place
        self._writer = writer
        self.layout = place.layout
        self._lakehouse = place.lakehouse
        self._zone = place.zone

    @private
    def up(self, plan: Plan | None = None, *, replace: bool = False) -> Iterator[Resource]:
        """Make what is missing, and rebuild the catalog of a root that was moved or broken.

        Nothing here would have to be replaced.
        """
        layout = self.layout
        self._refuse_foreign_root()
        layout.refuse_links()
        # Not from the status, which needs a marker that is not broken.
        plan = plan or _plan(self._parts())
        make_folder(layout.root)
        with exclusive(layout.lock):
            make_folder(layout.temp)
            if not layout.exists():
                self._close()
                self._mark()
            for change in plan.changes:
                if change.kind in _FOLDERS and change.action != "leave":
                    missing = change.action == "create"
                    if missing:
                        make_folder(Path(change.name))
                    yield Resource(change.kind, change.name, "made" if missing else "there")
            yield self._up_catalog()
            self._mark()
            self._writer.mend()
            yield from self._strangers()

    def _close(self) -> None:
        """Take away from the root what its access does not give; what it lacks is not given."""
        root = self.layout.root
        with suppress(PermissionError):
            root.chmod(S_IMODE(root.stat().st_mode) & ~mask_of(self._place.settings))

    def _mark(self) -> None:
        content = {"version": VERSION, "root": str(self.layout.root)}
        with replaced(self.layout.marker, self.layout.temp) as sink:
            sink.write(json.dumps(content).encode())

    def _up_catalog(self) -> Resource:
        from stedi_cli.tables.iceberg import create_empty

        layout, note = self.layout, ""
        state = "there" if layout.catalog.is_file() else "made"
        if self._is_unusable_catalog():
            list(self._remove_tables())
            make_folder(layout.warehouse)
            make_folder(layout.temp)
            state, note = "made", "the old one was broken or moved; run the jobs again"
        elif lost := self._lost_tables():
            for name in lost:
                self._remove_table(name)
            state, note = "made", f"without {', '.join(lost)}, lost or broken; run the jobs again"
        # What a death in here leaves of these tables is swept by the next writer.
        beside = self._lakehouse.beside
        stray = read_journal(layout, self._place.written) or []
        write_journal(layout, sorted({*stray, *(table.name for table in beside)}))
        # That of the place may be of a file that is gone, whose tables this one makes.
        catalog = open_catalog(layout)
        catalog.create_namespace_if_not_exists(NAMESPACE)
        for table in beside:
            create_empty(catalog, table, keep=self._place.settings.keep_snapshots)
        self._place.tables.forget()
        return Resource("catalog", str(layout.catalog), state, note)

    def _is_unusable_catalog(self) -> bool:
        if not self.layout.catalog.is_file():
            names = self._lakehouse.stored
            return any(self.layout.table_folder(name) is not None for name in names)
        try:
            entries(self.layout)
        except BrokenError:
            return True
        return self._origin != self.layout.root

    @property
    def _origin(self) -> Path:
        """Where the lakehouse was made, as far as it says."""
        with suppress(StediError):
            return self.layout.made_at()
        return self.layout.root

    def _lost_tables(self) -> list[str]:
        """Return the model's tables whose metadata is lost or broken; of others nothing is said."""
        lost, seals = [], read_seals(self.layout)
        for entry in entries(self.layout):
            own = entry.is_own(self.layout.warehouse)
            if entry.title in self._place.written and (own or entry.is_dangling):
                try:
                    read_state(entry.table, entry.metadata)
                except BrokenError:
                    lost.append(entry.table)
                    continue
                path = to_path(entry.metadata)
                known = [s for s in seals.get(entry.metadata, []) if s.path == path]
                if not all(seal.is_unbroken() for seal in known):
                    lost.append(entry.table)
        return sorted(lost)

    def _remove_table(self, name: str) -> None:
        others = lodgers(self.layout)
        self._place.catalog.drop_table(f"{NAMESPACE}.{name}")
        if (folder := self.layout.table_folder(name)) is not None:
            remove(folder, None, others)

    def _strangers(self) -> list[Resource]:
        if self._origin != self.layout.root:
            # As long as it is moved, its own tables seem to be somewhere else.
            return []
        try:
            found = strangers(self.layout, self._lakehouse.stored)
        except StediError:
            return []
        zones = left_zones(self.layout, self._lakehouse)
        return [Resource("table", s.name, "left", s.note) for s in found] + [
            Resource(zone.kind, zone.place, "left", zone.note) for zone in zones
        ]

    def _refuse_foreign_root(self) -> None:
        root = self.layout.root
        if root.exists() and not root.is_dir():
            raise UsageError(f"The root {root} is a file.", hint="Choose another with --root.")
        if root.is_dir() and any(root.iterdir()) and not self.layout.is_own():
            raise UsageError(
                f"{root} is not empty and not a lakehouse.",
                hint="Choose an empty or new folder with --root.",
            )

    def _parts(self) -> list[Resource]:
        folders = [("folder", self.layout.root)]
        folders += [("landing zone", self._zone.folder(table)) for table in self._lakehouse.landing]
        folders += [("warehouse", self.layout.warehouse)]
        parts = [
            Resource(kind, str(path), "there" if path.is_dir() else "missing")
            for kind, path in folders
        ]
        catalog = self.layout.catalog
        state = "there" if catalog.is_file() else "missing"
        return [*parts, Resource("catalog", str(catalog), state)]

    def status(self) -> list[Resource]:
        """Return what is there, missing, or moved."""
        root, *others = self._parts()
        moved = self.layout.exists() and self.layout.made_at() != self.layout.root
        if moved:
            root = Resource(root.kind, root.name, "moved", f"made in {self.layout.made_at()}")
        return [root, *others, *self._strangers()]

    def plan(self) -> Plan:
        return _plan(self.status())

    @private
    def down(self, *, keep_data: bool = False) -> Iterator[Resource]:
        """Remove what this tool made, and say what it leaves.

        Args:
            keep_data: Whether landing files and tables stay; then only what a run left goes.
        """
        layout = self.layout
        if not layout.root.is_dir():
            return
        if not layout.is_own():
            raise UsageError(
                f"{layout.root} is not a lakehouse; nothing was removed.",
                hint="Name its root with --root.",
            )
        layout.refuse_links()
        if keep_data:
            with exclusive(layout.lock):
                self._writer.mend()
                KeptAside(layout).clear()
                layout.spark_log.unlink(missing_ok=True)
            yield Resource("folder", str(layout.root), "left", "kept with its data")
            return
        with exclusive(layout.lock):
            zones = {Path(zone.place) for zone in left_zones(layout, self._lakehouse)}
            yield from self._remove_tables()
            yield from self._remove_landing()
            if ExportLedger(self._place).remove():
                yield Resource("ledger of exports", str(layout.exports), "removed")
            for path in layout.beside:
                # A folder in a file's place is not of this tool.
                if not _is_folder(path):
                    path.unlink(missing_ok=True)
            # A catalog with tables of others goes on to be that of a lakehouse.
            kept = [layout.catalog, layout.marker] if layout.catalog.exists() else []
            if not kept:
                layout.marker.unlink(missing_ok=True)
            _remove_empty(layout.root)
            left = {p for p in layout.root.rglob("*") if not _is_folder(p)} - {layout.lock, *kept}
            layout.lock.unlink(missing_ok=True)
        # Another process may be making a lakehouse here by now: a folder with a file stays.
        with suppress(OSError):
            layout.root.rmdir()
            yield Resource("folder", str(layout.root), "removed")
        for path in sorted(left):
            alone = zones.isdisjoint(path.parents)
            note = _FOREIGN if alone else "in a landing zone that is not the model's"
            yield Resource("file", shown(str(path)), "left", note)

    def _remove_tables(self) -> Iterator[Resource]:
        """Remove what was made here; the catalog stays where it names tables of others."""
        layout, model = self.layout, self._lakehouse.stored
        (own, others), foreign = self._in_catalog(), self._lodgers()
        clear_shared(layout, own, foreign)
        if any(not entry.is_dangling for entry in others):
            for name in own:
                self._place.catalog.drop_table(f"{NAMESPACE}.{name}")
            yield Resource("catalog", str(layout.catalog), "left", "it names tables of others")
        else:
            for suffix in ("", "-journal", "-wal", "-shm"):
                Path(f"{layout.catalog}{suffix}").unlink(missing_ok=True)
            yield Resource("catalog", str(layout.catalog), "removed")
        for name in sorted({*model, *(s.name for s in strangers(layout, model) if s.ours)}):
            folder = layout.table_folder(name)
            if folder is not None:
                yield remove(folder, None, foreign)
        for entry in others:
            yield Resource("table", entry.title, "left", f"not made by this tool: {entry.place}")
        remove_stale(layout.temp)
        remove_abandoned()
        for path in (*ledgers(layout), *KeptAside(layout).files()):
            path.unlink()
        for folder in (layout.temp, layout.ledgers, layout.aside, layout.warehouse):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def _lodgers(self) -> list[Lodger]:
        with suppress(BrokenError):
            return lodgers(self.layout)
        return []

    def _in_catalog(self) -> tuple[list[str], list[Entry]]:
        """Return the names of the tables that were made here, and the entries of others."""
        layout, model = self.layout, self._lakehouse.stored
        try:
            known = entries(layout)
            ours = {*model, *(s.name for s in strangers(layout, model) if s.ours)}
        except StediError:
            return [], []
        places = (layout.warehouse, self._origin / layout.warehouse.name)
        own = [e for e in known if e.table in ours and any(map(e.is_own, places))]
        return [e.table for e in own], [e for e in known if e not in own]

    def _remove_landing(self) -> Iterator[Resource]:
        for table in self._lakehouse.landing:
            folder = self._zone.folder(table)
            for name in self._zone.own_files(table):
                self._zone.remove(table, name)
            linked = folder.is_symlink() or self.layout.landing.is_symlink()
            if folder.is_dir() and not linked:
                _remove_empty(folder)
                with suppress(OSError):
                    folder.rmdir()
                    yield Resource("landing zone", str(folder), "removed")


def _plan(parts: list[Resource]) -> Plan:
    return Plan(tuple(Change(p.kind, p.name, _ACTIONS[p.state], note=p.note) for p in parts))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _remove_empty(root: Path) -> None:
    """Remove the empty folders below a folder."""
    for folder in sorted(filter(_is_folder, root.rglob("*")), reverse=True):
        with suppress(OSError):
            folder.rmdir()
