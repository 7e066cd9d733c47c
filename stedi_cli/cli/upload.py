"""``stedi upload``: bring landing files in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.addresses import is_address
from stedi_cli.cli import render
from stedi_cli.cli.interrupts import if_interrupted
from stedi_cli.cli.session import Session, session
from stedi_cli.errors import ExitCode, UsageError, quantity
from stedi_cli.printable import one_line, plain

if TYPE_CHECKING:
    from stedi_cli.lake.events import UploadCount
    from stedi_cli.landing.delivery import Delivery

AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Exit 0 also where a table has no landing file.")
]
# Files that are named one by one, and of the same content.
_MOST_NAMED = 100
_FEW = 3


@if_interrupted("each landing file is as before or as uploaded")
def upload(
    ctx: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder with landing files [default: the configured data]."),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Of tables that the folder has files of, remove all others."
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before files are removed.")
    ] = False,
    convert: Annotated[
        bool,
        typer.Option("--convert", help="Write JSON lines of an array, UTF-16 and the like."),
    ] = False,
    allow_missing: AllowMissing = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for another writer.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring landing files into the landing zone, by content.

    The folder holds customer/, accelerometer/ and step_trainer/, or what they are called
    elsewhere (customers/, customer_landing/), with files of JSON lines at any depth, plain or
    gzip, whatever their suffix. Unchanged files are skipped; what is not taken is named. A file
    that is no JSON lines is named with what to do about it, and nothing is uploaded. Exit code 3
    where a table has no landing file then.

    Example: stedi upload my-landing-files
    """
    with session(ctx) as opened:
        delivery = found_in(opened, folder or opened.settings.data, convert=convert)
        remove = _to_remove(opened, delivery, yes=yes) if replace else {}
        result = upload_into(
            opened, delivery, remove=remove, wait=wait, convert=convert, quiet=as_json
        )
        if as_json:
            render.emit([count.as_json() for count in result.counts])
        result.end(allow_missing=allow_missing)


@dataclass(frozen=True)
class UploadResult:
    """What an upload came to.

    Args:
        counts: How many files were new, changed and so on, a landing table each.
    """

    counts: list[UploadCount]

    def end(self, *, allow_missing: bool) -> None:
        """Say which tables have no landing file, and exit 3 unless that is meant."""
        missing = [count.table for count in self.counts if not count.there]
        if not missing:
            return
        render.note(f"No landing file is there of {', '.join(missing)}.")
        if not allow_missing:
            render.note("Hint: Upload them too; if that is meant, add --allow-missing.")
            raise typer.Exit(ExitCode.BAD_DATA)


def found_in(opened: Session, folder: Path, *, convert: bool = False) -> Delivery:
    """Return what can be brought in of a folder, and say what cannot and why."""
    delivery = opened.lake.landing.find(folder)
    if delivery.folder != folder:
        render.note(f"The landing files are those of {delivery.folder}.")
    from stedi_cli.landing.names import shown
    from stedi_cli.landing.other_files import refuse_other_files

    for path, why in delivery.not_taken[:_MOST_NAMED]:
        render.note(f"Not taken: {one_line(shown(str(path)))}: {why}.")
    if len(delivery.not_taken) > _MOST_NAMED:
        render.note(f"Not taken: {len(delivery.not_taken) - _MOST_NAMED:,} more.")
    if delivery.hidden:
        what = quantity(
            delivery.hidden, "hidden file, folder or marker", "hidden files, folders or markers"
        )
        render.note(f"Left out: {what}.")
    refuse_other_files(delivery, convert=convert)
    return delivery


def _to_remove(opened: Session, delivery: Delivery, *, yes: bool) -> dict[str, list[str]]:
    """Return the landing files that are to go, once somebody agreed."""
    remove = opened.lake.landing.replaced_by(delivery)
    if not remove or yes:
        return remove
    counted = ", ".join(f"{len(names):,} of {table}" for table, names in remove.items())
    if not render.is_interactive():
        raise UsageError(
            f"--replace removes landing files that are not in {delivery.folder} ({counted}),"
            " and there is no terminal to ask.",
            hint="Add --yes to remove them.",
        )
    if not render.confirm(f"Remove landing files that are not in {delivery.folder}: {counted}?"):
        render.note("Nothing was uploaded or removed.")
        raise typer.Exit(ExitCode.FAILED)
    return remove


def upload_into(
    opened: Session,
    delivery: Delivery,
    *,
    remove: dict[str, list[str]] | None = None,
    wait: bool = False,
    convert: bool = False,
    quiet: bool = False,
) -> UploadResult:
    """Upload a delivery and show what was done.

    Args:
        opened: The session.
        delivery: What was found in a folder.
        remove: Landing files to remove, by table.
        wait: Whether to wait for another writer.
        convert: Whether JSON lines are written of what is none.
        quiet: Whether to show nothing on stdout.
    """
    from stedi_cli.lake.events import UploadCount, Uploading

    counts = {name: UploadCount(name) for name in opened.lakehouse.landing}
    with render.progress("Uploading", in_bytes=True) as bar:
        for done in opened.lake.landing.upload(
            delivery, remove=remove or {}, wait=wait, convert=convert, tell=bar
        ):
            if isinstance(done, Uploading):
                bar(done.done, done.total)
            else:
                counts[done.table].add(done)
    result = list(counts.values())
    if not quiet:
        _show(result)
    _warn(result, delivery)
    _warn_of_twins(opened.lake.landing.same_content())
    return UploadResult(result)


def _show(counts: list[UploadCount]) -> None:
    from stedi_cli.lake.events import STATES

    shown = [s for s in STATES if s in ("new", "unchanged") or any(c.files[s] for c in counts)]
    rows = [[count.table, *(count.files[state] for state in shown)] for count in counts]
    render.show(render.table(["landing files", *(f">{state}" for state in shown)], rows))


def _warn(counts: list[UploadCount], delivery: Delivery) -> None:
    """Say what was not expected: converted files, keys that no table knows, mixed data sets."""
    from stedi_cli.landing.names import shown

    for count in counts:
        for file, (shape, records) in count.converted.items():
            named = one_line(shown(file))
            render.note(f"{count.table}: {named}, {shape}: {records:,} records.")
        if count.unknown:
            render.note(
                f"Warning: {count.table} does not know these keys, and ignores them:"
                f" {_named(count.unknown)}"
            )
    mixed = sum(count.files["mixed"] for count in counts)
    if mixed:
        render.note(
            f"Warning: {quantity(mixed, 'landing file is', 'landing files are')} not in"
            f" {delivery.folder}. What is there stays, and counts: data sets are mixed unless they"
            " belong together."
        )
    absent = [c.table for c in counts if c.there and not delivery.files[c.table]]
    if absent:
        render.note(f"{delivery.folder} has no landing file of {', '.join(absent)}.")


def _warn_of_twins(found: dict[str, list[list[str]]]) -> None:
    """Say which files hold the same, as the second download of one, such as `c (1).json`, does."""
    from stedi_cli.landing.names import shown

    for table, contents in found.items():
        named = "; ".join(" and ".join(map(shown, names[:_FEW])) for names in contents[:_FEW])
        files = sum(map(len, contents)) - len(contents)
        if files:
            render.note(
                f"Warning: {quantity(files, 'landing file')} of {table}"
                f" {'holds' if files == 1 else 'hold'} what another holds: {named}"
                f"{' and others' if len(contents) > _FEW else ''}. Policy published counts their"
                " lines again; remove what was delivered twice."
            )


def _named(keys: set[str]) -> str:
    """Return keys for a person to read; one with an @ in it may be somebody's address."""
    named = [plain(key) for key in sorted(keys) if not is_address(key)]
    hidden = len(keys) - len(named)
    return ", ".join([*named, *([f"{hidden} with an @, not shown"] if hidden else [])])
