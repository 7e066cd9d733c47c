"""The typed copies of landing tables on Spark: a file is read once, and gone when it is gone.

In this order: the files are read and kept aside, the quarantine is written and what is held back,
the limits of unusable lines are kept, the copies are committed. What dies in between is done again,
but for the reading.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from landing_aside import KeptAside
from landing_held_back import HELD_BACK, HeldBack
from landing_quarantine import Quarantine
from landing_reading import LANDING_FILE, Account, LandingFiles, Reading, changed
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that PySpark's users know
from spark_tables import FORGETS, Tables, in_parts, rows_in

MOST_FILES = 32
"""Data files of a copy beyond which the small ones become one."""
SMALL_BYTES = 8 << 20


class TooManyBadLines(Exception):  # noqa: N818 - a verdict on the data
    """Raised where a landing table has more unusable lines than allowed."""


class UnreadableCustomers(Exception):  # noqa: N818 - a verdict on the data
    """Raised where more customers' lines than allowed do not say whose they are."""


class TypedLanding:
    """The landing tables of a request.

    Args:
        spark: The session.
        tables: The Iceberg tables.
        request: The request.
        latest: When it was written, where a younger landing file is not the one asked for.
    """

    def __init__(
        self, spark: SparkSession, tables: Tables, request: dict[str, Any], latest: Any = None
    ) -> None:
        self.spark = spark
        self.latest = latest
        self.tables = tables
        self.request = request
        self.aside = KeptAside(spark, tables, request)
        self.quarantine = Quarantine(spark, tables, request)
        there = HELD_BACK in tables.model
        self.held_back = HeldBack(spark, tables, request) if there else None

    def read(self) -> dict[str, dict[str, int]]:
        """Bring the copies up to date, and make each landing table readable by its name.

        Returns:
            By landing table, how many lines there are, how many of them cannot be used, and how
            many of these are unreadable.

        Raises:
            TooManyBadLines: If a table has more unusable lines than allowed.
            UnreadableCustomers: If more lines than allowed do not say whose they are.
            ValueError: If the files are not those that the run was started for.
        """
        readings = [self.held(name) for name in self.request["landing"]]
        for reading in readings:
            files = self.landing_files(reading)
            files.read(reading, self.latest)
            kept = self.aside.write(reading)
            files.refuse_changed(reading)
            self.aside.keep(reading.name, kept)
            reading.rows = self.aside.rows(reading.name)
        self.quarantine.replace(readings)
        if self.held_back is not None:
            self.held_back.replace(readings)
        for reading in readings:
            self.aside.tell(reading.name)
        for reading in readings:
            self.refuse_too_many(reading)
        accounts = {reading.name: self.account(reading) for reading in readings}
        self.refuse_unreadable(accounts)
        for reading in readings:
            self.commit(reading)
            self.aside.drop(reading.name)
            columns = [c["name"] for c in self.tables.model[reading.name]["columns"]]
            copy = self.request["landing"][reading.name]["typed"]
            self.spark.table(copy).select(*columns).createOrReplaceTempView(reading.name)
        return accounts

    def account(self, reading: Reading) -> dict[str, int]:
        """Return how a table's lines are used."""
        unreadable = self.held_back.unreadable(reading.name) if self.held_back else 0
        used = {"lines": reading.lines, "quarantined": reading.quarantined}
        return {**used, "unreadable": unreadable}

    def show_held_back(self, names: list[str]) -> None:
        """Make readable by its name what is held back of landing tables, and of no others."""
        if self.held_back is not None:
            self.held_back.show(names)

    def landing_files(self, reading: Reading) -> LandingFiles:
        """Return the files of a landing table."""
        folder = self.request["landing"][reading.name]["folder"]
        return LandingFiles(self.spark, self.tables.model[reading.name], folder)

    def refuse_too_many(self, reading: Reading) -> None:
        """Raise TooManyBadLines where a table has more unusable lines than allowed."""
        limit, count, lines = self.request["max_bad_rows"], reading.quarantined, reading.lines
        if count > most(limit, lines):
            raise TooManyBadLines(f"{reading.name}: {count:,} of {lines:,} lines cannot be used")

    def refuse_unreadable(self, accounts: dict[str, dict[str, int]]) -> None:
        """Raise UnreadableCustomers where more lines than allowed do not say whose they are."""
        limit, name = self.request["max_unreadable_customers"], self.request["customers"]
        account = accounts.get(name)
        if account and account["unreadable"] > most(limit, account["lines"]):
            raise UnreadableCustomers(f"{name}: {account['unreadable']} lines do not say whose")

    def held(self, name: str) -> Reading:
        """Tell what a table's copy holds: a file's lines, and those of it in quarantine."""
        asked = self.request["landing"][name]
        reading = Reading(name, {}, dict(asked["new"]), set(asked["gone"]))
        if asked["ledger"]:
            self.hold(reading)
        self.take(reading)
        return reading

    def hold(self, reading: Reading) -> None:
        """Let stay what a table's copy has of files that are still what was read."""
        name = reading.name
        asked = self.request["landing"][name]
        history = self.tables.history(asked["typed"])
        if history is None or history.summary.get("stedi.ledger") != asked["ledger"]:
            raise changed(name)
        content = self.tables.read(asked["typed"], self.ledger_place(asked["ledger"]))
        if ledger_name(content) != asked["ledger"]:
            raise ValueError(f"The ledger of {asked['typed']} is broken")
        files = {f: a for f, a in json.loads(content)["files"].items() if f not in reading.gone}
        reading.ledger = self.told(name, files, (asked["fingerprint"], asked["before"]))
        again = files.keys() - reading.ledger.keys()
        reading.gone |= again
        reading.new |= {file: files[file][:3] for file in again}

    def take(self, reading: Reading) -> None:
        """Take what a run that stopped had read of files that are still the same."""
        kept = self.aside.of(reading.name)
        if self.request["reread"]:
            return
        same = {f: a for f, a in kept.files.items() if reading.new.get(f) == a[:3]}
        reading.taken = self.told(reading.name, same, (kept.told,))
        reading.ledger |= reading.taken
        for file in reading.taken:
            del reading.new[file]
        rows = self.aside.rows(reading.name) if reading.taken else None
        if rows is not None:
            reading.rows = rows.where(F.col(LANDING_FILE).isin(sorted(reading.taken)))

    def told(
        self, name: str, files: dict[str, Account], prints: tuple[str, ...]
    ) -> dict[str, Account]:
        """Return those of a table's files whose unusable lines are in the tables of such lines.

        Args:
            name: The landing table.
            files: Accounts of its files.
            prints: The fingerprints of landing files that the lines may have been found in.
        """
        # Places in other files may be as many, and be others.
        tables = [t for t in (self.quarantine, self.held_back) if t is not None and t.is_of(name)]
        known = all(table.judged.get(name) in prints for table in tables)
        return {
            file: account
            for file, account in files.items()
            if all(table.stored.get((name, file), 0) == account[3] for table in tables)
            and (known or not account[3])
        }

    def ledger_place(self, name: str) -> str:
        """Return the URI of a ledger."""
        return f"{self.request['ledgers'].rstrip('/')}/{name}"

    def commit(self, reading: Reading) -> None:
        """Commit a table's copy, unless it is the same."""
        asked = self.request["landing"][reading.name]
        content = ledger_content(self.request["judgement"], asked["contract"], reading.ledger)
        if ledger_name(content) == asked["ledger"]:
            return
        copy, usable = asked["typed"], bool(asked["ledger"])
        files = self.tables.files(copy) if usable else {}
        again = self.to_rewrite(reading, files)
        summary = {"stedi.ledger": ledger_name(content)}
        if reading.gone or (not usable and self.tables.history(copy) is not None):
            summary[FORGETS] = "true"
        change = self.tables.replacement(copy)
        kept = [file for place, file in files.items() if place not in again]
        rows = self.to_write(reading, again)
        kept += self.tables.written(change.table(), rows) if rows is not None else []
        there, wanted = rows_in(kept), reading.lines - reading.quarantined
        if there != wanted:
            raise ValueError(f"{copy} would have {there:,} rows instead of {wanted:,}")
        self.tables.put(change.table(), self.ledger_place(ledger_name(content)), content)
        self.tables.finish(change, kept, summary)
        self.tables.expire(copy)

    def to_rewrite(self, reading: Reading, files: dict[str, Any]) -> dict[str, int]:
        """Return data files that hold rows of files gone, or are many and small; their sizes."""
        sizes = {place: int(file.fileSizeInBytes()) for place, file in files.items()}
        found: set[str] = set()
        if reading.gone and files:
            copy = self.spark.table(self.request["landing"][reading.name]["typed"])
            gone = copy.where(F.col(LANDING_FILE).isin(sorted(reading.gone)))
            found = {row["_file"] for row in gone.select("_file").distinct().collect()}
        if len(files) + (reading.rows is not None) > MOST_FILES:
            found |= {place for place, size in sizes.items() if size < SMALL_BYTES}
        return {place: sizes[place] for place in found}

    def to_write(self, reading: Reading, again: dict[str, int]) -> DataFrame | None:
        """Return what is written: the new rows, and those of data files without what is gone."""
        rows = reading.rows
        if again:
            copy = self.spark.table(self.request["landing"][reading.name]["typed"])
            old = copy.where(F.col("_file").isin(sorted(again)))
            if reading.gone:
                old = old.where(~F.col(LANDING_FILE).isin(sorted(reading.gone)))
            rows = old if rows is None else rows.unionByName(old)
        read = {**reading.taken, **reading.new}
        size = sum(account[1] for account in read.values()) + sum(again.values())
        return in_parts(rows, size) if rows is not None else None


def most(limit: float | int, lines: int) -> float | int:
    """Return how many lines a limit allows: a share of the lines (float), or a number (int)."""
    return limit * lines if isinstance(limit, float) else limit


def ledger_content(judgement: int, contract: str, files: dict[str, Account]) -> bytes:
    """Return a ledger as it is stored, the same bytes as those of stedi_cli/landing/ledger.py."""
    record = {"judgement": judgement, "contract": contract, "files": dict(sorted(files.items()))}
    return json.dumps(record, separators=(",", ":")).encode()


def ledger_name(content: bytes) -> str:
    """Return the file name of a ledger, the digest of its content."""
    return f"{hashlib.sha256(content).hexdigest()}.json"
