"""A page as a reader takes it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

Rows = list[list[str]]


class Read(HTMLParser):
    """A page as a reader takes it: tables by caption, texts, elements and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: dict[str, Rows] = {}
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._is_cell = False
        self._rows: Rows = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "table":
            self._rows = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("th", "td"):
            self._rows[-1].append("")
            self._is_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._is_cell = self._is_cell and tag not in ("th", "td")
        if tag == "table":
            self.tables[self._last_caption] = self._rows

    def handle_data(self, data: str) -> None:
        inside = [tag for tag, _ in self.elements]
        if inside[-1:] == ["caption"] and data.strip():
            self._last_caption = data.strip()
        if inside[-1:] not in (["style"], ["script"]):
            self.texts.append(data)
        if self._is_cell:
            self._rows[-1][-1] += data

    def table(self, caption: str) -> list[dict[str, str]]:
        (rows,) = [found for name, found in self.tables.items() if name.startswith(caption)]
        heads, *rest = [[cell.strip() for cell in row] for row in rows]
        return [dict(zip(heads, row, strict=True)) for row in rest]


def number(text: str) -> int | None:
    return None if text == "–" else int(text.replace(",", ""))


def read(file: str | Path) -> Read:
    return Read(Path(file).read_text("utf-8"))
