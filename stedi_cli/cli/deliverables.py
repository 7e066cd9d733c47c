"""The course's deliverables: a picture of each table's rows by its name, and of the counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stedi_cli.cli.picture import picture_of, save_table
from stedi_cli.cli.picture_formats import drawn, has_png
from stedi_cli.cli.session import Session
from stedi_cli.durable import make_folder
from stedi_cli.errors import StediError, UsageError
from stedi_cli.project.lakehouse import QUARANTINE
from stedi_cli.questions.export_file import exported, is_taken, refuse_lakehouse

if TYPE_CHECKING:
    from stedi_cli.checks.verdict import Report

COUNTS = "counts"
_ROWS = 10


def refuse_deliverables(opened: Session, folder: Path, *, force: bool) -> None:
    """Raise UsageError where the pictures cannot be written to a folder, or would replace any."""
    refuse_lakehouse(folder / COUNTS)
    place = folder.absolute()
    there = next(above for above in (place, *place.parents) if is_taken(above))
    if not there.is_dir():
        raise UsageError(f"{there} is no folder.", hint="Name another for --save.")
    for name in (*opened.lakehouse.tables, COUNTS):
        file = _file(folder, name)
        if is_taken(file) and not force:
            raise UsageError(f"{file} exists.", hint="Name a new folder, or add --force.")


def save_deliverables(
    opened: Session, report: Report, folder: Path, *, unmasked: bool
) -> list[Path]:
    """Write a picture of each table that is built, and one of all counts.

    Args:
        opened: The command's session.
        report: What was validated.
        folder: Where they go, made where it is missing.
        unmasked: Whether they show what identifies a person.

    Returns:
        The files.
    """
    try:
        make_folder(folder.absolute())
    except OSError as error:
        raise StediError(
            f"Cannot make the folder {folder}: {error.strerror}.", hint="Name another for --save."
        ) from error
    files = []
    for count in report.tables:
        if count.rows is not None and count.table != QUARANTINE:
            file = _file(folder, count.table)
            table = opened.lakehouse.tables[count.table]
            save_table(opened, "validate --save", table, file, _ROWS, unmasked=unmasked)
            files.append(file)
    rows = [(c.table, c.zone, c.rows, c.expected, c.verdict) for c in report.tables]
    columns = ["table", "zone", "rows", "expected", "verdict"]
    facts = [f"policy {report.policy}", *_newest(opened), opened.lake.name]
    facts[1:1] = [report.source] if report.source else []
    picture = picture_of(COUNTS, "SELECT count(*) FROM each table", columns, rows, facts)
    file = _file(folder, COUNTS)
    with exported(file) as sink:
        sink.write(drawn(picture, file))
    return [*files, file]


def _newest(opened: Session) -> list[str]:
    """Return when the lakehouse last changed, in words."""
    current = [state.current for state in opened.lake.tables.states().values()]
    times = [snapshot.committed for snapshot in current if snapshot is not None]
    return [f"newest snapshot of {max(times):%Y-%m-%d %H:%M:%S} UTC"] if times else []


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}{'.png' if has_png() else '.svg'}"
