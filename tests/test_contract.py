"""The landing contract, case by case: what becomes of one line in an otherwise good file."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import mostly_slow
from lake import Built, build
from small import C, customer

from stedi_cli.lake.records import RunOptions
from stedi_cli.landing import lines
from stedi_cli.landing.guard import Guard
from stedi_cli.landing.sieve import SMALL
from stedi_cli.local import landing_reader
from stedi_cli.project.settings import load_settings
from stedi_cli.runs.pipeline import Pipeline
from stedi_cli.tables.types import TYPES

pytestmark = pytest.mark.contract


@pytest.fixture(
    scope="module", autouse=True, params=[SMALL, pytest.param(0, marks=pytest.mark.slow)]
)
def _small(request: pytest.FixtureRequest) -> Iterator[None]:
    """Files are sieved where they are small, else split with the engine's help: both judge."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landing_reader, "SMALL", request.param)
        yield


Named = dict[str, bytes]
"""Bytes of files by name."""
CONSENT = 1_655_564_000_000
TIME = 1_655_564_444_103
CUSTOMER = {
    "customerName": "Ada Quill",
    "email": "ada@example.com",
    "phone": "5550100",
    "birthDay": "1001-02-03",
    "serialNumber": "s-1",
    "registrationDate": CONSENT,
    "lastUpdateDate": CONSENT,
    "shareWithResearchAsOfDate": CONSENT,
}
GOOD = {"user": "ada@example.com", "timestamp": TIME, "x": 1.5, "y": -1.0, "z": 0.0}
GOOD_ROW = ("ada@example.com", TIME, 1.5, -1.0, 0.0)


def line(**changes: object) -> bytes:
    """A good reading with changed members; bytes stand for themselves, ``None`` leaves one out."""
    members = []
    for key, value in {**GOOD, **changes}.items():
        if isinstance(value, bytes):
            members.append(json.dumps(key).encode() + b":" + value)
        elif value is not None:
            members.append(json.dumps(key).encode() + b":" + json.dumps(value).encode())
    return b"{" + b",".join(members) + b"}"


def lake(root: Path, readings: bytes, *, name: str = "a.json", customer: bytes = b"") -> Built:
    customers = {"c.json": customer or json.dumps(CUSTOMER).encode() + b"\n"}
    return lake_of(root, {name: readings}, customers)


def lake_of(root: Path, readings: Named, customers: Named | None = None) -> Built:
    customers = customers or {"c.json": json.dumps(CUSTOMER).encode()}
    tables = {"customer_landing": customers, "accelerometer_landing": readings}
    return build({**tables, "step_trainer_landing": {}}, "strict", root)


def trusted(built: Built) -> list[tuple[object, ...]]:
    return sorted(built.rows("accelerometer_trusted"))


ACCEPTED = {
    "integer_as_text": (line(timestamp=b'"1655564444777"'), {"timestamp": 1655564444777}),
    "whole_with_point_zero": (line(timestamp=b"1655564444778.0"), {"timestamp": 1655564444778}),
    "whole_with_exponent": (line(timestamp=b"1.6556E12"), {"timestamp": 1655600000000}),
    "number_as_text_for_a_float": (line(x=b'"-2.25"'), {"x": -2.25}),
    "integer_for_a_float": (line(x=b"7"), {"x": 7.0}),
    "lone_cr_between_tokens": (line(x=b"\r7"), {"x": 7.0}),
    "unknown_key_is_ignored": (line(firmware=b'{"a":[1,2]}', x=b"7"), {"x": 7.0}),
    "key_in_other_case_is_unknown": (line(X=b'"no number"', x=b"7"), {"x": 7.0}),
    "unknown_key_twice_is_ignored": (line(x=b'7,"n":1,"n":2'), {"x": 7.0}),
    "escapes_in_a_text": (line(user=b'"ad\\u0061@example.com"', x=b"7"), {"x": 7.0}),
    "blanks_around_an_email": (line(user=b'"  ada@example.com "', x=b"7"), {"x": 7.0}),
    "email_in_other_case": (line(user=b'"ADA@Example.COM"', x=b"7"), {"x": 7.0}),
    "comma_too_many": (line(x=b"7")[:-1] + b",}", {"x": 7.0}),
    "white_space_between_tokens": (b" " + line(x=b" \t7 ") + b" \t", {"x": 7.0}),
}


# A lake for all cases of a kind, each in a file of its own: what the guard does not notice in a
# file, it notices in no other. Readings are told apart by their time.


def at(cases: Iterable[str]) -> dict[str, int]:
    return {case: TIME + 1000 * number for number, case in enumerate(cases, start=1)}


@pytest.fixture(scope="module")
def accepted(
    tmp_path_factory: pytest.TempPathFactory, _small: None
) -> dict[int, tuple[object, ...]]:
    """What becomes of the odd lines, and of the good one before each, by their time."""
    files: Named = {}
    for case, time in at(ACCEPTED).items():
        odd = ACCEPTED[case][0].replace(b"%d" % TIME, b"%d" % time)
        files[f"{case}.json"] = line(timestamp=time - 1) + b"\n" + odd + b"\n"
    built = lake_of(tmp_path_factory.mktemp("accepted") / "l", files)
    assert built.quarantine == []
    rows = trusted(built)
    assert len(rows) == 2 * len(ACCEPTED)
    return {int(str(row[1])): row for row in rows}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(case: str, accepted: dict[int, tuple[object, ...]]) -> None:
    time = at(ACCEPTED)[case]
    good = {**GOOD, "timestamp": time - 1}
    wanted = {**GOOD, "timestamp": time, **ACCEPTED[case][1]}
    for reading in (good, wanted):
        assert accepted[reading["timestamp"]] == tuple(reading.values())


QUARANTINED = {
    "fraction_for_an_integer": (line(timestamp=b"1655564444103.6"), "not-whole:timestamp"),
    "fraction_as_text": (line(timestamp=b'"1655564444103.5"'), "not-whole:timestamp"),
    "true_for_an_integer": (line(timestamp=b"true"), "not-a-number:timestamp"),
    "true_for_a_float": (line(x=b"true"), "not-a-number:x"),
    "false_for_a_float": (line(x=b"false"), "not-a-number:x"),
    "known_key_twice": (line(x=b'1,"x":1'), "duplicate-key"),
    "known_key_twice_once_null": (line(x=b'null,"x":1'), "duplicate-key"),
    "bom_elsewhere": (b"\xef\xbb\xbf" + line(), "not-json"),
    "nan": (line(x=b"NaN"), "not-finite:x"),
    "infinity": (line(x=b"Infinity"), "not-finite:x"),
    "negative_infinity": (line(x=b"-Infinity"), "not-finite:x"),
    "beyond_a_float": (line(x=b"1e999"), "not-finite:x"),
    "before_all_instants": (line(timestamp=b"946684799999"), "implausible-instant:timestamp"),
    "after_all_instants": (line(timestamp=b"4102444800000"), "implausible-instant:timestamp"),
    "seconds": (line(timestamp=b"1655564444"), "implausible-instant:timestamp"),
    "microseconds": (line(timestamp=b"1655564444103000"), "implausible-instant:timestamp"),
    "nines": (line(timestamp=b'"9999999999999"'), "implausible-instant:timestamp"),
    "zero_for_an_instant": (line(timestamp=b"0"), "implausible-instant:timestamp"),
    "zero_as_text_for_an_instant": (line(timestamp=b'"0.0"'), "implausible-instant:timestamp"),
    "minus_one_for_an_instant": (line(timestamp=b"-1"), "implausible-instant:timestamp"),
    "beyond_64_bits": (line(timestamp=b"9223372036854775808"), "out-of-range:timestamp"),
    "far_beyond_64_bits": (line(timestamp=b"9" * 400), "out-of-range:timestamp"),
    "object_for_a_text": (line(user=b'{"name":"ada@example.com"}'), "not-text:user"),
    "array_for_a_text": (line(user=b'["ada@example.com"]'), "not-text:user"),
    "object_for_a_number": (line(x=b"{}"), "not-a-number:x"),
    "word_for_a_number": (line(x=b'"fast"'), "not-a-number:x"),
    "empty_text_for_a_number": (line(x=b'""'), "not-a-number:x"),
    "raw_nul": (line(user=b'"ada@\x00example.com"'), "not-json"),
    "raw_control_character": (line(user=b'"ada@\x01example.com"'), "not-json"),
    "bad_utf8": (line(user=b'"ada\xff@example.com"'), "not-utf8"),
    "utf8_surrogate": (line(user=b'"ada\xed\xa0\x80@example.com"'), "not-utf8"),
    "lone_surrogate": (line(user=b'"ada\\ud800@example.com"'), "lone-surrogate"),
    "two_objects_on_a_line": (line() + line(), "not-json"),
    "trailing_text": (line() + b" really", "not-json"),
    "array_on_a_line": (b"[" + line() + b"," + line() + b"]", "not-an-object"),
    "null_on_a_line": (b"null", "not-an-object"),
    "number_on_a_line": (b"17", "not-an-object"),
    "required_key_absent": (line(z=None), "missing:z"),
    "required_key_null": (line(z=b"null"), "missing:z"),
    "required_key_in_other_case": (line(z=None, Z=1.0), "missing:z"),
    "required_text_empty": (line(user=""), "missing:user"),
    "required_text_of_blanks": (line(user=b'" \\t\\u00a0"'), "missing:user"),
    "tab_before_an_address": (line(user=b'"\\tada@example.com"'), "odd-address:user"),
    "tab_and_blank_behind_an_address": (line(user=b'"ada@example.com\\t "'), "odd-address:user"),
    "line_feed_behind_an_address": (line(user=b'"ada@example.com\\n"'), "odd-address:user"),
    "nul_behind_an_address": (line(user=b'"ada@example.com\\u0000"'), "odd-address:user"),
    "no_break_space_behind_an_address": (
        '{"user":"ada@example.com\u00a0","timestamp":1655564444103,"x":1.5,"y":-1,"z":0}'.encode(),
        "odd-address:user",
    ),
    "joiner_behind_an_address": (
        '{"user":"ada@example.com\u200d","timestamp":1655564444103,"x":1.5,"y":-1,"z":0}'.encode(),
        "odd-address:user",
    ),
    "mailto_before_an_address": (line(user="mailto:ada@example.com"), "odd-address:user"),
    "single_quotes": (b"{'user':'ada@example.com'}", "not-json"),
    "cut_short": (line()[:-5], "not-json"),
    "nested_too_deep": (line(deep=b"[" * 100_000), "not-json"),
}


@pytest.fixture(scope="module")
def quarantined(tmp_path_factory: pytest.TempPathFactory, _small: None) -> Built:
    """Each odd line between two good ones."""
    files: Named = {}
    for case, time in at(QUARANTINED).items():
        good = (line(timestamp=time), line(timestamp=time + 1, x=2.0))
        files[f"{case}.json"] = b"\n".join((good[0], QUARANTINED[case][0], good[1], b""))
    return lake_of(tmp_path_factory.mktemp("quarantined") / "l", files)


@pytest.mark.parametrize("case", QUARANTINED)
def test_quarantined(case: str, quarantined: Built) -> None:
    time = at(QUARANTINED)[case]
    found = [entry for entry in quarantined.quarantine if entry[1] == f"{case}.json"]
    assert found == [("accelerometer_landing", f"{case}.json", 2, QUARANTINED[case][1])]
    rows = [row for row in trusted(quarantined) if row[1] in (time, time + 1)]
    assert rows == [
        ("ada@example.com", time, 1.5, -1.0, 0.0),
        ("ada@example.com", time + 1, 2.0, -1.0, 0.0),
    ]


def test_nothing_else_is_quarantined(quarantined: Built) -> None:
    assert len(quarantined.quarantine) == len(QUARANTINED)
    assert len(trusted(quarantined)) == 2 * len(QUARANTINED)


def step(time: bytes, distance: bytes) -> bytes:
    return b'{"sensorReadingTime":%s,"serialNumber":"s","distanceFromObject":%s}\n' % (
        time,
        distance,
    )


def test_integers_to_the_last_digit(tmp_path: Path) -> None:
    distances = (2**53 + 1, 2**63 - 1, -(2**63))
    files = {f"{d}.json": step(b"%d" % TIME, b"%d" % d) for d in distances}
    built = build({"step_trainer_landing": files}, "strict", tmp_path / "l")
    found = [distance for _, _, distance in built.rows("step_trainer_landing")]
    assert sorted(found) == sorted(distances)


@pytest.mark.slow
@pytest.mark.parametrize("beside", [b"", b"{\n"], ids=["clean", "beside a bad line"])
def test_the_first_and_the_last_plausible_instant(beside: bytes, tmp_path: Path) -> None:
    # 2000-01-01T00:00Z, and a millisecond before 2100-01-01T00:00Z.
    instants = (946_684_800_000, 4_102_444_799_999)
    content = beside + b"".join(step(b"%d" % instant, b"1") for instant in instants)
    built = build({"step_trainer_landing": {"a.json": content}}, "strict", tmp_path / "l")
    assert tuple(sorted(row[0] for row in built.rows("step_trainer_landing"))) == instants
    assert len(built.quarantine) == (1 if beside else 0)


CONSENTS = {
    "zero": (b"0", None),
    "zero as text": (b'"0"', None),
    "zero with a point": (b"0.0", None),
    "minus zero": (b"-0", None),
    "zero with an exponent as text": (b'"0e9"', None),
    "null": (b"null", None),
    "given": (b"%d" % CONSENT, CONSENT),
    "minus one": (b"-1", "implausible-instant:shareWithResearchAsOfDate"),
    "one": (b"1", "implausible-instant:shareWithResearchAsOfDate"),
    "seconds": (b"1655564000", "implausible-instant:shareWithResearchAsOfDate"),
    "microseconds": (b"1655564000000000", "implausible-instant:shareWithResearchAsOfDate"),
    "nines": (b"9999999999999", "implausible-instant:shareWithResearchAsOfDate"),
    "the word false": (b"false", "not-a-number:shareWithResearchAsOfDate"),
    "the word true": (b"true", "not-a-number:shareWithResearchAsOfDate"),
    "empty": (b'""', "not-a-number:shareWithResearchAsOfDate"),
}


@pytest.mark.slow
@pytest.mark.parametrize("beside", [b"", b"{\n"], ids=["clean", "beside a bad line"])
def test_zero_is_no_consent_and_no_other_odd_date_is_one(beside: bytes, tmp_path: Path) -> None:
    files: Named = {}
    for number, (case, (given, _)) in enumerate(CONSENTS.items()):
        record = {**CUSTOMER, "email": f"{case}@example.com", "serialNumber": str(number)}
        text = json.dumps(record).encode().replace(b"%d}" % CONSENT, given + b"}")
        files[f"{case}.json"] = beside + text + b"\n"
    built = build({"customer_landing": files}, "strict", tmp_path / "l")
    expected = {f"{case}@example.com": seen for case, (_, seen) in CONSENTS.items()}
    used = {email: seen for email, seen in expected.items() if not isinstance(seen, str)}
    assert {row[1]: row[7] for row in built.rows("customer_landing")} == used
    assert [row[1] for row in built.rows("customer_trusted")] == ["given@example.com"]
    bad = {entry[1]: entry[3] for entry in built.quarantine if entry[3] != "not-json"}
    assert bad == {f"{e[:-12]}.json": why for e, why in expected.items() if e not in used}


QUOTED = [b'{"x":"%s"}', b'{"x":1,"x":"%s"}', b'"%s"', b'{"x":{"a":"%s"}}']


@pytest.mark.slow
def test_engine_quotes_half_a_character(tmp_path: Path) -> None:
    """DuckDB's message quotes so many bytes of the value; at each offset another letter is cut."""
    faces = [b"n" * offset + "\N{GRINNING FACE}".encode() * 99 for offset in range(4)]
    odd = [template % text for template in QUOTED for text in faces]
    files = {f"{number:02}.json": line() + b"\n" + bad for number, bad in enumerate(odd)}
    built = lake_of(tmp_path / "l", files)
    assert [entry[1:3] for entry in built.quarantine] == [(name, 2) for name in files]
    assert trusted(built) == [GOOD_ROW]


@pytest.mark.slow
def test_bom_at_the_start_of_a_file(tmp_path: Path) -> None:
    built = lake(tmp_path / "l", b"\xef\xbb\xbf" + line() + b"\n")
    assert (trusted(built), built.quarantine) == ([GOOD_ROW], [])


@pytest.mark.slow
def test_crlf(tmp_path: Path) -> None:
    built = lake(tmp_path / "l", line() + b"\r\n" + line(x=2.0) + b"\r\n")
    assert len(trusted(built)) == 2
    assert built.quarantine == []


@pytest.mark.slow
def test_no_line_feed_at_the_end(tmp_path: Path) -> None:
    built = lake(tmp_path / "l", line() + b"\n" + line(x=2.0))
    assert len(trusted(built)) == 2


@pytest.mark.parametrize(
    "content", mostly_slow([b"", b"\n\n", b" \t\r\n"]), ids=["empty", "feeds", "blanks"]
)
def test_file_without_lines(content: bytes, tmp_path: Path) -> None:
    built = lake(tmp_path / "l", content)
    assert (trusted(built), built.quarantine) == ([], [])


ZEROS = {
    "plain": (b"-0", "0.0"),
    "with a point": (b"-0.0", "-0.0"),
    "with an exponent": (b"-0e0", "-0.0"),
    "as text": (b'"-0"', "-0.0"),
    "as text with a point": (b'"-0.0"', "-0.0"),
    "too small": (b"-1e-400", "-0.0"),
}
ZERO_LINES = [line(x=given, timestamp=TIME + at) for at, (given, _) in enumerate(ZEROS.values())]
# The same where each line is judged, since a number is written as a text.
ZERO_LINES += [
    line(x=given, y=b'"1"', timestamp=TIME + at)
    for at, (given, _) in enumerate(ZEROS.values(), start=len(ZEROS))
]


def zeros(rows: list[tuple[object, ...]]) -> list[str]:
    return [repr(row[2]) for row in sorted(rows, key=lambda row: str(row[1]))]


@pytest.mark.slow
@pytest.mark.parametrize("more", mostly_slow([b"", b"{\n"]), ids=["clean", "beside a bad line"])
def test_negative_zero_is_kept(more: bytes, tmp_path: Path) -> None:
    built = lake(tmp_path / "l", more + b"\n".join(ZERO_LINES))
    expected = [text for _, text in ZEROS.values()] * 2
    assert zeros(built.rows("accelerometer_landing")) == expected
    assert zeros(built.rows("accelerometer_trusted")) == expected


MARK = b"\xef\xbb\xbf"
WITHOUT_LINES = {
    "nothing.json.gz": [b""],
    "nothing twice.json.gz": [b"", b""],
    "mark.json.gz": [MARK],
    "nothing, then mark.json.gz": [b"", MARK],
    "mark, then nothing.json.gz": [MARK, b""],
    "mark in two.json.gz": [MARK[:1], MARK[1:]],
    "blanks.json.gz": [b" \n", b"", b"\r\n"],
    "mark and blanks.json.gz": [b"", MARK + b"\n", b"\t\n"],
}
MARK_APART = {
    "late.json.gz": [b"", MARK + line(x=3.0) + b"\n"],
    "cut.json.gz": [MARK[:2], MARK[2:] + line(x=4.0)[:9], line(x=4.0)[9:]],
    "blank.json.gz": [b"", MARK + b"\n{\n" + line(x=5.0)],
}


def members(pieces: list[bytes]) -> bytes:
    return b"".join(gzip.compress(piece, mtime=0) for piece in pieces)


@pytest.mark.slow
def test_gzip_files_without_lines(tmp_path: Path) -> None:
    files = {name: members(pieces) for name, pieces in WITHOUT_LINES.items()}
    built = build({"accelerometer_landing": files}, "strict", tmp_path / "l")
    state = built.lake.landing.states()["accelerometer_landing"]
    assert {name: facts.lines for name, facts in state.files.items()} == dict.fromkeys(files, 0)
    assert (built.rows("accelerometer_landing"), built.quarantine) == ([], [])


@pytest.mark.slow
def test_mark_in_another_gzip_member_than_the_line(tmp_path: Path) -> None:
    pieces = WITHOUT_LINES | MARK_APART
    files = {name: members(given) for name, given in pieces.items()}
    built = build({"accelerometer_landing": files}, "strict", tmp_path / "l")
    assert sorted(row[2] for row in built.rows("accelerometer_landing")) == [3.0, 4.0, 5.0]
    assert built.quarantine == [("accelerometer_landing", "blank.json.gz", 2, "not-json")]


@pytest.mark.slow
def test_half_a_mark_is_a_line(tmp_path: Path) -> None:
    files = {f"{size}.json": MARK[:size] for size in (1, 2)}
    built = build({"accelerometer_landing": files}, "strict", tmp_path / "l")
    assert [entry[1:] for entry in built.quarantine] == [
        ("1.json", 1, "not-utf8"),
        ("2.json", 1, "not-utf8"),
    ]


@pytest.mark.slow
def test_no_file_at_all(tmp_path: Path) -> None:
    built = build({}, "strict", tmp_path / "l")
    assert all(built.rows(name) == [] for name in built.lakehouse.tables)


@pytest.mark.slow
def test_blank_lines_are_numbered(tmp_path: Path) -> None:
    built = lake(tmp_path / "l", b"\n \t\r\n" + line() + b"\n\n\n{\n" + line(x=2.0) + b"\n\x0b\n[]")
    assert [entry[2] for entry in built.quarantine] == [6, 9]
    assert len(trusted(built)) == 2


@pytest.mark.slow
def test_lines_are_numbered_through_a_large_file(tmp_path: Path) -> None:
    chance = random.Random(7)
    content, bad, good = [], [], []
    for number in range(1, 20_001):
        kind = chance.choices(["plain", "blank", "bad", "odd"], [90, 4, 3, 3])[0]
        if kind == "blank":
            content.append(chance.choice([b"", b" ", b"\t\r", b"\x0b"]))
        elif kind == "bad":
            content.append(chance.choice([b"{", b"[]", line(x=b"NaN"), line(user=b"null")]))
            bad.append(number)
        else:
            written = f'"{number}"'.encode() if kind == "odd" else number
            content.append(line(x=written))
            good.append(float(number))
    built = lake(tmp_path / "l", b"\n".join(content))
    assert [entry[2] for entry in built.quarantine] == bad
    assert sorted(row[2] for row in trusted(built)) == good


@pytest.mark.slow
def test_compressed_file(tmp_path: Path) -> None:
    content = gzip.compress(line() + b"\n\n{\n" + line(x=2.0) + b"\n")
    built = lake(tmp_path / "l", content, name="a.json.gz")
    assert built.quarantine == [("accelerometer_landing", "a.json.gz", 3, "not-json")]
    assert len(trusted(built)) == 2


def cut_in(word: bytes, cut: int) -> bytes:
    """A file whose first 256 KiB end within a word."""
    first, second = line(x=1.0, note=b'"n"'), line(timestamp=TIME + 1, x=word)
    missing = (1 << 18) - len(first) - 1 - second.index(word) - cut
    return first.replace(b'"n"', b'"n' + b"n" * missing + b'"') + b"\n" + second


WORDS = [(word, cut) for word in (b"true", b"false") for cut in range(len(word))]


@pytest.mark.slow
@pytest.mark.parametrize(("word", "cut"), WORDS[1:])
@pytest.mark.parametrize("packed", [False, True])
def test_a_word_for_a_number_anywhere(tmp_path: Path, word: bytes, cut: int, packed: bool) -> None:
    content = cut_in(word, cut)
    assert content[(1 << 18) - cut :].startswith(word)
    name = "a.json.gz" if packed else "a.json"
    built = lake(tmp_path / "l", gzip.compress(content) if packed else content, name=name)
    assert built.quarantine == [("accelerometer_landing", name, 2, "not-a-number:x")]
    assert len(trusted(built)) == 1


@pytest.mark.slow
def test_same_name_with_and_without_gz(tmp_path: Path) -> None:
    bad = b"{\n"
    files = {"a.json": line() + b"\n" + bad, "a.json.gz": gzip.compress(line(x=2.0) + b"\n" + bad)}
    customers = {"c.json": json.dumps(CUSTOMER).encode()}
    tables = {"customer_landing": customers, "accelerometer_landing": files}
    built = build(tables, "strict", tmp_path / "l")
    assert [entry[1:3] for entry in built.quarantine] == [("a.json", 2), ("a.json.gz", 2)]
    assert len(trusted(built)) == 2


@pytest.mark.slow
def test_line_too_long(tmp_path: Path) -> None:
    huge = line(note=b'"' + b"n" * (16 << 20) + b'"')
    built = lake(tmp_path / "l", line() + b"\n" + huge + b"\n" + line(x=2.0) + b"\n")
    assert built.quarantine == [("accelerometer_landing", "a.json", 2, "too-long")]
    assert len(trusted(built)) == 2


@pytest.mark.slow
def test_line_longer_than_the_fast_reader_takes(tmp_path: Path) -> None:
    note = b'"' + b"n" * (3 << 20) + b'"'
    customer = json.dumps({**CUSTOMER, "customerName": "N" * (3 << 20)}).encode()
    built = lake(tmp_path / "l", line(note=note) + b"\n{\n", customer=customer)
    assert trusted(built) == [GOOD_ROW]
    assert len(built.rows("customer_trusted")[0][0]) == 3 << 20


TEXTS = {
    "number_for_a_text": (b"1250", "1250"),
    "boolean_for_a_text": (b"true", "true"),
    "nul_escape_is_kept": (b'"a\\u0000b"', "a\x00b"),
    "null_for_a_text": (b"null", None),
    "word_true_in_a_text": (b'"Gert true"', "Gert true"),
    "bracket_in_a_text": (b'"[sic] {x}"', "[sic] {x}"),
    "pair_of_surrogates": (b'"\\ud83d\\ude00"', "\U0001f600"),
}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[object, object]:
    """Names of customers by their addresses."""
    files: Named = {}
    for number, (case, (given, _)) in enumerate(TEXTS.items()):
        others = {**CUSTOMER, "email": f"{case}@example.com", "serialNumber": str(number)}
        del others["customerName"]
        files[f"{case}.json"] = (
            b'{"customerName":' + given + b"," + json.dumps(others).encode()[1:] + b"\n"
        )
    built = lake_of(tmp_path_factory.mktemp("texts") / "l", {"a.json": line()}, files)
    assert built.quarantine == []
    rows = built.rows("customer_trusted")
    assert len(rows) == len(TEXTS)
    return {row[1]: row[0] for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize("case", TEXTS)
def test_text(case: str, names: dict[object, object]) -> None:
    assert names[f"{case}@example.com"] == TEXTS[case][1]


def consenting(given: bytes | None) -> bytes:
    others = {k: v for k, v in CUSTOMER.items() if k != "shareWithResearchAsOfDate"}
    tail = b"" if given is None else b',"shareWithResearchAsOfDate":' + given
    return json.dumps(others).encode()[:-1] + tail + b"}\n"


@pytest.mark.slow
def test_optional_key_null_and_absent_are_the_same(tmp_path: Path) -> None:
    customers = {"null.json": consenting(b"null"), "absent.json": consenting(None)}
    built = lake_of(tmp_path / "l", {"a.json": line()}, customers)
    assert len(built.rows("customer_landing")) == 2
    assert built.rows("customer_trusted") == []
    assert built.quarantine == []


@pytest.mark.slow
def test_lines_that_spell_nulls_out_are_not_judged_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer of such lines is as plain as one that leaves the keys out."""
    judged, judge = [], lines.judge

    def noting(content: bytes, fields: Any, *, first: bool) -> Any:
        judged.append(content)
        return judge(content, fields, first=first)

    monkeypatch.setattr(lines, "judge", noting)
    optional = ("customerName", "phone", "birthDay", "shareWithResearchAsOfDate")
    spelled = [
        json.dumps({**CUSTOMER, "email": f"{number}@example.com"} | dict.fromkeys(nulls))
        for number in range(100)
        for nulls in [[name for place, name in enumerate(optional) if number >> place & 1]]
    ]
    required = json.dumps({**CUSTOMER, "email": None})
    customer = "\n".join([*spelled[:50], required, *spelled[50:], ""]).encode()
    built = lake(tmp_path / "l", line(), customer=customer)
    assert [entry[2:] for entry in built.quarantine] == [(51, "missing:email")]
    # The last line comes along where an engine is asked which are odd.
    assert {content for content in judged if b"null" in content} <= {
        required.encode(),
        spelled[-1].encode(),
    }
    wanted = [tuple(json.loads(text).get(key) for key in CUSTOMER) for text in spelled]
    found = [row[: len(CUSTOMER)] for row in built.rows("customer_landing")]
    assert sorted(found, key=repr) == sorted(wanted, key=repr)


def test_bad_consent_is_not_taken_for_no_consent(tmp_path: Path) -> None:
    bad = (b'"soon"', b"true", b"1.5", b"1e99", b"NaN")
    customers = {f"{number}.json": consenting(given) for number, given in enumerate(bad)}
    built = lake_of(tmp_path / "l", {"a.json": line()}, customers)
    assert [entry[:3] for entry in built.quarantine] == [
        ("customer_landing", name, 1) for name in customers
    ]


@pytest.mark.slow
def test_bad_line_of_a_reading_that_no_join_reaches(tmp_path: Path) -> None:
    """With no trusted customer DuckDB leaves out the scan; the line must be found all the same."""
    customer = json.dumps({k: v for k, v in CUSTOMER.items() if "share" not in k}).encode()
    built = lake(tmp_path / "l", line() + b"\n" + line(x=b"1e999"), customer=customer)
    assert [entry[2] for entry in built.quarantine] == [2]


@pytest.mark.slow
def test_bad_line_that_another_filter_would_drop_first(tmp_path: Path) -> None:
    """Under published the rule `consent is there` may run before the guard sees the line."""
    bad = b'{"customerName":"x","email":"e@example.com","serialNumber":"s","lastUpdateDate":1.5}\n'
    customers = json.dumps(CUSTOMER).encode() + b"\n" + bad
    built = build({"customer_landing": {"c.json": customers}}, "published", tmp_path / "l")
    assert [entry[2:] for entry in built.quarantine] == [(2, "missing:registrationDate")]


NAMED = "shareWithResearchAsOfDate=1/email=eve@x.org/user=eve@x.org/timestamp=1/x=7/json=1"
NAMED += "/table=none/file=none.json/line=7/reason=none"


@pytest.mark.slow
def test_folders_named_like_a_column_and_a_value(tmp_path: Path) -> None:
    """DuckDB and Spark take such folders for partitions, whose values replace those of the rows."""
    silent = {**CUSTOMER, "email": "sly@example.com"}
    del silent["shareWithResearchAsOfDate"]
    customers = b"\n".join(json.dumps(record).encode() for record in (CUSTOMER, silent))
    readings = b"\n".join([line(), line(user="sly@example.com"), b"{", line(x=b'"2.5"')])
    built = lake(tmp_path / NAMED / "l", readings, customer=customers)
    expected = [GOOD_ROW, ("ada@example.com", TIME, 2.5, -1.0, 0.0)]
    for _ in range(2):
        assert [row[1] for row in built.rows("customer_trusted")] == ["ada@example.com"]
        assert len(built.rows("customer_landing")) == 2
        assert trusted(built) == expected
        assert built.quarantine == [("accelerometer_landing", "a.json", 3, "not-json")]
        # Once more, from the quarantine that is there.
        list(Pipeline(built.lakehouse, built.lake, "strict").run(RunOptions("duckdb", force=True)))


@pytest.mark.slow
def test_lower_case_differs_for_two_letters(tmp_path: Path) -> None:
    """DuckDB's lower() of İ is one letter, and Σ never becomes a final ς; other engines differ."""
    big_i, big_s, small_s, final_s = "\u0130", "\u03a3", "\u03c3", "\u03c2"
    customer = json.dumps({**CUSTOMER, "email": big_i + big_s}, ensure_ascii=False).encode()
    users = (f"i{small_s}", f"i{final_s}", f"i\u0307{small_s}")
    readings = b"\n".join(line(user=user, x=7.0) for user in users)
    built = lake(tmp_path / "l", readings, customer=customer)
    assert trusted(built) == [(big_i + big_s, TIME, 7.0, -1.0, 0.0)]


def test_what_file_a_row_is_of_is_not_searched_for_row_by_row(tmp_path: Path) -> None:
    table = load_settings(root=tmp_path).lakehouse().landing["customer_landing"]
    types = {name: kind.duckdb for name, kind in TYPES.items()}
    parts = {tmp_path / f"{number}.json": f"{number % 3}.json" for number in range(7)}
    for path in parts:
        path.write_text(json.dumps(customer("a@x.org", path.stem, C)) + "\n")
    sql = Guard(table, types).usable(parts, longest=0)
    rows = duckdb.sql(f"SELECT serialNumber, landing_file FROM ({sql})").fetchall()
    assert sorted(rows) == sorted((path.stem, of) for path, of in parts.items())
    ((_, plan),) = duckdb.sql(f"EXPLAIN {sql}").fetchall()
    assert "hash join" in plan.lower().replace("_", " ")
