"""Lines that cannot be used: one recipe for every way in which the contract says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from stedi_cli.datasets.synthetic.dice import Dice
from stedi_cli.datasets.synthetic.lines import FIELDS, Members, written
from stedi_cli.landing.contract import Field

TRACED = {
    "customer": ("email", "serialNumber", "lastUpdateDate"),
    "accelerometer": ("user", "", "timestamp"),
    "step_trainer": ("", "", ""),
}
"""Where whose a line is, the serial number and the instant stand in the lines of a folder."""


@dataclass(frozen=True)
class Recipe:
    """What makes an unusable line out of the members of usable ones.

    Args:
        reason: Why it is unusable.
        make: Makes the line of as many members as there are people in it.
        email: Whether it still says for certain whose it is.
        serial: Whether it still says the serial number.
        instant: Whether it still says when it was written or taken.
        people: Of how many people it is.
    """

    reason: str
    make: Callable[..., bytes]
    email: bool = True
    serial: bool = True
    instant: bool = True
    people: int = 1

    def hiding(self, folder: str, *keys: str) -> Recipe:
        """The same recipe, after which nothing can be made out of these keys."""
        email, serial, instant = (key not in keys for key in TRACED[folder])
        return replace(self, email=email, serial=serial, instant=instant)


@cache
def recipes(folder: str, seed: int) -> list[Recipe]:
    """Recipes for the lines of a landing folder, in an order of their own for each seed.

    A customer's line says whose it is and which device theirs is; else no run would go on.
    """
    found = [recipe for recipe in _all(folder) if folder != "customer" or _tells_holder(recipe)]
    Dice(f"{seed}:{folder}:recipes").shuffle(found)
    # Little dirt has it too.
    ordered = sorted(found, key=lambda recipe: -recipe.people)
    return [*ordered, *(_odd_addresses() if folder == "customer" else ())]


@cache
def unreadable(seed: int) -> list[Recipe]:
    """Recipes for lines of customers that do not say whose they are, or which device theirs is."""
    found = [recipe for recipe in _all("customer") if not _tells_holder(recipe)]
    Dice(f"{seed}:unreadable").shuffle(found)
    return found


def _tells_holder(recipe: Recipe) -> bool:
    return recipe.email and recipe.serial


def _all(folder: str) -> Iterator[Recipe]:
    yield from _whole_lines(folder)
    if folder == "customer":
        yield from _of_customers()
    else:
        yield Recipe("not-json", lambda line: _plain(line)[:-9])
    for column in FIELDS[folder]:
        for recipe in (*_typed(column), *(_missing(column.name) if column.required else ())):
            yield recipe.hiding(folder, column.name)


def _whole_lines(folder: str) -> Iterator[Recipe]:
    email, serial, instant = TRACED[folder]
    first = next(iter(FIELDS[folder])).name
    yield Recipe("duplicate-key", lambda line: _inserted(line, f'"{first}":0,')).hiding(
        folder, first
    )
    yield Recipe("not-utf8", lambda line: _inserted(line, '"site":"Caf\xe9",', "latin-1"))
    yield Recipe("not-an-object", lambda line: b"[%b,%b]" % (_plain(line), _plain(line)))
    yield Recipe("lone-surrogate", lambda line: _inserted(line, '"site":"\\ud83d",'))
    yield Recipe("not-json", lambda line: _plain(line) + _plain(line))
    yield Recipe("not-json", lambda line: _plain(line) + b" ok")
    yield Recipe("not-json", lambda line: _inserted(line, '"site":"a\x00b",'))
    yield Recipe("not-json", lambda line: b"\xef\xbb\xbf" + _plain(line))
    for reason, make in (
        ("not-an-object", lambda _: b"null"),
        ("not-an-object", lambda _: b'"no reading"'),
        ("not-json", lambda line: _plain(line).replace(b'"', b"'")),
    ):
        yield Recipe(reason, make).hiding(folder, email, serial, instant)


def _of_customers() -> Iterator[Recipe]:
    """Withdrawals as they are broken on their way: cut, glued to another one, a key misspelt."""
    email, serial, instant = TRACED["customer"]
    yield Recipe("not-json", lambda *lines: b"".join(map(_plain, lines)), people=3)
    yield Recipe("not-json", lambda a, b: _cut(a, instant, b',"sha') + _plain(b), people=2)
    yield Recipe("not-json", lambda line: _cut(line, instant, b',"shareWithRes'))
    yield _misspelt("registrationDate", "registeredDate")
    for recipe in (
        Recipe("not-json", lambda line: _cut(line, serial, b',"registr')),
        _misspelt(instant, "lastUpdatedDate"),
    ):
        yield recipe.hiding("customer", instant)
    cut_short = Recipe("not-json", lambda line: _cut(line, "customerName", b',"email":"ann@ex'))
    yield cut_short.hiding("customer", email, serial, instant)
    yield _misspelt(email, "e-mail").hiding("customer", email)


def _cut(line: Members, key: str, rest: bytes) -> bytes:
    """A line that ends behind a key and a bit."""
    keys = list(line)[: list(line).index(key) + 1]
    return _plain({k: line[k] for k in keys})[:-1] + rest


def _misspelt(key: str, wrong: str) -> Recipe:
    return Recipe(
        f"missing:{key}", lambda line: _plain({wrong if k == key else k: line[k] for k in line})
    )


def _missing(key: str) -> Iterator[Recipe]:
    reason = f"missing:{key}"
    yield Recipe(reason, lambda line: _plain({k: v for k, v in line.items() if k != key}))
    yield Recipe(reason, lambda line: _plain(line | {key: "null"}))


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


def _odd_addresses() -> Iterator[Recipe]:
    """Customers' lines that leave whose they are for everybody to see."""
    email = next(column for column in FIELDS["customer"] if column.address)
    yield _valued(email, "odd-address", lambda text: f'{text[:-1]}\\t"')
    yield _valued(email, "odd-address", lambda text: f'{text[:-1]}\u00a0"')
    yield _valued(email, "odd-address", lambda text: f'"mailto:{text[1:]}')


def _valued(column: Field, code: str, change: Callable[[str], str]) -> Recipe:
    key = column.name
    # An optional value that is not given is given here, wrongly.
    return Recipe(
        f"{code}:{key}",
        lambda line: _plain(line | {key: change(line.get(key, "1700000000000"))}),
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
