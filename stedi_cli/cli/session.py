"""What every command starts from: options, settings, model and lake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.printable import one_line

if TYPE_CHECKING:
    from stedi_cli.lake.parts import Lake
    from stedi_cli.lake.records import QueryCost
    from stedi_cli.project.lakehouse import Lakehouse
    from stedi_cli.project.settings import Settings
    from stedi_cli.tables.history import RefRemoved

BadRowsOption = Annotated[
    str | None, typer.Option(help="Most unusable lines of a landing table: 100, or 1%.")
]
UnreadableOption = Annotated[
    str | None,
    typer.Option(
        help="Most customer lines that do not say whose they are or which serial number is"
        " theirs: 0, or 1%."
    ),
]


@dataclass(frozen=True)
class Options:
    """The options of the root command."""

    config: Path | None = None
    root: Path | None = None
    verbose: bool = False


@dataclass(frozen=True)
class Session:
    """A command's settings, model and lake."""

    settings: Settings
    lakehouse: Lakehouse
    lake: Lake

    @property
    def query_cost(self) -> QueryCost | None:
        """What queries cost so far; None where they cost nothing."""
        return self.lake.account.query_cost() if self.lake.account else None


@contextmanager
def session(
    ctx: typer.Context,
    *,
    policy: str | None = None,
    root: Path | None = None,
    max_bad_rows: str | None = None,
    max_unreadable_customers: str | None = None,
) -> Iterator[Session]:
    """Open what a command works with, and say on stderr where it works.

    Args:
        ctx: The command's context.
        policy: Policy named on the command line.
        root: Root that the command itself prescribes.
        max_bad_rows: Limit of unusable lines named on the command line.
        max_unreadable_customers: Limit of customers' lines that do not say whose they are, or
            which serial number is theirs.

    Raises:
        UsageError: If configuration or model cannot be used.
    """
    from stedi_cli.places import open_lake
    from stedi_cli.project.settings import load_settings

    options = ctx.obj if isinstance(ctx.obj, Options) else Options()
    options = replace(options, root=root or options.root)
    settings = load_settings(
        options.config,
        root=options.root,
        policy=policy,
        max_bad_rows=max_bad_rows,
        max_unreadable_customers=max_unreadable_customers,
    )
    lakehouse = settings.lakehouse()
    lake = open_lake(settings, lakehouse)
    # Whole, on a terminal too: it holds a path.
    render.whole(f"stedi: {lake.title}")
    try:
        yield Session(settings, lakehouse, lake)
    finally:
        lake.close()
        show_removed(lake.removed())


def show_removed(removed: list[RefRemoved]) -> None:
    """Say which tags and branches were removed."""
    if not removed:
        return
    from stedi_cli.addresses import unless_address

    for ref in removed:
        name = one_line(unless_address(ref.name))
        render.note(f"Removed {ref.kind} {name} of {ref.table}: its snapshot had to go.")
