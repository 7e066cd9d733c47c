"""The ledger of a landing table: the files that its typed copy holds, and how lines were used."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from stedi_cli.landing.file_facts import FileFacts
from stedi_cli.landing.files import fingerprint

JUDGEMENT = 2
"""Which lines are usable, and what they say: to be raised where that changes, so that landing files
are read again."""


_NAME = re.compile(r"[0-9a-f]{64}\.json")


@dataclass(frozen=True)
class FileAccount:
    """How the lines of a landing file were used.

    Args:
        sha256: Digest of the file's bytes.
        size: Size in bytes.
        lines: Lines that are not blank.
        quarantined: Lines that could not be used.
    """

    sha256: str
    size: int
    lines: int
    quarantined: int

    def is_of(self, facts: FileFacts) -> bool:
        """Tell whether a file is the one that was read."""
        return (self.sha256, self.size, self.lines) == (facts.sha256, facts.size, facts.lines)


def still_those(
    read: Mapping[str, FileAccount], files: Mapping[str, FileFacts]
) -> dict[str, FileAccount]:
    """Return the accounts of files that are still those that were read.

    Args:
        read: The accounts by file name.
        files: The landing files as they are.
    """
    found = {name: account for name, account in read.items() if name in files}
    return {name: account for name, account in found.items() if account.is_of(files[name])}


@dataclass(frozen=True)
class Ledger:
    """The files of a landing table that were read.

    Args:
        contract: Digest of the columns that the lines were judged by.
        files: Their accounts by file name.
    """

    contract: str
    files: Mapping[str, FileAccount]

    @property
    def lines(self) -> int:
        """Lines that are not blank, over all files."""
        return sum(account.lines for account in self.files.values())

    @property
    def quarantined(self) -> int:
        """Lines that could not be used, over all files."""
        return sum(account.quarantined for account in self.files.values())

    @property
    def fingerprint(self) -> str:
        """Digest of the files' names and contents, as of landing files."""
        return fingerprint({name: account.sha256 for name, account in self.files.items()})

    def same(self, files: Mapping[str, FileFacts]) -> dict[str, FileAccount]:
        """Return the accounts of files that are still those that were read.

        Args:
            files: The landing files as they are.
        """
        return still_those(self.files, files)

    def unread(self, files: Mapping[str, FileFacts]) -> int:
        """Return the lines of files that were not read as they are."""
        return sum(files[name].lines for name in files.keys() - self.same(files).keys())

    def miscounted(
        self,
        rows: Mapping[str, int],
        bad: Iterable[Mapping[str, int]],
        files: Mapping[str, FileFacts],
    ) -> int:
        """Return the lines that another file has too many or too few of.

        Args:
            rows: The rows in the typed copy by file.
            bad: The unusable lines by file, of each table in which they are.
            files: The landing files as they are.
        """
        usable = {file: a.lines - a.quarantined for file, a in self.files.items()}
        there = rows.keys() | usable.keys()
        lines = sum(abs(rows.get(file, 0) - usable.get(file, 0)) for file in there)
        # Of what was removed or changed since, a run on another engine may have taken out the
        # unusable lines.
        kept = self.same(files).items()
        return lines + sum(
            abs(found.get(file, 0) - a.quarantined) for found in bad for file, a in kept
        )

    @cached_property
    def content(self) -> bytes:
        """The ledger as it is stored; equal ledgers have equal bytes."""
        files = {
            name: [account.sha256, account.size, account.lines, account.quarantined]
            for name, account in sorted(self.files.items())
        }
        record = {"judgement": JUDGEMENT, "contract": self.contract, "files": files}
        return json.dumps(record, separators=(",", ":")).encode()

    @cached_property
    def name(self) -> str:
        """The file name of the ledger: the digest of its content, so that a broken one is known."""
        return f"{hashlib.sha256(self.content).hexdigest()}.json"


def is_ledger(name: str) -> bool:
    """Tell whether a file of that name may be a ledger."""
    return _NAME.fullmatch(name) is not None


def is_of_contract(content: bytes, name: str, contract: str) -> bool:
    """Tell, without parsing it, whether a stored ledger is whole and lines are judged so still.

    Args:
        content: The ledger as it is stored.
        name: Its file name.
        contract: Digest of the columns that lines are judged by.
    """
    start = Ledger(contract, {}).content.removesuffix(b"}}")
    return content.startswith(start) and f"{hashlib.sha256(content).hexdigest()}.json" == name


def parse_ledger(content: bytes, name: str) -> Ledger | None:
    """Read a stored ledger; None where it is broken, or lines are judged otherwise by now."""
    try:
        record = json.loads(content)
        files = {file: FileAccount(*account) for file, account in record["files"].items()}
        ledger = Ledger(record["contract"], files)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return ledger if ledger.name == name else None
