"""Tables, texts, JSON and progress: laid out on a terminal, plain lines everywhere else."""

from __future__ import annotations

import decimal
import json
import math
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from stedi_cli.cli.grid import Grid, folded_lines
from stedi_cli.printable import one_line, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import ProgressColumn

    from stedi_cli.lake.records import QueryCost

# Columns of a terminal in which a bar has its place beside numbers.
_WIDE = 80


def console(*, err: bool = False) -> Console:
    """Return a console on stdout or stderr that interprets no markup and highlights nothing."""
    from rich.console import Console

    return Console(stderr=err, markup=False, highlight=False, emoji=False)


def is_interactive() -> bool:
    """Tell whether there is a terminal to ask."""
    return sys.stdin.isatty()


def is_terminal() -> bool:
    """Tell whether what is printed is read on a terminal; elsewhere a record is one line."""
    return sys.stdout.isatty()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, least: int = 16) -> Grid:
    """Return a table.

    Args:
        columns: Headings; what follows ``>`` is set to the right, what follows ``<`` to the left.
        rows: The cells.
        least: Columns of the terminal within which no word is broken.
    """
    return Grid(columns, rows, least=least)


def show(grid: Grid) -> None:
    """Print a table to stdout: laid out on a terminal, elsewhere one record a line."""
    if not is_terminal():
        typer.echo("\n".join(grid.records()))
        return
    screen = console()
    with screen.capture() as shown:
        # A number that is wider than the terminal is left to it.
        screen.print(grid, crop=False)
    typer.echo(shown.get(), nl=False)


def record(*cells: object) -> None:
    """Print a record as one line, with tabs between its cells."""
    typer.echo("\t".join(one_line(plain(cell)) for cell in cells))


def entry(head: str, *details: object) -> None:
    """Print details below what they are of on a terminal, elsewhere all as one record."""
    if not is_terminal():
        record(head, *details)
        return
    wrapped(head)
    for detail in details:
        say(f"  {one_line(plain(detail))}")


def say(text: str = "") -> None:
    """Print a line to stdout."""
    typer.echo(plain(text))


def paragraph(text: str) -> None:
    """Print an empty line and a text, on a terminal broken between words at its width."""
    say()
    wrapped(text)


def wrapped(text: str) -> None:
    """Print a text, on a terminal broken between words at its width."""
    say(_folded(text) if is_terminal() else text)


def note(text: str) -> None:
    """Print a line to stderr, beside the results; on a terminal no word of it is broken."""
    whole(_on_terminal(text))


def whole(text: str) -> None:
    """Print a text to stderr as it is."""
    typer.echo(plain(text), err=True)


def width() -> int:
    """Return how many columns the terminal has."""
    return shutil.get_terminal_size().columns


def _on_terminal(text: str) -> str:
    """Return a text for stderr, on a terminal broken between words at its width."""
    return _folded(text, in_words=False) if sys.stderr.isatty() else plain(text)


def _folded(text: str, *, in_words: bool = True) -> str:
    return "\n".join(folded_lines(plain(text), width(), in_words=in_words))


def confirm(question: str) -> bool:
    """Ask on stderr for a yes or no; an end of the input is a no."""
    try:
        return typer.confirm(_on_terminal(question), err=True)
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


class Bar:
    """Shows how far something is.

    Args:
        show: Takes what changed, as Rich calls it.
    """

    def __init__(self, show: Callable[..., None]) -> None:
        self._show = show

    def __call__(self, done: int, total: int) -> None:
        """Show how much is done, and of how much."""
        self._show(completed=done, total=total)

    def now(self, what: str) -> None:
        """Show what is done right now."""
        self._show(description=plain(what))


@contextmanager
def progress(what: str, *, in_bytes: bool = False) -> Iterator[Bar]:
    """Show on a terminal how far something is; nothing is left of it.

    Args:
        what: What is done, in a word or two.
        in_bytes: Whether it is told in bytes, and shown with the rate.
    """
    if not sys.stderr.isatty():
        yield Bar(lambda **changed: None)
        return
    from rich.progress import Progress

    with Progress(*_columns(in_bytes), console=console(err=True), transient=True) as bar:
        yield Bar(partial(bar.update, bar.add_task(plain(what), total=None)))


def _columns(in_bytes: bool) -> list[ProgressColumn]:
    """Return what a line of progress holds: on a narrow terminal no bar, so that all is in it."""
    from rich import progress as rich
    from rich.table import Column

    def whole() -> Column:
        return Column(no_wrap=True)

    # Rich takes a description for markup, whatever the console says.
    columns: list[ProgressColumn] = [rich.TextColumn("{task.description}", markup=False)]
    if width() >= _WIDE:
        columns.append(rich.BarColumn())
    if in_bytes:
        columns.append(rich.DownloadColumn(table_column=whole()))
        columns.append(rich.TransferSpeedColumn(table_column=whole()))
    else:
        columns.append(rich.MofNCompleteColumn(table_column=whole()))
        columns.append(rich.TimeRemainingColumn(table_column=whole()))
    return columns


@contextmanager
def busy(what: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal that something is going on; nothing is left of it.

    Yields a function that takes what is being done right now.
    """
    if not sys.stderr.isatty():
        yield lambda now: None
        return
    from rich.padding import Padding
    from rich.text import Text

    def line(text: str) -> Padding:
        # A str would be taken for markup, and a Text by itself loses how it is to be cut.
        return Padding(Text(plain(text), no_wrap=True, overflow="ellipsis"), 0)

    with console(err=True).status(line(what), spinner="line") as shown:
        yield lambda now: shown.update(line(f"{what}: {now}"))
