"""What the Glue database holds beside the model's tables, and the removal of what was ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from stedi_cli.aws.account import aws_errors
from stedi_cli.aws.infra.emptying import empty
from stedi_cli.aws.infra.resource import ask
from stedi_cli.aws.layout import TAG, Layout
from stedi_cli.aws.lodgers import lodgers
from stedi_cli.aws.storage import Storage
from stedi_cli.errors import StediError, UsageError
from stedi_cli.lake.records import Resource
from stedi_cli.lake.strangers import TABLE, Stranger
from stedi_cli.tables.ddl import lines_table
from stedi_cli.tables.provenance import TableState


def metadata_of(table: dict[str, Any]) -> str | None:
    """Return the URI of an Iceberg table's metadata as Glue knows it; None for another table."""
    known = table.get("Parameters") or {}
    if known.get("table_type", "").upper() != "ICEBERG":
        return None
    return str(known.get("metadata_location", ""))


def is_own(layout: Layout, name: str, uri: str) -> bool:
    """Tell whether an Iceberg table lies where a table of that name of this lakehouse does."""
    scheme, _, rest = uri.partition("://")
    folder = layout.uri(layout.table_folder(name)).removeprefix("s3://")
    return scheme in ("s3", "s3a", "s3n") and rest.startswith(f"{folder}/")


def strangers(
    layout: Layout,
    tables: list[dict[str, Any]],
    read: Callable[[str, str], TableState],
) -> list[Stranger]:
    """Return the tables that the model does not have.

    Args:
        layout: The lakehouse.
        tables: The tables of its database, as Glue tells them.
        read: Returns a table's state by its name and the URI of its metadata.
    """
    landing = layout.lakehouse.landing
    known = {*landing, *map(lines_table, landing)}
    tagged = {t["Name"] for t in tables if _is_tagged(layout, t)}
    found: list[Stranger] = []
    for table in tables:
        name, uri = str(table["Name"]), metadata_of(table)
        own = uri is not None and is_own(layout, name, uri)
        # A table of lines comes and goes with that of which it holds the lines.
        lines = any(name == lines_table(other) for other in tagged)
        if (name in layout.lakehouse.stored and own) or name in known or (lines and not own):
            continue
        place = str((table.get("StorageDescriptor") or {}).get("Location") or uri or "")
        state = _made_here(name, uri, read) if own and uri else None
        rows = state.current.rows if state and state.current else None
        found.append(Stranger(name, place, state is not None or name in tagged, rows))
    return found


def is_ours(layout: Layout, table: dict[str, Any], read: Callable[[str, str], TableState]) -> bool:
    """Tell whether a table of the lakehouse's database, as Glue tells it, was made here."""
    name, uri = str(table["Name"]), metadata_of(table)
    if _is_tagged(layout, table):
        return True
    if uri is None or not is_own(layout, name, uri):
        return False
    return name in layout.lakehouse.stored or _made_here(name, uri, read) is not None


def drop(layout: Layout, stranger: Stranger) -> Iterator[Resource]:
    """Remove a table that was made here, with all its files and all versions of them.

    What people are in goes first and what tells whose it is last, so that it can be dropped again
    where this dies half-way.

    Raises:
        UsageError: If other tables lie where its files do; nothing was removed.
    """
    glue, storage = layout.account.client("glue"), Storage(layout)
    folder = _folder(layout, stranger)
    if folder is not None:
        _refuse_lodgers(layout, stranger, folder)
    with aws_errors(where=f"table {stranger.name}"):
        if folder is not None:
            empty(storage.s3, storage.place(), f"{folder}data/")
        names = (lines_table(stranger.name), stranger.name) if stranger.kind == TABLE else ()
        for name in names:
            found = ask(glue.get_table, DatabaseName=layout.database, Name=name)
            if found and (name == stranger.name or _is_tagged(layout, found["Table"])):
                ask(glue.delete_table, DatabaseName=layout.database, Name=name)
        if folder is not None:
            empty(storage.s3, storage.place(), folder)
    yield Resource(stranger.kind, stranger.name, "removed")


def _folder(layout: Layout, stranger: Stranger) -> str | None:
    """Return the prefix of a table's files, or None where a table of the model has the same."""
    prefix = f"{stranger.place.removeprefix(layout.uri('')).rstrip('/')}/"
    used = {layout.landing_folder(table) for table in layout.lakehouse.landing.values()}
    inside = (f"{layout.settings.landing_prefix}/", f"{layout.settings.warehouse_prefix}/")
    own = stranger.place.startswith(layout.uri("")) and prefix.startswith(inside)
    return prefix if own and prefix not in (*inside, *used) else None


def _refuse_lodgers(layout: Layout, stranger: Stranger, folder: str) -> None:
    own = {f"{layout.database}.{n}" for n in (stranger.name, lines_table(stranger.name))}
    here = [lodger.title for lodger in lodgers(layout) if lodger.lies_in(folder)]
    others = sorted({*here} - own)
    if others:
        raise UsageError(
            f"In {layout.uri(folder)} lie files of other tables: {', '.join(others)}."
            " Nothing was removed.",
            hint="Move those tables or remove them with what made them, then try again.",
        )


def _is_tagged(layout: Layout, table: dict[str, Any]) -> bool:
    return (table.get("Parameters") or {}).get(TAG) == layout.database


def _made_here(name: str, uri: str, read: Callable[[str, str], TableState]) -> TableState | None:
    with suppress(StediError):
        state = read(name, uri)
        return state if state.is_made_here(name) else None
    return None
