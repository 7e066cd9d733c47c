"""``stedi upload``: bring landing files in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.session import Session, session
from stedi_cli.masking import is_address

if TYPE_CHECKING:
    from stedi_cli.lake.events import UploadCount


def upload(
    ctx: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder with landing files [default: the configured data]."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Make the landing zone equal to the folder.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for another writer.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring landing files into the landing zone, by content.

    The folder holds customer/, accelerometer/ and step_trainer/, each with or without landing/
    below, with .json or .json.gz files. Unchanged files are skipped.

    Example: stedi upload my-landing-files --replace
    """
    with session(ctx) as opened:
        counts = upload_into(
            opened, folder or opened.settings.data, replace=replace, wait=wait, quiet=as_json
        )
        if as_json:
            render.emit([count.as_json() for count in counts])


def upload_into(
    opened: Session,
    folder: Path,
    *,
    replace: bool = False,
    wait: bool = False,
    quiet: bool = False,
) -> list[UploadCount]:
    """Upload a folder and show what was done.

    Args:
        opened: The session.
        folder: The folder.
        replace: Whether to remove landing files that are not in it.
        wait: Whether to wait for another writer.
        quiet: Whether to show nothing on stdout.

    Returns:
        How many files were new, changed and so on, a landing table each.
    """
    from stedi_cli.lake.events import UploadCount, Uploading

    counts = {name: UploadCount(name) for name in opened.lakehouse.landing}
    with render.progress(f"Uploading {folder}") as bar:
        for done in opened.lake.landing.upload(folder, replace=replace, wait=wait):
            if isinstance(done, Uploading):
                bar(done.done, done.total)
            else:
                counts[done.table].add(done)
    result = list(counts.values())
    if not quiet:
        _show(result)
    _warn(result, folder)
    return result


def _show(counts: list[UploadCount]) -> None:
    from stedi_cli.lake.events import STATES

    shown = [s for s in STATES if s in ("new", "unchanged") or any(c.files[s] for c in counts)]
    rows = [[count.table, *(count.files[state] for state in shown)] for count in counts]
    render.show(render.table(["landing files", *(f">{state}" for state in shown)], rows))


def _warn(counts: list[UploadCount], folder: Path) -> None:
    """Say what was not expected: keys that no table knows, and data sets that are mixed."""
    for count in counts:
        if count.unknown:
            render.note(
                f"Warning: {count.table} does not know these keys, and ignores them:"
                f" {_named(count.unknown)}"
            )
    mixed = sum(count.files["mixed"] for count in counts)
    if mixed:
        render.note(
            f"Warning: {mixed} landing file(s) are not in {folder}, so that data sets are mixed."
            " Add --replace to remove them."
        )


def _named(keys: set[str]) -> str:
    """Return keys for a person to read; one with an @ in it may be somebody's address."""
    named = [render.plain(key) for key in sorted(keys) if not is_address(key)]
    hidden = len(keys) - len(named)
    return ", ".join([*named, *([f"{hidden} with an @, not shown"] if hidden else [])])
