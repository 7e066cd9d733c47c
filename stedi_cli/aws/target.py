"""The AWS target: S3, Glue and Athena."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from stedi_cli.aws.account import Account, aws_errors
from stedi_cli.aws.infra.infrastructure import Infrastructure
from stedi_cli.aws.landing_zone import LandingZone
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.patience import Patience
from stedi_cli.aws.runs import Run, Runs
from stedi_cli.aws.tables import Tables
from stedi_cli.checks.expected import FILE_NAME, refuse_elsewhere
from stedi_cli.errors import UsageError
from stedi_cli.lake.events import Uploaded, Uploading
from stedi_cli.lake.findings import Finding
from stedi_cli.lake.job_run import JobRun
from stedi_cli.lake.records import Answer, Change, QueryCost, Resource
from stedi_cli.lake.strangers import Stranger, to_drop
from stedi_cli.lake.target import Runner
from stedi_cli.landing.bare_gzip import bared, renewed
from stedi_cli.landing.delivery import find_files
from stedi_cli.landing.files import LandingState
from stedi_cli.project.lakehouse import Lakehouse, Table
from stedi_cli.project.settings import AwsSettings
from stedi_cli.tables.provenance import TableState

if TYPE_CHECKING:
    from stedi_cli.aws.questions import Questions

ENGINES = ("glue",)


class AwsTarget:
    """A lakehouse in an AWS account.

    Args:
        settings: Where it lives.
        lakehouse: The model.
        patience: How to wait.
    """

    default_engine = "glue"

    def __init__(
        self, settings: AwsSettings, lakehouse: Lakehouse, patience: Patience | None = None
    ) -> None:
        self._lakehouse = lakehouse
        self.layout = Layout(Account(settings), settings, lakehouse)
        self._zone = LandingZone(self.layout)
        self._tables = Tables(self.layout)
        self._patience = patience or Patience()
        self._runs = Runs(self.layout, self._patience)
        self._infra = Infrastructure(self.layout, self._patience.sleep)
        self._questions: Questions | None = None
        self._folder: TemporaryDirectory[str] | None = None

    @property
    def title(self) -> str:
        """Target and place; known without a call."""
        layout = self.layout
        bucket = f", bucket {layout.settings.bucket}" if layout.settings.bucket else ""
        return f"AWS lakehouse {layout.database} in {layout.account.region}{bucket}"

    def plan(self) -> list[Change]:
        """Return what ``up`` would do, changing nothing."""
        return self._infra.plan()

    def up(self, *, replace: bool = False) -> Iterator[Resource]:
        """Make what is missing and change what differs."""
        return self._infra.up(replace=replace)

    def status(self) -> list[Resource]:
        """Return what is there, and what is missing or differs."""
        return self._infra.status()

    def costs(self) -> list[str]:
        """Return what a run and a query will cost, a line each."""
        return self._infra.costs()

    def caller_policy(self) -> dict[str, Any] | None:
        """Return the permissions that whoever runs commands needs."""
        return self._infra.caller_policy()

    def down(self, *, keep_data: bool = False) -> Iterator[Resource]:
        """Remove what this tool made, and prove that nothing is left."""
        return self._infra.down(keep_data=keep_data)

    def upload(self, folder: Path, *, replace: bool, wait: bool) -> Iterator[Uploaded | Uploading]:
        """Bring landing files in; with ``replace``, files that are not in the folder go."""
        found = find_files(folder, self._lakehouse.landing.values())
        refuse_elsewhere(folder)
        with TemporaryDirectory(prefix="stedi-") as temp:
            bare = bared(found, Path(temp))
            yield from self._upload(bare, replace=replace, wait=wait)
            self._put_expected(folder / FILE_NAME, found, bare)

    def _upload(
        self, found: dict[str, list[Path]], *, replace: bool, wait: bool
    ) -> Iterator[Uploaded | Uploading]:
        from stedi_cli.aws.upload import others, read_local, upload

        files = read_local(self._zone, found)
        extra = others(self._zone, found)
        # A run would read half of what is old and half of what is new.
        if any(f.state != "unchanged" for f in files) or (replace and any(extra.values())):
            self._infra.refuse_foreign_bucket()
            self._runs.refuse_active(wait=wait)
        yield from upload(self._zone, self._lakehouse, files)
        for table, names in extra.items():
            if replace:
                self._zone.remove(table, names)
            for name in names:
                yield Uploaded(table, name, "removed" if replace else "mixed")
        self._zone.save_index()

    def _put_expected(
        self, source: Path, found: dict[str, list[Path]], bare: dict[str, list[Path]]
    ) -> None:
        if not source.is_file():
            return
        key, storage = self.layout.expected, self._zone.storage
        content = renewed(source.read_bytes(), found, bare)
        if content != storage.read_if_there(key):
            with aws_errors(f"s3:PutObject {key}"):
                storage.s3.put_object(**storage.place(key), Body=content)

    def landing(self) -> dict[str, LandingState]:
        """Return the landing files by table."""
        return self._zone.states()

    def expected_file(self) -> Path | None:
        """Return a copy of the expected counts that came with the uploaded data, if any did."""
        content = self._zone.storage.read_if_there(self.layout.expected)
        if content is None:
            return None
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="stedi-")
        copy = Path(self._folder.name) / FILE_NAME
        copy.write_bytes(content)
        return copy

    def tables(self) -> dict[str, TableState]:
        """Return the tables' states by name."""
        return self._tables.states()

    def strangers(self) -> list[Stranger]:
        """Return the tables that the model does not have: those that left it, and of others."""
        return self._tables.strangers()

    def drop(self, name: str) -> Iterator[Resource]:
        """Remove a table that left the model, and all its files."""
        from stedi_cli.aws.strangers import drop

        found = to_drop(self._lakehouse, self.strangers(), name)
        self._infra.refuse_foreign_bucket()
        self._runs.refuse_active(wait=False)
        yield from drop(self.layout, found)

    def is_whole(self, table: str) -> bool:
        """Tell whether a table's current data files are all there."""
        return self._tables.is_whole(table)

    @property
    def max_bad_rows(self) -> float | int:
        """Most unusable lines of a landing table that jobs take."""
        return self.layout.settings.max_bad_rows

    def refuse_options(self, engine: str, *, detach: bool) -> None:
        """Raise UsageError for an engine that is not here."""
        if engine not in ENGINES:
            raise UsageError(
                f"There is no engine {engine!r} on AWS.", hint=f"Engines: {', '.join(ENGINES)}."
            )

    @contextmanager
    def runner(
        self, engine: str, *, wait: bool, one_session: bool = False, detach: bool = False
    ) -> Iterator[Runner]:
        """See that no other run is at work, and that jobs run what the project holds."""
        from stedi_cli.aws.runner import GlueRunner

        if self._runs.refuse_active(wait=wait):
            self._tables.forget()
            self._zone.forget()
        self._infra.refresh_objects()
        try:
            yield GlueRunner(
                self.layout,
                self._zone,
                self._tables,
                self._runs,
                one_session=one_session,
                detach=detach,
            )
        finally:
            self._tables.forget()

    def runs(self) -> list[JobRun]:
        """Return the latest runs, the latest first."""
        found = sorted(self._runs.all_latest(), key=Run.when, reverse=True)
        return [run.told() for run in found]

    def stop(self, run: JobRun) -> None:
        """Stop a run."""
        self._runs.stop(run.job, run.id)

    def tidy(self) -> None:
        """Do nothing: a run that died leaves no more than Iceberg's own stray files."""

    def query(self, sql: str) -> Answer:
        """Run one SELECT over all tables."""
        return self._ask().ask(sql)

    def queries(self, texts: Sequence[str]) -> list[Answer]:
        """Run several SELECTs side by side; answers in their order."""
        return self._ask().ask_all(texts)

    def query_here(self, sql: str) -> Answer | None:
        """Run a check on this machine, over landing files read line by line."""
        return self._ask().ask_here(sql)

    def query_cost(self) -> QueryCost | None:
        """Return what queries cost so far."""
        return self._questions.cost if self._questions else None

    def usable_lines(self) -> dict[str, str]:
        """Return, by landing table, a SELECT of its usable lines."""
        from stedi_cli.aws.usable_lines import usable_lines

        return {name: usable_lines(table) for name, table in self._lakehouse.landing.items()}

    def export(self, table: str, file: Path) -> int:
        """Write a table to a Parquet or CSV file and return its rows."""
        return self._ask().export(table, file)

    def location(self, table: Table) -> str:
        """Return the URI of a table's folder."""
        layout = self.layout
        folder = layout.landing_folder(table) if table.folder else layout.table_folder(table.name)
        return f"{layout.uri(folder).rstrip('/')}/"

    def landing_lines(self, places: Sequence[tuple[str, str, int]]) -> list[str]:
        """Return landing lines by table, file and line number, read now."""
        return self._zone.lines(places)

    def diagnose(self) -> Iterator[Finding]:
        """Look for what may be wrong, changing nothing."""
        from stedi_cli.aws.diagnosis import diagnose

        return diagnose(self.layout, self._infra, self._zone, self._tables)

    def close(self) -> None:
        """Remove what was copied here."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _ask(self) -> Questions:
        if self._questions is None:
            from stedi_cli.aws.athena import Athena
            from stedi_cli.aws.questions import Questions

            athena = Athena(self.layout, self._patience)
            self._questions = Questions(self.layout, self._tables, self._zone, athena)
        return self._questions
