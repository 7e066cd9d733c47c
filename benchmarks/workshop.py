"""What all measurements share: data sets, lakehouses, commands, and the folder they lie in."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.process import CHECKOUT, Contender, Failed, helper, output_of
from benchmarks.turns import Results, say, take_turns

CUSTOMERS = 956
"""Customers in the public data."""

CONTENDERS = CHECKOUT / "benchmarks" / "contenders"
RUN = ("jobs", "run", "--all")
ON_SPARK = (*RUN, "--force", "--engine", "spark")


@dataclass(frozen=True)
class Lake:
    """A lakehouse with landing files in it.

    Args:
        workshop: Where it lies.
        root: Its root.
    """

    workshop: Workshop
    root: Path

    @property
    def landing(self) -> Path:
        """The folder of its landing files."""
        return self.root / "landing"

    @property
    def temp(self) -> Path:
        """The folder of its intermediate files."""
        return self.root / "tmp"

    @property
    def size(self) -> int:
        """Bytes in its landing files."""
        return sum(path.stat().st_size for path in self.landing.rglob("*") if path.is_file())

    def command(self, *arguments: str | Path, config: Path | None = None) -> list[str | Path]:
        """Return a stedi command on it."""
        before: list[str | Path] = ["--config", config] if config else []
        return [*self.workshop.stedi, *before, "--root", self.root, *arguments]

    def call(self, *arguments: str | Path, allowed: Sequence[int] = (0,)) -> str:
        """Run a stedi command that is not measured."""
        return output_of(self.command(*arguments), self.workshop.work, allowed=allowed)

    def check(self, *, known: bool = True) -> None:
        """Raise Failed unless all is as it should be.

        Args:
            known: Whether the generator's counts came with the data, so that they must be met.
        """
        found = json.loads(self.call("validate", "--json", allowed=(0, 3)))
        short = [t["table"] for t in found["tables"] if t["rows"] is None]
        short += [t["table"] for t in found["tables"] if known and t["expected"] is None]
        if short or not found["ok"]:
            raise Failed(f"{self.root.name} is not as it should be: {short or found}")

    def check_quarantine(self, data: Path) -> None:
        """Raise Failed unless quarantine holds, by reason, the lines that the generator counted."""
        reads = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))"
        given = output_of([sys.executable, "-c", reads, data / "expected.yaml"], data)
        wanted = json.loads(given).get("quarantine", {})
        found: dict[str, dict[str, int]] = {}
        for row in json.loads(self.call("quarantine", "--json")):
            found.setdefault(row["table"], {})[row["reason"]] = row["lines"]
        if found != wanted:
            raise Failed(f"{self.root.name}: quarantine is {found}, not {wanted}")

    def export_to(self, folder: Path) -> Path:
        """Export the trusted and curated tables into a folder, and return it."""
        for path in (self.root / "warehouse").iterdir():
            if path.name.endswith(("trusted", "curated")):
                self.call("export", path.name, folder / f"{path.name}.parquet", "--force")
        return folder

    def without_tables(self) -> None:
        """Take all tables away."""
        (self.root / "catalog.db").unlink(missing_ok=True)
        self.call("infra", "up", "--no-data")


def _stedi() -> list[str | Path]:
    """The installed command, as a user calls it."""
    script = Path(sys.executable).with_name("stedi")
    return [script] if script.is_file() else [sys.executable, "-m", "stedi_cli"]


@dataclass
class Workshop:
    """The folder that everything happens in.

    Args:
        work: The folder.
        runs: Turns that count.
        scales: Sizes, as multiples of the public data.
        dbt: Python of the environment that has dbt, or None.
    """

    work: Path
    runs: int
    scales: list[int]
    dbt: Path | None
    stedi: list[str | Path] = field(default_factory=_stedi)

    @property
    def largest(self) -> int:
        """The largest size."""
        return max(self.scales)

    def turns(self, contenders: Sequence[Contender], runs: int | None = None) -> Results:
        """Let contenders take turns."""
        return take_turns(contenders, runs or self.runs, self.work)

    def data(self, scale: int, *options: str) -> Path:
        """Return a generated data set, made where it is not there yet."""
        folder = self.work / "-".join([f"data-{scale}x", *(o.strip("-") for o in options)])
        if not folder.is_dir():
            say(f"Generating {folder.name}")
            customers = str(CUSTOMERS * scale)
            output_of(
                [*self.stedi, "data", "generate", folder, "--customers", customers, *options],
                self.work,
            )
        return folder

    def lake(self, name: str, data: Path) -> Lake:
        """Return a lakehouse with a data set uploaded once, made where it is not there yet."""
        lake = Lake(self, self.work / f"lake-{name}")
        if not (lake.root / "landing-index.json").is_file():
            say(f"Uploading {data.name}")
            self.remove(lake.root)
            lake.call("infra", "up", "--data", data)
        return lake

    def scaled_lake(self, scale: int) -> Lake:
        """Return the lakehouse of a size."""
        return self.lake(f"{scale}x", self.data(scale))

    def config(self, name: str, **values: str) -> Path:
        """Return a configuration file with other values, in a project that was copied out."""
        project = self.work / "project"
        if not project.is_dir():
            output_of([*self.stedi, "init", project], self.work)
        text = (project / "configs" / "local.yaml").read_text()
        for key, value in values.items():
            text, changed = re.subn(rf"(?m)^{key}: .*$", f"{key}: {value}", text)
            assert changed == 1, key
        path = project / "configs" / f"{name}.yaml"
        path.write_text(text)
        return path

    def bare(self, lake: Lake, title: str, *options: str | Path) -> Contender:
        """Return bare DuckDB with the product's SQL on a lakehouse's landing files."""
        out = self.out(lake, title)
        plan = out / "plan.json"
        output_of(helper("benchmarks.plan", *options, lake.root, out, plan), self.work)
        return Contender(title, [sys.executable, CONTENDERS / "with_duckdb.py", plan])

    def out(self, lake: Lake, title: str) -> Path:
        """Return the folder that takes a contender's Parquet files."""
        folder = self.work / f"out-{lake.root.name}" / re.sub(r"\W+", "-", title)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def remove(self, *paths: Path) -> None:
        """Remove what is not needed any more."""
        for path in paths:
            shutil.rmtree(path, ignore_errors=True)
