"""What changes of consent need of a lakehouse on AWS: to be alone, a new file, one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from stedi_cli.aws.account import aws_errors
from stedi_cli.aws.backoff import Backoff
from stedi_cli.aws.conditional import Conditional
from stedi_cli.aws.infra.emptying import empty
from stedi_cli.aws.infra.log_groups import DAYS
from stedi_cli.aws.infra.resource import ask
from stedi_cli.aws.lodgers import lodgers
from stedi_cli.aws.place import Place
from stedi_cli.aws.strangers import metadata_of
from stedi_cli.aws.sweep import Version, remove, stray, versions
from stedi_cli.errors import StediError, UsageError
from stedi_cli.lake.strangers import unknown_told
from stedi_cli.landing.answered import answered_in, known, written
from stedi_cli.landing.names import new_consent_name
from stedi_cli.project.lakehouse import Table
from stedi_cli.tables.history import RefRemoved


class Consent:
    """Changes consent.

    Args:
        place: The lakehouse.
        backoff: How to wait.
    """

    def __init__(self, place: Place, backoff: Backoff) -> None:
        self._place = place
        self._layout = place.layout
        self._storage = place.zone.storage
        self._conditional = Conditional(self._storage, backoff)
        self._removed: list[RefRemoved] = []
        # What lies beside the folders of tables.
        self._loose: list[str] = []

    def removed(self) -> list[RefRemoved]:
        """Return the tags and branches that were removed since this was last asked."""
        removed, self._removed = self._removed, []
        return removed

    @contextmanager
    def alone(self, *, wait: bool, readers: bool) -> Iterator[None]:
        # Nobody knows who reads: a query on a snapshot that goes meanwhile fails.
        with self._place.writer.locked("consent", wait=wait):
            self._forget()
            if not readers:
                self._refuse_lodgers()
            yield

    def is_read(self, table: Table) -> bool:
        held = self._place.copies.held().get(table.name)
        zone = self._place.zone
        files = {file: zone.known(table.name, file) for file in zone.listed()[table.name]}
        return held is not None and held.is_of(files)

    def deliver(self, table: Table, content: bytes) -> str:
        name = new_consent_name()
        key = self._place.zone.key(table.name, name)
        self._place.writer.assure()
        if self._conditional.put(key, content) is None:
            raise StediError(f"There is a file {key} already.", hint="Run it again.")
        self._place.zone.forget()
        return name

    def answer(self, table: Table, lines: Mapping[tuple[str, int], int]) -> None:
        key = self._layout.answered
        there = self._storage.look(key)
        files = self._place.zone.states()[table.name].files
        found = answered_in(there.content if there else None) | known(table.name, files, lines)
        etag = self._conditional.put(key, written(found), etag=there.etag if there else None)
        if etag is None:
            raise StediError(f"Somebody else wrote {key} meanwhile.", hint="Run it again.")

    def keep_one(self) -> None:
        place = self._place
        place.writer.assure()
        place.tables.forget()
        try:
            for name in filter(place.tables.states().__contains__, self._written):
                with _told(name):
                    self._removed += self._expire(name)
            self._sweep()
            self._remove_results()
        finally:
            self._forget()

    def beyond(self) -> list[str]:
        layout = self._layout
        told = [
            "Earlier versions of landing files stay as these do, where the bucket keeps versions.",
            "Athena keeps the texts of queries for 45 days; none of this tool's names anybody. What"
            " CloudTrail, access logs and backups of the account hold is not looked at.",
            f"What jobs printed stays in the log groups {layout.log_prefix}/ for {DAYS} days, and"
            " `stedi privacy scan` reads it.",
        ]
        known = {stranger.name for stranger in self._place.tables.strangers()}
        loose = [name for name in self._loose if name not in known]
        return [*told, *unknown_told(layout.uri(layout.table_folder("")), loose)]

    @property
    def _written(self) -> list[str]:
        """The tables that runs write."""
        lakehouse = self._layout.lakehouse
        beside = [table.name for table in lakehouse.beside]
        return [*lakehouse.typed, *lakehouse.writers, *beside]

    def _forget(self) -> None:
        self._place.tables.forget()
        self._place.zone.forget()

    def _expire(self, name: str) -> Sequence[RefRemoved]:
        """Drop a table's snapshots but the current one."""
        from stedi_cli.aws.catalog import AccountCatalog
        from stedi_cli.tables.iceberg import expire

        catalog: Any = AccountCatalog(self._layout)
        return expire(catalog, name, 1, self._layout.database).refs

    def _sweep(self) -> None:
        """Remove what the tables do not reach, once their older snapshots are gone."""
        place, layout = self._place, self._layout
        warehouse = layout.table_folder("")
        # First, so that nothing is taken for stray that somebody writes meanwhile; but after the
        # expiry, which leaves delete markers.
        listed = versions(layout, warehouse)
        place.tables.forget()
        reached = {}
        for name in self._written:
            folder = f"{layout.table_folder(name)}/"
            with _told(name):
                reached[folder] = self._reached(name, folder, listed)
        states = place.tables.states().values()
        ledgers = {s.current.ledger for s in states if s.current and s.current.ledger}
        reached[layout.ledgers] = {layout.ledgers + name for name in ledgers}
        # What a run had read that stopped, before this command's own run.
        reached[layout.aside] = set()
        known = tuple(reached)
        others = (v.key.removeprefix(warehouse) for v in listed if not v.key.startswith(known))
        self._loose = sorted({key.partition("/")[0] for key in others})
        # What is listed may be another's by now, where this command was held up for long.
        place.writer.assure()
        remove(layout, [*stray(listed, reached)], [*reached])

    def _reached(self, name: str, folder: str, listed: Sequence[Version]) -> set[str]:
        """Return the keys that a table reaches; none where there is no table."""
        from stedi_cli.aws.catalog import AccountCatalog
        from stedi_cli.tables.iceberg import reached

        layout = self._layout
        if name in self._place.tables.states():
            catalog: Any = AccountCatalog(layout)
            table = catalog.load_table((layout.database, name))
            return {table.io.key(uri) for uri in reached(table)}
        # Lake Formation leaves out of a list what it does not show, and refuses who asks for it.
        glue = layout.account.client("glue")
        if any(version.key.startswith(folder) for version in listed) and ask(
            glue.get_table, DatabaseName=layout.database, Name=name
        ):
            raise StediError(f"Somebody else made {name} meanwhile.", hint="Run it again.")
        return set()

    def _remove_results(self) -> None:
        """Remove what Athena left of queries, by whomever."""
        prefix = f"{self._layout.settings.results_prefix}/"
        with aws_errors(where=self._layout.results):
            empty(self._storage.s3, self._storage.place(), prefix)

    def _refuse_lodgers(self) -> None:
        """Refuse where what is to be swept holds files of tables that are not swept."""
        layout, own = self._layout, set(self._written)
        for lodger in lodgers(layout):
            folder = next((n for n in own if lodger.lies_in(f"{layout.table_folder(n)}/")), None)
            own_name = lodger.database == layout.database and lodger.table["Name"] == folder
            if folder is not None and not (own_name and metadata_of(lodger.table)):
                raise UsageError(
                    f"In {layout.uri(layout.table_folder(folder))}/ lie files of another table,"
                    f" {lodger.title}, which older rows may be read by. Nothing was changed.",
                    hint="Move that table or remove it with what made it, then try again.",
                )


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn what pyiceberg raises of a table into one line."""
    from pyiceberg.exceptions import CommitFailedException, NoSuchTableError

    from stedi_cli.tables.iceberg import UNREADABLE, unreadable

    try:
        # Those of boto3 first, since some are errors of reading a file too.
        with aws_errors(where=f"table {name}"):
            yield
    except StediError:
        raise
    except (CommitFailedException, NoSuchTableError) as error:
        raise StediError(
            f"Somebody else changed {name} meanwhile.", hint="Run it again."
        ) from error
    except UNREADABLE as error:
        raise unreadable(name) from error
