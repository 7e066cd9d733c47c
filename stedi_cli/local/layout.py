"""What lies where below the root of a local lakehouse, and how file URIs and paths relate."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from stedi_cli.durable import load_json
from stedi_cli.errors import StediError, UsageError
from stedi_cli.local.lock import is_lock
from stedi_cli.project.settings import MARKER, RIGHT

VERSION = 1
# DuckDB and Hadoop read these as patterns, Iceberg's readers as parts of a URI.
_UNSAFE = set("*?[]{}%#'\"\\\n\r\t\0:;")


@dataclass(frozen=True)
class Layout:
    """Paths below a root.

    Args:
        root: Absolute folder of the lakehouse.
    """

    root: Path

    @property
    def marker(self) -> Path:
        """The file that says this folder is a lakehouse, and where it was made."""
        return self.root / MARKER

    @property
    def catalog(self) -> Path:
        """The SQLite file with the Iceberg catalog."""
        return self.root / "catalog.db"

    @property
    def landing(self) -> Path:
        """The folder of the landing zones."""
        return self.root / "landing"

    @property
    def warehouse(self) -> Path:
        """The folder of the Iceberg tables."""
        return self.root / "warehouse"

    @property
    def ledgers(self) -> Path:
        """The folder of the ledgers, which the typed copies' snapshots name."""
        return self.root / "ledgers"

    @property
    def aside(self) -> Path:
        """The folder of what was read of landing files and is in no snapshot yet."""
        return self.root / "aside"

    @property
    def temp(self) -> Path:
        """The folder for intermediate files, emptied by every run."""
        return self.root / "tmp"

    @property
    def lock(self) -> Path:
        """The file whose lock admits one writer."""
        return self.root / "lock"

    @property
    def readers(self) -> Path:
        """The file whose shared lock holds off sweeping while someone reads."""
        return self.root / "readers"

    @property
    def journal(self) -> Path:
        """The file that exists while a run writes, and stays when the run dies."""
        return self.root / "journal.json"

    @property
    def spark_log(self) -> Path:
        """The file that takes what Spark says beside its results."""
        return self.root / "spark.log"

    @property
    def index(self) -> Path:
        """The cache of landing files' facts."""
        return self.root / "landing-index.json"

    @property
    def kept(self) -> Path:
        """What is kept of validations."""
        return self.root / "validation.json"

    @property
    def checked(self) -> Path:
        """What was found right of the project's files."""
        return self.root / RIGHT

    @property
    def expected(self) -> Path:
        """The expected counts that came with the uploaded data."""
        return self.root / "expected.yaml"

    @property
    def exports(self) -> Path:
        """The ledger of exports: what was written out of the lakehouse."""
        return self.root / "exports.jsonl"

    @property
    def answered(self) -> Path:
        """Which lines that cannot be used hold nobody back any more."""
        return self.root / "answered.json"

    def read_answered(self) -> bytes | None:
        """Return what is kept of lines that were answered; None where that cannot be read."""
        try:
            return self.answered.read_bytes()
        except OSError:
            return None

    @property
    def beside(self) -> tuple[Path, ...]:
        """The files for its own use, which hold nothing that is asked for."""
        notes = (self.index, self.kept, self.checked, self.expected, self.answered)
        return (*notes, self.journal, self.readers, self.spark_log)

    def table_location(self, table: str) -> str:
        """Return the URI of a table's folder."""
        return to_uri(self.warehouse / table)

    def table_folder(self, table: str) -> Path | None:
        """Return a table's folder if it is a real folder right below the warehouse, else None."""
        folder = self.warehouse / table
        inside = folder.parent == self.warehouse and folder.name not in ("", ".", "..")
        linked = folder.is_symlink() or self.warehouse.is_symlink()
        return folder if inside and folder.is_dir() and not linked else None

    def exists(self) -> bool:
        """Tell whether a lakehouse was made here."""
        return self.marker.is_file()

    def is_own(self) -> bool:
        """Tell whether this is a lakehouse, or what an `infra up` or `down` that died left."""
        if self.exists():
            return True
        files = [p for p in self.root.rglob("*") if p.is_symlink() or not p.is_dir()]
        parts = [p for p in files if p.parent == self.temp and p.suffix == ".part"]
        return (is_lock(self.lock) and len(files) == len(parts) + 1) or not files

    def made_at(self) -> Path:
        """Return where the lakehouse was made; raise StediError where the marker is broken."""
        try:
            return Path(load_json(self.marker)["root"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StediError(
                f"{self.marker} is broken.", hint="Run `stedi infra up` to write it again."
            ) from error

    def require(self) -> None:
        """Raise StediError unless a lakehouse is here, where it was made, and without links."""
        if not self.exists():
            raise StediError(
                f"There is no lakehouse in {self.root}.",
                hint="Make one with `stedi infra up`, or name its root with --root.",
            )
        made_at = self.made_at()
        if made_at != self.root:
            raise StediError(
                f"The lakehouse in {self.root} was made in {made_at} and moved.",
                hint="Move it back, or run `stedi infra up` here and the jobs again.",
            )
        self.refuse_links()

    def refuse_links(self) -> None:
        """Raise StediError where a part of the lakehouse is a link: what it leads to is foreign."""
        parts = [self.landing, self.warehouse, self.ledgers, self.aside, self.temp]
        parts += [self.catalog, self.lock, self.readers]
        for folder in (self.landing, self.warehouse):
            parts += folder.iterdir() if folder.is_dir() and not folder.is_symlink() else []
        linked = next((path for path in parts if path.is_symlink()), None)
        if linked is not None:
            raise StediError(
                f"{linked} is a link, which a lakehouse may not hold.",
                hint="Put the file or folder itself there, or remove the link.",
            )

    def refuse_unsafe_root(self) -> None:
        """Raise UsageError for a root whose path some engine would read as something else."""
        found = sorted(set(str(self.root)) & _UNSAFE)
        if found:
            raise UsageError(
                f"The root {str(self.root)!r} holds {' '.join(map(repr, found))}.",
                hint="Choose a root without quotes, wildcards and % # : ; in its path.",
            )


def to_uri(path: Path) -> str:
    """Return the URI of a file, in the one form that this project writes."""
    return f"file://{path}"


def to_path(uri: str) -> Path:
    """Return the path of a file URI in any of the forms that engines write.

    Args:
        uri: ``file:///x``, ``file:/x`` or ``/x``; none of them percent-encodes the path.

    Returns:
        The absolute path, without ``.`` and ``..``.
    """
    return Path(os.path.normpath("/" + uri.removeprefix("file:").lstrip("/")))
