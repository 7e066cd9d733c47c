"""The people whom a command is about: from standard input or a file, never the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stedi_cli.cli import render
from stedi_cli.errors import UsageError

if TYPE_CHECKING:
    from stedi_cli.privacy.people import Person

PeopleOption = Annotated[
    Path | None,
    typer.Option("--file", metavar="<path>", help="People, one a line [default: stdin]."),
]
_LARGEST = 1 << 26


def people_in(file: Path | None, command: str, *, any_name: bool = False) -> list[Person]:
    """Read people.

    Args:
        file: The file; None or ``-`` for standard input.
        command: The command, for its hints.
        any_name: Whether an object may name who has no address, but any text in its place.

    Raises:
        UsageError: If it cannot be read, or names nobody.
    """
    from stedi_cli.privacy.people import read_people

    is_stdin = file is None or str(file) == "-"
    place = "Standard input" if is_stdin else str(file)
    return read_people(_content(file, command), place, any_name=any_name)


def _content(file: Path | None, command: str) -> bytes:
    if file is None and render.is_interactive():
        raise UsageError(
            "Nobody is named: people come from standard input or a file.",
            hint=f"Name them as in `stedi {command} --file people.txt`, one e-mail a line.",
        )
    try:
        if file is None or str(file) == "-":
            content = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with file.open("rb") as stream:
                content = stream.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(
            f"Cannot read {file or 'standard input'}: {error.strerror}.",
            hint="Name a file that holds one e-mail address a line.",
        ) from error
    if len(content) > _LARGEST:
        raise UsageError("The people have more than 64 MiB.", hint="Name fewer at a time.")
    return content
