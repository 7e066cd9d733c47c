"""The tables as Athena and the Glue catalog define them, rendered from the model."""

from __future__ import annotations

from typing import Any

from stedi_cli.project.lakehouse import Table
from stedi_cli.sql import hive_identifier, hive_literal
from stedi_cli.tables.types import TYPES

SERDE = "org.apache.hive.hcatalog.data.JsonSerDe"
_LINES = "{table}_lines"
_LINES_SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
_LINES_DOC = "The same files line by line, which no unusable line can break."
_TEXT_FORMATS = {
    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
}


def lines_table(table: str) -> str:
    """Return the name of the table that holds a landing table's lines as they are."""
    return _LINES.format(table=table)


def landing_inputs(table: Table, location: str) -> list[dict[str, Any]]:
    """Return what the Glue catalog is told of a landing table.

    Args:
        table: The landing table.
        location: URI of the folder with its files.

    Returns:
        The ``TableInput`` of the table itself, and of the table of its lines.
    """
    columns = [
        {"Name": c.name, "Type": TYPES[c.type].hive, "Comment": c.doc} for c in table.columns
    ]
    line = {"Name": "line", "Type": "string", "Comment": "The whole line"}
    return [
        _input(table.name, table.doc, columns, SERDE, "json", location),
        _input(lines_table(table.name), _LINES_DOC, [line], _LINES_SERDE, "csv", location),
    ]


def _input(
    name: str, doc: str, columns: list[dict[str, str]], serde: str, kind: str, location: str
) -> dict[str, Any]:
    return {
        "Name": name,
        "Description": doc,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": kind},
        "StorageDescriptor": {
            "Columns": columns,
            "Location": location,
            **_TEXT_FORMATS,
            "SerdeInfo": {"SerializationLibrary": serde},
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
    comment = f"COMMENT {hive_literal(table.doc)}"
    return f"CREATE {kind} {table.name} (\n{columns}\n)\n{comment}\n{rest}"
