"""Small random lakes as bytes of landing files, with everything in them that the contract names.

A row is written out as its JSON members; a style writes them as a usable line, a defect breaks
them. What becomes of a line is for the oracle to say: not every defect is one in every column.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from hypothesis import strategies as st
from oracle import LANDING, Files

from stedi_cli.landing.shapes import HEAD, shape_without_model

Record = dict[str, Any]
Members = list[tuple[str, str]]
"""JSON text of every key and value, in order."""

CONSENT = 1_655_564_444_103
INSTANTS = (CONSENT, CONSENT - 1, CONSENT + 1, CONSENT + 60_000, CONSENT + 120_000)
PEOPLE = (
    "ann@x.org",
    "Bob@x.org",
    "cid+{a}@x.org",
    "zoë@x.org",
    "ann@x.org\N{NO-BREAK SPACE}",
    "\tann@x.org",
    "MailTo: bob@x.org\u200b",
    "李\N{GRINNING FACE}@x.org",
    "nul\0nul@x.org",
    "nul\0",
    'quo"te\\@x.org',
    "%_@x.org",
    "true",
    "7",
)
SERIALS = ("s1", "s2", "S1", " s1", "7", "false", "é\0")
FILE_NAMES = ("a.json", "b b.json", "c,(1).json", "é+=@-_.json")


# --- How a usable line may be written ---------------------------------------------------------


def members_of(record: Record) -> Members:
    return [(json.dumps(k), json.dumps(v, ensure_ascii=False)) for k, v in record.items()]


def written(members: Members, comma: str = ",", colon: str = ":") -> bytes:
    return ("{" + comma.join(key + colon + value for key, value in members) + "}").encode()


def _numbers(change: Callable[[str], str]) -> Callable[[Members], bytes]:
    return lambda members: written([(k, change(v) if _is_number(v) else v) for k, v in members])


def _is_number(value: str) -> bool:
    return re.fullmatch(r"-?[0-9.]+", value) is not None


def _exponent(number: str) -> str:
    """1655564444103 as 1.655564444103E12."""
    if "." in number:
        return number + "e+0"
    digits = number.lstrip("-")
    return f"{'-' * (number != digits)}{digits[0]}.{digits[1:] or '0'}E{len(digits) - 1}"


def _all_escaped(members: Members) -> bytes:
    return written([(_escape(k), _escape(v) if v.startswith('"') else v) for k, v in members])


def _escape(text: str) -> str:
    """Every UTF-16 unit of a JSON text as an escape."""
    units = json.loads(text).encode("utf-16-be").hex()
    return '"' + "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4)) + '"'


def _bare_texts(members: Members) -> bytes:
    """Texts that spell an integer or a boolean without their quotes."""
    plain = re.compile(r'"(-?[1-9][0-9]*|0|true|false)"')
    return written([(key, plain.sub(r"\1", value)) for key, value in members])


def _unknown_keys(members: Members) -> bytes:
    nested = '{"email": [{}, []], "user": 1, "user": NaN, "": {"a": null}}'
    added = [("new", nested), ("new", "1e999"), ("x ", "-inf"), ("EMAIL", "[1, 2,]")]
    return written([(f'"{k}"', v) for k, v in added] + members + [('"User"', "9" * 40)])


STYLES: dict[str, Callable[[Members], bytes]] = {
    "spaced": lambda members: written(members, ", ", ": "),
    "CRLF": lambda members: written(members) + b"\r",
    "lone CR between tokens": lambda members: written(members, ",\r", "\r:\t\r"),
    "blanks around": lambda members: b" \t\r" + written(members) + b"\t  ",
    "form feeds around": lambda members: b"\f \v" + written(members) + b" \v\r",
    "reversed": lambda members: written(members[::-1]),
    "a comma too many": lambda members: written(members).removesuffix(b"}") + b", }",
    "numbers as text": _numbers(lambda number: f'"{number}"'),
    "numbers as blank and text": _numbers(lambda number: f'" \\t{number}"'),
    "numbers with exponent": _numbers(_exponent),
    "numbers with exponent as text": _numbers(lambda number: f'"{_exponent(number)}"'),
    "numbers with fraction": _numbers(lambda number: number + (".0" * ("." not in number))),
    "numbers with point as text": _numbers(lambda number: f'"{number}{"." * ("." not in number)}"'),
    "escaped": _all_escaped,
    "integers and booleans for text": _bare_texts,
    "unknown keys": _unknown_keys,
    "deep unknown key": lambda members: written(
        [*members, ('"u"', "[" * 500 + r'"\u0041"' + "]" * 500)]
    ),
}


# --- How a line may be broken -----------------------------------------------------------------

Defect = Callable[[Members, int], bytes]


def _instead_of_number(value: str) -> Defect:
    return lambda members, at: written(_replaced(members, at, value, number=True))


def _instead_of_text(value: str) -> Defect:
    return lambda members, at: written(_replaced(members, at, value, number=False))


def _replaced(members: Members, at: int, value: str, *, number: bool) -> Members:
    places = [i for i, (_, old) in enumerate(members) if _is_number(old) == number]
    place = places[at % len(places)]
    return [(key, value if i == place else old) for i, (key, old) in enumerate(members)]


def _into_text(raw: bytes) -> Defect:
    """Raw bytes inside the first text."""
    return lambda members, _: re.sub(
        rb':"', lambda found: found[0] + raw, written(members), count=1
    )


def _around(before: bytes, after: bytes) -> Defect:
    return lambda members, _: before + written(members) + after


def _added(key: str, value: str) -> Defect:
    return lambda members, at: written([*members[:at], (key, value), *members[at:]])


def _without(members: Members, at: int) -> bytes:
    place = at % len(members)
    return written(members[:place] + members[place + 1 :])


def _twice(members: Members, at: int) -> bytes:
    return written([*members, members[at % len(members)]])


def _twice_escaped(members: Members, at: int) -> bytes:
    return written([(_escape(members[at % len(members)][0]), "null"), *members])


def _cut(members: Members, at: int) -> bytes:
    line = written(members)
    return line[: 1 + at * len(line) // 11]


def _cut_at_the_front(members: Members, at: int) -> bytes:
    line = written(members)
    return line[at * len(line) // 11 :] if at else line[1:]


def _glued_to_another(members: Members, at: int) -> bytes:
    return _cut(members, at) + written(members).replace(b"x.org", b"x.org ").replace(b"s1", b"s2")


def _torn_into_another(members: Members, at: int) -> bytes:
    """The head of one line and the tail of another, whose beginning is lost."""
    other = written(members).replace(b"x.org", b"x.org ").replace(b"s1", b"s2")
    return _cut(members, at) + other[max(1, (at - 2) * len(other) // 11 - at) :]


def _misspelt(members: Members, at: int) -> bytes:
    place = at % len(members)
    key, value = members[place]
    return written([*members[:place], (key[:-2] + '"', value), *members[place + 1 :]])


_FOR_NUMBERS = (
    *("NaN", "nan", "-NaN", "Infinity", "-Infinity", "inf", "1e999", "-1e999", '"1e999"', '"NaN"'),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "1e30", "9" * 30),
    *("0", '"0"', '" 0.0"', "0e9", "-0", "-0.0", "1e-3"),
    *("1.5", '"0.5"', "true", "false", '"true"', '"abc"', '""', '"7 "'),
    *('"+1"', '"01"', '"-01"', '".5"', '"5."', '"0x1F"', '"1_0"', '"٣"', "01", ".5", "5.", "+1"),
    *('"-.5"', "[1]", '{"a": 1}', "[]", "null", '"null"', '"7\\u0000"', "1e", "--1", "nul", "TRUE"),
)
_FOR_TEXTS = (
    *("{}", "[]", '["a", {"b": 1}]', '{"a": 1}', "null", "tru", "'a'", '"\\x"', '"\\u00g0"'),
    *("true", "false", "12", "-0", "9" * 30),
)
# The first and the last instant that is plausible.
_EDGES = (946_684_800_000, 4_102_444_799_999)
_NO_INSTANTS = (
    *(_EDGES[0] - 1, _EDGES[1] + 1, 0, -1, 1, 2**53 + 1, 2**63 - 1, -(2**63)),
    *(CONSENT // 1000, CONSENT * 1000, CONSENT * 1_000_000, -CONSENT, 9_999_999_999_999),
)
_CONTROLS = (b"\x01", b"\0", b"\x1f", b"\x7f", b"\t", b"\r", b"\v")
_NOT_UTF8 = (b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80")
_SURROGATES = (rb"\ud800", rb"\udc00\ud800", rb"\ud800A", rb"\uD83D\uDE00")
_FOR_UNKNOWN_KEYS = (
    "{,}",
    "[,]",
    "[1,,]",
    "[1}",
    "{nan: 1}",
    "infinite",
    r'["\ud83d"]',
    r'"\udc00"',
)
_AFTER = (b" x", b"{}", b",", b"\0", b"\xef\xbb\xbf", b"\x1c", b"/* */", b"]")
_BEFORE = (b"\xef\xbb\xbf", b"\xc2\xa0", b"// ", b"[", b"\0", b"x")
_WHOLE = (b"null", b"true", b"5", b'"text"', b"[]", b"{}", b"nan", b"x", b"\xff", b"\0", b"{", b"}")

# What lines lack that were meant to say who it is, whose device, and when: at least one thing.
_LAPSES = (
    (),
    ("email", "user"),
    ("serialNumber",),
    ("lastUpdateDate", "timestamp"),
    ("email", "serialNumber", "user"),
)


def _lapsed(record: Record, missing: Sequence[str], at: int) -> bytes:
    """A line that cannot be used, but for what it is about."""
    members = members_of({key: value for key, value in record.items() if key not in missing})
    line = written([*members, ('"x"', "?"), ('"y"', "1")] if at % 2 else members)
    return line if at % 2 else line[:-1]


DEFECTS: dict[str, list[Defect]] = {
    "instead of a number": [
        _instead_of_number(value) for value in (*_FOR_NUMBERS, *map(str, _NO_INSTANTS))
    ],
    "instead of a text": [_instead_of_text(value) for value in _FOR_TEXTS],
    "inside a text": [_into_text(raw) for raw in (*_CONTROLS, *_NOT_UTF8, *_SURROGATES)],
    "unknown keys": [
        *(_added('"new"', value) for value in _FOR_UNKNOWN_KEYS),
        *(_added(key, "1") for key in (r'"\udc00"', "nan", "new", "'new'", "1")),
    ],
    "known keys": [_without, _without, _twice, _twice_escaped, _misspelt],
    "around": [
        *(_around(b"", raw) for raw in _AFTER),
        *(_around(raw, b"") for raw in _BEFORE),
        _around(b"[", b"]"),
        _around(b"[{},", b"]"),
    ],
    "another line": [
        *(lambda _members, _at, line=line: line for line in _WHOLE),
        lambda members, _: written(members) * 2,
        lambda members, _: written(members).replace(b'"', b"'"),
        lambda members, _: written(members, ";"),
        lambda members, _: written(members, ",\v"),
        *(_cut, _cut_at_the_front, _glued_to_another, _torn_into_another),
    ],
}


# --- Lakes --------------------------------------------------------------------------------------


def _maybe(*values: Any) -> st.SearchStrategy[Any]:
    """One of the values, null, or nothing at all (an Ellipsis, dropped by `_record`)."""
    return st.sampled_from((..., None, *values))


def _record(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[Record]:
    return st.fixed_dictionaries(columns).map(
        lambda drawn: {key: value for key, value in drawn.items() if value is not ...}
    )


def _spelled(people: Sequence[str]) -> st.SearchStrategy[str]:
    """A person's e-mail as somebody may type it; only ASCII letters change their case."""
    return st.sampled_from([s for person in people for s in _spellings(person)])


def _spellings(email: str) -> list[str]:
    loud = re.sub("[a-z]+", lambda found: found[0].upper(), email)
    return [email, email, loud, f" {email}", f"{email}  ", f" {loud} "]


def _customer(people: Sequence[str], serials: Sequence[str]) -> st.SearchStrategy[Record]:
    return _record(
        customerName=_maybe("A", "B", "[x", "12"),
        email=_spelled(people),
        phone=_maybe("", "8015551212"),
        birthDay=_maybe("0967-01-01", "true"),
        serialNumber=st.sampled_from(serials),
        registrationDate=st.sampled_from((CONSENT, _EDGES[0])),
        lastUpdateDate=st.sampled_from((CONSENT, CONSENT + 1)),
        shareWithResearchAsOfDate=_maybe(*INSTANTS[:3], *INSTANTS[:3], 0),
        shareWithPublicAsOfDate=_maybe(*INSTANTS[:3], 0),
        shareWithFriendsAsOfDate=_maybe(*_EDGES),
    )


@st.composite
def _records(draw: st.DrawFn, person: str, serials: Sequence[str]) -> list[Record]:
    """A customer's records, some of them like the first in all columns but one."""
    first, *others = draw(st.lists(_customer([person], serials), min_size=1, max_size=3))
    columns = [column.name for column in LANDING["customer_landing"]]
    one = st.sampled_from(columns).map(lambda column: [column])
    differing = one | one | st.just(columns)
    return [first, *(_overlaid(first, other, draw(differing)) for other in others)]


def _overlaid(first: Record, other: Record, columns: Sequence[str]) -> Record:
    kept = {key: value for key, value in first.items() if key not in columns}
    return kept | {key: value for key, value in other.items() if key in columns}


def _motion(people: Sequence[str]) -> st.SearchStrategy[Record]:
    return _record(
        user=_spelled([*people, "stranger@x.org"]),
        timestamp=st.sampled_from(INSTANTS),
        x=st.sampled_from((0.0, -1.5)),
        y=st.just(0.25),
        z=st.sampled_from((1, 0.1)),
    )


def _step(serials: Sequence[str]) -> st.SearchStrategy[Record]:
    return _record(
        sensorReadingTime=st.sampled_from(INSTANTS),
        serialNumber=st.sampled_from([*serials, *serials, "nobody's"]),
        distanceFromObject=st.sampled_from((0, 218)),
    )


@st.composite
def lakes(draw: st.DrawFn) -> Files:
    """Landing files by table and name."""
    people = draw(st.lists(st.sampled_from(PEOPLE), min_size=2, max_size=6, unique=True))
    serials = draw(st.lists(st.sampled_from(SERIALS), min_size=1, max_size=5, unique=True))
    customers = [record for person in people for record in draw(_records(person, serials))]
    motions = draw(st.lists(_motion(people), min_size=8, max_size=30))
    steps = draw(st.lists(_step(serials), min_size=8, max_size=20))
    lapse = st.tuples(st.sampled_from(_LAPSES), st.integers(0, 1))
    of_customers = st.tuples(_customer(people, serials), lapse)
    of_motions = st.tuples(_motion(people), lapse)
    # Where much is broken, everybody is held back, and nobody's reading is anybody's.
    lapses, defects = draw(st.sampled_from(((1, 0), (2, 0), (3, 1), (3, 8))))
    return {
        "customer_landing": draw(_files(customers, of_customers, lapses, defects)),
        "accelerometer_landing": draw(_files(motions, of_motions, lapses, defects)),
        "step_trainer_landing": draw(_files(steps, st.nothing(), 0, 8)),
    }


@st.composite
def _files(
    draw: st.DrawFn,
    records: list[Record],
    lapsed: st.SearchStrategy[Any],
    most_lapses: int,
    most_defects: int,
) -> dict[str, bytes]:
    lines = [draw(_usable(record)) for record in records]
    defects = st.one_of([st.sampled_from(group) for group in DEFECTS.values()])
    broken = st.tuples(st.sampled_from(records), defects, st.integers(0, 10))
    odd = [_lapsed(r, *how) for r, how in draw(st.lists(lapsed, max_size=most_lapses))]
    odd += [
        defect(members_of(r), at) for r, defect, at in draw(st.lists(broken, max_size=most_defects))
    ]
    for line in odd:
        lines.insert(draw(st.integers(0, len(lines))), line)
    for blank in draw(st.lists(st.sampled_from((b"", b" ", b"\r", b"\t\v\f \r")), max_size=2)):
        lines.insert(draw(st.integers(0, len(lines))), blank)
    names = FILE_NAMES[: draw(st.sampled_from((1, 2, 3, 2, 1, 4, 1, 2, 3, 2, 1, 0)))]
    cuts = sorted(draw(st.integers(0, len(lines))) for _ in names[1:])
    parts = zip([0, *cuts], [*cuts, len(lines)], strict=True)
    files = dict(
        draw(_file(name, lines[start:end]))
        for name, (start, end) in zip(names, parts, strict=False)
    )
    # Files that are no JSON lines at all stop a run; test_shapes has them.
    return {name: content for name, content in files.items() if not _is_another_shape(content)}


def _is_another_shape(content: bytes) -> bool:
    return shape_without_model(content[:HEAD], len(content) <= HEAD) is not None


def _usable(record: Record) -> st.SearchStrategy[bytes]:
    members = members_of(record)
    plain = st.just(written(members))
    return plain | plain | st.sampled_from(list(STYLES.values())).map(lambda style: style(members))


@st.composite
def _file(draw: st.DrawFn, name: str, lines: list[bytes]) -> tuple[str, bytes]:
    mark = draw(st.sampled_from((b"", b"", b"\xef\xbb\xbf")))
    content = mark + b"\n".join(lines) + draw(st.sampled_from((b"\n", b"")))
    if draw(st.booleans()):
        # In one member, or in two: the first of them empty, or ending inside mark or line.
        cut = draw(st.sampled_from((0, 0, 1, 2, 9)))
        first = gzip.compress(content[:cut], mtime=0) if draw(st.booleans()) else b""
        return f"{name}.gz", first + gzip.compress(content[len(first) and cut :], mtime=0)
    return name, content


# --- Consent that fails closed ------------------------------------------------------------------


def worlds(number: int, random: Random) -> Files:
    """Many little worlds that share no person, serial number or instant, with lines in doubt."""
    lines: dict[str, list[bytes]] = {table: [] for table in LANDING}
    for world in range(number):
        for table, records in _world(world, random).items():
            lines[table] += records
    for each in lines.values():
        random.shuffle(each)
    return {table: {"a.json": b"\n".join(each)} for table, each in lines.items()}


def _world(world: int, random: Random) -> dict[str, list[bytes]]:
    people = [f"ann{world}@x.org", f"bob{world}@x.org", f"cid{world}@x.org"]
    serials = [f"s{world}", f"t{world}"]
    instants = [CONSENT + 1_000 * world + place for place in range(2)]

    def customer() -> Record:
        return {
            "email": random.choice(_spellings(random.choice(people))),
            "serialNumber": random.choice(serials),
            "registrationDate": CONSENT,
            "lastUpdateDate": CONSENT + random.randrange(3),
            "shareWithResearchAsOfDate": random.choice((None, CONSENT, CONSENT, instants[1])),
        }

    def motion() -> Record:
        user = random.choice(_spellings(random.choice(people)))
        return {"user": user, "timestamp": random.choice(instants), "x": 0.5, "y": 1, "z": -2}

    steps = [
        {"sensorReadingTime": instant, "serialNumber": serial, "distanceFromObject": 218}
        for instant in instants
        for serial in serials
    ]
    usable = {
        "customer_landing": [customer() for _ in range(1 + random.randrange(4))],
        "accelerometer_landing": [motion() for _ in range(random.randrange(5))],
        "step_trainer_landing": steps,
    }
    lines = {table: [written(members_of(r)) for r in records] for table, records in usable.items()}
    for table, make, most in (
        ("customer_landing", customer, 3),
        ("accelerometer_landing", motion, 2),
    ):
        lapses = [(make(), random.choice(_LAPSES), random.randrange(2)) for _ in range(most)]
        lines[table] += [_lapsed(*lapse) for lapse in lapses[: random.randrange(most + 1)]]
    return lines


# --- Each style and defect by itself ------------------------------------------------------------

_RECORDS: dict[str, Record] = {
    "customer_landing": {
        "email": "ann@x.org",
        "serialNumber": "s1",
        "registrationDate": CONSENT,
        "lastUpdateDate": CONSENT,
        "shareWithResearchAsOfDate": CONSENT,
    },
    "accelerometer_landing": {"user": "ann@x.org", "timestamp": CONSENT, "x": 0.5, "y": 1, "z": -2},
    "step_trainer_landing": {
        "sensorReadingTime": CONSENT,
        "serialNumber": "s1",
        "distanceFromObject": 218,
    },
}


def lone_shapes(table: str) -> Files:
    """Every style and defect in two files of its own: after a plain line, and before one."""
    shapes: list[Defect] = [
        lambda members, _, style=style: style(members) for style in STYLES.values()
    ]
    shapes += [defect for group in DEFECTS.values() for defect in group]
    members = members_of(_RECORDS[table])
    named: dict[str, bytes] = {}
    for number, shape in enumerate(shapes):
        odd = shape(members, number)
        named[f"{number:03} last.json"] = written(members) + b"\n" + odd
        named[f"{number:03} first.json"] = odd + b"\n" + written(members)
    plain = {other: {"a.json": written(members_of(record))} for other, record in _RECORDS.items()}
    return plain | {table: named}


# --- Lines for fuzzing --------------------------------------------------------------------------

_SPLICES = (
    *(b'"', b"\\", b",", b":", b"{", b"}", b"[", b"]", b" ", b"\r", b"\v", b"\f", b"\t", b"\0"),
    *(b"-", b"+", b".", b"e", b"E5", b"0", b"1", b"9" * 20, b"true", b"null", b"nan", b"NaN"),
    *(b"inf", b"Infinity", b'""', b'"5"', b"\\u0000", b"\\ud800", b"\\udc00", b"\xff", b"\xc3"),
    *(b"\xef\xbb\xbf", b"\xc2\xa0", b"/*", b"//", b"'", b"{}", b"[]", b",]", b",}", b'"x":1,'),
)


def fuzzed_line(table: str, random: Random) -> bytes:
    """A line as likely as not unusable: a style or a defect, then damaged in up to three places."""
    record: Record = {}
    for column in LANDING[table]:
        if column.required or random.random() < 0.7:
            given = column.required or random.random() < 0.8
            record[column.name] = _value(column.type, random) if given else None
    members = members_of(record)
    if random.random() < 0.3:
        line = bytearray(
            random.choice(random.choice(list(DEFECTS.values())))(members, random.randrange(11))
        )
    else:
        line = bytearray(random.choice([written, written, *STYLES.values()])(members))
    for _ in range(random.choice((0, 0, 1, 1, 2, 3))):
        _damage(line, random)
    return bytes(line).replace(b"\n", b" ")


def plain_line(table: str, random: Random) -> bytes:
    """A line of plain values, what is not given spelled out or left out, damaged now and then."""
    plain = {"text": "ann@x.org", "instant": CONSENT, "whole": 218, "float": -1.5}
    record: Record = {}
    for column in LANDING[table]:
        if column.required or random.random() < 0.7:
            given = column.required or random.random() < 0.5
            record[column.name] = plain[column.type] if given else None
    line = bytearray(written(members_of(record)))
    if random.random() < 0.5:
        _damage(line, random)
    return bytes(line).replace(b"\n", b" ")


def _value(kind: str, random: Random) -> Any:
    if kind == "text":
        return random.choice(("ann@x.org", "zoë", "a\0", "", "{", "q\\", "\N{GRINNING FACE}"))
    if kind == "whole":
        return random.choice((CONSENT, 0, -1, 218, 2**53 + 1, 2**63 - 1, -(2**63)))
    if kind == "instant":
        odd = random.random() < 0.1
        return random.choice(_NO_INSTANTS if odd else (CONSENT, CONSENT + 1, *_EDGES))
    return random.choice((0.0, -1.5, 1, 0.1, 1e300, -2e-7, 9.81))


def _damage(line: bytearray, random: Random) -> None:
    start = random.randrange(len(line) + 1)
    end = min(len(line), start + random.choice((1, 1, 2, 5)))
    kind = random.randrange(6)
    if kind == 0 and start < len(line):
        line[start] ^= 1 << random.randrange(7)
    elif kind == 1:
        line[start:end] = bytes([random.randrange(256)])
    elif kind == 2:
        del line[start:end]
    elif kind == 3:
        line[start:start] = line[start:end]
    elif kind == 4:
        line[start:end] = random.choice(_SPLICES)
    else:
        line[start:start] = random.choice(_SPLICES)
