"""What of a DuckDB error is known to hold no value of a row.

Errors of the SQL alone quote the SQL. Those of the data may hold a value anywhere, in quotes or
not and over several lines: of them only texts that are known are kept, and none of their values.
"""

from __future__ import annotations

import re

from stedi_cli.addresses import MASK

_OF_DATA = (
    "Invalid Input|Conversion|Out of Range|Not implemented|Constraint|INTERNAL|FATAL|Unknown Type"
    "|Decimal|Mismatch Type|Divide by Zero|Object Size|Invalid type|Invalid|Serialization"
    "|Expression|Executor|Sequence|Parameter Not Resolved|Parameter Not Allowed"
)
# An error ends where the next of a traceback begins.
_ERROR = re.compile(
    rf"\b(?P<kind>(?:{_OF_DATA}) Error): (?P<said>.*?)"
    r"(?=\n+(?:The above exception|During handling|Traceback|  File \"|\s+at )|\Z)",
    re.DOTALL,
)
_TYPE = (
    r"(?:U?(?:INT(?:8|16|32|64|128)|(?:TINY|SMALL|BIG|HUGE)INT|INTEGER)|VARCHAR|BLOB|BIT|BIGNUM"
    r"|BOOL(?:EAN)?|DOUBLE|FLOAT|DATE|UUID|JSON|INTERVAL|DECIMAL\(\d+,\d+\)|STRUCT|MAP|LIST"
    r"|TIME(?:STAMP(?:_S|_MS|_NS)?)?(?: WITH TIME ZONE)?)\b(?:\[\d*\])*"
)
_SOURCE = r"(?: when casting from source column \w+)?"
# What stands in groups are values. They reach as far as they can, and what follows is left out.
_KNOWN = tuple(
    re.compile(text, re.DOTALL)
    for text in (
        rf"Could not convert string '(.*)' to {_TYPE}{_SOURCE}",
        r'Could not parse string "(.*)" according to format specifier "(.*)"',
        rf"Type {_TYPE} with value (.*) can't be cast because the value is out of range for the"
        rf" destination type {_TYPE}{_SOURCE}",
        rf"Type {_TYPE}(.*) with value (.*) can't be cast to the destination type {_TYPE}",
        rf"Casting value \"(.*)\" to type {_TYPE} failed",
        r'Failed to cast value to numerical: "(.*)"',
        rf"Overflow in \w+ of {_TYPE} \((.*)\)",
        r'invalid (?:date|time|timestamp) field format: "(.*)"',
        r"(?:[Dd]ate|[Tt]ime|[Tt]imestamp) (?:field value )?out of range",
        r"Malformed JSON at byte \d+ of input",
        r'Could not decode string "(.*)" as base64',
        r"More than one row returned by a subquery used as an expression",
        r"Unknown TimeZone '(.*)'",
        r'extract specifier "(.*)" not recognized',
        r"Failure in decode: could not convert blob to UTF8 string",
        r"cannot take (?:logarithm|square root) of (?:zero|a negative number)",
        r"Failed to parse format specifier (.*): Unrecognized format for strftime/strptime",
        r"CSV Error on Line: \d+",
        r"Divide by zero|Division by zero",
        # Of regular expressions.
        r"(?:missing|unexpected) [\])]|invalid escape sequence|no argument for repetition operator"
        r"|bad repetition operator|invalid character class range",
    )
)
# Lines of errors of the SQL that say more.
_HELP = re.compile(r"\n+((?:Candidate bindings|Candidate tables|Did you mean)[^\n]*)")
_FUNCTION = re.compile(r"^\t([^\s(]+\([^\n]*)$", re.MULTILINE)
_CANDIDATES = 3


def without_values(text: str) -> str:
    """Return a text in which errors of the data say what is known to hold no value."""
    return _ERROR.sub(lambda found: f"{found['kind']}: {_known(found['said'])}", text)


def in_one_line(text: str) -> str:
    """Return what a DuckDB error says, in one line; names, and values of the SQL, stay in it."""
    said = text.strip()
    if _ERROR.match(said):
        return without_values(said)
    said = re.split(r"\nLINE \d+:", said, maxsplit=1)[0]
    lines = [said.split("\n", 1)[0], *_HELP.findall(said)]
    functions = _FUNCTION.findall(said)
    if functions:
        more = len(functions) - _CANDIDATES
        shown = "; ".join(functions[:_CANDIDATES])
        lines.append(f"Candidates: {shown}{f'; and {more} more' if more > 0 else ''}")
    return " ".join(line.strip() for line in lines)


def _known(said: str) -> str:
    for known in _KNOWN:
        found = known.match(said)
        if found is None:
            continue
        text, begin = "", 0
        for group in range(1, known.groups + 1):
            text += said[begin : found.start(group)] + (MASK if found[group] else "")
            begin = found.end(group)
        return text + said[begin : found.end()]
    return MASK
