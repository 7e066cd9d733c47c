"""Whether what reads as one object may be two: the head of a line, and the tail of another one.

Where a line is torn, two may stand in one. If the beginning of the second is lost, nothing but the
seam tells of it. Plain standard library beside the contract, since AWS Glue runs it too.
"""

from __future__ import annotations

import re

_BLANK = "[ \t\r\v\f]*+"
# In a text a wrong escape does no harm, nor does a control character. But the rest of an escape is
# not lost by itself, and NUL after NUL is a hole in the file.
_TEXT = r'"(?:[^"\\\0]++|\0(?!\0)|\\[^u\0]|\\u[0-9a-fA-F]{4})*+"'
_WORD = (
    r"(?:true|false|null|-?(?i:nan|inf(?:inity)?)"
    r"|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)(?=[ \t\r\v\f,\]}]|\Z)"
)
_TOKEN = re.compile(rf"{_BLANK}(?:(?P<text>{_TEXT})|(?P<word>{_WORD})|(?P<sign>[,:\[\]}}]))")
_NEXT = {
    ("key", "text"): "colon",
    ("colon", ":"): "value",
    ("value", "text"): "comma",
    ("value", "word"): "comma",
    ("value", "["): "value",
    ("value", "]"): "comma",
    ("comma", "]"): "comma",
    ("comma", ","): "key",
}
# What may stand where an object is cut at its end: a text that is not closed, or what holds nothing
# that could be said. A brace there ended another object.
_TEXT_BEGUN = re.compile(rf'{_BLANK}"(?:[^"\\}}]++|\\[^}}])*+\\?')
_NOTHING_SAID = re.compile('[^"}]*+')
# What is left of one that is cut at its beginning, and what may follow.
_RESTS = (
    (re.compile(""), ("key", "colon", "value")),
    (re.compile("[-+.0-9A-Za-z]*+"), ("comma",)),
    (re.compile(r'(?:[^"\\]++|\\.)*+"'), ("colon", "comma")),
)


def is_in_one_piece(text: str, at: int = 0, wanted: str = "key") -> bool:
    """Tell whether members follow one another up to the end of an object, or to where it is cut.

    Args:
        text: What stands behind the brace that begins an object, without another such brace.
        at: Where to begin in it.
        wanted: What is to come there: a key, its colon, a value, or the comma behind it.
    """
    arrays = 0
    while found := _TOKEN.match(text, at):
        kind = found["sign"] or str(found.lastgroup)
        if kind == "}":
            return arrays == 0 and wanted in ("key", "comma")
        arrays += (kind == "[") - (kind == "]")
        after = _NEXT.get((wanted, kind))
        if arrays < 0 or after is None:
            break
        at, wanted = found.end(), "value" if kind == "," and arrays else after
    begun = wanted in ("key", "value") and _TEXT_BEGUN.fullmatch(text, at)
    return bool(begun or _NOTHING_SAID.fullmatch(text, at))


def is_rest_of_one(text: str) -> bool:
    """Tell the same of an object whose beginning is lost: the rest of a member comes first."""
    starts = [(rest.match(text), wanted) for rest, follow in _RESTS for wanted in follow]
    return any(found and is_in_one_piece(text, found.end(), wanted) for found, wanted in starts)
