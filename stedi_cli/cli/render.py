"""Tables, JSON and progress, readable at 80 columns and without colour."""

from __future__ import annotations

import decimal
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from stedi_cli.printable import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from stedi_cli.lake.records import QueryCost


def console(*, err: bool = False) -> Console:
    """Return a console on stdout or stderr that interprets no markup and highlights nothing."""
    from rich.console import Console

    return Console(stderr=err, markup=False, highlight=False, emoji=False)


def is_interactive() -> bool:
    """Tell whether there is a terminal to ask."""
    return sys.stdin.isatty()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a table.

    Args:
        columns: Headings; what follows ``>`` is set to the right, what follows ``<`` to the left.
        rows: The cells.
    """
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        right = name.startswith(">")
        shown = name[1:] if name[:1] in ("<", ">") else name
        grid.add_column(Text(shown), justify="right" if right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row))
    return grid


def show(renderable: Any) -> None:
    """Print a table to stdout, without the blanks that Rich fills its lines with."""
    screen = console()
    with screen.capture() as shown:
        screen.print(renderable)
    typer.echo("\n".join(line.rstrip(" ") for line in shown.get().split("\n")), nl=False)


def say(text: str = "") -> None:
    """Print a line to stdout."""
    typer.echo(plain(text))


def paragraph(text: str) -> None:
    """Print an empty line and a text, broken between words at the terminal's width."""
    say()
    wrapped(text)


def wrapped(text: str) -> None:
    """Print a text, broken between words at the terminal's width."""
    show(plain(text))


def note(text: str) -> None:
    """Print a line to stderr, beside the results."""
    typer.echo(plain(text), err=True)


def confirm(question: str) -> bool:
    """Ask on stderr for a yes or no; an end of the input is a no."""
    try:
        return typer.confirm(plain(question), err=True)
    except typer.Abort as error:
        note("")
        # Typer makes the same of both.
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        return False


def show_cost(cost: QueryCost | None) -> None:
    """Print to stderr what queries scanned and cost, where they cost anything."""
    if cost is not None and cost.queries:
        note(f"scanned {cost.scanned / 1e6:,.2f} MB, {cost.dollars:.5f} USD")


def cost_record(cost: QueryCost | None) -> dict[str, object]:
    """Return what queries scanned and cost for a JSON document; nothing where they cost nothing."""
    return cost.as_json() if cost else {}


def emit(value: object) -> None:
    """Print a value as JSON to stdout."""
    typer.echo(_dumped(value, indent=2))


def emit_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as a JSON array of objects, one at a time."""
    first = True
    names = [n if n not in columns[:i] else f"{n}_{i}" for i, n in enumerate(columns)]
    for row in rows:
        record = dict(zip(names, row, strict=True))
        sys.stdout.write(("[\n  " if first else ",\n  ") + _dumped(record))
        first = False
    sys.stdout.write("[]\n" if first else "\n]\n")


def _dumped(value: object, *, indent: int | None = None) -> str:
    """Return a value as JSON in which a terminal finds nothing to act on, in keys or values."""
    text = json.dumps(_jsonable(value), indent=indent, ensure_ascii=False)
    if text.isprintable():
        return text
    # Outside its texts, JSON has line feeds at most.
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, decimal.Decimal):
        return float(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal; yields a function that takes what is done and the total."""
    screen = console(err=True)
    if not screen.is_terminal:
        yield lambda done, total: None
        return
    from rich.progress import Progress, TextColumn

    # Rich takes a description for markup, whatever the console says.
    columns = [TextColumn("{task.description}", markup=False), *Progress.get_default_columns()[1:]]
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task(plain(what), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def busy(what: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal that something is going on; nothing is left of it.

    Yields a function that takes what is being done right now.
    """
    screen = console(err=True)
    if not screen.is_terminal:
        yield lambda now: None
        return
    from rich.text import Text

    # A text alone would be taken for markup, whatever the console says.
    with screen.status(Text(plain(what)), spinner="line") as shown:
        yield lambda now: shown.update(Text(plain(f"{what}: {now}")))
