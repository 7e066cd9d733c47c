"""What a shell offers for a word that is being written: names of the project, and no lakehouse's.

Whatever is wrong, nothing is offered and nothing said: the command itself tells.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from stedi_cli.project import folder
from stedi_cli.project.right import Right

if TYPE_CHECKING:
    from stedi_cli.project.lakehouse import Lakehouse

Offer = Callable[[typer.Context], list[str]]


class _Unchecked(Right):
    """Lets files be taken as they are: what checks them takes longer than one waits for a word."""

    def knows(self, kind: type, content: Any) -> bool:
        return True


def _offer(names: Callable[[typer.Context], Iterable[str]]) -> Offer:
    def offered(ctx: typer.Context) -> list[str]:
        several = [value for value in ctx.params.values() if isinstance(value, list | tuple)]
        given = {word for words in several for word in words}
        try:
            return [name for name in names(ctx) if name.isprintable() and name not in given]
        except Exception:
            return []

    return offered


def _config(ctx: typer.Context) -> Path | None:
    named = ctx.find_root().params.get("config") or os.environ.get("STEDI_CONFIG")
    return Path(named).expanduser() if named else None


def _model(ctx: typer.Context) -> Lakehouse:
    from stedi_cli.project.model import load

    return load(folder.find(_config(ctx))[0], _Unchecked())


def _engines(ctx: typer.Context) -> Iterable[str]:
    from stedi_cli.project.settings import ENGINES
    from stedi_cli.project.yaml_file import load_yaml

    content = load_yaml(folder.find(_config(ctx))[1]) or {}
    return ENGINES[content.get("target", "local")]


def _parts(ctx: typer.Context) -> Iterable[str]:
    from stedi_cli.privacy.source import PARTS

    return PARTS


tables = _offer(lambda ctx: _model(ctx).tables)
landing_tables = _offer(lambda ctx: _model(ctx).landing)
jobs = _offer(lambda ctx: _model(ctx).jobs)
policies = _offer(lambda ctx: _model(ctx).policies)
checks = _offer(lambda ctx: sorted(_model(ctx).rules))
engines = _offer(_engines)
parts = _offer(_parts)
