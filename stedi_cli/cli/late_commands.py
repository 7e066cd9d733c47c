"""The commands by name, each imported when it is asked for: a run of one pays for no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer

from stedi_cli.cli.plain_values import take_plainly


class LateCommands(Mapping[str, Any]):
    """Commands and groups of commands, in the order in which help names them.

    Args:
        entries: The name of each, which is that of its module; after a colon the class that its
            command is of, where it has its own. The module has a group as ``app``, or a command as
            the function of its name.
    """

    def __init__(self, *entries: str) -> None:
        self._classes = {name: of for name, _, of in (entry.partition(":") for entry in entries)}
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _made(name, self._classes[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)


def _made(name: str, of: str) -> Any:
    module = import_module(f"stedi_cli.cli.{name}")
    above = typer.Typer(rich_markup_mode=None)
    if hasattr(module, "app"):
        above.add_typer(module.app, name=name)
    else:
        above.command(name, cls=getattr(module, of) if of else None)(getattr(module, name))
    command: Any = typer.main.get_group(above).commands[name]
    for one in (command, *getattr(command, "commands", {}).values()):
        take_plainly(one)
    return command
