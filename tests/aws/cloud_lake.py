"""A lakehouse in the sandbox, in this process, and an engine for its scripted runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from conftest import uploaded
from sandbox.job_runs import Run, Script
from sandbox.server import KEYS, Sandbox
from small import write_lake

from stedi_cli.aws.account import Account
from stedi_cli.aws.backoff import Backoff
from stedi_cli.aws.lake import aws_lake
from stedi_cli.aws.layout import Layout
from stedi_cli.lake.events import Uploaded
from stedi_cli.lake.job_run import JobDone, JobRun, RunDetached, RunFailed
from stedi_cli.lake.parts import Lake
from stedi_cli.lake.records import RunOptions
from stedi_cli.landing.contract import Unusable
from stedi_cli.landing.ledger import FileAccount, Ledger
from stedi_cli.landing.lines import fields_of, filled, unpacked
from stedi_cli.project import folder as project
from stedi_cli.project.lakehouse import HELD_BACK, Table
from stedi_cli.project.settings import AwsSettings, load_settings
from stedi_cli.runs.pipeline import Event, Pipeline
from stedi_cli.tables import iceberg

HURRY = Backoff(sleep=lambda seconds: None, random=lambda: 1.0)


def aws_settings(config: Path | None = None, **changes: Any) -> AwsSettings:
    """The settings of configs/aws.yaml, with other values for some."""
    settings = load_settings(config or project.bundled() / "configs" / "aws.yaml")
    return replace(settings, **changes)


class CloudLake:
    """A lakehouse on AWS; each call opens it anew, as each command does."""

    def __init__(self, sandbox: Sandbox, backoff: Backoff = HURRY, **changes: Any) -> None:
        self.sandbox = sandbox
        self.settings = aws_settings(**changes)
        self.backoff = backoff
        account = Account(self.settings)
        self.layout = Layout(account, self.settings, self.settings.lakehouse())

    @contextmanager
    def opened(self) -> Iterator[Lake]:
        opened = aws_lake(self.settings, self.settings.lakehouse(), self.backoff)
        try:
            yield opened
        finally:
            opened.close()

    def up(self) -> CloudLake:
        with self.opened() as opened:
            list(opened.infrastructure.up())
        return self

    def upload(self, folder: Path, *, replace: bool = False, wait: bool = False) -> list[Uploaded]:
        with self.opened() as opened:
            done = uploaded(opened, folder, replace=replace, wait=wait)
        return [file for file in done if isinstance(file, Uploaded)]

    def events(self, *jobs: str, policy: str = "strict", **how: Any) -> list[Event]:
        with self.opened() as opened:
            pipeline = Pipeline(self.settings.lakehouse(), opened, policy)
            return list(pipeline.run(RunOptions("glue", **how), jobs))

    def run(self, *jobs: str, policy: str = "strict", **how: Any) -> dict[str, JobDone]:
        """Run jobs whose runs commit what a run would."""
        scripts = self.script(len(self.settings.lakehouse().jobs))
        events = self.events(*jobs, policy=policy, **how)
        self.sandbox.runs.forget(scripts)
        return {event.job.name: event for event in events if isinstance(event, JobDone)}

    def script(self, runs: int = 1, *states: str, **what: Any) -> list[Script]:
        """Let the next runs commit, each job a table of one row."""
        what = {"effect": self.commit, **what}
        return [self.sandbox.runs.script(*states, **what) for _ in range(runs)]

    def commit(self, run: Run, *, jobs: int | None = None, expire: bool = True) -> None:
        """Do what a run was asked to, as far as metadata tell."""
        request = self.read(run.arguments["--request"])
        for name, asked in request["landing"].items():
            if asked["new"] or asked["gone"]:
                self.copy(name, asked)
        if not self.catalog.table_exists(f"{iceberg.NAMESPACE}.{HELD_BACK}"):
            self.write(HELD_BACK, {"lines": {}, "traced": request["traced"]})
        for job in request["jobs"][:jobs]:
            accounts = {
                name: {
                    "fingerprint": request["landing"][name]["fingerprint"],
                    "contract": request["landing"][name]["contract"],
                    "lines": 10,
                    "quarantined": 0,
                }
                for name in job["reads"]
                if name in request["landing"]
            }
            inputs = {
                name: job["record"]["inputs"].get(name) or self.snapshot(name)
                for name in job["reads"]
            }
            record = {**job["record"], "inputs": inputs, "landing": accounts, "files": {}}
            self.write(job["writes"], record, keep=request["keep"], expire=expire)

    def copy(self, name: str, asked: dict[str, Any]) -> None:
        """Replace a landing table's copy by one of one row, with the ledger of what was read."""
        table, files = self.settings.lakehouse().tables[name], {}
        if asked["ledger"]:
            files = self.read(self.layout.uri(self.layout.ledgers + asked["ledger"]))["files"]
        files = {file: account for file, account in files.items() if file not in asked["gone"]}
        files |= {file: [*account, 0] for file, account in asked["new"].items()}
        accounts = {file: FileAccount(*account) for file, account in files.items()}
        ledger = Ledger(table.contract_sha256, accounts)
        key = self.layout.ledgers + ledger.name
        self.s3.put_object(Bucket=self.layout.bucket, Key=key, Body=ledger.content)
        self.write(table.typed.name, {"ledger": ledger.name, "run": ledger.name})

    def write(
        self, name: str, record: dict[str, Any], *, keep: int = 10, expire: bool = True
    ) -> None:
        """Replace a table by one of one row, with a record in its snapshot."""
        import pyarrow as pa

        lakehouse = self.settings.lakehouse()
        table = {**lakehouse.tables, **lakehouse.typed}[name]
        schema = iceberg.schema_of(table).as_arrow()
        summary = {
            f"stedi.{k}": v if isinstance(v, str) else json.dumps(v, sort_keys=True)
            for k, v in record.items()
        }
        forget = expire and bool(self.policies(name) - {summary.get("stedi.policy")})
        rows = pa.table([pa.nulls(1, f.type) for f in schema], schema=schema)
        file = f"{record.get('run', 'by-hand')}-{name}.parquet"
        self.put_rows(table, rows, file, summary, keep=keep, forget=forget)

    def put_rows(
        self, table: Table, rows: Any, file: str, summary: dict[str, str], **how: Any
    ) -> None:
        """Replace a table by rows of Arrow, in a data file of that name."""
        import pyarrow.parquet as pq

        key = f"{self.layout.table_folder(table.name)}/data/{file}"
        with TemporaryDirectory() as folder:
            path = Path(folder) / file
            pq.write_table(rows, path)
            self.s3.put_object(Bucket=self.layout.bucket, Key=key, Body=path.read_bytes())
            iceberg.replace(self.catalog, table, {self.layout.uri(key): path}, summary, **how)

    @cached_property
    def lines(self) -> dict[str, dict[str, int]]:
        """The lines of each landing file, as they were when they were first asked for."""
        with self.opened() as opened:
            states = opened.landing.states()
        return {
            name: {f: x.lines for f, x in state.files.items()} for name, state in states.items()
        }

    @cached_property
    def rows(self) -> dict[str, list[list[str | None]]]:
        """The usable rows of each landing table, as Athena tells them, when first asked for."""
        found: dict[str, list[list[str | None]]] = {}
        for name, table in self.settings.lakehouse().landing.items():
            found[name] = []
            for file in self.lines[name]:
                key = self.layout.landing_folder(table) + file
                content = self.s3.get_object(Bucket=self.layout.bucket, Key=key)["Body"].read()
                for line in filled(unpacked(BytesIO(content), file)):
                    with suppress(Unusable):
                        row = line.judged(fields_of(table)).values()
                        found[name].append([None if v is None else str(v) for v in row])
        return found

    @cached_property
    def s3(self) -> Any:
        return self.sandbox.client("s3")

    @cached_property
    def catalog(self) -> Any:
        """The Glue catalog, through pyiceberg."""
        from pyiceberg.catalog.glue import GlueCatalog

        key, secret = KEYS.values()
        url, region = self.sandbox.url, self.sandbox.region
        access = {
            "access-key-id": key,
            "secret-access-key": secret,
            "region": region,
            "endpoint": url,
        }
        given = {f"{s}.{name}": value for s in ("glue", "s3") for name, value in access.items()}
        warehouse = self.layout.uri(self.layout.settings.warehouse_prefix)
        return GlueCatalog("glue", warehouse=warehouse, **given)

    def policies(self, name: str) -> set[str]:
        """The policies that a table's snapshots were made under."""
        with self.opened() as opened:
            state = opened.tables.states().get(name)
        snapshots = state.snapshots if state else ()
        return {s.provenance.policy for s in snapshots if s.provenance}

    def snapshot(self, name: str) -> str:
        table = self.catalog.load_table(f"{iceberg.NAMESPACE}.{name}")
        return str(table.metadata.current_snapshot_id)

    def read(self, uri: str) -> Any:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return json.loads(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def keys(self, prefix: str = "") -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.layout.bucket, Prefix=prefix)
        return [entry["Key"] for entry in found.get("Contents", [])]


def states(events: list[Event]) -> list[str]:
    """The states of runs, as events told them."""
    return [event.state for event in events if isinstance(event, JobRun)]


def failure(events: list[Event]) -> RunFailed:
    (found,) = [event for event in events if isinstance(event, RunFailed)]
    return found


def detached(events: list[Event]) -> JobRun:
    (found,) = [event for event in events if isinstance(event, RunDetached)]
    return found.run


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands wait no time."""
    monkeypatch.setattr("stedi_cli.aws.lake.Backoff", lambda: HURRY)


def small_lake(sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch) -> CloudLake:
    """The small lake on AWS, its jobs not run; commands in this process do not wait."""
    hurry(monkeypatch)
    made = CloudLake(sandbox).up()
    made.upload(write_lake(folder / "data"))
    return made
