"""The landing tables, and the removal of all tables of the database."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from stedi_cli.aws.infra.database import Database
from stedi_cli.aws.infra.resource import Found, Kind, ask, ask_all, same_json
from stedi_cli.aws.layout import TAG, Layout
from stedi_cli.aws.strangers import strangers
from stedi_cli.aws.table_files import TableFiles
from stedi_cli.lake.records import Change
from stedi_cli.tables.ddl import landing_input, lines_table


class LandingTables(Kind):
    """The tables over landing files; Iceberg tables are the jobs' to make.

    Args:
        layout: Their names and places.
        database: Their database; in that of somebody else, none is ours.
    """

    kind = "table"

    def __init__(self, layout: Layout, database: Database) -> None:
        super().__init__(layout)
        self._database = database

    @cached_property
    def _inputs(self) -> dict[str, dict[str, Any]]:
        layout = self.layout
        return {
            name: {**made, "Parameters": {**made["Parameters"], TAG: layout.database}}
            for name, table in layout.lakehouse.landing.items()
            for made in [landing_input(table, layout.uri(layout.landing_folder(table)))]
        }

    def names(self) -> list[str]:
        return list(self._inputs)

    def wanted(self, name: str) -> dict[str, str]:
        return _fields(self._inputs[name])

    def read(self) -> dict[str, Found]:
        return self._found(self._tables())

    def _found(self, tables: list[dict[str, Any]]) -> dict[str, Found]:
        return {
            table["Name"]: Found(_fields(table), ours=self._is_landing(table))
            for table in tables
            if table["Name"] in self._inputs
        }

    def look(self) -> list[Change]:
        """Compare the landing tables, and name what else there is in our database.

        The tables of lines that an earlier version made are to be removed: nothing reads them.
        """
        with self.errors():
            tables = self._tables()
            found = self._found(tables)
            others = strangers(self.layout, tables, TableFiles(self.layout).read)
            if others and not self._is_in_ours():
                others = []
        lines = {lines_table(name) for name in self.names()}
        ours = [t["Name"] for t in tables if t["Name"] in lines and self._is_landing(t)]
        return [
            *(self._compare(name, found.get(name)) for name in self.names()),
            *(Change(self.kind, name, "remove", (), "no longer used") for name in ours),
            *(Change(s.kind, s.name, "leave", (), s.note) for s in others),
        ]

    def _is_in_ours(self) -> bool:
        return any(there.ours for there in self._database.read().values())

    def to_remove(self) -> dict[str, Found]:
        """Read all tables of our database; ours lie in our bucket, or carry the tag."""
        if not self._is_in_ours():
            return {}
        return {
            table["Name"]: Found({}, ours=self._is_landing(table) or self._is_inside(table))
            for table in self._tables()
        }

    def _tables(self) -> list[dict[str, Any]]:
        glue = self.layout.account.client("glue")
        return ask_all(glue, "get_tables", "TableList", DatabaseName=self.layout.database)

    def _is_landing(self, table: dict[str, Any]) -> bool:
        return self.is_ours(table.get("Parameters") or {})

    def _is_inside(self, table: dict[str, Any]) -> bool:
        place = str((table.get("StorageDescriptor") or {}).get("Location") or "")
        return place.startswith(self.layout.uri(""))

    def create(self, name: str) -> None:
        self.layout.account.client("glue").create_table(
            DatabaseName=self.layout.database, TableInput=self._inputs[name]
        )

    def update(self, name: str, fields: set[str]) -> None:
        self.layout.account.client("glue").update_table(
            DatabaseName=self.layout.database, TableInput=self._inputs[name], SkipArchive=True
        )

    def delete(self, name: str) -> None:
        ask(
            self.layout.account.client("glue").delete_table,
            DatabaseName=self.layout.database,
            Name=name,
        )


def _fields(table: dict[str, Any]) -> dict[str, str]:
    storage = table.get("StorageDescriptor") or {}
    columns = [
        f"{column['Name']} {column['Type']} {column.get('Comment', '')}".strip()
        for column in storage.get("Columns", ())
    ]
    serde = storage.get("SerdeInfo") or {}
    parameters = {k: v for k, v in (table.get("Parameters") or {}).items() if k in _PARAMETERS}
    return {
        # Glue keeps names of columns in lower case.
        "columns": "; ".join(columns).lower(),
        "location": str(storage.get("Location", "")),
        "format": f"{storage.get('InputFormat')}, {serde.get('SerializationLibrary')}",
        "serde": same_json(serde.get("Parameters") or {}),
        "description": str(table.get("Description", "")),
        "type": f"{table.get('TableType')} {same_json(parameters)}",
    }


_PARAMETERS = ("EXTERNAL", "classification")
