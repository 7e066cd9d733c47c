"""What the tests share: isolation, the command in a process, small lakes, the public data."""

from __future__ import annotations

import gc
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from restored import Restored
from sandbox.plugin import *  # noqa: F403 - fixtures
from small import TABLES, C, customer, write_lake

import stedi_cli
from stedi_cli.checks.validation import Report, Validation
from stedi_cli.lake import parts
from stedi_cli.lake.events import Uploaded
from stedi_cli.lake.job_run import JobDone
from stedi_cli.lake.records import RunOptions
from stedi_cli.local import spark_submit
from stedi_cli.local.layout import Layout
from stedi_cli.places import open_lake
from stedi_cli.project import folder as project
from stedi_cli.project import model
from stedi_cli.project.lakehouse import Lakehouse
from stedi_cli.project.right import Right
from stedi_cli.project.settings import load_settings
from stedi_cli.runs.pipeline import Pipeline
from stedi_cli.tables.provenance import TableState

CHECKOUT = Path(__file__).parents[1]
PROJECT = project.bundled()
PUBLIC_DATA = Path(
    os.environ.get("STEDI_PUBLIC_DATA") or CHECKOUT.parent / "shared" / "public-data"
).absolute()
IVY = Path.home() / ".ivy2.5.2"
# GitHub and others set CI=true; the public data lies beside the clone there.
IN_CI = bool(os.environ.get("CI"))

_SLOW = {CHECKOUT / "tests" / name for name in ("aws", "fire", "sandbox")}


def pytest_configure() -> None:
    """Let Python look for garbage less often: of the AWS tests' time it took a quarter."""
    gc.set_threshold(50_000, 20, 50)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Spare the quick tests what they leave out anyway: moto is heavy to import."""
    return True if config.option.markexpr == "not slow" and collection_path in _SLOW else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what talks to the AWS sandbox, or starts commands by the hundred to harm them."""
    for item in items:
        if item.path.parent in _SLOW:
            item.add_marker(pytest.mark.slow)


@cache
def _spark_lacks() -> str | None:
    return spark_submit.missing()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs Spark where it lacks something; in CI that is a failure."""
    if item.get_closest_marker("spark") and (what := _spark_lacks()):
        pytest.fail(what) if IN_CI else pytest.skip(what)


def mostly_slow(cases: Iterable[Any], *, quick: int = 1) -> list[Any]:
    """Cases that each need a lake: the first are quick, `make test-all` has the others too.

    A case that is a tuple is one of several arguments, as for pytest.
    """
    listed = list(cases)
    slow = (case if isinstance(case, tuple) else (case,) for case in listed[quick:])
    return listed[:quick] + [pytest.param(*case, marks=pytest.mark.slow) for case in slow]


# --- The library, in this process ------------------------------------------------------------


def uploaded(
    lake: parts.Lake, folder: Path, *, replace: bool = False, wait: bool = False
) -> list[Any]:
    """Bring a folder's landing files in; with ``replace`` all others of its tables go."""
    delivery = lake.landing.find(folder)
    remove = lake.landing.replaced_by(delivery) if replace else {}
    return list(lake.landing.upload(delivery, remove=remove, wait=wait))


class Lake:
    """A lakehouse in this process; each call opens it anew, as each command does."""

    def __init__(self, root: Path, *, project: Path | None = None, **settings: Any) -> None:
        config = project / "configs" / "local.yaml" if project else None
        loaded = load_settings(config, root=root)
        # Who takes unusable lines takes them of customers too, whoever they are of.
        if "max_bad_rows" in settings:
            settings.setdefault("max_unreadable_customers", settings["max_bad_rows"])
        self.settings = replace(loaded, **settings)
        self.layout = Layout(self.settings.root)

    @property
    def model(self) -> Any:
        return self.settings.lakehouse()

    @contextmanager
    def opened(self) -> Iterator[parts.Lake]:
        opened = open_lake(self.settings, self.model)
        try:
            yield opened
        finally:
            opened.close()

    def up(self) -> Lake:
        with self.opened() as opened:
            list(opened.infrastructure.up())
        return self

    def upload(self, folder: Path, *, replace: bool = False) -> list[Uploaded]:
        with self.opened() as opened:
            return uploaded(opened, folder, replace=replace)

    def run(self, *jobs: str, policy: str = "strict", force: bool = False) -> dict[str, JobDone]:
        with self.opened() as opened:
            pipeline = Pipeline(self.model, opened, policy)
            events = list(pipeline.run(RunOptions("duckdb", force=force), jobs))
        return {event.job.name: event for event in events if isinstance(event, JobDone)}

    def built(self, *jobs: str, policy: str = "strict", force: bool = False) -> set[str]:
        """Run, and return the tables that were built, not skipped."""
        done = self.run(*jobs, policy=policy, force=force).values()
        return {event.job.writes for event in done if event.status == "built"}

    def validate(self, policy: str | None = None, *, again: bool = False) -> Report:
        with self.opened() as opened:
            return Validation(self.model, opened, policy, again=again).run()

    def states(self) -> dict[str, TableState]:
        with self.opened() as opened:
            return opened.tables.states()

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        with self.opened() as opened:
            return list(opened.questions.ask(f"SELECT * FROM {table}").rows)

    def counts(self) -> dict[str, int]:
        """Count rows with SELECT, not from metadata."""
        query = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in TABLES)
        with self.opened() as opened:
            return dict(opened.questions.ask(query).rows)

    def data_file(self, table: str) -> Path:
        (path,) = (self.layout.warehouse / table / "data").glob("*.parquet")
        return path


def small_lake(folder: Path) -> Lake:
    """Make the small lake, its files uploaded, its jobs not run."""
    made = Lake(folder / "lake").up()
    made.upload(write_lake(folder / "data"))
    return made


@pytest.fixture(scope="session")
def _ran_once(tmp_path_factory: pytest.TempPathFactory) -> Restored:
    """The small lake, its jobs run, to be put back for each test."""
    return Restored(tmp_path_factory.mktemp("restored"), lambda folder: small_lake(folder).run())


@pytest.fixture
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """The small lake, its files uploaded, its jobs not run; but see `ran`."""
    if "ran" not in request.fixturenames:
        return small_lake(tmp_path)
    made: Restored = request.getfixturevalue("_ran_once")
    return Lake(made.restore() / "lake")


@pytest.fixture
def ran(lake: Lake) -> Lake:
    """The small lake, its jobs run: the same as `lake`, in a test that asks for both."""
    return lake


@pytest.fixture
def root(ran: Lake) -> Path:
    """The root of the small lake, its jobs run."""
    return ran.settings.root


# --- The command, in a process of its own ------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code in (0, 1, 3), self.err
        return json.loads(self.out)


Ask = Callable[..., Result]


def run_stedi(*args: str | Path, cwd: Path | None = None, **env: str) -> Result:
    """Run the command in a process, without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "stedi_cli", *map(str, args)],
        cwd=cwd,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def stedi() -> Callable[..., Result]:
    """The command in a process of its own."""
    return run_stedi


@pytest.fixture
def invoke() -> Callable[..., Result]:
    """The command in this process, for speed."""
    from typer.testing import CliRunner

    from stedi_cli.cli.app import app

    def run(*args: str | Path) -> Result:
        done = CliRunner().invoke(app, list(map(str, args)))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Result(done.exit_code, done.stdout, done.stderr)

    return run


# --- Lakes for reading ---------------------------------------------------------------------------

HARM = "a\x1b[31mred\x9b1m\x07\0\r\u202e\u2028\tb[bold]c[/bold] :smile:\nlast"


@pytest.fixture(scope="session")
def harmful(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The small lake with a customer and an unusable line that do what they can; for reading."""
    folder = tmp_path_factory.mktemp("harmful")
    record = customer("eve@x.org", "serial-eve", C) | {"customerName": HARM, "phone": "[b]1[/b]"}
    bad = json.dumps({"customerName": HARM}, ensure_ascii=False).encode()
    files: dict[str, Any] = {"customer_landing": {"more.json": [record], "bad.json": bad}}
    lake = Lake(folder / "lake", max_bad_rows=1).up()
    lake.upload(write_lake(folder / "data"))
    lake.upload(write_lake(folder / "more", files))
    lake.run()
    return lake


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The small lake, built, with two unusable lines; for reading only."""
    folder = tmp_path_factory.mktemp("built")
    lake = Lake(folder / "lake", max_bad_rows=2).up()
    lake.upload(write_lake(folder / "data"))
    bad: dict[str, dict[str, bytes]] = {"customer_landing": {"bad.json": b"{}\nnonsense\n"}}
    lake.upload(write_lake(folder / "bad", bad))
    lake.run()
    return lake


@pytest.fixture
def ask(built: Lake, invoke: Ask) -> Ask:
    """A command on that lake."""
    return lambda *words: invoke("--root", built.settings.root, *words)


# --- Isolation and public data ------------------------------------------------------------------


class _Unsynced(sqlite3.Connection):
    """Waits for no disk."""

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if not self.in_transaction:
            # Of a file that is no database the statement itself tells.
            with suppress(sqlite3.Error):
                super().execute("PRAGMA synchronous = OFF")
        if sql.startswith("PRAGMA synchronous"):
            sql = "PRAGMA synchronous"
        return super().execute(sql, *args)


@pytest.fixture(scope="session", autouse=True)
def _environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No settings from outside, no colour, 80 columns; the processes run the tested package."""
    unwanted = {"FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("STEDI_") or name.lower().endswith("_proxy") or name in unwanted:
                patch.delenv(name)
        patch.setenv("PYTHONPATH", str(Path(stedi_cli.__file__).parents[1]))
        for name, value in {"NO_COLOR": "1", "COLUMNS": "80", "LINES": "24"}.items():
            patch.setenv(name, value)
        patch.setenv("LC_ALL", "C.UTF-8")
        patch.chdir(tmp_path_factory.mktemp("session"))
        # The project that is tested stays as it is, and each command would read its model again.
        load = model.load
        read_once = cache(load)

        def loaded(at: Path, right: Right | None = None) -> Lakehouse:
            return read_once(at) if at == PROJECT else load(at, right)

        patch.setattr(model, "load", loaded)
        # fire/test_power.py looks at what is synced when. Elsewhere it only takes time.
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=_Unsynced))
        yield


@pytest.fixture(autouse=True)
def workspace(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty current folder and a home of its own."""
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    if request.node.get_closest_marker("spark"):
        # What Spark fetched once need not be looked for at its every start.
        (tmp_path / "home" / IVY.name).symlink_to(IVY)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The public data's folder."""
    if not (PUBLIC_DATA / "customer").is_dir():
        told = f"no public data: {PUBLIC_DATA} is not there (STEDI_PUBLIC_DATA names another place)"
        if IN_CI:
            pytest.fail(told)
        pytest.skip(told)
    return PUBLIC_DATA


@pytest.fixture(scope="session")
def public_lake(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The public data built under policy strict; for reading only."""
    made = Lake(tmp_path_factory.mktemp("public") / "lake").up()
    made.upload(public_data)
    made.run()
    return made
