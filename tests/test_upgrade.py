"""A lakehouse that the version before made: after `infra up` and a run it is this version's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import older
import pytest
from conftest import Result
from test_typed_copies import read  # noqa: F401 - a fixture

from stedi_cli.landing.ledger import parse_ledger


@dataclass
class Older:
    """An older lakehouse, and what its own version said of it.

    Args:
        options: What names it to a command.
        root: Its root.
        said: By command, what was said.
        invoke: Runs a command.
    """

    options: list[str | Path]
    root: Path
    said: dict[str, Any]
    invoke: Callable[..., Result]

    def __call__(self, *words: str) -> Any:
        done = self.invoke(*self.options, *words, "--json")
        assert done.code == 0, (words, done)
        return json.loads(done.out)

    def upgrade(self) -> dict[str, str]:
        """Do what whoever upgrades is told to, and return what became of each job."""
        self("infra", "up", "--no-data")
        done = self("jobs", "run", "--all", "--max-bad-rows", "10%")
        return {job["job"]: job["status"] for job in done["jobs"]}

    def rows(self, table: str) -> list[Any]:
        return sorted(map(repr, self("query", f"SELECT * FROM {table}")))

    def counts(self) -> dict[str, int]:
        return {table["table"]: table["rows"] for table in self.said["validate"]["tables"]}


@pytest.fixture
def lakehouses(tmp_path: Path, invoke: Callable[..., Result]) -> dict[str, Older]:
    made = older.unpacked(tmp_path)
    config = made / "project" / "configs" / "local.yaml"
    said = {name: json.loads((made / f"{name}.json").read_text()) for name in ("said", "own")}
    options: dict[str, list[str | Path]] = {"said": [], "own": ["--config", config]}
    roots = {"said": made / "lake", "own": made / "own"}
    return {
        name: Older([*options[name], "--root", root], root, said[name], invoke)
        for name, root in roots.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["said", pytest.param("own", marks=pytest.mark.slow)])
def test_an_older_lakehouse(
    name: str,
    lakehouses: dict[str, Older],
    read: list[str],  # noqa: F811 - the fixture
) -> None:
    lake = lakehouses[name]
    assert lake("history", "customer_trusted")[0]["snapshot"] in {
        snapshot["snapshot"] for snapshot in lake.said["history"]
    }
    assert set(lake.upgrade().values()) == {"built"}
    report = lake("validate")
    assert report["ok"]
    assert {table["table"]: table["rows"] for table in report["tables"]} == lake.counts()
    assert lake("quarantine") == lake.said["quarantine"] != []
    # An older model of one's own marks no instants, nor whose lines are: it goes on as it was.
    doctor = json.loads(lake.invoke(*lake.options, "doctor", "--json").out)
    todo = {finding["what"] for finding in doctor if not finding["ok"]}
    assert todo == ({"instants", "held back"} if name == "own" else set())
    snapshots = lake("history", "customer_trusted")
    assert snapshots[0]["rows"] == lake.counts()["customer_trusted"]
    files = sorted(str(p.relative_to(lake.root / "landing")) for p in landing(lake.root))
    assert sorted(read) == files == sorted(in_ledgers(lake.root))
    # From here on it is like any other.
    rows = {table: lake.rows(table) for table in lake.counts()}
    for option, again in (("--force", []), ("--reread", files)):
        read.clear()
        done = lake("jobs", "run", "--all", option, "--max-bad-rows", "10%")
        assert {job["status"] for job in done["jobs"]} == {"built"}
        assert sorted(read) == again
        assert {table: lake.rows(table) for table in rows} == rows
    again = lake("jobs", "run", "--all", "--max-bad-rows", "10%")
    assert {job["status"] for job in again["jobs"]} == {"unchanged"}
    lake.invoke(*lake.options, "infra", "down", "--yes")
    assert not lake.root.exists()


def landing(root: Path) -> list[Path]:
    return [path for path in (root / "landing").rglob("*.json*") if path.is_file()]


def in_ledgers(root: Path) -> list[str]:
    """The landing files that copies hold, by folder and name."""
    folders = {path.name: path.parent.name for path in landing(root)}
    found: list[str] = []
    for path in (root / "ledgers").iterdir():
        ledger = parse_ledger(path.read_bytes(), path.name)
        assert ledger is not None
        found += [f"{folders[name]}/{name}" for name in ledger.files]
    return found


@pytest.mark.slow
def test_a_new_column_of_an_older_landing_table_is_read(
    lakehouses: dict[str, Older],
    read: list[str],  # noqa: F811 - the fixture
) -> None:
    lake = lakehouses["own"]
    model = lake.root.parent / "project" / "configs" / "lakehouse.yaml"
    lake.upgrade()
    read.clear()
    degrees = "      - {name: degrees, type: double, doc: Temperature}\n"
    rain = "      - {name: rain, type: double, doc: Millimetres of rain}\n"
    text = model.read_text()
    assert text.count(degrees) == 1
    model.write_text(text.replace(degrees, degrees + rain))
    job = model.parents[1] / "jobs" / "weather_landing_to_trusted.sql"
    job.write_text(job.read_text().replace("degrees FROM", "degrees, rain FROM"))
    more = lake.root.parent / "more" / "weather" / "landing"
    more.mkdir(parents=True)
    (more / "rainy.json").write_text(
        '{"station": "s9", "takenAt": 7, "degrees": 1.5, "rain": 2.5}\n'
    )
    lake("upload", str(more.parents[1]))
    lake("jobs", "run", "--all", "--max-bad-rows", "10%")
    assert {name for name in read if name.startswith("weather/")} == {
        "weather/rainy.json",
        "weather/weather.json",
    }
    found = lake("query", "SELECT rain, count(*) AS n FROM weather_trusted GROUP BY 1 ORDER BY 1")
    assert found == [{"rain": 2.5, "n": 1}, {"rain": None, "n": 20}]
    assert lake("validate")["ok"]
