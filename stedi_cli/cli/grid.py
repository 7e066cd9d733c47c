"""A table as lines of text: laid out for a terminal's width, or one record a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from stedi_cli.printable import plain

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_GAPS = (2, 1)
_PAIR = ("column", "value")
# Numbers, dates and times, which are never broken, and where words may be that are too long.
_NUMBER = r"(?<![\w.,:-])[-+]?\d(?:[.,:-]*\d|T\d)*+(?:[eE][-+]?\d+)?[%Z]?(?![\w-])"
_PIECE = re.compile(rf"({_NUMBER})|(?:[A-Z]+(?![a-z])|[A-Z]?[^\WA-Z_]+)[_/@.-]?|.", re.DOTALL)
_WORD = re.compile(r"\s*\S+")


class Grid:
    """A table.

    Args:
        columns: Headings; what follows ``>`` is set to the right, what follows ``<`` to the left.
        rows: The cells.
        least: Columns of the terminal within which no word is broken.
    """

    def __init__(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, least: int = 16
    ) -> None:
        self._names = [name[1:] if name[:1] in ("<", ">") else name for name in columns]
        self._right = [name.startswith(">") for name in columns]
        self._rows = [[plain(cell) for cell in row] for row in rows]
        self._least = least

    def records(self) -> Iterator[str]:
        """Yield the headings, then each row as one line, with tabs between the cells."""
        for row in (self._names, *self._rows):
            line = "\t".join(" ".join(cell.split("\n")) for cell in row)
            # A last column without a heading holds notes, which few rows have.
            yield line.rstrip("\t") if self._names[-1:] == [""] else line

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines for a terminal."""
        from rich.text import Text

        for line, style in self._lines(options.max_width):
            yield Text(line, style=style, no_wrap=True, overflow="ignore")

    def _lines(self, width: int) -> Iterator[tuple[str, str]]:
        """Yield lines with their styles: a table where it fits, else the rows below each other."""
        columns = list(zip(self._names, *self._rows, strict=True))
        gap, widths = self._fitted(columns, width)
        if widths:
            yield from ((line, "bold") for line in self._row(self._names, widths, gap))
            yield from ((line, "") for row in self._rows for line in self._row(row, widths, gap))
        elif self._rows and len(columns) > len(_PAIR):
            for number, row in enumerate(self._rows):
                if number:
                    yield "", ""
                pairs = zip(self._names, row, strict=True)
                yield from Grid(_PAIR, pairs, least=self._least)._lines(width)
        else:
            cells = [cell for row in (self._names, *self._rows) for cell in row]
            yield from ((line, "") for cell in cells for line in folded_lines(cell, width))

    def _fitted(self, columns: list[tuple[str, ...]], width: int) -> tuple[int, list[int]]:
        """Return the gap between columns and their widths; no widths where they cannot fit."""
        widths = [min(width, max(map(_wide, column))) for column in columns]
        least: list[int] = []
        for gap in _GAPS:
            room = width - gap * (len(columns) - 1)
            if sum(widths) <= room:
                return gap, widths
            least = least or [_need(column, self._least) for column in columns]
            if sum(least) <= room:
                return gap, _shared(widths, least, room)
        return gap, []

    def _row(self, cells: Sequence[str], widths: Sequence[int], gap: int) -> Iterator[str]:
        """Yield the lines of a row."""
        folded = [folded_lines(c, width) for c, width in zip(cells, widths, strict=True)]
        for number in range(max(map(len, folded))):
            line = ""
            for lines, width, right in zip(folded, widths, self._right, strict=True):
                text = lines[number] if number < len(lines) else ""
                blanks = " " * (width - _wide(text))
                line += (blanks + text if right else text + blanks) + " " * gap
            yield line.rstrip(" ")


def folded_lines(text: str, width: int, *, in_words: bool = True) -> list[str]:
    """Return a text as lines of a width.

    Args:
        text: The text.
        width: Columns of the terminal.
        in_words: Whether words that are too long are broken too; numbers never are.
    """
    if _wide(text) <= width and "\n" not in text:
        return [text]
    lines: list[str] = []
    for given in text.split("\n"):
        line = ""
        for found in _WORD.findall(given):
            is_full = bool(line) and _cells(line + found) > width
            if is_full:
                lines.append(line)
                line = ""
            word = found.lstrip() if is_full else found
            is_whole = _cells(word) <= width or not in_words
            for piece in [word] if is_whole else _pieces(word, width):
                if line and _cells(line + piece) > width:
                    lines.append(line)
                    line = ""
                line += piece
        lines.append(line)
    return lines


def _pieces(word: str, width: int) -> Iterator[str]:
    """Yield what a word is broken into: numbers as they are, names where their words meet."""
    from rich.cells import chop_cells

    for found in _PIECE.finditer(word):
        is_short = found[1] or _cells(found[0]) <= width
        yield from [found[0]] if is_short else chop_cells(found[0], width)


def _shared(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Return widths that fill a room, the widest ones less wide, none less than its least."""
    shared = list(widths)
    while sum(shared) > room:
        shared[max((w, i) for i, w in enumerate(shared) if w > least[i])[1]] -= 1
    return shared


def _need(column: Iterable[str], least: int) -> int:
    """Return the width in which no number is broken, nor a word that is no longer than a least."""
    need = 1
    for text in column:
        need = max([need, *(_cells(found[0]) for found in re.finditer(_NUMBER, text))])
        need = max([need, *(min(least, _cells(word)) for word in text.split())])
    return need


def _wide(text: str) -> int:
    """Return the width of a text's widest line."""
    return max(map(_cells, text.split("\n")))


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)
