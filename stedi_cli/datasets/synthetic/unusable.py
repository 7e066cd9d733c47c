"""Lines that cannot be used: one recipe for every way in which the contract says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from stedi_cli.datasets.synthetic.dice import Dice
from stedi_cli.datasets.synthetic.lines import FIELDS, Members, written
from stedi_cli.landing.contract import Field

Recipe = tuple[str, Callable[[Members], bytes]]
"""A reason, and what makes an unusable line for it out of the members of a usable one."""


@cache
def recipes(folder: str, seed: int) -> list[Recipe]:
    """Every recipe for the lines of a landing folder, in an order of their own for each seed."""
    found = [*_whole_lines()]
    for column in FIELDS[folder]:
        found += _typed(column)
        if column.required:
            found += _missing(column.name)
    Dice(f"{seed}:{folder}:recipes").shuffle(found)
    return found


def _whole_lines() -> Iterator[Recipe]:
    yield "duplicate-key", lambda line: _inserted(line, f'"{next(iter(line))}":0,')
    yield "not-utf8", lambda line: _inserted(line, '"site":"Caf\xe9",', "latin-1")
    yield "not-an-object", lambda line: b"[%b,%b]" % (_plain(line), _plain(line))
    yield "not-an-object", lambda _: b"null"
    yield "not-an-object", lambda _: b'"no reading"'
    yield "lone-surrogate", lambda line: _inserted(line, '"site":"\\ud83d",')
    yield "not-json", lambda line: _plain(line) + _plain(line)
    yield "not-json", lambda line: _plain(line) + b" ok"
    yield "not-json", lambda line: _plain(line)[:-9]
    yield "not-json", lambda line: _plain(line).replace(b'"', b"'")
    yield "not-json", lambda line: _inserted(line, '"site":"a\x00b",')
    yield "not-json", lambda line: b"\xef\xbb\xbf" + _plain(line)


def _missing(key: str) -> Iterator[Recipe]:
    reason = f"missing:{key}"
    yield reason, lambda line: _plain({k: v for k, v in line.items() if k != key})
    yield reason, lambda line: _plain(line | {key: "null"})


def _typed(column: Field) -> Iterator[Recipe]:
    if column.type == "string":
        yield _valued(column, "not-text", lambda text: f"[{text}]")
        yield _valued(column, "not-text", lambda text: f'{{"is":{text}}}')
        return
    yield _valued(column, "not-a-number", lambda _: "true")
    yield _valued(column, "not-a-number", lambda number: f'"{number} or so"')
    yield _valued(column, "not-finite", lambda _: "NaN")
    yield _valued(column, "not-finite", lambda _: "-Infinity")
    yield _valued(column, "not-finite", lambda _: "1e999")
    if column.type == "long":
        yield _valued(column, "not-whole", lambda number: f"{number}.6")
        yield _valued(column, "out-of-range", lambda number: number + 19 * "0")
    if column.plausible:
        yield _valued(column, "implausible-instant", lambda time: time[:-3])
        yield _valued(column, "implausible-instant", lambda time: f'"{time}000"')
        yield _valued(column, "implausible-instant", lambda _: "9999999999999")
        yield _valued(column, "implausible-instant", lambda _: "-1" if not column.required else "0")


def _valued(column: Field, code: str, change: Callable[[str], str]) -> Recipe:
    key = column.name
    # An optional value that is not given is given here, wrongly.
    return f"{code}:{key}", lambda line: _plain(
        line | {key: change(line.get(key, "1700000000000"))}
    )


def _plain(line: Members) -> bytes:
    return written(line).encode()


def _inserted(line: Members, text: str, encoding: str = "utf-8") -> bytes:
    return b"{" + text.encode(encoding) + _plain(line)[1:]


def odd(line: str, number: int, escapable: str, variant: int) -> str:
    """The same line in a spelling that is unusual, but says the same and must be used.

    Args:
        line: A usable line, with its line feed.
        number: A time that stands in it.
        escapable: A character of its texts that may be written as an escape.
        variant: Which of the unusual spellings; they go round.
    """
    time, bare = str(number), line.removesuffix("\n")
    spelled = (
        bare.replace(time, f'"{time}"'),
        bare.replace(time, f"{time[0]}.{time[1:]}E12"),
        bare + "\r",
        bare.replace("{", '{"firmware":{"version":[2,1]},', 1),
        bare.replace(time, f"{time}.0"),
        bare.replace(escapable, f"\\u{ord(escapable):04x}"),
        bare.replace(":", " :\t").replace("{", "  { ", 1),
        bare + "\n \t",
        bare.replace(",", ",\r", 1),
        bare + "\n",
    )
    return spelled[variant % len(spelled)] + "\n"
