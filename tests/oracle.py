"""The lakehouse once more, by brute force: plain Python that shares no code with the product.

Written from the landing contract and the rules in words, to be compared with what the product
builds. Slow and simple is the point; there is an index only where public data would take hours.
"""

from __future__ import annotations

import gzip
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Files = dict[str, dict[str, bytes]]
Row = tuple[Any, ...]
Entry = tuple[str, str, int, str]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BLANKS = " \t\r\v\f"
ADDRESSES = ("email", "user")
UNSEEN = re.compile(
    "[\\x00-\\x20\\x7f-\\xa0\\xad\\u1680\\u180e\\u2000-\\u200f"
    "\\u2028-\\u202f\\u205f-\\u206f\\u3000\\ufeff]"
)
LONGEST_LINE = 16 * 2**20
# Epoch milliseconds of 2000-01-01 00:00:00.000 and 2099-12-31 23:59:59.999, UTC.
FIRST_INSTANT, LAST_INSTANT = 946_684_800_000, 4_102_444_799_999


class Column(NamedTuple):
    name: str
    type: str
    required: bool = False


LANDING: dict[str, list[Column]] = {
    "customer_landing": [
        Column("customerName", "text"),
        Column("email", "text", required=True),
        Column("phone", "text"),
        Column("birthDay", "text"),
        Column("serialNumber", "text", required=True),
        Column("registrationDate", "instant", required=True),
        Column("lastUpdateDate", "instant", required=True),
        Column("shareWithResearchAsOfDate", "instant"),
        Column("shareWithPublicAsOfDate", "instant"),
        Column("shareWithFriendsAsOfDate", "instant"),
    ],
    "accelerometer_landing": [
        Column("user", "text", required=True),
        Column("timestamp", "instant", required=True),
        Column("x", "float", required=True),
        Column("y", "float", required=True),
        Column("z", "float", required=True),
    ],
    "step_trainer_landing": [
        Column("sensorReadingTime", "instant", required=True),
        Column("serialNumber", "text", required=True),
        Column("distanceFromObject", "whole", required=True),
    ],
}


class LineError(Exception):
    """A line that belongs into quarantine; its text is the reason."""


class UnspecifiedError(Exception):
    """A line whose value no rule fixes: the text of a number that is not an integer."""


# --- A line ---------------------------------------------------------------------------------


class Token(NamedTuple):
    """A piece of JSON. Kinds: text, number, infinite, true, false, null, nested, or a sign."""

    kind: str
    text: str


_TOKEN = re.compile(
    r"""[ \t\r]*(?:
    "(?P<text>(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*)"
    |(?P<infinite>-?(?i:nan|infinity|inf))
    |(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    |(?P<sign>true|false|null|[][{},:])
    )[ \t\r]*""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_ESCAPED = dict(zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True))


def read_line(table: str, line: bytes, *, first: bool = False) -> Row:
    """The values of a line in column order; `first` if the file begins with it."""
    if len(line) > LONGEST_LINE:
        raise LineError("too-long")
    if first and line.startswith(BYTE_ORDER_MARK):
        line = line[len(BYTE_ORDER_MARK) :]
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise LineError("not-utf8") from None
    tokens = list(_tokens(text.strip(BLANKS)))
    members = _members(tokens)
    if tokens[0].kind != "{":
        raise LineError("not-an-object")
    if any(token.kind == "text" and _lone_surrogate(token.text) for token in tokens):
        raise LineError("lone-surrogate")
    columns = LANDING[table]
    keys = Counter(key for key, _ in members)
    if any(keys[column.name] > 1 for column in columns):
        raise LineError("duplicate-key")
    given = dict(members)
    return tuple(_column(given.get(column.name), column) for column in columns)


def _tokens(text: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise LineError("not-json")
        position = found.end()
        kind = found.lastgroup or ""
        piece = found[kind]
        yield Token(piece if kind == "sign" else kind, _unescape(piece) if "\\" in piece else piece)


def _unescape(piece: str) -> str:
    return (
        _ESCAPE.sub(lambda e: chr(int(e[1], 16)) if e[1] else _ESCAPED[e[2]], piece)
        .encode("utf-16", "surrogatepass")
        .decode("utf-16", "surrogatepass")
    )


def _lone_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _members(tokens: list[Token], *, cut: bool = False) -> list[tuple[str, Token]]:
    """The members of the outermost object; a nested value is checked, not kept.

    One step a token, no recursion, since nothing limits how deep an unknown key may go. An object
    may be `cut`: then nothing needs to be closed.
    A comma too many before a closing bracket is let through, as DuckDB's reader does.
    """
    members: list[tuple[str, Token]] = []
    opened: list[str] = []
    key = ""
    wanted = "value"
    for token in tokens:
        kind = token.kind
        inside = opened[-1] if opened else ""
        if wanted == "key" and kind == "text":
            key, wanted = token.text, ":"
        elif wanted == ":" and kind == ":":
            wanted = "value"
        elif wanted == "comma" and kind == ",":
            wanted = "key" if inside == "{" else "item"
        elif (kind == "}" and inside == "{" and wanted in ("key", "comma")) or (
            kind == "]" and inside == "[" and wanted in ("item", "comma")
        ):
            opened.pop()
            wanted = "comma" if opened else "nothing"
        elif wanted in ("value", "item") and kind not in (",", ":", "}", "]"):
            nested = kind in ("{", "[")
            if opened == ["{"]:
                members.append((key, Token("nested", "") if nested else token))
            if nested:
                opened.append(kind)
            after = "comma" if opened else "nothing"
            wanted = {"{": "key", "[": "item"}.get(kind, after)
        else:
            raise LineError("not-json")
    if wanted != "nothing" and not cut:
        raise LineError("not-json")
    return members


# --- A value --------------------------------------------------------------------------------


def _column(token: Token | None, column: Column) -> Any:
    if token is None or token.kind == "null":
        if column.required:
            raise LineError(f"missing:{column.name}")
        return None
    if column.type == "text":
        text = _text(token, column.name)
        if column.required and all(c.isspace() for c in text):
            raise LineError(f"missing:{column.name}")
        if column.name in ADDRESSES and _is_odd_address(text.strip(" ")):
            raise LineError(f"odd-address:{column.name}")
        return text
    if not (token.kind in ("number", "infinite") or _is_numeric_text(token)):
        raise LineError(f"not-a-number:{column.name}")
    if column.type == "float":
        return _finite(token, column.name)
    number = _whole(token, column.name)
    if column.type == "whole" or FIRST_INSTANT <= number <= LAST_INSTANT:
        return number
    if number == 0 and not column.required:
        return None
    raise LineError(f"implausible-instant:{column.name}")


def _is_odd_address(text: str) -> bool:
    if text[:7].lower() == "mailto:":
        return True
    return any(UNSEEN.match(character) for character in (text[:1], text[-1:]))


def _bare(text: str) -> str:
    while text and _is_odd_address(text):
        if text[:7].lower() == "mailto:":
            text = text[7:]
        else:
            text = text[1:] if UNSEEN.match(text) else text[:-1]
    return text


def _text(token: Token, column: str) -> str:
    if token.kind == "nested":
        raise LineError(f"not-text:{column}")
    if token.kind == "infinite" or (token.kind == "number" and not _is_integer(token.text)):
        raise UnspecifiedError(column)
    return "0" if token == Token("number", "-0") else token.text


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_integer(text: str) -> bool:
    return _is_digits(text.removeprefix("-"))


def _is_numeric_text(token: Token) -> bool:
    """Whether DuckDB's strict cast takes a text for a number.

    Blanks may come first, a point may begin or end the digits; zeros may lead a negative number.
    """
    if token.kind != "text":
        return False
    text = token.text.lstrip(" \t\n\r\v\f")
    unsigned = text.removeprefix("-")
    mantissa, e, exponent = unsigned.replace("E", "e").partition("e")
    if e and not _is_digits(exponent[1:] if exponent[:1] in ("+", "-") else exponent):
        return False
    whole, _, fraction = mantissa.partition(".")
    if not _is_digits(whole + fraction):
        return False
    return text != unsigned or whole == "0" or not whole.startswith("0")


def _finite(token: Token, column: str) -> float:
    value = 0.0 if token == Token("number", "-0") else float(token.text)
    if not math.isfinite(value):
        raise LineError(f"not-finite:{column}")
    return value


def _whole(token: Token, column: str) -> int:
    """An integer; with a point or an exponent it is a 64-bit float first, as everywhere in JSON."""
    written = token.text.lstrip()
    if not _is_integer(written):
        value = _finite(token, column)
        if value != math.floor(value):
            raise LineError(f"not-whole:{column}")
        number = math.floor(value)
    else:
        digits = written.lstrip("-0") or "0"
        if len(digits) > 19:
            raise LineError(f"out-of-range:{column}")
        number = -int(digits) if written.startswith("-") else int(digits)
    if not -(2**63) <= number < 2**63:
        raise LineError(f"out-of-range:{column}")
    return number


# --- What a line is about that cannot be used -------------------------------------------------


class Trace(NamedTuple):
    """Whose it may be, which serial number it names, and of when; None: it may be any."""

    email: str | None
    serial: str | None
    instant: int | None


NOTHING = Trace(None, None, None)
# Where these stand in a line: e-mail address, serial number, instant.
TRACED: dict[str, tuple[str, str | None, str]] = {
    "customer_landing": ("email", "serialNumber", "lastUpdateDate"),
    "accelerometer_landing": ("user", None, "timestamp"),
}


class Held(NamedTuple):
    """A trace, and the line that it is of."""

    table: str
    file: str
    line: int
    email: str | None
    serial: str | None
    instant: int | None

    @property
    def place(self) -> tuple[str, int]:
        return self.file, self.line


Said = dict[str, list[Any]]
"""What an object says under each key, in order; None for what cannot be made out."""


def traces(table: str, line: bytes, *, first: bool = False) -> set[Trace]:
    """What is made out of a line in quarantine."""
    text = line[:LONGEST_LINE].decode(errors="replace")
    text = (text.removeprefix("\ufeff") if first else text).strip(BLANKS)
    try:
        if len(line) > LONGEST_LINE:
            raise LineError("too-long")
        tokens = list(_tokens(text))
        members = _members(tokens)
        if tokens[0].kind != "{":
            raise LineError("not-an-object")
    except LineError:
        found = _of_broken(table, text)
        return found | {NOTHING} if len(line) > LONGEST_LINE else found
    said: Said = defaultdict(list)
    for key, token in members:
        said[key].append(_made_out(table, key, token, picked=False))
    found = _of_one(table, said)
    email, serial, _ = TRACED[table]
    if serial:
        deeper = _picked(table, text)
        if not _values(said, email):
            found |= {Trace(value, None, None) for value in _values(deeper, email)}
        if not _values(said, serial):
            found |= {Trace(None, value, None) for value in _values(deeper, serial)}
    return found


def _values(said: Said, key: str) -> set[Any]:
    return set(said[key]) - {None}


def _of_one(table: str, said: Said) -> set[Trace]:
    """The traces of one object."""
    email, serial, instant = TRACED[table]
    emails, times = _values(said, email), _values(said, instant)
    if serial is None:
        user = emails.pop() if len(emails) == 1 and None not in said[email] else None
        unplaced = not times or None in said[instant]
        return {Trace(user, None, time) for time in times | ({None} if unplaced else set())}
    time = max(times) if times and None not in said[instant] else None
    serials = _values(said, serial)
    if len(emails) > 1 and len(serials) > 1:
        pairs = {(person, None) for person in emails} | {(None, device) for device in serials}
    else:
        pairs = {(person, device) for person in emails or {None} for device in serials or {None}}
    found = {Trace(person, device, time) for person, device in pairs}
    if any(len(set(said[key])) > 1 for key in (email, serial)):
        found.add(NOTHING)
    return found


def _of_broken(table: str, text: str) -> set[Trace]:
    """The traces of a line that is no object: of each object in it, or of all that is found."""
    email, serial, instant = TRACED[table]
    before, *bodies = text.split("{") if "{" in text else ("", text)
    apart = [before, *(body.split("}", 1)[1] for body in bodies if "}" in body)]
    split = any('"' in rest or ("}" in rest and re.search("[0-9A-Za-z]", rest)) for rest in apart)
    # Or the beginning of the second is lost, and the first one goes over into it.
    split |= not all(map(_is_a_piece, bodies) if "{" in text else [_is_a_rear_piece(text)])
    each = [_picked(table, body) for body in bodies]
    once = all(len(values) == 1 for said in each for values in said.values())
    complete = all(_values(said, key) for said in each for key in (email, serial or instant))
    if not split and once and (complete or len(each) == 1):
        return {trace for said in each for trace in _of_one(table, said)}
    said = _picked(table, text)
    if serial:
        found = {Trace(value, None, None) for value in _values(said, email)}
        return found | {Trace(None, value, None) for value in _values(said, serial)} | {NOTHING}
    found = {Trace(None, None, value) for value in _values(said, instant)}
    doubted = any(None in said[key] for key in (email, instant))
    unplaced = split or doubted or len(said[instant]) < len(bodies)
    return found | ({NOTHING} if unplaced else set())


def _is_a_rear_piece(text: str) -> bool:
    """Whether there may be something before a text that makes it the rest of an object."""
    fronts = {"": ("", '"k"', '"k":'), r"[-+.0-9A-Za-z]*": ('"k":0 ',)}
    fronts[r'(\\.|[^"\\])*"'] = ('"k"', '"k":0 ')
    rests = ((re.match(lost, text), before) for lost, each in fronts.items() for before in each)
    return any(found and _is_a_piece(before + text[found.end() :]) for found, before in rests)


def _is_a_piece(body: str) -> bool:
    """Whether there may be something behind a text that makes it the members of an object."""
    body, brace, _ = re.sub(r'"(\\.|[^"\\])*("|\\?$)', _plain_text, body).partition("}")
    body = body.translate({ord("\v"): " ", ord("\f"): " "})
    # Where it is cut, nothing is said any more without a quote.
    body = body + "}" if brace else body[: body.rfind('"') + 1]
    with suppress(LineError):
        _members(list(_tokens("{" + body)), cut=not brace)
        return True
    return False


def _plain_text(found: re.Match[str]) -> str:
    """A text without what is wrong in it, but does no harm; one that is cut is closed."""
    text = found[0]
    if not found[2].endswith('"'):
        return text if "}" in text else '"cut"'
    harmless = r'(\\["\\/bfnrtu])|\\[^\0]|[\x01-\x1f]|(?<!\0)\0(?!\0)'
    return re.sub(harmless, lambda spot: spot[1] or "?", text)


def _picked(table: str, text: str) -> Said:
    """What stands behind each known key, wherever it is."""
    said: Said = defaultdict(list)
    for column in LANDING[table]:
        key = f'"{column.name}"'
        for place in (found.start() for found in re.finditer(re.escape(key), text)):
            before, behind = text[:place][-1:], text[place + len(key) :].lstrip(BLANKS)
            if before == "\\" or not behind.startswith(":"):
                continue
            token = _token_at_once(behind[1:].lstrip(BLANKS))
            if before and before not in BLANKS + '{}[],"':
                token = None
            value = token and _made_out(table, column.name, token, picked=True)
            said[column.name].append(value)
    return said


def _token_at_once(text: str) -> Token | None:
    """The value that a text begins with, if it is certain where it ends."""
    found = _TOKEN.match(text)
    if found is None:
        return None
    kind = found.lastgroup or ""
    piece = found[kind]
    rest = text[found.end() :].lstrip(BLANKS)
    ends = ("",) if kind == "text" and not rest else tuple(',}]"' if kind == "text" else ",}]")
    if not rest.startswith(ends) or piece in tuple("[]{},:"):
        return None
    return Token(piece if kind == "sign" else kind, _unescape(piece))


def _made_out(table: str, key: str, token: Token, *, picked: bool) -> Any:
    email, serial, instant = TRACED[table]
    if key not in (email, serial, instant):
        return token.text
    column = next(column for column in LANDING[table] if column.name == key)
    if key == email and token.kind == "text" and not picked:
        token = Token("text", _bare(token.text))
    try:
        value = _column(token, column)
    except LineError:
        return None
    if key == instant:
        return value
    odd = {"\ufffd", *map(chr, range(0xD800, 0xE000))}
    if picked:
        odd |= {*map(chr, [*range(0x20), *range(0x7F, 0xA0)]), *'{}[]"\\'}
    if picked and key == email:
        odd |= {*" \xa0:,"}
    value = value.strip(" ") if key == email else value
    longest = 320 if key == email else 200
    return value if value.strip() and len(value) <= longest and not odd & set(value) else None


# --- Files ----------------------------------------------------------------------------------


@dataclass
class Landing:
    """What the landing files hold: usable rows by landing table, and the quarantine.

    Args:
        rows: The usable rows.
        quarantine: Place and reason of every other line.
        held_back: Place of each such line, and a trace of it.
    """

    rows: dict[str, list[Row]] = field(default_factory=lambda: {table: [] for table in LANDING})
    quarantine: list[Entry] = field(default_factory=list)
    held_back: list[Held] = field(default_factory=list)

    @property
    def unreadable_customers(self) -> int:
        """How many lines of customers do not say for certain whose they are, or which device's."""
        customers = [held for held in self.held_back if held.table == "customer_landing"]
        return len({held.place for held in customers if None in (held.email, held.serial)})


def lines_of(name: str, content: bytes) -> Iterator[tuple[int, bytes]]:
    """Physical line number and bytes of every line that is not blank."""
    if name.endswith(".gz"):
        content = gzip.decompress(content)
    for number, line in enumerate(content.split(b"\n"), start=1):
        seen = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
        if seen.strip(BLANKS.encode()):
            yield number, line


def read(files: Files) -> Landing:
    landing = Landing()
    for table, named in files.items():
        for name, content in named.items():
            for number, line in lines_of(name, content):
                try:
                    landing.rows[table].append(read_line(table, line, first=number == 1))
                except LineError as reason:
                    landing.quarantine.append((table, name, number, str(reason)))
                    if table in TRACED:
                        told = traces(table, line, first=number == 1)
                        landing.held_back += (Held(table, name, number, *trace) for trace in told)
    return landing


# --- The rules ------------------------------------------------------------------------------


class Customer(NamedTuple):
    name: str | None
    email: str
    phone: str | None
    birthday: str | None
    serial: str
    registered: int
    updated: int
    consent: int | None
    public: int | None
    friends: int | None


class Motion(NamedTuple):
    user: str
    instant: int
    x: float
    y: float
    z: float


class Step(NamedTuple):
    instant: int
    serial: str
    distance: int


def lakehouse(landing: Landing, policy: str) -> dict[str, list[Row]]:
    """The five tables by name."""
    customers = [Customer(*row) for row in landing.rows["customer_landing"]]
    motions = [Motion(*row) for row in landing.rows["accelerometer_landing"]]
    steps = [Step(*row) for row in landing.rows["step_trainer_landing"]]
    rules = {
        "strict": _strict,
        "published": _published,
        "consent_on_accelerometer": _consent_on_accelerometer,
    }
    return rules[policy](customers, motions, steps, landing.held_back)


def _person(email: str) -> str:
    return email.strip(" ").lower()


def _supersedes(one: Customer, other: Customer) -> bool:
    if one.updated != other.updated:
        return one.updated > other.updated
    if one.consent != other.consent:
        if one.consent is None or other.consent is None:
            return one.consent is None
        return one.consent > other.consent
    for mine, theirs in zip(one, other, strict=True):
        if mine != theirs:
            return theirs is None or (mine is not None and mine < theirs)
    return False


def _latest(customers: list[Customer]) -> dict[str, Customer]:
    latest: dict[str, Customer] = {}
    for customer in customers:
        person = _person(customer.email)
        if person not in latest or _supersedes(customer, latest[person]):
            latest[person] = customer
    return latest


def _consented(customer: Customer, instant: int) -> bool:
    return customer.consent is not None and instant >= customer.consent


def people(landing: Landing) -> dict[str, list[Row]]:
    """The rows of the final table under the strict rules, by person."""
    customers = [Customer(*row) for row in landing.rows["customer_landing"]]
    motions = [Motion(*row) for row in landing.rows["accelerometer_landing"]]
    steps = [Step(*row) for row in landing.rows["step_trainer_landing"]]
    return _with_people(customers, motions, steps, landing.held_back)[1]


def _held_back(latest: dict[str, Customer], held_back: list[Held]) -> set[str]:
    """Who may have withdrawn in a line that cannot be used."""
    people = set()
    for held in held_back:
        if held.table == "customer_landing" and held.email is not None:
            person = _person(held.email)
            later = person in latest and held.instant is not None
            if not later or latest[person].updated <= held.instant:
                people.add(person)
    return people


def _strict(
    customers: list[Customer], motions: list[Motion], steps: list[Step], held_back: list[Held]
) -> dict[str, list[Row]]:
    return _with_people(customers, motions, steps, held_back)[0]


def _with_people(
    customers: list[Customer], motions: list[Motion], steps: list[Step], held_back: list[Held]
) -> tuple[dict[str, list[Row]], dict[str, list[Row]]]:
    latest = _latest(customers)
    out = _held_back(latest, held_back)
    trusted = {p: c for p, c in latest.items() if c.consent is not None and p not in out}
    motions_of: dict[tuple[str, int], set[Motion]] = defaultdict(set)
    for motion in motions:
        customer = trusted.get(_person(motion.user))
        if customer and _consented(customer, motion.instant):
            person = _person(motion.user)
            motions_of[person, motion.instant].add(motion._replace(user=customer.email))
    moved = {person for person, _ in motions_of}
    curated = {person: customer for person, customer in trusted.items() if person in moved}
    owned = _owned(steps, latest, motions, held_back)
    kept = {
        step: person
        for step, person in owned.items()
        if person in curated and _consented(curated[person], step.instant)
    }
    learning: dict[str, list[Row]] = defaultdict(list)
    for step, person in kept.items():
        for motion in motions_of.get((person, step.instant), ()):
            row = (step.instant, step.distance, motion.x, motion.y, motion.z)
            learning[person].append(row)
    tables: dict[str, list[Row]] = {
        "customer_trusted": list(trusted.values()),
        "accelerometer_trusted": [m for motions in motions_of.values() for m in motions],
        "customers_curated": list(curated.values()),
        "step_trainer_trusted": list(kept),
        "machine_learning_curated": [row for rows in learning.values() for row in rows],
    }
    return tables, learning


def _owned(
    steps: list[Step], latest: dict[str, Customer], motions: list[Motion], held_back: list[Held]
) -> dict[Step, str]:
    """Every distinct step reading that belongs to somebody, and to whom.

    Nobody owns by a customer's line that cannot be used: such a line takes away, and gives none.
    """
    holders: dict[str, set[Any]] = defaultdict(set)
    for person, customer in latest.items():
        holders[customer.serial].add(person)
    present = {(_person(motion.user), motion.instant) for motion in motions}
    anybodys = set()
    for held in held_back:
        if held.table == "customer_landing" and held.serial is not None:
            holders[held.serial].add(held.place if held.email is None else _person(held.email))
        if held.table == "accelerometer_landing" and held.email is None:
            anybodys.add(held.instant)
        elif held.table == "accelerometer_landing" and held.email is not None:
            present.add((_person(held.email), held.instant))
    owned: dict[Step, str] = {}
    for step in steps:
        owners = holders[step.serial]
        if len(owners) > 1:
            owners = {person for person in owners if (person, step.instant) in present}
            if step.instant in anybodys:
                continue
        if len(owners) == 1:
            (owner,) = owners
            if owner in latest and latest[owner].serial == step.serial:
                owned[step] = owner
    return owned


def _published(
    customers: list[Customer], motions: list[Motion], steps: list[Step], _held_back: list[Held]
) -> dict[str, list[Row]]:
    trusted = [customer for customer in customers if customer.consent is not None]
    addresses = {customer.email for customer in trusted}
    kept_motions = [motion for motion in motions if motion.user in addresses]
    users = {motion.user for motion in kept_motions}
    curated = [customer for customer in trusted if customer.email in users]
    serials = {customer.serial for customer in curated}
    kept_steps = [step for step in steps if step.serial in serials]
    at: dict[int, list[Motion]] = defaultdict(list)
    for motion in kept_motions:
        at[motion.instant].append(motion)
    learning = [
        (step.instant, step.distance, motion.x, motion.y, motion.z)
        for step in kept_steps
        for motion in at.get(step.instant, ())
    ]
    return {
        "customer_trusted": list(trusted),
        "accelerometer_trusted": list(kept_motions),
        "customers_curated": list(curated),
        "step_trainer_trusted": list(kept_steps),
        "machine_learning_curated": learning,
    }


def _consent_on_accelerometer(
    customers: list[Customer], motions: list[Motion], steps: list[Step], held_back: list[Held]
) -> dict[str, list[Row]]:
    tables = _strict(customers, motions, steps, held_back)
    serials = {customer.serial for customer in map(Customer._make, tables["customers_curated"])}
    kept_steps = [step for step in steps if step.serial in serials]
    at: dict[int, list[Motion]] = defaultdict(list)
    for motion in map(Motion._make, tables["accelerometer_trusted"]):
        at[motion.instant].append(motion)
    learning = [
        (step.instant, step.distance, motion.x, motion.y, motion.z)
        for step in kept_steps
        for motion in at.get(step.instant, ())
    ]
    return tables | {
        "step_trainer_trusted": list(kept_steps),
        "machine_learning_curated": learning,
    }
