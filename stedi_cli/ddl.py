"""The tables' DDL in Athena's dialect, rendered from the model."""

from __future__ import annotations

from stedi_cli.lakehouse import Table

_TYPES = {"string": "string", "long": "bigint", "double": "double"}
SERDE = "org.apache.hive.hcatalog.data.JsonSerDe"


def ddl(table: Table) -> str:
    """Return the statement that makes a table in Athena.

    Args:
        table: The table.

    Returns:
        ``CREATE EXTERNAL TABLE`` over JSON for a landing table, ``CREATE TABLE`` of an Iceberg
        table for the others. ``LOCATION`` is left as a placeholder for the bucket.
    """
    columns = ",\n".join(
        f"  `{c.name}` {_TYPES[c.type]} COMMENT {_text(c.doc)}" for c in table.columns
    )
    if table.zone == "landing":
        kind = "EXTERNAL TABLE"
        rest = f"ROW FORMAT SERDE '{SERDE}'\nLOCATION 's3://BUCKET/{table.folder}/landing/';"
    else:
        kind = "TABLE"
        rest = (
            f"LOCATION 's3://BUCKET/warehouse/{table.name}/'\n"
            "TBLPROPERTIES ('table_type'='ICEBERG');"
        )
    return f"CREATE {kind} {table.name} (\n{columns}\n)\nCOMMENT {_text(table.doc)}\n{rest}"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
