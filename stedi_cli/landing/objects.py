"""JSON objects in a text, however they stand there: in an array, side by side, over several lines.

An object is handed on as it is written, so that no digit of it is lost and no key comes to stand
once that stood twice: the contract alone judges it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO

from stedi_cli.landing.contract import LONGEST_LINE

_CHUNK = 1 << 20
# Also what begins each record of a JSON text sequence (RFC 7464).
_BLANKS = re.compile("[ \t\r\n\v\f\x1e]*")
# No text holds a line feed, so these stand between tokens.
_BREAKS = re.compile("(?<![ \t])[ \t]*+[\r\n][ \t\r\n]*+")
# Of objects by their keys that are remembered.
_MOST_KINDS = 1000
_PARTING = re.compile("[-_ ]")
# Numbers stay texts: Python refuses very long ones.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


class Broken(Exception):  # noqa: N818 - a verdict, not an error of the program
    """Raised where a text holds something else than objects; its text says where and what."""


@dataclass(frozen=True)
class Record:
    """An object in a text.

    Args:
        text: What is written there.
        first: Number of the line that it begins on, from 1.
        last: Number of the line that it ends on.
        in_array: Whether it is an element of an array.
        keys: Its keys, each once.
    """

    text: str
    first: int
    last: int
    in_array: bool
    keys: frozenset[str]

    @property
    def one_line(self) -> str:
        """What is written there, without its line breaks."""
        if "\n" not in self.text and "\r" not in self.text:
            return self.text
        return _BREAKS.sub("", self.text)


def objects(stream: TextIO) -> Iterator[Record]:
    """Yield the objects of a text, none of which is held longer than it is looked at.

    Args:
        stream: The text, opened so that its line ends stay what they are.

    Raises:
        Broken: Where something stands that is neither an object, an array of objects, nor a comma
            after one; or where the text ends within an array or object.
    """
    text = _Text(stream)
    number = 0
    in_array = comma_due = False
    while found := text.peek():
        where = f"record {number + 1:,}, at line {text.line:,},"
        if found == "{" and not (in_array and comma_due):
            yield text.take(where, in_array=in_array)
            number += 1
            comma_due = True
        elif found == "," and comma_due:
            text.skip()
            comma_due = False
        elif found == "[" and not in_array:
            text.skip()
            in_array, comma_due = True, False
        elif found == "]" and in_array:
            text.skip()
            # One may stand between two arrays.
            in_array, comma_due = False, True
        else:
            raise Broken(f"{where} is no JSON object")
    if in_array:
        raise Broken(f"the array ends after record {number:,} without its `]`")


class _Text:
    """A text of which only the part in hand is held."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._held = ""
        self._at = 0
        self.line = 1

    def peek(self) -> str:
        """Return the next character that is no blank; an empty text at the end."""
        while True:
            end = _BLANKS.match(self._held, self._at).end()  # type: ignore[union-attr]
            self._move(end)
            if end < len(self._held):
                return self._held[end]
            if not self._more():
                return ""

    def skip(self) -> None:
        """Pass over a character that is no line feed."""
        self._at += 1

    def take(self, where: str, *, in_array: bool) -> Record:
        """Return the object that begins here; raise Broken where there is none."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._held, self._at)
            except RecursionError:
                raise Broken(f"{where} is nested too deeply") from None
            except ValueError:
                if len(self._held) - self._at > LONGEST_LINE or not self._more():
                    raise Broken(f"{where} is no whole JSON object") from None
                continue
            first, text = self.line, self._held[self._at : end]
            self._move(end)
            return Record(text, first, self.line, in_array, frozenset(value))

    def _move(self, end: int) -> None:
        self.line += self._held.count("\n", self._at, end)
        self._at = end

    def _more(self) -> bool:
        rest = self._held[self._at :]
        # As much again, so that a long object is not parsed from its start too often.
        piece = self._stream.read(max(_CHUNK, len(rest)))
        self._held, self._at = rest + piece, 0
        return bool(piece)


def keys_in(line: str) -> frozenset[str] | None:
    """Return the keys of a line that is one JSON object and no more; None for any other."""
    try:
        value = _DECODER.decode(line)
    except (ValueError, RecursionError):
        return None
    return frozenset(value) if isinstance(value, dict) else None


def fold(key: str) -> str:
    """Return a key without what spellings of it differ in: case, and what parts its words."""
    return _PARTING.sub("", key).casefold()


class Spelling:
    """How the objects of one file spell the keys that a table knows.

    Args:
        known: These keys.
    """

    def __init__(self, known: frozenset[str]) -> None:
        self._by_fold = {fold(name): name for name in known}
        # The key by which a known one goes in this file, and what was told of objects before.
        self._spelled: dict[str, str] = {}
        self._told: dict[frozenset[str], dict[str, str]] = {}

    def renamed(self, keys: frozenset[str]) -> dict[str, str]:
        """Return which keys of an object are a known one but for its spelling, by that key.

        Args:
            keys: The object's keys. Beside a known one, other spellings of it are unknown keys.

        Raises:
            Broken: If a known key is spelled in two ways, in this object or since the first one:
                in JSON lines only its own spelling counts, so that nobody can tell.
        """
        if keys not in self._told:
            found = self._look(keys)
            if len(self._told) >= _MOST_KINDS:
                return found
            self._told[keys] = found
        return self._told[keys]

    def _look(self, keys: frozenset[str]) -> dict[str, str]:
        names = {key: self._by_fold.get(fold(key)) for key in keys}
        found = {key: name for key, name in names.items() if name and name not in keys}
        own = {name: name for name in names.values() if name and name in keys}
        for key, name in (*found.items(), *own.items()):
            if self._spelled.setdefault(name, key) != key:
                raise Broken(f"spells {name} in two ways")
        return found


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Return a JSON object as it is written, with other keys.

    Args:
        text: The object.
        names: What is written in the place of which key.
    """
    parts: list[str] = []
    done = 0
    at = text.index("{") + 1
    while text[at := _after_blanks(text, at)] != "}":
        key, end = _DECODER.raw_decode(text, at)
        if key in names:
            parts += [text[done:at], json.dumps(names[key])]
            done = end
        colon = _after_blanks(text, end)
        _, at = _DECODER.raw_decode(text, _after_blanks(text, colon + 1))
        at = _after_blanks(text, at)
        at += text[at] == ","
    return "".join((*parts, text[done:]))


def _after_blanks(text: str, at: int) -> int:
    return _BLANKS.match(text, at).end()  # type: ignore[union-attr]
