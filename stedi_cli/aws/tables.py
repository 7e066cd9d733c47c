"""The tables of a lakehouse on AWS, and the removal of one that left the model."""

from __future__ import annotations

from collections.abc import Iterator

from stedi_cli.aws.strangers import drop
from stedi_cli.aws.table_files import TableFiles
from stedi_cli.aws.writer import Writer
from stedi_cli.lake.records import Resource
from stedi_cli.lake.strangers import to_drop
from stedi_cli.project.lakehouse import Table


class Tables(TableFiles):
    """Tables of which those that left the model can be removed.

    Args:
        writer: Who may write now.
    """

    def __init__(self, writer: Writer) -> None:
        super().__init__(writer.layout)
        self._writer = writer

    def drop(self, name: str) -> Iterator[Resource]:
        # A wrong name is told whoever is at work; what there is may be another thing by then.
        to_drop(self._layout.lakehouse, self.strangers(), name)
        with self._writer.locked("tables --drop"):
            self.forget()
            found = to_drop(self._layout.lakehouse, self.strangers(), name)
            yield from drop(self._layout, found)

    def location(self, table: Table) -> str:
        layout = self._layout
        folder = layout.landing_folder(table) if table.folder else layout.table_folder(table.name)
        return f"{layout.uri(folder).rstrip('/')}/"
