"""Checks on this machine, over landing files read line by line.

For Athena a lone carriage return ends a line, so of a file with one inside a line it cannot read
all that can be used. Where the files are small enough, such a check is made here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from stedi_cli.aws.landing_zone import LandingZone
from stedi_cli.aws.usable_lines import usable_lines
from stedi_cli.lake.records import Answer
from stedi_cli.landing.contract import Unusable
from stedi_cli.landing.lines import fields_of, filled, unpacked
from stedi_cli.project.lakehouse import Lakehouse, Table
from stedi_cli.questions.calling import Calls
from stedi_cli.questions.statement import one_select
from stedi_cli.tables.provenance import TableState

if TYPE_CHECKING:
    import pyarrow as pa

MOST_BYTES = 64 << 20
MOST_ROWS = 1_000_000

Rows = Iterator[tuple[Any, ...]]


class LineReader:
    """Answers queries here, over whole tables, where these are not too large.

    Args:
        lakehouse: The model.
        zone: The landing zone.
        states: Returns the Iceberg tables' states.
        rows: Returns the rows of an Iceberg table.
    """

    def __init__(
        self,
        lakehouse: Lakehouse,
        zone: LandingZone,
        states: Callable[[], dict[str, TableState]],
        rows: Callable[[Table], Rows],
    ) -> None:
        self._lakehouse = lakehouse
        self._zone = zone
        self._states = states
        self._rows = rows
        self._read: dict[str, pa.Table] = {}

    def usable_lines(self) -> dict[str, str]:
        return {name: usable_lines(table) for name, table in self._lakehouse.landing.items()}

    def answer(self, sql: str) -> Answer | None:
        """Answer a query.

        Args:
            sql: A query of this project's own, in the SQL that DuckDB and Athena share.

        Returns:
            The answer, or None where it would have to read too much.

        Raises:
            StediError: If files or tables cannot be read.
        """
        import duckdb

        query = one_select(sql, self._lakehouse.tables)
        named = [self._lakehouse.tables[name] for name in sorted(query.tables)]
        if any(self._is_large(table) for table in named):
            return None
        # Nothing of it is written to a disk.
        connection = duckdb.connect(config={"temp_directory": ""})
        with closing(Calls(connection)) as calls:
            for table in named:
                connection.register(table.name, self._table(table))
            rows = calls.run(lambda: connection.execute(query.text).fetchall())
            described = connection.description or []
            return Answer([d[0] for d in described], [str(d[1]) for d in described], iter(rows))

    def _is_large(self, table: Table) -> bool:
        if table.zone == "landing":
            files = self._zone.states()[table.name].files.values()
            return sum(facts.size for facts in files) > MOST_BYTES
        current = self._states()[table.name].current
        return current is not None and (current.rows or 0) > MOST_ROWS

    def _table(self, table: Table) -> pa.Table:
        if table.name not in self._read:
            from stedi_cli.tables.arrow import arrow_table

            rows = self._usable(table) if table.zone == "landing" else self._rows(table)
            self._read[table.name] = arrow_table(table, list(rows))
        return self._read[table.name]

    def _usable(self, table: Table) -> Rows:
        fields = fields_of(table)
        for file in self._zone.states()[table.name].files:
            with self._zone.storage.opened(self._zone.key(table.name, file)) as (stream, _):
                for line in filled(unpacked(stream, file)):
                    try:
                        values = line.judged(fields)
                    except Unusable:
                        continue
                    yield tuple(values[field.name] for field in fields)
