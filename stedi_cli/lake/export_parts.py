"""The parts of a lakehouse by which data leave it, and which tell of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from stedi_cli.lake.exports import ExportEntry, Exports
from stedi_cli.lake.records import Folded


class Folds(Protocol):
    """Tables in folds, by people."""

    def export(
        self,
        table: str,
        folder: Path,
        folds: int,
        seed: int,
        *,
        force: bool = False,
        tell: Callable[[Folded], object] | None = None,
    ) -> Folded:
        """Write a table to a folder, a file a fold, without personal columns.

        All rows of a person are in one fold: the same one with the same seed, whoever else comes
        or goes. ``tell`` is called as by ``Questions.export``.

        Raises:
            UsageError: If the folder is none for it, or the SQL that says whose the rows are is
                missing or cannot be run.
            BadDataError: If that SQL gives other rows than the table has.
        """


class ExportLedger(Protocol):
    """What was written out of the lakehouse, kept as long as the lakehouse is."""

    def add(self, entry: ExportEntry) -> bool:
        """Add an entry that survives; False where this user may not write here."""

    def read(self) -> Exports:
        """Return all entries."""
