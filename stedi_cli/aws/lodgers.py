"""Tables whose files lie in the lakehouse's bucket, of whichever Glue database they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from stedi_cli.aws.account import aws_errors, side_by_side
from stedi_cli.aws.infra.resource import ask_all
from stedi_cli.aws.layout import TAG, Layout


@dataclass(frozen=True)
class Lodger:
    """A table in the bucket.

    Args:
        database: Its database.
        table: What Glue tells of it.
        keys: Where it and its metadata lie, as prefixes that end in a slash.
    """

    database: str
    table: dict[str, Any]
    keys: tuple[str, ...]

    @property
    def title(self) -> str:
        """Its name with that of its database."""
        return f"{self.database}.{self.table['Name']}"

    def lies_in(self, prefix: str) -> bool:
        """Tell whether it has its place below a prefix that ends in a slash."""
        return any(key.startswith(prefix) for key in self.keys)


def databases(layout: Layout) -> list[dict[str, Any]]:
    """Return all databases of the account and region.

    Raises:
        StediError: If they cannot be looked at.
    """
    with aws_errors("glue:GetDatabases"):
        pages = layout.account.client("glue").get_paginator("get_databases").paginate()
        return [database for page in pages for database in page["DatabaseList"]]


def lakehouse_of(database: dict[str, Any]) -> str:
    """Return the name of the lakehouse that made a database; nothing where none did."""
    return str((database.get("Parameters") or {}).get(TAG, ""))


def lodgers(layout: Layout, found: list[dict[str, Any]] | None = None) -> list[Lodger]:
    """Return all tables in the bucket, those of the model too.

    Args:
        layout: Where the bucket is.
        found: All databases, where they are known.

    Raises:
        StediError: If not all databases can be looked at, since then it is not known.
    """
    listed = databases(layout) if found is None else found
    # The tables of a link to a database are found where they are.
    names = [str(database["Name"]) for database in listed if "TargetDatabase" not in database]
    tables_of = side_by_side([partial(_tables, layout, name) for name in names])
    return [
        Lodger(name, table, keys)
        for name, tables in zip(names, tables_of, strict=True)
        for table in tables
        if (keys := _keys(layout, table))
    ]


def _tables(layout: Layout, database: str) -> list[dict[str, Any]]:
    glue = layout.account.client("glue")
    with aws_errors(f"glue:GetTables {database}"):
        return ask_all(glue, "get_tables", "TableList", DatabaseName=database)


def _keys(layout: Layout, table: dict[str, Any]) -> tuple[str, ...]:
    places = [
        (table.get("StorageDescriptor") or {}).get("Location"),
        (table.get("Parameters") or {}).get("metadata_location"),
    ]
    bucket = layout.uri("").removeprefix("s3://")
    found: list[str] = []
    for place in places:
        scheme, _, rest = str(place or "").partition("://")
        rest = f"{rest.rstrip('/')}/"
        if scheme in ("s3", "s3a", "s3n") and rest.startswith(bucket):
            found.append(rest.removeprefix(bucket))
    return tuple(found)
