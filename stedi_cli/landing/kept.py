"""The record of what was read of a landing table's files and is in no snapshot yet.

It says of lines that cannot be used how many there are: which, and what can be made out of them,
the tables of such lines alone say. ``jobs/landing_aside.py`` writes the same records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stedi_cli.durable import body_in, with_digest
from stedi_cli.landing.ledger import JUDGEMENT, FileAccount
from stedi_cli.landing.traced import traced_in
from stedi_cli.project.lakehouse import Table
from stedi_cli.project.naming import NAME

SUFFIX = ".kept"
_DATA = re.compile(r"[0-9a-f]{32}\.parquet|\d+-\d+-[0-9a-f]{8}(-[0-9a-f]+)+\.parquet")
_RECORD = re.compile(rf"{NAME}\{SUFFIX}(\.part)?")


@dataclass(frozen=True)
class Kept:
    """What was read of some landing files; by default of none.

    Args:
        data: The Parquet files with their usable lines: the digest of each by its name.
        files: The landing files' accounts by name.
        told: The fingerprint of the landing files among which the tables of lines that cannot be
            used have theirs; empty until they have.
    """

    data: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, FileAccount] = field(default_factory=dict)
    told: str = ""

    def content(self, table: Table) -> bytes:
        """Return the record of a landing table as it is stored."""
        record = {
            **_read_by(table),
            "told": self.told,
            "data": self.data,
            "files": {
                name: [account.sha256, account.size, account.lines, account.quarantined]
                for name, account in self.files.items()
            },
        }
        return with_digest(json.dumps(record, separators=(",", ":")).encode())


def kept_in(content: bytes, table: Table) -> Kept:
    """Return what a stored record says; nothing where it is broken, or lines are read otherwise."""
    try:
        record = json.loads(body_in(content))
        if {name: record[name] for name in _read_by(table)} != _read_by(table):
            return Kept()
        files = {name: FileAccount(*account) for name, account in record["files"].items()}
        return Kept(_names_of_data(record), files, record["told"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Kept()


def data_in(content: bytes) -> set[str]:
    """Return the names of the data files of a record; raise ValueError where it is broken."""
    try:
        return set(_names_of_data(json.loads(body_in(content))))
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError from error


def is_kept(name: str) -> bool:
    """Tell whether a file of that name may be a record, or the data of one."""
    return bool(_DATA.fullmatch(name) or _RECORD.fullmatch(name))


def record_of(table: str) -> str:
    """Return the name of the record of a landing table."""
    return f"{table}{SUFFIX}"


def _names_of_data(record: Any) -> dict[str, str]:
    data: dict[str, str] = dict(record["data"])
    if not all(map(_DATA.fullmatch, data)):
        raise ValueError
    return data


def _read_by(table: Table) -> dict[str, Any]:
    """Return what lines are judged by, and what is looked for in those that cannot be used."""
    return {
        "judgement": JUDGEMENT,
        "contract": table.contract_sha256,
        "traced": traced_in(table),
    }
