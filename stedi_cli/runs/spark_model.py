"""The model as the Spark script reads it: ``lakehouse.json``, the same here and on Glue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stedi_cli.errors import UsageError
from stedi_cli.landing import contract, seams, traces
from stedi_cli.project.folder import bundled
from stedi_cli.project.lakehouse import Lakehouse, Table
from stedi_cli.tables.metrics import DATA_PATH, STRAY

SCRIPT = "glue_job.py"
"""Name of the script in the project's folder of jobs."""
SESSION = {
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "spark.sql.session.timeZone": "UTC",
    # A job reads tables, and no file by its path.
    "spark.sql.runSQLOnFiles": "false",
}
"""Settings of every session that the script runs in."""
CATALOG_CLASS = "org.apache.iceberg.spark.SparkCatalog"


def model(lakehouse: Lakehouse, *, location: Callable[[str], str], keep: int) -> dict[str, Any]:
    """Return what ``jobs/glue_job.py`` takes as ``--model``.

    Args:
        lakehouse: The model.
        location: Returns the URI of a table's folder by the table's name.
        keep: Snapshots, and so metadata files, to keep of each table.

    Returns:
        What is written as JSON.
    """
    stored = {**lakehouse.tables, **lakehouse.typed}
    tables = {name: _table(table, location(name), keep) for name, table in stored.items()}
    return {"tables": tables, "stray": STRAY, "data_path": DATA_PATH}


def refuse_other_script(project: Path) -> None:
    """Raise UsageError where the script in a project's folder cannot read this version's requests.

    Args:
        project: The project's folder.
    """
    script = project / "jobs" / SCRIPT
    needed = {path.name for path in (bundled() / "jobs").glob("*.py")}
    if not all(script.with_name(name).is_file() for name in needed):
        raise UsageError(
            f"{script} is of another version.",
            hint="Copy the files jobs/*.py over from a new project: `stedi init DIR`.",
        )


def modules(project: Path) -> list[Path]:
    """Return the Python files that go to Spark with the script, with those of the contract.

    Args:
        project: The project's folder.
    """
    found = sorted((project / "jobs").glob("*.py"))
    shared = [Path(str(module.__file__)) for module in (contract, seams, traces)]
    return [*shared, *(path for path in found if path.name != SCRIPT)]


def _table(table: Table, location: str, keep: int) -> dict[str, Any]:
    # Imported late, since pyiceberg costs half a second.
    from stedi_cli.tables.iceberg import properties_of, schema_of

    properties = properties_of(table, schema_of(table), keep)
    columns = [
        {
            "name": c.name,
            "type": c.type,
            "doc": c.doc,
            "required": c.required,
            "plausible": [c.plausible.start, c.plausible.stop] if c.plausible else None,
        }
        for c in table.columns
    ]
    told = asdict(table.held_back) if table.held_back else None
    properties["location"] = location
    return {"columns": columns, "properties": properties, "held_back": told}
