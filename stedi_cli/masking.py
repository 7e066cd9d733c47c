"""What an engine says, without the values that it quotes: these may be a person's.

Whatever stands in quotes is masked unless it is known to be no value, and so is whatever holds an
``@`` or four digits in a row. Where it is unclear how far quotes reach, they reach further.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from stedi_cli import duckdb_texts
from stedi_cli.addresses import MASK, is_address, without_addresses

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)*")
_WORDS = frozenset(
    (
        *("STRING", "VARCHAR", "BIGINT", "INT", "LONG", "INTEGER", "INT64", "INT32", "DOUBLE"),
        *("FLOAT", "BOOLEAN", "DATE", "TIMESTAMP", "true", "false"),
        *("SELECT", "FROM", "WHERE", "GROUP", "ORDER", "BY", "HAVING", "LIMIT", "JOIN", "ON"),
        *("UNION", "WITH", "AS", "AND", "OR", "NOT", "CASE", "END", "end of input"),
    )
)
_PAIRS = {"“": "”", "‘": "’", "«": "»", "„": "“"}  # noqa: RUF001
# A record that is quoted as a whole: fields in brackets, or JSON.
_RECORD = re.compile(r"\[[^\[\]]*,[^\[\]]*\]|\{.*[:,].*\}")
# What begins a line that is no part of a value which a line before it began.
_FRESH = re.compile(
    r"\s+(?:at |File \"|\.\.\. \d)|\d\d/\d\d/\d\d |Traceback|Caused by|[\w.]+(?:Error|Exception)\b"
)
_LONGEST_VALUE = 50
# What a value follows that stands in no quotes, to the end of the text.
_TOLD = re.compile(
    r"Original Line:|LINE \d+:|\[USER_RAISED_EXCEPTION\]|GENERIC_USER_ERROR:|near index \d+"
    r"|cannot be cast to (?:date|time)[a-z ]*:|Cannot cast value to \w+:"
)
# Closed by no mark.
_NEVER = "\0"
# Where what is quoted is no value: Python's names, and the types that a function was called with.
_CODE = re.compile(
    r"No module named '[\w.]+'|no attribute '\w+'|module '[\w.]+' has|type object '\w+'"
    r"|'[\w.]+' object(?= has no| is not| does not| cannot)|name '\w+' is not defined"
    r"|cannot import name '\w+' from (?:partially initialized module )?'[\w.]+'"
    r"|keyword argument '\w+'|argument types '[^\s()'\"]+\([\w, ()\[\]]*\)'"
    r"|function call \"[^\s()'\"]+\([\w, ()\[\]]*\)\""
)
# What AWS or boto3 quotes of its own: hosts and regions.
_OF_AWS = re.compile(r"https?://[\w.-]+(?::\d+)?/?|[a-z]{2,4}(?:-[a-z]+)+-\d")
# Numbers that tell of a program, and then those that may be a value.
_NUMBER = re.compile(
    r"(?P<kept>\barn:aws[\w-]*:[\w-]*:[\w-]*:\d{12}(?=:)"
    r"|^\d{4}-\d\d-\d\d[T ][\d:.,]+Z?(?= +\[?(?:TRACE|DEBUG|INFO|WARN|ERROR)\b)"
    r"|(?:\.[A-Za-z0-9]+|localhost|\b\d+(?:\.\d+){3}):\d{1,5}\b"
    r"|(?i:\b(?:line|column|position|pos|port|sqlstate|tid|stage|byte|index|http|status|code)\b)"
    r"(?:: |[ :=#])?\d{1,6}(?::\d{1,6})?\b)"
    r"|(?P<value>[-+]?\w*\d\w*(?:[-+./:,]\w*\d\w*)*)"
)
_LONG = re.compile(r"\d{4}|\d,\d{3}|0[xX][0-9A-Fa-f]|\d[eE][-+]?\d|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-")


def masked(text: str) -> str:
    """Return a text of an engine or of Java, line by line, without values."""
    masker = Masker()
    without = duckdb_texts.without_values(text)
    return "\n".join(masker.line(line) for line in without.split("\n"))


def duckdb_said(error: Exception) -> str:
    """Return what DuckDB says, in one line, without values and without the SQL that it is about.

    Names of columns and tables can be read in it, unless the SQL has them in quotes: then they
    may be values in the wrong ones.
    """
    text = str(error).strip()
    _, _, sql = text.partition("\nLINE ")

    def is_name(quoted: str) -> bool:
        return _NAME.fullmatch(quoted) is not None and f'"{quoted}"' not in sql

    about_names = text.startswith(("Binder Error", "Catalog Error"))
    return Masker(is_name if about_names else None).line(duckdb_texts.in_one_line(text))


def athena_said(reason: str, sql: str) -> str:
    """Return what Athena says of a query, as of AWS; names of what is not there as for DuckDB."""

    def is_name(quoted: str) -> bool:
        return _NAME.fullmatch(quoted) is not None and f'"{quoted}"' not in sql.lower()

    about_names = re.search(r"_NOT_FOUND|cannot be resolved|does not exist", reason)
    masker = Masker(is_name, marks="'\"`") if about_names else Masker()
    return masker.line(" ".join(reason.split())).rstrip(".")


def aws_said(text: str) -> str:
    """Return what AWS or boto3 says, in one line, without a full stop at its end."""
    masker = Masker(lambda quoted: _OF_AWS.fullmatch(quoted) is not None, marks="'\"")
    return masker.line(" ".join(duckdb_texts.without_values(text).split())).rstrip(".")


class Masker:
    """Masks a text that comes line by line, also where a value goes over several.

    Args:
        is_name: Tells whether a text in quotes is a name, which is shown.
        marks: The quotes that names stand in.
    """

    def __init__(self, is_name: Callable[[str], bool] | None = None, marks: str = '"`') -> None:
        self._is_name = is_name or (lambda _: False)
        self._marks = marks
        self._open = ""
        self._lines = 0

    def line(self, line: str) -> str:
        """Return a line without values."""
        start, said = 0, ""
        if self._open and not _FRESH.match(line) and self._lines < _LONGEST_VALUE:
            end = _first_end(line, 0, self._open)
            if end < 0:
                self._lines += 1
                return MASK
            start, said = end + 1, MASK + self._open
        self._open, self._lines = "", 0
        told = _TOLD.search(line, start)
        if told is not None:
            line = f"{line[: told.end()]} {MASK}"
        shown = self._shown(line, start, said)
        if told is not None:
            self._open = _NEVER
        return shown

    def _shown(self, line: str, start: int, said: str) -> str:
        return _RECORD.sub(_record, without_addresses(said + self._rest(line, start)))

    def _rest(self, line: str, start: int) -> str:
        said: list[str] = []
        numbers = {found.start(): found for found in _NUMBER.finditer(line)}
        place = start
        while place < len(line):
            mark = line[place]
            code = _CODE.match(line, place) if mark in "Nhmt'nckaf" else None
            if code is not None:
                said.append(code[0])
                place = code.end() - 1
            elif place in numbers:
                said.append(_number(numbers[place]))
                place = numbers[place].end() - 1
            elif mark == "'" and _is_inside(line, place):
                said.append(mark)
            elif mark == "'" and _is_end(line, place, mark) and _is_word(line, place - 1):
                # The end of what began where nobody looked.
                said = [MASK, mark]
            elif mark in "'\"`" or mark in _PAIRS:
                end = _end(line, place, _PAIRS.get(mark, mark))
                said.append(self._quoted(mark, line[place + 1 : end]))
                if end == len(line):
                    self._open = _PAIRS.get(mark, mark)
                place = end
            else:
                said.append(mark)
            place += 1
        return "".join(said)

    def _quoted(self, mark: str, value: str) -> str:
        shown = mark in self._marks and self._is_shown(mark, value)
        return f"{mark}{value if shown else MASK}{_PAIRS.get(mark, mark)}"

    def _is_shown(self, mark: str, value: str) -> bool:
        if value in _WORDS or not any(c.isalnum() or c == "@" for c in value):
            return True
        if mark == "`" or value.startswith("spark."):
            return _NAME.fullmatch(value) is not None
        return self._is_name(value) or _is_file(value)


def _number(found: re.Match[str]) -> str:
    """Return a number as it is where it is short, or tells of a program."""
    is_value = found["value"] is not None and _LONG.search(found["value"])
    return MASK if is_value else found[0]


def _is_file(value: str) -> bool:
    try:
        return value.startswith("/") and not is_address(value) and Path(value).exists()
    except (OSError, ValueError):
        return False


def _record(found: re.Match[str]) -> str:
    """Return a list of names as it is, and a record masked."""
    text = found[0]
    rest = re.sub(r"`[^`]*`|\"[^\"]*\"|'[^']*'", "", text)
    return text if not any(c.isalnum() for c in rest) else f"{text[0]}{MASK}{text[-1]}"


def _is_word(line: str, place: int) -> bool:
    return 0 <= place < len(line) and (line[place].isalnum() or line[place] == "_")


def _is_inside(line: str, place: int) -> bool:
    """Tell an apostrophe inside a word."""
    return _is_word(line, place - 1) and _is_word(line, place + 1)


def _is_end(line: str, place: int, mark: str) -> bool:
    return line[place] == mark and not _is_word(line, place + 1)


def _first_end(line: str, start: int, mark: str) -> int:
    return next((k for k in range(start, len(line)) if _is_end(line, k, mark)), -1)


def _end(line: str, begin: int, mark: str) -> int:
    """Return where quotes end that begin at a place: the last mark where others are nested."""
    ends = [k for k in range(begin + 1, len(line)) if _is_end(line, k, mark)]
    if not ends:
        return len(line)
    between = range(begin + 1, ends[0])
    nested = any(line[k] == mark and not _is_word(line, k - 1) for k in between)
    return ends[-1] if nested else ends[0]
