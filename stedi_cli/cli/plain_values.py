"""Texts and paths of the command line, as they are: Typer imports pydantic to read any value."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


class _PlainValues:
    """Reads a parameter's value as Typer does, without pydantic where nothing can be wrong with it.

    Args:
        annotation: Type of the parameter.
        by_typer: Returns what Typer itself reads it by.
    """

    def __init__(self, annotation: Any, by_typer: Callable[[], Any]) -> None:
        self._annotation = annotation
        self._by_typer = by_typer

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return a value as the command takes it; Typer calls this."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if isinstance(value, str) and _is_plain(value):
            if self._annotation is str:
                return value
            if self._annotation is Path and _is_readable(value):
                return Path(value)
        if ctx.resilient_parsing:
            # To offer how a line goes on, nothing in it has to be right.
            return value
        return self._by_typer().coerce(value, param=param, ctx=ctx)


def take_plainly(command: Any) -> None:
    """Let a command read plain values without pydantic.

    Args:
        command: A command of Typer's, none of whose paths have other rules than Typer's defaults.
    """
    for param in command.params:
        _take(param)
    # Made late, and as often as it is asked for the same one.
    help_option = command.get_help_option
    command.get_help_option = lambda ctx: _take(help_option(ctx))


def _take(param: Any) -> Any:
    by_typer = getattr(param, "get_runtime_param", None)
    if by_typer is not None and not hasattr(param, "plain_values"):
        param.plain_values = _PlainValues(param.type_descriptor.annotation, by_typer)
        param.get_runtime_param = lambda: param.plain_values
    return param


def _is_plain(text: str) -> bool:
    return text.isascii() and "\0" not in text


def _is_readable(path: str) -> bool:
    return os.access(path, os.R_OK) or not os.path.lexists(path)
