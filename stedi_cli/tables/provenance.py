"""What made a snapshot: the record that jobs leave, and that history and up-to-date tests read.

It is read from Iceberg's metadata JSON alone, without any engine or Iceberg library.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from stedi_cli.tables.summary import (
    COUNTS_ONLY,
    FORGETS,
    MARK,
    PREFIX,
    files_from_summary,
    judged_from_summary,
    ledger_from_summary,
    lines_from_summary,
    traced_from_summary,
)

_FIRST_FIELDS = ("fingerprint", "lines", "quarantined", "as_is")


@dataclass(frozen=True)
class LandingAccount:
    """How a landing table's lines were used in a run.

    Args:
        fingerprint: Digest of the landing files, names and contents.
        lines: Lines that are not blank.
        quarantined: Lines that could not be used.
        contract: Digest of the columns that the lines were judged by; empty in older records.
        unreadable: Those that could not be used, and of which it is not known what has to be: of a
            customer, who it is or which device they hold; of a reading, when it was taken.
    """

    fingerprint: str
    lines: int
    quarantined: int
    contract: str = ""
    unreadable: int = 0

    @property
    def usable(self) -> int:
        """Lines that could be used."""
        return self.lines - self.quarantined

    @classmethod
    def from_record(cls, record: dict[str, Any] | list[Any]) -> LandingAccount:
        """Read an account by its fields' names; raise TypeError where one is missing.

        What this version does not know is left out. The first versions wrote a list.
        """
        names = [field.name for field in fields(cls)]
        if isinstance(record, list):
            record = dict(zip(_FIRST_FIELDS, record, strict=False))
        return cls(**{name: record[name] for name in names if name in record})


@dataclass(frozen=True)
class Provenance:
    """The record in a snapshot's summary; never an identifier of a person.

    Args:
        run: Identifier of the run.
        job: Name of the job.
        policy: Policy that it ran under.
        engine: Engine that ran it.
        sql: SHA-256 of the job's SQL.
        columns: SHA-256 of the columns of the table and of the landing tables read.
        inputs: Per table read, the fingerprint of its landing files or its snapshot's id.
        landing: Per landing table read, how its lines were used.
    """

    run: str
    job: str
    policy: str
    engine: str
    sql: str
    columns: str
    inputs: dict[str, str]
    landing: dict[str, LandingAccount] = field(default_factory=dict)

    def same_recipe(self, other: Provenance) -> bool:
        """Tell whether both were made by the same job, policy, SQL, columns and inputs."""
        mine = (self.job, self.policy, self.sql, self.columns, self.inputs)
        return mine == (other.job, other.policy, other.sql, other.columns, other.inputs)

    def used_all_lines(self, landing: Iterable[str]) -> bool:
        """Tell whether every line of some landing tables could be used, as far as it is known."""
        accounts = [self.landing.get(name) for name in landing]
        return all(account is not None and account.quarantined == 0 for account in accounts)

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        record = {"run": self.run, "job": self.job, "policy": self.policy, "engine": self.engine}
        return {**record, "sql_sha256": self.sql, "inputs": self.inputs}

    def to_summary(self) -> dict[str, str]:
        """Return the record as snapshot properties."""
        landing = {name: asdict(account) for name, account in self.landing.items()}
        texts = {name: getattr(self, name) for name in _TEXTS}
        objects = {"inputs": self.inputs, "landing": landing}
        return {f"{PREFIX}{name}": text for name, text in texts.items()} | {
            f"{PREFIX}{name}": json.dumps(value, sort_keys=True) for name, value in objects.items()
        }

    @classmethod
    def from_summary(cls, summary: dict[str, str]) -> Provenance | None:
        """Read the record from a snapshot's summary; None where there is none, or not whole."""
        try:
            texts = {name: summary[PREFIX + name] for name in _TEXTS}
            landing = json.loads(summary[PREFIX + "landing"])
            return cls(
                **texts,
                inputs=json.loads(summary[PREFIX + "inputs"]),
                landing={n: LandingAccount.from_record(record) for n, record in landing.items()},
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            return None


_TEXTS = ("run", "job", "policy", "engine", "sql", "columns")
FORMAT = 2
"""The version of Iceberg's format that is written. Other engines upgrade it, and none goes back."""


@dataclass(frozen=True)
class Snapshot:
    """A state of a table.

    Args:
        id: Iceberg's snapshot id.
        committed_ms: Commit time, epoch milliseconds.
        rows: Rows in the table then, or None where the writer did not say.
        provenance: What made it, or None where it was not one of this project's jobs.
        manifests: URI of the list of its manifests.
        files: Size in bytes of each data file, by the file's name; empty where the writer did
            not know them before the commit.
        lines: Of the quarantine and of ``held_back``, the lines by landing table; None where no
            run wrote it.
        judged: Of both, the fingerprints of the landing files that the lines are of, by landing
            table; empty where an older version wrote it.
        traced: Of ``held_back``, the digest of what was looked for in the lines; else empty.
        ledger: Of a typed copy, the name of the ledger of its landing files; else empty.
        forgets: Whether no older one may stay, as where a person may have withdrawn.
        counts_only: Whether its manifests are known to hold no value of a column.
        schema: Id of the schema that it was written under; None where the writer did not say.
    """

    id: int
    committed_ms: int
    rows: int | None
    provenance: Provenance | None
    manifests: str | None = None
    files: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] | None = None
    judged: dict[str, str] = field(default_factory=dict)
    ledger: str = ""
    traced: str = ""
    forgets: bool = False
    counts_only: bool = False
    schema: int | None = None

    @property
    def committed(self) -> datetime:
        """Commit time, in UTC."""
        return datetime.fromtimestamp(self.committed_ms / 1000, UTC)

    def as_json(self) -> dict[str, Any]:
        """Return it as it leaves; ``docs/json.md`` says what is what."""
        record = {
            "snapshot": str(self.id),
            "committed": self.committed.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "rows": self.rows,
        }
        return record | (self.provenance.as_json() if self.provenance else {})


@dataclass(frozen=True)
class TableState:
    """A table as its metadata tells.

    Args:
        location: URI of the table's folder.
        metadata: URI of the metadata file.
        columns: Names and Iceberg types of its columns; a type ends in ``required`` where it is.
        snapshots: Its snapshots, oldest first.
        current: The current one, or None for a table never written.
        refs: The names of tags and of branches beside the main one, each with its kind.
        partitioned: Whether what is written next is partitioned.
        sorted: Whether what is written next is sorted.
        schema: Id of its schema now.
        mapped: Whether files without ids, such as DuckDB's, are read by their columns' names.
        format: Version of Iceberg's format.
        properties: Its properties.
    """

    location: str
    metadata: str
    columns: dict[str, str]
    snapshots: tuple[Snapshot, ...]
    current: Snapshot | None
    refs: dict[str, str] = field(default_factory=dict)
    partitioned: bool = False
    sorted: bool = False
    schema: int | None = None
    mapped: bool = True
    format: int = FORMAT
    properties: dict[str, str] = field(default_factory=dict)

    def is_made_here(self, name: str) -> bool:
        """Tell whether this project made it under a name, by its mark or by what jobs wrote."""
        by_a_job = any(snapshot.provenance is not None for snapshot in self.snapshots)
        return by_a_job or self.properties.get(MARK) == name


def parse_metadata(content: bytes, uri: str) -> TableState:
    """Read an Iceberg table's metadata file.

    Args:
        content: The JSON.
        uri: Where it lies.

    Returns:
        The table's state.

    Raises:
        ValueError: If it is not Iceberg metadata.
    """
    try:
        return _parse(json.loads(content), uri)
    except (LookupError, TypeError, AttributeError, StopIteration, RecursionError) as error:
        raise ValueError(f"not Iceberg table metadata: {error!r}") from error


def _parse(raw: dict[str, Any], uri: str) -> TableState:
    schema = next(s for s in raw["schemas"] if s["schema-id"] == raw["current-schema-id"])
    # Not by time: a clock may have been set back.
    listed = sorted(raw.get("snapshots", []), key=lambda s: s.get("sequence-number", 0))
    snapshots = [_snapshot(snapshot) for snapshot in listed]
    current = raw.get("current-snapshot-id")
    return TableState(
        location=raw["location"],
        metadata=uri,
        columns={f["name"]: _type(f) for f in schema["fields"]},
        snapshots=tuple(snapshots),
        current=next((s for s in snapshots if s.id == current), None),
        refs={n: str(ref["type"]) for n, ref in raw.get("refs", {}).items() if n != "main"},
        properties=dict(raw.get("properties") or {}),
        partitioned=_has_fields(raw, "default-spec-id", "partition-specs", "spec-id"),
        sorted=_has_fields(raw, "default-sort-order-id", "sort-orders", "order-id"),
        schema=raw["current-schema-id"],
        mapped=_is_mapped(raw, schema),
        format=int(raw["format-version"]),
    )


def _type(column: dict[str, Any]) -> str:
    return f"{column['type']} required" if column.get("required") else str(column["type"])


def _is_mapped(raw: dict[str, Any], schema: dict[str, Any]) -> bool:
    try:
        known = json.loads(raw["properties"]["schema.name-mapping.default"])
        ids = {name: one["field-id"] for one in known for name in one["names"]}
    except (LookupError, TypeError, ValueError):
        return False
    return all(ids.get(field["name"]) == field["id"] for field in schema["fields"])


def _has_fields(raw: dict[str, Any], default: str, known: str, key: str) -> bool:
    """Tell whether the default one of a table's partition specs, or sort orders, names a column."""
    return any(s["fields"] for s in raw.get(known) or [] if s[key] == raw.get(default, 0))


def _snapshot(raw: dict[str, Any]) -> Snapshot:
    summary = raw.get("summary", {})
    rows = summary.get("total-records")
    return Snapshot(
        id=raw["snapshot-id"],
        committed_ms=raw["timestamp-ms"],
        rows=None if rows is None else int(rows),
        provenance=Provenance.from_summary(summary),
        manifests=raw.get("manifest-list"),
        files=files_from_summary(summary),
        lines=lines_from_summary(summary),
        judged=judged_from_summary(summary),
        ledger=ledger_from_summary(summary),
        traced=traced_from_summary(summary),
        forgets=FORGETS in summary,
        counts_only=COUNTS_ONLY.items() <= summary.items(),
        schema=raw.get("schema-id"),
    )
