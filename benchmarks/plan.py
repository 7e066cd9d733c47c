"""The product's jobs as plain DuckDB statements, and as a dbt project.

Settings, views and SQL are taken from the product itself, so that a contender cannot fall behind
it. A process of its own, since it imports duckdb and the process that measures has to stay small:
``python -m benchmarks.plan [--guard] [--dbt FOLDER] ROOT OUT PLAN``.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import yaml

from stedi_cli.landing.guard import Guard
from stedi_cli.landing.names import is_landing_name
from stedi_cli.local.engine import Engine
from stedi_cli.local.layout import Layout
from stedi_cli.project import folder as project
from stedi_cli.project.lakehouse import HELD_BACK, Lakehouse, Table
from stedi_cli.project.settings import load_settings
from stedi_cli.sql import identifier, literal, literals
from stedi_cli.tables.types import TYPES

POLICY = "strict"
# Of the settings that the product changes, those that confine it or keep its profile.
_NOT_OF_SPEED = {
    "allowed_directories",
    "allowed_paths",
    "autoinstall_known_extensions",
    "autoload_known_extensions",
    "custom_profiling_settings",
    "enable_external_access",
    "enable_profiling",
    "max_temp_directory_size",
    "profiling_mode",
    "temp_directory",
}
_SETTINGS = "SELECT name, value FROM duckdb_settings()"
Step = dict[str, str]


class Planner:
    """Asks the product how it reads landing files and with which settings.

    Args:
        root: A lakehouse with landing files.
        guard: Whether the views hold the guard of the landing contract.
    """

    def __init__(self, root: Path, *, guard: bool) -> None:
        self.lakehouse: Lakehouse = project_model()
        self._layout = Layout(root)
        self._guard = guard

    def settings_and_views(self) -> tuple[list[str], dict[str, str]]:
        """Return SET statements, and the landing views' SQL by table."""
        engine = Engine(self._layout, load_settings(root=self._layout.root), [], None).open()
        try:
            theirs = dict(engine.execute(_SETTINGS))
            views = {t.name: self._view(t) for t in self.lakehouse.landing.values()}
            views[HELD_BACK] = _nothing(self.lakehouse.tables[HELD_BACK])
        finally:
            engine.close()
        ours = dict(duckdb.connect().execute(_SETTINGS).fetchall())
        changed = {n: v for n, v in theirs.items() if v != ours.get(n) and n not in _NOT_OF_SPEED}
        return [f"SET {name} = {literal(str(value))}" for name, value in changed.items()], views

    def _view(self, table: Table) -> str:
        folder = self._layout.landing / str(table.folder)
        names = sorted(path.name for path in folder.iterdir() if is_landing_name(path.name))
        files = [folder / name for name in names]
        kinds = {c.name: TYPES[c.type].duckdb for c in table.columns}
        names_of = ", ".join(map(identifier, kinds))
        if self._guard:
            guard = Guard(table, {name: kind.duckdb for name, kind in TYPES.items()})
            source = f"({guard.guarded(files, folder)})"
        else:
            # As the product reads them: integers as DOUBLE, and buffers for lines of 1 MB.
            read = {n: "DOUBLE" if kind == "BIGINT" else kind for n, kind in kinds.items()}
            typed = ", ".join(f"{literal(n)}: {literal(kind)}" for n, kind in read.items())
            source = (
                f"read_json({literals(map(str, files))}, format = 'newline_delimited',"
                f" columns = {{{typed}}}, maximum_object_size = {1 << 20},"
                " hive_partitioning = false)"
            )
            names_of = ", ".join(
                f"CAST({identifier(n)} AS {kind}) AS {identifier(n)}" for n, kind in kinds.items()
            )
        return f"CREATE VIEW {identifier(table.name)} AS SELECT {names_of} FROM {source}"

    def steps(self, out: Path) -> list[Step]:
        """Return the five jobs as statements that write Parquet files."""
        settings, views = self.settings_and_views()
        steps = [{"name": "settings and views", "sql": sql} for sql in (*settings, *views.values())]
        for job in self.lakehouse.jobs.values():
            table = self.lakehouse.tables[job.writes]
            path = literal(str(out / f"{table.name}.parquet"))
            columns = ", ".join(
                f"CAST({identifier(c.name)} AS {TYPES[c.type].duckdb}) AS {identifier(c.name)}"
                for c in table.columns
            )
            sql = self.lakehouse.job_text(job, POLICY).sql.strip().rstrip(";")
            copy = (
                f"COPY (SELECT {columns} FROM ({sql}\n)) TO {path}"
                " (FORMAT parquet, COMPRESSION zstd)"
            )
            rows = f"SELECT * FROM read_parquet({path}, hive_partitioning = false)"
            view = f"CREATE VIEW {identifier(table.name)} AS {rows}"
            steps += [{"name": job.name, "sql": copy}, {"name": job.name, "sql": view}]
        return steps

    def write_dbt(self, folder: Path, out: Path) -> None:
        """Write a dbt project with the five jobs as models, in the idiom of dbt-duckdb."""
        settings, views = self.settings_and_views()
        (folder / "models").mkdir(parents=True, exist_ok=True)
        sources = [
            {"name": name, "meta": {"external_location": f"({_select(sql)})"}}
            for name, sql in views.items()
        ]
        # The other formatters of dbt-duckdb take braces, or percent signs, for their own.
        source = {"name": "landing", "meta": {"formatter": "template"}, "tables": sources}
        _write_yaml(folder / "models" / "sources.yml", {"version": 2, "sources": [source]})
        models = {"+materialized": "external", "+options": {"compression": "zstd"}}
        _write_yaml(
            folder / "dbt_project.yml",
            {
                "name": "stedi",
                "version": "1.0",
                "profile": "stedi",
                "flags": {"send_anonymous_usage_stats": False},
                "models": {"stedi": models},
            },
        )
        pairs = (re.fullmatch("SET (.*?) = '(.*)'", setting) for setting in settings)
        output = {
            "type": "duckdb",
            "path": ":memory:",
            "external_root": str(out),
            "settings": {pair[1]: pair[2] for pair in pairs if pair},
        }
        _write_yaml(
            folder / "profiles.yml", {"stedi": {"target": "bench", "outputs": {"bench": output}}}
        )
        for job in self.lakehouse.jobs.values():
            text = self.lakehouse.job_text(job, POLICY).sql
            for name in job.reads:
                kind = "source('landing', " if name in views else "ref("
                text = re.sub(rf"\b(FROM|JOIN) {name}\b", rf"\1 {{{{ {kind}'{name}') }}}}", text)
            (folder / "models" / f"{job.writes}.sql").write_text(text)


def project_model() -> Lakehouse:
    """Return the model of the project that the commands use."""
    from stedi_cli.project.model import load

    return load(project.bundled())


def _nothing(table: Table) -> str:
    """A view without rows: what is measured has no unusable lines, so that nobody is held back."""
    columns = ", ".join(
        f"CAST(NULL AS {TYPES[c.type].duckdb}) AS {identifier(c.name)}" for c in table.columns
    )
    return f"CREATE VIEW {identifier(table.name)} AS SELECT {columns} WHERE false"


def _select(view: str) -> str:
    return view.split(" AS ", 1)[1]


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False, width=1_000_000))


def main() -> None:
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(prog="benchmarks.plan")
    parser.add_argument("--guard", action="store_true")
    parser.add_argument("--dbt", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("plan", type=Path)
    given = parser.parse_args()
    planner = Planner(given.root.resolve(), guard=given.guard)
    given.out.mkdir(parents=True, exist_ok=True)
    given.plan.write_text(json.dumps(planner.steps(given.out.resolve()), indent=1))
    if given.dbt:
        planner.write_dbt(given.dbt, given.out.resolve())


if __name__ == "__main__":
    main()
