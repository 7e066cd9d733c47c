"""``stedi upload``: bring landing files in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.cli.session import Session, session
from stedi_cli.masking import is_address


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
            render.emit(counts)


def upload_into(
    opened: Session,
    folder: Path,
    *,
    replace: bool = False,
    wait: bool = False,
    quiet: bool = False,
) -> list[dict[str, object]]:
    """Upload a folder and show what was done.

    Args:
        opened: The session.
        folder: The folder.
        replace: Whether to remove landing files that are not in it.
        wait: Whether to wait for another writer.
        quiet: Whether to show nothing on stdout.

    Returns:
        Per landing table, how many files were new, changed, unchanged, removed or mixed in.
    """
    from stedi_cli.lake.events import Uploading

    states = ("new", "changed", "unchanged", "removed", "mixed")
    counts: dict[str, Counter[str]] = {name: Counter() for name in opened.lakehouse.landing}
    unknown: dict[str, set[str]] = {name: set() for name in opened.lakehouse.landing}
    with render.progress(f"Uploading {folder}") as bar:
        for done in opened.lake.landing.upload(folder, replace=replace, wait=wait):
            if isinstance(done, Uploading):
                bar(done.done, done.total)
                continue
            counts[done.table][done.state] += 1
            unknown[done.table] |= done.unknown
    result: list[dict[str, object]] = [
        {"table": name, **{state: count[state] for state in states}}
        for name, count in counts.items()
    ]
    if not quiet:
        shown = [s for s in states if s in ("new", "unchanged") or any(r[s] for r in result)]
        rows = [[r["table"], *(r[s] for s in shown)] for r in result]
        render.show(render.table(["landing files", *(f">{s}" for s in shown)], rows))
    for name, keys in unknown.items():
        if keys:
            render.note(
                f"Warning: {name} does not know these keys, and ignores them: {_named(keys)}"
            )
    mixed = sum(count["mixed"] for count in counts.values())
    if mixed:
        render.note(
            f"Warning: {mixed} landing file(s) are not in {folder}, so that data sets are mixed."
            " Add --replace to remove them."
        )
    return result


def _named(keys: set[str]) -> str:
    """Return keys for a person to read; one with an @ in it may be somebody's address."""
    named = [render.plain(key) for key in sorted(keys) if not is_address(key)]
    hidden = len(keys) - len(named)
    return ", ".join([*named, *([f"{hidden} with an @, not shown"] if hidden else [])])
