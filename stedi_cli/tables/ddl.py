"""The tables as Athena and the Glue catalog define them, rendered from the model."""

from __future__ import annotations

from typing import Any

from stedi_cli.project.lakehouse import Table
from stedi_cli.sql import hive_identifier, hive_literal
from stedi_cli.tables.types import TYPES

SERDE = "org.apache.hive.hcatalog.data.JsonSerDe"
_LINES = "{table}_lines"
_RAW = (
    "{doc}. The files as they are: 0 stays 0 in an optional instant, and a line that cannot be used"
    " breaks a query; {typed} holds what can be used."
)
_TEXT_FORMATS = {
    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
}


def lines_table(table: str) -> str:
    """Return the name of the table of a landing table's lines, which earlier versions made."""
    return _LINES.format(table=table)


def landing_doc(table: Table) -> str:
    """Return what is said of a landing table to whoever queries its files."""
    return _RAW.format(doc=table.doc.rstrip("."), typed=table.typed.name)


def landing_input(table: Table, location: str) -> dict[str, Any]:
    """Return what the Glue catalog is told of a landing table.

    Args:
        table: The landing table.
        location: URI of the folder with its files.

    Returns:
        The ``TableInput``.
    """
    columns = [
        {"Name": c.name, "Type": TYPES[c.type].hive, "Comment": c.doc} for c in table.columns
    ]
    return {
        "Name": table.name,
        "Description": landing_doc(table),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "json"},
        "StorageDescriptor": {
            "Columns": columns,
            "Location": location,
            **_TEXT_FORMATS,
            "SerdeInfo": {"SerializationLibrary": SERDE},
        },
    }


def ddl(table: Table, location: str) -> str:
    """Return the statement that makes a table in Athena.

    Args:
        table: The table.
        location: URI of the folder with its files.

    Returns:
        ``CREATE EXTERNAL TABLE`` over JSON for a landing table, ``CREATE TABLE`` of an Iceberg
        table for the others.
    """
    columns = ",\n".join(
        f"  {hive_identifier(c.name)} {TYPES[c.type].hive} COMMENT {hive_literal(c.doc)}"
        for c in table.columns
    )
    if table.zone == "landing":
        kind = "EXTERNAL TABLE"
        rest = f"ROW FORMAT SERDE {hive_literal(SERDE)}\nLOCATION {hive_literal(location)};"
    else:
        kind = "TABLE"
        rest = f"LOCATION {hive_literal(location)}\nTBLPROPERTIES ('table_type'='ICEBERG');"
    doc = landing_doc(table) if table.zone == "landing" else table.doc
    comment = f"COMMENT {hive_literal(doc)}"
    return f"CREATE {kind} {table.name} (\n{columns}\n)\n{comment}\n{rest}"
