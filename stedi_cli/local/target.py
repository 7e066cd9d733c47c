"""The local target: everything below one folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stedi_cli.durable import remove_stale, replaced
from stedi_cli.errors import StediError, UsageError
from stedi_cli.expected import FILE_NAME
from stedi_cli.lakehouse import Lakehouse
from stedi_cli.landing import LandingState, find_files, unknown_keys
from stedi_cli.local.landing_zone import LandingZone
from stedi_cli.local.layout import VERSION, Layout
from stedi_cli.local.lock import exclusive, reading, without_readers
from stedi_cli.local.tables import Tables, open_catalog, read_journal, sweep, write_journal
from stedi_cli.provenance import TableState
from stedi_cli.settings import Settings
from stedi_cli.target import Answer, Finding, Resource, Runner, Uploaded

if TYPE_CHECKING:
    from stedi_cli.local.questions import Questions


class LocalTarget:
    """A lakehouse on this machine.

    Args:
        settings: Where it lives.
        lakehouse: The model.
    """

    def __init__(self, settings: Settings, lakehouse: Lakehouse) -> None:
        self._settings = settings
        self._lakehouse = lakehouse
        self.layout = Layout(settings.root)
        self.layout.refuse_unsafe_root()
        self._zone = LandingZone(self.layout, lakehouse.landing.values())
        self._tables = Tables(self.layout)
        self._open = ExitStack()
        self._questions: Questions | None = None

    @property
    def title(self) -> str:
        """Target and place."""
        return f"local lakehouse in {self.layout.root}"

    def up(self) -> Iterator[Resource]:
        """Make what is missing, and rebuild the catalog of a root that was moved or broken."""
        layout = self.layout
        self._refuse_foreign_root()
        layout.root.mkdir(parents=True, exist_ok=True)
        with exclusive(layout.lock):
            for resource in self._parts():
                path = Path(resource.name)
                if resource.state == "missing" and resource.kind != "catalog":
                    path.mkdir(parents=True, exist_ok=True)
                    yield Resource(resource.kind, resource.name, "made")
                elif resource.kind != "catalog":
                    yield resource
            layout.temp.mkdir(exist_ok=True)
            yield self._up_catalog()
            content = {"version": VERSION, "root": str(layout.root)}
            with replaced(layout.marker, layout.temp) as sink:
                sink.write(json.dumps(content).encode())

    def _up_catalog(self) -> Resource:
        from stedi_cli.iceberg import NAMESPACE, create_empty

        layout, note = self.layout, ""
        state = "there" if layout.catalog.is_file() else "made"
        if self._is_unusable_catalog():
            layout.catalog.unlink(missing_ok=True)
            shutil.rmtree(layout.warehouse)
            layout.warehouse.mkdir()
            state, note = "made", "the old one was broken or moved; run the jobs again"
        catalog = open_catalog(layout)
        catalog.create_namespace_if_not_exists(NAMESPACE)
        quarantine = self._lakehouse.tables["quarantine"]
        create_empty(catalog, quarantine, keep=self._settings.keep_snapshots)
        self._tables.forget()
        return Resource("catalog", str(layout.catalog), state, note)

    def _is_unusable_catalog(self) -> bool:
        if not self.layout.catalog.is_file():
            return any(self.layout.warehouse.iterdir())
        try:
            self._tables.forget()
            self._tables.states()
            return self.layout.exists() and self.layout.made_at() != self.layout.root
        except StediError:
            return True

    def _refuse_foreign_root(self) -> None:
        root = self.layout.root
        if root.exists() and not root.is_dir():
            raise UsageError(f"The root {root} is a file.", hint="Choose another with --root.")
        if root.is_dir() and not self.layout.exists() and not self.layout.lock.exists():
            others = [path.name for path in root.iterdir()]
            if others:
                raise UsageError(
                    f"{root} is not empty and not a lakehouse: it holds {others[0]!r}.",
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
        """Return what is there and what is missing."""
        return self._parts()

    def down(self) -> Iterator[Resource]:
        """Remove what this tool made, and say what it leaves."""
        layout = self.layout
        if not layout.root.is_dir():
            return
        if not layout.exists() and not layout.lock.exists():
            raise UsageError(
                f"{layout.root} is not a lakehouse; nothing was removed.",
                hint="Name its root with --root.",
            )
        with exclusive(layout.lock):
            yield from self._remove_tables()
            yield from self._remove_landing()
            for path in (
                layout.index,
                layout.expected,
                layout.journal,
                layout.readers,
                layout.marker,
            ):
                path.unlink(missing_ok=True)
            layout.lock.unlink(missing_ok=True)
        left = sorted(path for path in layout.root.rglob("*") if not path.is_dir())
        if not left:
            shutil.rmtree(layout.root)
            yield Resource("folder", str(layout.root), "removed")
        for path in left:
            yield Resource("file", str(path), "left", "not made by this tool")

    def _remove_tables(self) -> Iterator[Resource]:
        layout = self.layout
        for suffix in ("", "-journal", "-wal", "-shm"):
            Path(f"{layout.catalog}{suffix}").unlink(missing_ok=True)
        yield Resource("catalog", str(layout.catalog), "removed")
        for name in self._lakehouse.tables:
            folder = layout.warehouse / name
            if folder.is_dir():
                shutil.rmtree(folder)
                yield Resource("table", str(folder), "removed")
        remove_stale(layout.temp)
        for folder in (layout.temp, layout.warehouse):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def _remove_landing(self) -> Iterator[Resource]:
        for table in self._lakehouse.landing:
            folder = self._zone.folder(table)
            for path in self._zone.paths(table):
                self._zone.remove(path)
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
                yield Resource("landing zone", str(folder), "removed")

    def upload(self, folder: Path, *, replace: bool, wait: bool) -> Iterator[Uploaded]:
        """Bring landing files in; with ``replace``, files that are not in the folder go."""
        self._require()
        found = find_files(folder, self._lakehouse.landing.values())
        with exclusive(self.layout.lock, wait=wait):
            self._mend()
            for table, files in found.items():
                for path in files:
                    state = self._zone.put(path, table)
                    same = state == "unchanged"
                    unknown = set() if same else unknown_keys(path, self._lakehouse.tables[table])
                    yield Uploaded(table, path.name, state, frozenset(unknown))
                names = {path.name for path in files}
                others = [p for p in self._zone.paths(table) if p.name not in names]
                for path in others:
                    if replace:
                        self._zone.remove(path)
                    yield Uploaded(table, path.name, "removed" if replace else "mixed")
            self._zone.save_index()
            self._put_expected(folder / FILE_NAME)

    def _put_expected(self, source: Path) -> None:
        if source.is_file():
            with replaced(self.layout.expected, self.layout.temp) as sink:
                sink.write(source.read_bytes())

    def landing(self) -> dict[str, LandingState]:
        """Return the landing files by table."""
        self._require()
        return self._zone.states()

    def expected_file(self) -> Path | None:
        """Return the expected counts that came with the uploaded data, where any did."""
        return self.layout.expected if self.layout.expected.is_file() else None

    def tables(self) -> dict[str, TableState]:
        """Return the tables' states by name."""
        self._require()
        return self._tables.states()

    def is_whole(self, table: str) -> bool:
        """Tell whether a table's current data files are all there."""
        return self._tables.is_whole(table)

    @contextmanager
    def runner(self, engine: str, *, wait: bool) -> Iterator[Runner]:
        """Lock the lakehouse for a run, and mend what a run that died left."""
        if engine != "duckdb":
            raise UsageError(f"There is no engine {engine!r}.", hint="Engines: duckdb.")
        self._require()
        from stedi_cli.local.runner import DuckRunner

        with exclusive(self.layout.lock, wait=wait):
            self._mend()
            self._tables.forget()
            written = [*self._lakehouse.writers, "quarantine"]
            write_journal(self.layout, written)
            runner = DuckRunner(
                self.layout, self._settings, self._lakehouse, self._zone, self._tables
            )
            stray: Iterable[str] = written
            try:
                yield runner
                stray = runner.swept
            finally:
                runner.close()
                self._tables.forget()
                self._sweep(stray)

    def _mend(self) -> None:
        """Remove what a run or upload that died left behind."""
        tables = read_journal(self.layout)
        self._sweep(tables or [])

    def _sweep(self, tables: Iterable[str]) -> None:
        """Remove stray files, unless someone reads: then the journal stays for the next run."""
        with without_readers(self.layout.readers) as alone:
            if alone:
                remove_stale(self.layout.temp)
                sweep(self.layout, tables)
                self.layout.journal.unlink(missing_ok=True)

    def query(self, sql: str) -> Answer:
        """Run one SELECT over all tables."""
        return self._ask().ask(sql)

    def export(self, table: str, file: Path) -> int:
        """Write a table to a Parquet or CSV file and return its rows."""
        return self._ask().export(table, file)

    def landing_lines(self, places: Sequence[tuple[str, str, int]]) -> list[str]:
        """Return landing lines by table, file and line number, read now."""
        self._require()
        return self._zone.lines(places)

    def diagnose(self) -> Iterator[Finding]:
        """Look for what may be wrong, changing nothing."""
        from stedi_cli.local.diagnosis import diagnose

        return diagnose(self.layout, self._zone, self._tables)

    def close(self) -> None:
        """Release what questions hold."""
        self._open.close()

    def _ask(self) -> Questions:
        if self._questions is None:
            self._require()
            from stedi_cli.local.questions import Questions

            self._open.enter_context(reading(self.layout.readers))
            self._tables.forget()
            self._questions = Questions(
                self.layout, self._settings, self._lakehouse, self._zone, self._tables
            )
            self._open.callback(self._questions.close)
        return self._questions

    def _require(self) -> None:
        if not self.layout.exists():
            raise StediError(
                f"There is no lakehouse in {self.layout.root}.",
                hint="Make one with `stedi infra up`, or name its root with --root.",
            )
        made_at = self.layout.made_at()
        if made_at != self.layout.root:
            raise StediError(
                f"The lakehouse in {self.layout.root} was made in {made_at} and moved.",
                hint="Move it back, or run `stedi infra up` here and the jobs again.",
            )
