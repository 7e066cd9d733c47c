"""Brings the typed copies up to date: new landing files are read once, those gone are left out.

In this order: the files are read and kept aside, the quarantine is written and what is held back,
the limits of unusable lines are kept, the copies are committed. What dies in between is done again,
but for the reading.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from stedi_cli.durable import make_folder, replaced
from stedi_cli.landing.bad_line import BadLine
from stedi_cli.landing.files import LandingState
from stedi_cli.landing.ledger import FileAccount, Ledger
from stedi_cli.landing.traced import unreadable
from stedi_cli.local.engine import Engine
from stedi_cli.local.held_back import HeldBack, beside
from stedi_cli.local.kept_aside import Aside, KeptAside
from stedi_cli.local.landing_reader import LandingReader, reading_error
from stedi_cli.local.layout import to_uri
from stedi_cli.local.place import Place
from stedi_cli.local.typed_copies import Held, TypedCopies, rows_without, told_of
from stedi_cli.project.lakehouse import LANDING_FILE, Table
from stedi_cli.runs.bad_rows import refuse_unusable
from stedi_cli.sql import FILE, literal, parquet
from stedi_cli.tables.provenance import LandingAccount
from stedi_cli.tables.summary import files_to_summary, ledger_to_summary

if TYPE_CHECKING:
    from stedi_cli.tables.expiry import Expired

_MOST_FILES = 32
"""Data files of a copy beyond which the small ones become one."""
_SMALL_BYTES = 8 << 20


@dataclass(frozen=True)
class _Reading:
    """A landing table that was read as far as it had to be.

    Args:
        table: The table.
        state: Its files.
        held: What its copy held before.
        new: What was read, now or by a run that stopped.
        bad: All its lines that cannot be used.
        ledger: Its ledger from now on.
    """

    table: Table
    state: LandingState
    held: Held
    new: Aside
    bad: tuple[BadLine, ...]
    ledger: Ledger

    @property
    def account(self) -> LandingAccount:
        """How its lines were used."""
        ledger = self.ledger
        return LandingAccount(
            self.state.fingerprint,
            ledger.lines,
            ledger.quarantined,
            ledger.contract,
            unreadable(self.table, self.bad),
        )


class Ingestion:
    """Reads landing files into their tables' typed copies.

    Args:
        place: The lakehouse, locked by the caller.
        engine: The engine.
        reread: Whether to read all files anew.
    """

    def __init__(self, place: Place, engine: Engine, *, reread: bool = False) -> None:
        self._place = place
        self._engine = engine
        self._quarantine, self._held_back = beside(place, place.settings.keep_snapshots)
        self._copies = TypedCopies(place)
        self._aside = KeptAside(place.layout)
        self._reread = reread
        self.expired: dict[str, Expired] = {}

    def run(self, landing: Mapping[str, LandingState], policy: str) -> dict[str, LandingAccount]:
        """Bring the copies of landing tables up to date.

        Args:
            landing: Their files.
            policy: The policy of the run, which tells what the limits are about.

        Returns:
            How the lines of each were used.

        Raises:
            StediError: If files cannot be read or a table not be written.
            BadDataError: If a table has more unusable lines than allowed, or more are unreadable.
        """
        # The largest first: what else a run has to do at its start is done beside it.
        sizes = {name: sum(f.size for f in state.files.values()) for name, state in landing.items()}
        largest = sorted(sizes, key=sizes.__getitem__, reverse=True)
        read = {name: self._read(name, landing[name]) for name in largest}
        readings = [read[name] for name in landing]
        accounts = {reading.table.name: reading.account for reading in readings}
        found = {reading.table.name: reading.bad for reading in readings}
        judged = {name: account.fingerprint for name, account in accounts.items()}
        for table in filter(None, (self._quarantine, self._held_back)):
            self._note(table.name, table.replace(found, judged))
        for reading in readings:
            if any(account.quarantined for account in reading.new.files.values()):
                self._aside.tell(reading.table, reading.state.fingerprint)
        refuse_unusable(self._place.lakehouse, policy, accounts, self._place.settings.limits)
        for reading in readings:
            if reading.ledger.name != reading.held.ledger:
                try:
                    self._commit(reading)
                except duckdb.Error as error:
                    raise reading_error(reading.table, error) from error
            elif reading.new.files:
                # The copy has their rows already, and what they were read for is written.
                self._aside.drop(reading.table)
        return accounts

    def _read(self, name: str, state: LandingState) -> _Reading:
        table = self._place.lakehouse.tables[name]
        entries = [e for e in self._quarantine.entries() if e[0] == name]
        held, aside, told = Held(state.files), Aside(), self._telling(table)
        taken: dict[str, FileAccount] = {}
        if not self._reread:
            places = [found.places(name) for found in (self._quarantine, told) if found]
            held, aside = self._copies.held(table, state, places), self._aside.of(table)
            taken = told_of(aside.same(held.new), places, (aside.told,))
        unread = {file: facts for file, facts in held.new.items() if file not in taken}
        folder = self._place.zone.folder(name)
        batch = LandingReader(self._engine, self._place.zone).read(
            table, {folder / file: facts for file, facts in unread.items()}, self._aside.new_file()
        )
        unusable = Counter(line.file for line in batch.bad)
        read = {
            file: FileAccount(facts.sha256, facts.size, facts.lines, unusable[file])
            for file, facts in unread.items()
        }
        path = self._together(table, aside, aside.files.keys() - taken, batch.path)
        new = Aside((path,) if path else (), {**taken, **read})
        self._place.zone.refuse_changed(name, state)
        if new.files and (new.paths, new.files) != (aside.paths, aside.files):
            self._aside.keep(table, new)
        # Both tables have the same lines of a file that is not read again.
        traces = told.traces(name) if told else {}
        kept = [
            BadLine(file, line, why, traces[file, line] if told else ())
            for _, file, line, why in entries
            if file in held.same or file in taken
        ]
        return _Reading(
            table,
            state,
            held,
            new,
            (*kept, *batch.bad),
            Ledger(table.contract_sha256, {**held.same, **new.files}),
        )

    def _telling(self, table: Table) -> HeldBack | None:
        """Return what tells what can be made out of a table's lines; None where nobody asks."""
        return self._held_back if table.held_back else None

    def _together(
        self, table: Table, aside: Aside, gone: Collection[str], read: Path | None
    ) -> Path | None:
        """Return one file of the rows kept aside, without those of some files, and of new ones."""
        if not aside.paths or len(gone) == len(aside.files):
            return read
        alone = len(aside.paths) == 1 and self._aside.is_own(aside.paths[0])
        if alone and read is None and not gone:
            return aside.paths[0]
        columns = [column.name for column in table.typed.columns]
        selects = [rows_without(aside.paths, gone, columns)]
        selects += [rows_without([read], (), columns)] if read else []
        return self._copied(table, " UNION ALL ".join(selects), self._aside.new_file())

    def _new_file(self, table: Table) -> Path:
        folder = self._place.layout.warehouse / table.typed.name / "data"
        make_folder(folder)
        return folder / f"{uuid.uuid4().hex}.parquet"

    def _commit(self, reading: _Reading) -> None:
        from stedi_cli.tables import iceberg

        typed, held, layout = reading.table.typed, reading.held, self._place.layout
        new = reading.new.paths
        rewritten = self._to_rewrite(held, len(new))
        added = [path for path in (self._rewrite(reading, rewritten),) if path]
        added += [_named_too(path, self._new_file(reading.table)) for path in new]
        kept = [path for path in held.files if path not in rewritten]
        sizes = {path.name: path.stat().st_size for path in (*kept, *added)}
        make_folder(layout.ledgers)
        with replaced(layout.ledgers / reading.ledger.name, layout.temp) as sink:
            sink.write(reading.ledger.content)
        done = iceberg.replace(
            self._place.catalog,
            typed,
            {to_uri(path): path for path in added},
            files_to_summary(sizes) | ledger_to_summary(reading.ledger.name),
            keep=self._place.settings.keep_snapshots,
            forget=bool(held.gone) or not held.ledger,
            kept=[to_uri(path) for path in kept],
        )
        self._place.tables.forget()
        self._aside.drop(reading.table)
        self._note(typed.name, done.expired)

    def _to_rewrite(self, held: Held, added: int) -> set[Path]:
        """Return the data files that hold rows of files that are gone, or are many and small."""
        found: set[Path] = set()
        if held.gone and held.files:
            gone = ", ".join(map(literal, sorted(held.gone)))
            rows = self._engine.execute(
                f"SELECT DISTINCT {FILE} FROM {parquet(held.files, named=True)}"
                f" WHERE {LANDING_FILE} IN ({gone})"
            )
            found |= {Path(row[0]) for row in rows}
        if len(held.files) + added > _MOST_FILES:
            found |= {path for path in held.files if path.stat().st_size < _SMALL_BYTES}
        return found

    def _rewrite(self, reading: _Reading, files: set[Path]) -> Path | None:
        """Write the rows of data files anew, without those of files that are gone."""
        if not files:
            return None
        columns = [column.name for column in reading.table.typed.columns]
        select = rows_without(sorted(files), reading.held.gone, columns)
        return self._copied(reading.table, select, self._new_file(reading.table))

    def _copied(self, table: Table, select: str, path: Path) -> Path | None:
        """Write rows to a file; return None where there is no row."""
        try:
            rows = self._engine.copy(select, path)
        except duckdb.Error as error:
            raise reading_error(table, error) from error
        if rows:
            return path
        path.unlink()
        return None

    def _note(self, table: str, expired: Expired | None) -> None:
        if expired is not None and expired.snapshots:
            self.expired[table] = expired


def _named_too(path: Path, other: Path) -> Path:
    """Give a file another name, and leave it the one by which it is found if the commit fails."""
    try:
        other.hardlink_to(path)
    except OSError:
        # A file system without such links.
        path.replace(other)
    return other
