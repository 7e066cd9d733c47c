"""``stedi validate --accept``: the counts that there are become the expected ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stedi_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    from stedi_cli.checks.validation import Validation
    from stedi_cli.checks.verdict import Report
    from stedi_cli.cli.session import Session


def accept(opened: Session, validation: Validation, report: Report, file: str) -> list[str]:
    """Write the counts that a validation has just found, and return where they are now.

    Args:
        opened: The session.
        validation: What found them.
        report: What it found.
        file: A file for a copy; an empty text for none.
    """
    copy = Path(file) if file else None
    if copy is not None:
        _refuse_file(opened.settings.project, opened.lakehouse.rules, copy)
    content = validation.accepted(report)
    places: list[str] = []
    if copy is not None:
        from stedi_cli.durable import replaced

        with replaced(copy, copy.parent) as sink:
            sink.write(content)
        places.append(str(copy))
    return [*places, opened.lake.landing.expect(content)]


def _refuse_file(project: Path, rules: Collection[str], file: Path) -> None:
    """Raise UsageError for a file that is the project's, or no expected counts."""
    from stedi_cli.checks.expected import FILE_NAME, uploaded_entry
    from stedi_cli.project.folder import bundled, resolved

    if str(file) in rules:
        raise UsageError(
            f"{file} is a check, and --accept is about all counts.", hint="Name no checks."
        )
    if file.suffix.lower() not in (".yaml", ".yml"):
        raise UsageError(
            f"{file} does not end in .yaml or .yml.",
            hint=f"Name a file such as data/{FILE_NAME}.",
        )
    place = resolved(file)
    folders = [Path(part) for part in ("configs", "data/sample")]
    packaged = {resolved(p / f / FILE_NAME) for p in (project, bundled()) for f in folders}
    if place in packaged:
        raise UsageError(
            f"{file} is what the project knows, and stays.",
            hint=f"Name a file beside your landing files, such as data/{FILE_NAME}.",
        )
    if not place.parent.is_dir():
        raise UsageError(
            f"There is no folder {file.parent}.", hint="Make it, or name another file."
        )
    if place.exists() or file.is_symlink():
        if not place.is_file() or file.is_symlink():
            raise UsageError(f"{file} is no plain file.", hint="Name another one.")
        # What is there has to be such counts, to be replaced by others.
        uploaded_entry(place)
