"""Values as texts of which nothing that shows them makes anything else."""

from __future__ import annotations


def plain(value: object) -> str:
    """Return a value as text to be shown, with control characters escaped."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    text = repr(value) if isinstance(value, float) else str(value)
    return "\n".join(one_line(line) for line in text.split("\n"))


def one_line(text: str) -> str:
    """Return a text with all control characters escaped, line feeds among them."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cell(value: object) -> object:
    """Return a value as SQL writes it, in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    return one_line(value) if isinstance(value, str) else value


def cell_text(value: object) -> str:
    """Return a value as the text of a table's cell."""
    shown = cell(value)
    return shown if isinstance(shown, str) else plain(shown)
