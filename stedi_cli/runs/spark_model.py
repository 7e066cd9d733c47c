"""The model as the Spark script reads it: ``lakehouse.json``, the same here and on Glue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stedi_cli.project.lakehouse import Lakehouse, Table
from stedi_cli.tables.metrics import STRAY

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
    tables = {name: _table(table, location(name), keep) for name, table in lakehouse.tables.items()}
    return {"tables": tables, "stray": STRAY}


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
    return {"columns": columns, "properties": {**properties, "location": location}}
