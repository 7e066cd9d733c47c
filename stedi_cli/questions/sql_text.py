"""What can be told of SQL by its words alone, in any dialect, without a parser."""

from __future__ import annotations

import re

# Comments, texts and quoted names first, so that nothing inside one is taken for a word.
TOKEN = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<text>'(?:[^']|'')*')|(?P<name>\"(?:[^\"]|\"\")*\")"
    r"|(?P<word>\w+)|(?P<other>\S)",
    re.DOTALL,
)


def bare(sql: str) -> str:
    """Return a query without the semicolon that ends it, and what stands behind that.

    Where there is none, as in an empty text or a comment alone, nothing is returned.
    """
    tokens = [token for token in TOKEN.finditer(sql) if not token["comment"]]
    if tokens and tokens[-1][0] == ";":
        sql = sql[: tokens.pop().start()]
    return sql.strip() if tokens else ""


def texts_in(sql: str) -> set[str]:
    """Return the texts that a query holds in quotes."""
    found = (token["text"] for token in TOKEN.finditer(sql))
    return {text[1:-1].replace("''", "'") for text in found if text}
