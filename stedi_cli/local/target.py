"""The local target: everything below one folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stedi_cli.checks.expected import FILE_NAME, refuse_elsewhere
from stedi_cli.durable import replaced
from stedi_cli.errors import StediError, UsageError
from stedi_cli.lake.events import Uploaded
from stedi_cli.lake.findings import Finding
from stedi_cli.lake.job_run import JobRun
from stedi_cli.lake.records import Answer, Change, QueryCost, Resource
from stedi_cli.lake.strangers import Stranger, to_drop
from stedi_cli.lake.target import Runner
from stedi_cli.landing.bare_gzip import bared, renewed
from stedi_cli.landing.delivery import find_files, unknown_keys
from stedi_cli.landing.files import LandingState
from stedi_cli.local.access import private
from stedi_cli.local.infra import Infrastructure
from stedi_cli.local.landing_zone import LandingZone
from stedi_cli.local.layout import Layout
from stedi_cli.local.lock import BusyError, exclusive, reading
from stedi_cli.local.strangers import drop, strangers
from stedi_cli.local.tables import Tables, clean, left_over, mend, write_journal
from stedi_cli.project.lakehouse import QUARANTINE, Lakehouse, Table
from stedi_cli.project.settings import LocalSettings
from stedi_cli.tables.provenance import TableState

if TYPE_CHECKING:
    from stedi_cli.local.questions import Questions
    from stedi_cli.local.runner import DuckRunner
    from stedi_cli.local.spark import SparkRunner


ENGINES = ("duckdb", "spark")


class LocalTarget:
    """A lakehouse on this machine.

    Args:
        settings: Where it lives.
        lakehouse: The model.
    """

    def __init__(self, settings: LocalSettings, lakehouse: Lakehouse) -> None:
        self._settings = settings
        self._lakehouse = lakehouse
        self.layout = Layout(settings.root)
        self.layout.refuse_unsafe_root()
        self._zone = LandingZone(self.layout, lakehouse.landing.values())
        self._tables = Tables(self.layout, set(lakehouse.tables) - set(lakehouse.landing))
        self._infra = Infrastructure(self.layout, settings, lakehouse, self._zone, self._tables)
        self._written = [*lakehouse.writers, QUARANTINE]
        self._open = ExitStack()
        self._questions: Questions | None = None

    @property
    def title(self) -> str:
        """Target and place."""
        return f"local lakehouse in {self.layout.root}"

    default_engine = "duckdb"

    def plan(self) -> list[Change]:
        """Return what ``up`` would do, changing nothing."""
        return self._infra.plan()

    @private
    def up(self, *, replace: bool = False) -> Iterator[Resource]:
        """Make what is missing, and rebuild the catalog of a root that was moved or broken.

        Nothing here would have to be replaced.
        """
        return self._infra.up()

    def status(self) -> list[Resource]:
        """Return what is there and what is missing."""
        return self._infra.status()

    def costs(self) -> list[str]:
        """Return nothing: all is free here."""
        return []

    def caller_policy(self) -> None:
        """Return None: the folder's permissions are all that is needed."""

    @private
    def down(self, *, keep_data: bool = False) -> Iterator[Resource]:
        """Remove what this tool made, and say what it leaves."""
        return self._infra.down(keep_data=keep_data)

    @private
    def upload(self, folder: Path, *, replace: bool, wait: bool) -> Iterator[Uploaded]:
        """Bring landing files in; with ``replace``, files that are not in the folder go."""
        self._require()
        found = find_files(folder, self._lakehouse.landing.values())
        refuse_elsewhere(folder)
        with self._locked(wait=wait), TemporaryDirectory(dir=self.layout.temp) as temp:
            bare = bared(found, Path(temp))
            for file in self._zone.stage_all(bare):
                state = self._zone.adopt(file)
                table = self._lakehouse.tables[file.table]
                unknown = set() if state == "unchanged" else unknown_keys(file.destination, table)
                yield Uploaded(file.table, file.destination.name, state, frozenset(unknown))
            for name, files in found.items():
                names = {path.name for path in files}
                others = [p for p in self._zone.paths(name) if p.name not in names]
                for path in others:
                    if replace:
                        self._zone.remove(path)
                    yield Uploaded(name, path.name, "removed" if replace else "mixed")
            self._zone.settle()
            self._zone.save_index()
            source = folder / FILE_NAME
            if source.is_file():
                with replaced(self.layout.expected, self.layout.temp) as sink:
                    sink.write(renewed(source.read_bytes(), found, bare))

    @private
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

    def strangers(self) -> list[Stranger]:
        """Return the tables that the model does not have: those that left it, and of others."""
        return strangers(self.layout, self._lakehouse.tables)

    @private
    def drop(self, name: str) -> Iterator[Resource]:
        """Remove a table that left the model, and all its files."""
        with self._locked(wait=False):
            found = to_drop(self._lakehouse, self.strangers(), name)
            yield from drop(self.layout, found.name)

    def is_whole(self, table: str) -> bool:
        """Tell whether a table's current data files are all there."""
        return self._tables.is_whole(table)

    @property
    def max_bad_rows(self) -> float | int:
        """Most unusable lines of a landing table that jobs take."""
        return self._settings.max_bad_rows

    def refuse_options(self, engine: str, *, detach: bool) -> None:
        """Raise UsageError for an engine that is not here, and for a run that nobody waits for."""
        if detach:
            raise UsageError(
                "Jobs run on this machine, and end with this command.", hint="Leave out --detach."
            )
        if engine not in ENGINES:
            raise UsageError(
                f"There is no engine {engine!r}.", hint=f"Engines: {', '.join(ENGINES)}."
            )

    @contextmanager
    @private
    def runner(
        self, engine: str, *, wait: bool, one_session: bool = False, detach: bool = False
    ) -> Iterator[Runner]:
        """Lock the lakehouse for a run, and mend what a run that died left.

        All jobs share one session here, asked for or not.
        """
        with self._locked(wait=wait) as lock:
            self._tables.forget()
            stray: Iterable[str] = self._written
            try:
                write_journal(self.layout, self._written)
                with closing(self._open_runner(engine, lock)) as runner:
                    yield runner
                    stray = runner.swept
                self._tables.forget()
                self._tables.seal()
            finally:
                self._tables.forget()
                clean(self.layout, stray)

    @contextmanager
    def _locked(self, *, wait: bool) -> Iterator[int]:
        """Be the only writer of a lakehouse that is still there, mended."""
        self._require()
        with exclusive(self.layout.lock, wait=wait) as lock:
            if not self.layout.exists():
                # Removed by another process meanwhile.
                self.layout.lock.unlink(missing_ok=True)
                with suppress(OSError):
                    self.layout.root.rmdir()
            self._require()
            mend(self.layout, self._written)
            yield lock

    @private
    def tidy(self) -> None:
        """Remove what a command that died left, unless another one is at work."""
        sealed = self._tables.is_sealed()
        if self.layout.journal.exists() or left_over(self.layout) or not sealed:
            with suppress(BusyError), self._locked(wait=False):
                if not sealed:
                    self._tables.forget()
                    self._tables.seal()

    def _open_runner(self, engine: str, lock: int) -> DuckRunner | SparkRunner:
        parts = (self.layout, self._settings, self._lakehouse, self._zone, self._tables)
        if engine == "spark":
            from stedi_cli.local.spark import SparkRunner

            return SparkRunner(*parts, lock=lock)
        from stedi_cli.local.runner import DuckRunner

        return DuckRunner(*parts)

    def runs(self) -> list[JobRun]:
        """Return nothing: jobs run here, and only while a command waits for them."""
        return []

    def stop(self, run: JobRun) -> None:
        """Raise UsageError: there is no run elsewhere."""
        raise UsageError(f"There is no run {run.id}.")

    def query(self, sql: str) -> Answer:
        """Run one SELECT over all tables."""
        return self.queries([sql])[0]

    @private
    def queries(self, texts: Sequence[str]) -> list[Answer]:
        """Run several SELECTs; answers in their order."""
        return self._ask().ask(texts)

    def query_here(self, sql: str) -> Answer | None:
        """Run a check on this machine, where all of them run."""
        return self.query(sql)

    def query_cost(self) -> QueryCost | None:
        """Return None: queries cost nothing here."""
        return None

    def usable_lines(self) -> dict[str, str]:
        """Return nothing: a landing table holds its usable lines here."""
        return {}

    @private
    def export(self, table: str, file: Path) -> int:
        """Write a table to a Parquet or CSV file and return its rows."""
        return self._ask().export(table, file)

    def location(self, table: Table) -> str:
        """Return the URI that a table's folder has on AWS by default."""
        folder = f"landing/{table.folder}" if table.folder else f"warehouse/{table.name}"
        return f"s3://BUCKET/{folder}/"

    def landing_lines(self, places: Sequence[tuple[str, str, int]]) -> list[str]:
        """Return landing lines by table, file and line number, read now."""
        self._require()
        return self._zone.lines(places)

    @private
    def diagnose(self) -> Iterator[Finding]:
        """Look for what may be wrong, changing nothing."""
        from stedi_cli.local.diagnosis import diagnose

        return diagnose(self.layout, self._lakehouse, self._zone, self._tables)

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
        self.layout.refuse_links()
