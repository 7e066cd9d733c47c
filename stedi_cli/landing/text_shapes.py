"""What a text is that is no JSON lines, by its first characters: how its records stand, if any."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from stedi_cli.landing.contract import BLANKS, Unusable, keys_of
from stedi_cli.landing.objects import Broken, Record, fold, keys_in, objects

DOWNLOAD_AGAIN = "download it again, as what it is"
EXPORT = "export it as JSON lines, one object a line"
CONVERT = "`stedi upload DIR --convert` writes it as JSON lines"


@dataclass(frozen=True)
class Reading:
    """How the records of a file can be read without a doubt.

    Args:
        packed: How many times it is packed with gzip.
        encoding: Of its text.
        by_line: Whether its lines are its records.
    """

    packed: int
    encoding: str
    by_line: bool


@dataclass(frozen=True)
class Shape:
    """What a file is that is no JSON lines.

    Args:
        name: What people call it.
        remedy: What to do about it.
        reading: How its records can be read; None where that would be guessing.
    """

    name: str
    remedy: str
    reading: Reading | None = None

    def __str__(self) -> str:
        return f"{self.name}; {self.remedy}"


_AROUND_RECORDS = Shape(
    "an object around the records", "take the list out of it, as with `jq -c '.[][]'`"
)
_PAGE = "an HTML page, perhaps the error page of a download"
_MESSAGE = "an error message of a server"
_TEXTS = (
    (r"version https://git-lfs", "a Git LFS pointer", "run `git lfs pull` where it comes from"),
    (r"/annex/objects/", "a git-annex pointer", "run `git annex get` where it comes from"),
    (r"404: Not Found", _MESSAGE, DOWNLOAD_AGAIN),
    (r"<(?:!doctype html|html|head|body)\b", _PAGE, DOWNLOAD_AGAIN),
    (r"(?:<\?xml[^>]*>\s*)?<Error>", f"XML, {_MESSAGE}", DOWNLOAD_AGAIN),
    (r"<[?!A-Za-z]", "XML", EXPORT),
    (r"[\[{(]\s*(?:\{\s*)?'", "Python's own notation, no JSON", "write it with `json.dumps`"),
)
_LIST_INSIDE = re.compile(r"\"\s*:\s*\[\s*\{")
# One that goes on where the first bytes end.
_AROUND = re.compile(
    r'\{[^\S\n]*+\n(?:\s*+"[^"\n]*+"\s*+:[^\[{\n]*+\n)*+\s*+"[^"\n]*+"\s*+:\s*+\[\s*+\{'
    r'|\{\s*+"[^"\n]*+"\s*+:\s*+\[\s*+\{[^\n]*+\Z'
)
# On one line.
_BESIDE = re.compile(r"\}(?:[^\S\n]|,)*+\{")
_KEY = re.compile(r'"([^"\\\n]*)"\s*:')
_BLANK_BEFORE_COLON = re.compile(r'"\s+:')
_BLANK = r"[ \t\r\v\f]*+"
_FLAT = rf"{_BLANK}\{{[^{{}}\[\n]*+"
# Lines of objects that hold no other, two of them at least, and what the first bytes hold of one.
_FLAT_LINES = re.compile(
    rf"(?:{_FLAT}\}}{_BLANK}\n){{2}}(?:(?:{_FLAT}\}})?+{_BLANK}\n)*+(?:{_FLAT}\}}?+)?+{_BLANK}\Z"
)
_BY_COLUMN = re.compile(r'\{\s*"([^"\\]*)"\s*:\s*[\[{]')
_COMMA_AFTER = re.compile(r"\}\s*,\s*$", re.MULTILINE)
# Of objects that are no line beside such as are, from which on they tell what a file is.
_FEW = 3
_SEPARATORS = re.compile(r"[,;\t|]")
_SERVER_SAYS = frozenset({"message", "error", "errors", "errormessage"})


class TextHead:
    """The first characters of a file.

    Args:
        text: The characters.
        whole: Whether they are the whole file.
        known: The keys that its table knows.
    """

    def __init__(self, text: str, whole: bool, known: frozenset[str]) -> None:
        self._text = text.lstrip(BLANKS.decode() + "\n")
        self._whole = whole
        self._known = known

    def shape(self) -> Shape | None:
        """Return what it is; None where it may be JSON lines."""
        if not self._text or self._is_plainly_lines():
            return None
        column = _BY_COLUMN.match(self._text)
        if column and column[1] in self._known and len(self._alone) <= 1:
            return Shape("a table by columns", "write it by records, as `to_json` of pandas can")
        records, is_sure = self._records()
        # What is an object to JSON lines too is none of another shape.
        odd = [r for r in records if r.in_array or r.first != r.last or r.first not in self._alone]
        name = self._layout(odd) if is_sure or len(odd) > 1 else ""
        given = [record.keys for record in odd] if name else list(self._alone.values())
        if not (name or given):
            return self._other()
        return self._of_no_record(given, records) or self._to_convert(name, given)

    def _is_plainly_lines(self) -> bool:
        """Tell of nearly all files, without parsing each line, that they are JSON lines."""
        if not (self._is_flat() or self._are_objects()) or _keys_of(self._first_line) is None:
            return False
        return {fold(name) for name in self._known}.isdisjoint(map(fold, self._other_keys()))

    def _is_flat(self) -> bool:
        """Tell by one search whether each line is an object that holds no other, as nearly all."""
        is_ended = not self._whole or self._text.rstrip().endswith("}")
        return is_ended and _FLAT_LINES.match(self._text) is not None

    def _are_objects(self) -> bool:
        """Tell whether each line may be an object, and holds no list of objects."""
        filled = list(filter(None, self._lines))
        if len(filled) < 2 or not all(line[0] == "{" and line[-1] == "}" for line in filled):
            return False
        return not (_BESIDE.search(self._text) or _LIST_INSIDE.search(self._text))

    def _other_keys(self) -> frozenset[str]:
        """Return the keys that the table does not know; none where it is not known itself."""
        if not self._known:
            return frozenset()
        keys = sum(self._text.count(f'"{name}":') for name in self._known)
        if keys == self._text.count('":') and not _BLANK_BEFORE_COLON.search(self._text):
            return frozenset()
        return frozenset(_KEY.findall(self._text)) - self._known

    @property
    def _first_line(self) -> str:
        return self._text.partition("\n")[0].strip(BLANKS.decode())

    @cached_property
    def _lines(self) -> list[str]:
        lines = self._text.split("\n")[: None if self._whole else -1]
        return [line.strip(BLANKS.decode()) for line in lines]

    @cached_property
    def _alone(self) -> dict[int, frozenset[str]]:
        """Keys of the lines that are one object each, by the line's number."""
        found = ((n, _keys_of(line)) for n, line in enumerate(self._lines, start=1) if line)
        return {n: keys for n, keys in found if keys is not None}

    def _of_no_record(
        self, given: Sequence[frozenset[str]], records: Sequence[Record]
    ) -> Shape | None:
        """Tell what objects are of which no key is the table's."""
        folded = {fold(key) for keys in given for key in keys}
        # Where the table is not known, a key that stands alone is none of a record.
        is_none = folded.isdisjoint(map(fold, self._known)) if self._known else len(folded) == 1
        if not (given and is_none):
            return None
        if records and _LIST_INSIDE.search(records[0].text):
            return _AROUND_RECORDS
        is_said = self._whole and len(given) == 1 and folded & _SERVER_SAYS
        return Shape(_MESSAGE, DOWNLOAD_AGAIN) if is_said else None

    def _to_convert(self, name: str, given: Sequence[frozenset[str]]) -> Shape | None:
        """Return the shape of what can be converted; None for JSON lines spelled as the model."""
        by_line = not name
        respelled = self._respelled(given)
        if respelled:
            name = f"{name or 'JSON lines'} whose keys are spelled otherwise ({respelled})"
        return Shape(name, CONVERT, Reading(0, "", by_line)) if name else None

    def _records(self) -> tuple[list[Record], bool]:
        """Return the objects at the start, and whether nothing else is known to stand there.

        Where each line is one, a first one stands for all.
        """
        is_plain = 0 < len(self._alone) == sum(map(bool, self._lines))
        found: list[Record] = []
        try:
            for record in objects(io.StringIO(self._text, newline="")):
                found.append(record)
                if is_plain:
                    break
        except Broken:
            return found, not self._whole
        return found, True

    def _layout(self, odd: Sequence[Record]) -> str:
        """Return how the records stand, where most stand so; an empty text where not."""
        usable = len(self._alone.keys() - {r.first for r in odd if r.in_array})
        if self._text.startswith("[") and (len(odd) > 2 * usable or not (odd or usable)):
            return "a JSON array"
        apart = bool(odd) and all(one.last < two.first for one, two in pairwise(odd))
        # Several on one line are one line to the contract; the last with a comma has none.
        few = usable and len(odd) < _FEW
        if few or len(odd) + apart <= usable * (1 if apart else 2):
            return ""
        if any(record.first != record.last for record in odd):
            return "JSON objects over several lines"
        if not apart:
            return "several JSON objects on a line"
        if self._text.startswith("\x1e"):
            return "a JSON text sequence"
        comma = _COMMA_AFTER.search(self._text)
        return "JSON objects with a comma after each" if comma else ""

    def _respelled(self, given: Sequence[frozenset[str]]) -> str:
        """Return keys that stand for known ones which no object has."""
        missing = self._known.difference(*given)
        spelled = {fold(key): key for keys in given for key in keys - self._known}
        found = [f"{spelled[fold(n)]} for {n}" for n in sorted(missing) if fold(n) in spelled]
        return ", ".join(found)

    def _other(self) -> Shape | None:
        """Tell what a text is that holds no JSON object."""
        for pattern, name, remedy in _TEXTS:
            if re.match(pattern, self._text, re.IGNORECASE):
                return Shape(name, remedy)
        if _AROUND.match(self._text):
            return _AROUND_RECORDS
        if self._text.startswith("["):
            return Shape("a JSON array in which no objects can be told", EXPORT)
        if "\0" in self._text and not self._text.startswith("{"):
            return Shape("a binary file", EXPORT)
        heading = _SEPARATORS.split(self._text.partition("\n")[0])
        known = {fold(name) for name in self._known}
        found = sum(fold(part.strip(" \t\r'\"")) in known for part in heading)
        return Shape("CSV", EXPORT) if found > 1 else None


def _keys_of(line: str) -> frozenset[str] | None:
    """Return the keys of a line that is an object to the contract, which takes more than JSON."""
    found = keys_in(line)
    if found is None:
        try:
            found = frozenset(keys_of(line.encode("utf-8", "surrogatepass")))
        except Unusable:
            return None
    return found
