"""What is made out of lines that cannot be used: whom, which serial number and when."""

from __future__ import annotations

import runpy
import shutil
import sys
import time
from functools import cache
from pathlib import Path

import pytest
from conftest import PROJECT

from stedi_cli.landing import contract, seams, traces
from stedi_cli.landing.lines import fields_of
from stedi_cli.landing.traces import Traced
from stedi_cli.project.model import load

OLD, NEW = 1_655_564_444_103, 1_655_564_555_000
CUSTOMERS = Traced("email", "serialNumber", "lastUpdateDate")
READINGS = Traced("user", None, "timestamp")
NOTHING = (None, None, None)

Told = list[tuple[str | None, str | None, int | None]]


def customer(text: str | bytes, *, first: bool = False) -> Told:
    return read("customer_landing", CUSTOMERS, text, first=first)


def reading(text: str | bytes) -> Told:
    return read("accelerometer_landing", READINGS, text)


def read(table: str, traced: Traced, text: str | bytes, *, first: bool = False) -> Told:
    line = text if isinstance(text, bytes) else text.encode()
    return [tuple(trace) for trace in traces.traces(line, fields(table), traced, first=first)]


@cache
def fields(table: str) -> list[contract.Field]:
    return fields_of(load(PROJECT).landing[table])


ANN = f'"email":"ann@x","serialNumber":"s1","lastUpdateDate":{OLD}'
BOB = f'"email":"bob@x","serialNumber":"s2","lastUpdateDate":{NEW}'
ANN_TOLD, BOB_TOLD = ("ann@x", "s1", OLD), ("bob@x", "s2", NEW)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        pytest.param(f'{{{ANN},"shareWithResearchAsOfDate":"soon"}}', [ANN_TOLD], id="one wrong"),
        pytest.param(f'{{{ANN},"lastUpdateDate":{NEW}}}', [("ann@x", "s1", NEW)], id="latest"),
        pytest.param(f'{{{ANN},"lastUpdateDate":{OLD + 1},"email":"ann@x"}}',
                     [("ann@x", "s1", OLD + 1)], id="the same twice"),
        pytest.param(f'{{{ANN},"lastUpdateDate":"x"}}', [("ann@x", "s1", None)],
                     id="one of two dates unreadable"),
        pytest.param(f'{{{ANN},"email":"bob@x"}}',
                     [("ann@x", "s1", OLD), ("bob@x", "s1", OLD), NOTHING], id="two people"),
        pytest.param(f'{{{ANN},"serialNumber":"s2"}}',
                     [("ann@x", "s1", OLD), ("ann@x", "s2", OLD), NOTHING], id="two numbers"),
        pytest.param(f'{{{ANN},"email":"bob@x","serialNumber":"s2"}}',
                     [("ann@x", None, OLD), ("bob@x", None, OLD),
                      (None, "s1", OLD), (None, "s2", OLD), NOTHING], id="two of both"),
        pytest.param(f'{{{ANN},"email":null}}', [ANN_TOLD, NOTHING], id="half told"),
        pytest.param(f'{{{ANN},"serialNumber":[]}}', [ANN_TOLD, NOTHING], id="half a number"),
        pytest.param('{"email":"ann@x","serialNumber":"s1","lastUpdateDate":0}',
                     [("ann@x", "s1", None)], id="date not given"),
        pytest.param('{"email":"ann@x","serialNumber":"s1"}', [("ann@x", "s1", None)],
                     id="no date"),
        pytest.param('{"email":"ann@x","serialNumber":"s1","lastUpdateDate":1655564444}',
                     [("ann@x", "s1", None)], id="implausible date"),
        pytest.param(f'{{"email":" Ann@X ","serialNumber":7,"lastUpdateDate":"{OLD}"}}',
                     [("Ann@X", "7", OLD)], id="as the contract reads them"),
        pytest.param(f'{{"email":"  ","serialNumber":"","lastUpdateDate":{OLD}}}',
                     [(None, None, OLD)], id="blank"),
        pytest.param(f'{{"email":["ann@x"],"serialNumber":{{"is":"s1"}},"lastUpdateDate":{OLD}}}',
                     [(None, None, OLD)], id="nested values"),
        pytest.param(f'{{"Email":"ann@x","serialnumber":"s1","lastUpdateDate":{OLD}}}',
                     [(None, None, OLD)], id="other case"),
        pytest.param(f'{{"email":"\\ud83d@x","serialNumber":"s\ufffd","lastUpdateDate":{OLD}}}',
                     [(None, None, OLD)], id="characters lost"),
        pytest.param(f'{{"site":"\\ud83d",{ANN}}}', [ANN_TOLD], id="lost elsewhere"),
        pytest.param(f'{{"{"e" * 400}":1,"email":"{"e" * 321}","serialNumber":"{"s" * 201}",'
                     f'"lastUpdateDate":{OLD}}}', [(None, None, OLD)], id="too long values"),
        pytest.param(f'{{"data":{{{ANN}}}}}',
                     [NOTHING, ("ann@x", None, None), (None, "s1", None)], id="deeper"),
        pytest.param(f'{{{ANN},"friend":{{{BOB}}},"phone":[]}}', [ANN_TOLD], id="friend deeper"),
        pytest.param(f'{{"\\u0065mail":"ann@x",{BOB}}}',
                     [("ann@x", "s2", NEW), ("bob@x", "s2", NEW), NOTHING], id="escaped key"),
        pytest.param(f'{{{ANN},}}', [ANN_TOLD], id="lenient"),
        pytest.param(f'{{"email":"\\t mailto:\\u0000ann@x\\u200d","serialNumber":"s1",'
                     f'"lastUpdateDate":{OLD}}}', [ANN_TOLD], id="around an address"),
        pytest.param(f'{{"email":"a\\tmailto:","serialNumber":"s1","lastUpdateDate":{OLD}}}',
                     [("a\tmailto:", "s1", OLD)], id="inside an address"),
        pytest.param(f'{{"email":"mailto:\\u0000","serialNumber":"s1","lastUpdateDate":{OLD}}}',
                     [(None, "s1", OLD)], id="no address"),
    ],
)  # fmt: skip
def test_object_tells_by_its_own_members(line: str, told: Told) -> None:
    assert customer(line) == told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        pytest.param(f"{{{ANN}", [(*ANN_TOLD[:2], None)], id="cut behind a number"),
        pytest.param(f'{{{ANN},"shareW', [ANN_TOLD], id="cut later"),
        pytest.param('{"email":"ann@x","serialNumber":"s1"', [("ann@x", "s1", None)],
                     id="cut behind a text"),
        pytest.param('{"email":"ann@x","serialNumber":"s', [("ann@x", None, None)],
                     id="cut in the number"),
        pytest.param('{"email":"ann@', [NOTHING], id="cut in the address"),
        pytest.param('{"serialNumber":"s1","ema', [(None, "s1", None)], id="cut before it"),
        pytest.param(f'me":"A",{ANN}}}', [ANN_TOLD], id="cut at the front"),
        pytest.param(f'{ANN[1:]}}}', [(None, "s1", OLD)], id="cut in the first key"),
        pytest.param(f'{{{ANN}}} ok', [ANN_TOLD], id="text behind"),
        pytest.param(f'ok {{{ANN}}}', [ANN_TOLD], id="text before"),
        pytest.param(f'\ufeff{{{ANN}}}', [ANN_TOLD], id="byte order mark"),
        pytest.param(f'{{"site":"a\0b",{ANN}}}', [ANN_TOLD], id="control character"),
        pytest.param(f'{{"site":"C\\xa",{ANN}}}', [ANN_TOLD], id="wrong escape"),
        pytest.param(f'[{{{ANN}}}]', [ANN_TOLD], id="array of one"),
        pytest.param(f'[{{{ANN}}}, {{{BOB}}}]', [ANN_TOLD, BOB_TOLD], id="array"),
        pytest.param(f'{{{ANN}}}{{{BOB}}}', [ANN_TOLD, BOB_TOLD], id="glued"),
        pytest.param(f'{{{ANN}}}{{{ANN}}}', [ANN_TOLD], id="glued twice the same"),
        pytest.param(f'{{{ANN},"phone":"1{{{BOB}}}', [ANN_TOLD, BOB_TOLD], id="cut and glued"),
        pytest.param(f'{{{ANN}{{{BOB}}}', [("ann@x", "s1", None), BOB_TOLD],
                     id="cut behind a number and glued"),
        pytest.param(f'{{"customerName":"A","serialNumber":"s1","em{{{BOB}}}',
                     [("bob@x", None, None), (None, "s1", None), (None, "s2", None), NOTHING],
                     id="cut before the address and glued"),
        pytest.param(f'{ANN}}}{{"customerName":"B","ema',
                     [("ann@x", None, None), (None, "s1", None), NOTHING],
                     id="cut on both sides and glued"),
        pytest.param(f'{{{ANN}}}il":"bob@x","serialNumber":"s2"}}',
                     [("ann@x", None, None), (None, "s1", None), (None, "s2", None), NOTHING],
                     id="glued to a line cut at the front"),
        pytest.param(f'{{{ANN}}}4103}}',
                     [("ann@x", None, None), (None, "s1", None), NOTHING], id="glued to an end"),
        pytest.param(f'{{"customerName":"A","em"customerName":"B",{BOB}}}',
                     [("bob@x", None, None), (None, "s2", None), NOTHING], id="a piece lost"),
        pytest.param(f'{{{ANN},"last":{{{BOB}}},"phone":1',
                     [("ann@x", None, None), ("bob@x", None, None),
                      (None, "s1", None), (None, "s2", None), NOTHING], id="deeper and cut"),
        pytest.param(f'{{"a":{{"b":1}},{ANN},',
                     [("ann@x", None, None), (None, "s1", None), NOTHING],
                     id="another object inside"),
        pytest.param(f'{{"email":"ann@x,{ANN[16:]}}}', [(None, "s1", None), NOTHING],
                     id="quote lost"),
        pytest.param('{"email":"ann@x"serialNumber":"s1"', [NOTHING], id="comma and quote lost"),
        pytest.param(f'{{{ANN}}}'.replace(",", " "),
                     [("ann@x", None, None), (None, "s1", None), NOTHING], id="commas lost"),
        pytest.param(f'{{"email":"ann@x","pho{BOB[16:]}}}', [("ann@x", None, None), NOTHING],
                     id="the middle lost up to a quote"),
        pytest.param(f'{{{ANN}}}'.replace('"', "'"), [NOTHING], id="single quotes"),
        pytest.param(f'{{"note":"\\"email\\":\\"bob@x\\"",{ANN}', [("ann@x", "s1", None)],
                     id="inside a text"),
        pytest.param('{"email":"a\\u006en@x","serialNumber":12,"lastUpdateDate":"'
                     f'{OLD}","x', [("ann@x", "12", OLD)], id="as the contract reads them"),
        pytest.param('{"email":12,"serialNumber":12.50,"lastUpdateDate":1.655564444103E12 ,"x',
                     [("12", "12.5", OLD)], id="numbers"),
        pytest.param('{"email":12', [NOTHING], id="number without an end"),
        pytest.param('{"email" : "ann@x" , "serialNumber"\t:"s 1:2,3" }}',
                     [("ann@x", "s 1:2,3", None)], id="blanks"),
        *(
            pytest.param(f'{{"email":"ann{c}@x","serialNumber":"s1",', [(None, "s1", None)],
                         id=f"{c} in an address")
            for c in (" ", "[", "]", ",", ":", "\\\\", '\\"', "\\t", "\ufffd", "\\ud83d")
        ),
        *(
            pytest.param(f'{{"email":"ann@x","serialNumber":"s{c}1",', [("ann@x", None, None)],
                         id=f"{c} in a number")
            for c in ("[", "]", "\\\\", '\\"', "\\t", "\ufffd", "\\ud83d")
        ),
        pytest.param('{"email":"ann}@x","serialNumber":"s}1",', [NOTHING], id="braces"),
        pytest.param(f'{{"email":"{"e" * 321}","serialNumber":"{"s" * 201}",', [NOTHING],
                     id="too long values"),
        pytest.param("null", [NOTHING], id="null"),
        pytest.param('"no record"', [NOTHING], id="a text"),
        pytest.param("{" * 100_000, [NOTHING], id="nothing but braces"),
    ],
)  # fmt: skip
def test_broken_line_tells_what_is_certain(line: str, told: Told) -> None:
    assert customer(line) == told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f'{{"email":"ann@x","customerName":"Ann Lete":"1990",{BOB[16:]}}}',
         [("ann@x", None, None), (None, "s2", None), NOTHING]),
        (f'{{"serialNumber":"s1","birthDay":"1900", stomerName":"Bob",{BOB[:15]},'
         f'"registrationDate":{OLD},"lastUpdateDate":{OLD}}}',
         [("bob@x", None, None), (None, "s1", None), NOTHING]),
    ],
    ids=["in a text and a key", "behind a comma and in a key"],
)  # fmt: skip
def test_head_and_tail_of_two_lines_are_nobody_s_for_certain(line: str, told: Told) -> None:
    assert customer(line) == told


def test_head_and_tail_of_two_readings_are_anybody_s() -> None:
    line = f'{{"user":"ann@x","y":1.5er":"bob@x","timestamp":{OLD},"x":1,"z":1}}'
    assert reading(line) == [(None, None, OLD), NOTHING]


ONE = f'{{"customerName":"A L",{ANN},"registrationDate":null,"phone":"é, 1"}}'
TWO = f'{{"phone":"b: 2","birthDay":-1.5e3 , "tags":["a",[1]],{BOB}}}'


def test_no_seam_of_two_lines_is_certain() -> None:
    lines = {
        head[:end] + tail[begin:]
        for head, tail in ((ONE, TWO), (TWO, ONE))
        for end in range(1, len(head) + 1)
        for begin in range(1, len(tail) - 1, 3)  # A brace alone says nothing of anybody.
    }
    torn = [line for line in lines if is_no_json(line)]
    assert len(torn) > 7_000
    assert not [line for line in torn if NOTHING not in customer(line)]


def is_no_json(line: str) -> bool:
    try:
        contract.parsed(line)
    except contract.Unusable:
        return True
    return False


def test_line_that_is_cut_at_either_end_is_one_person_s() -> None:
    places = range(len(ONE) + 1)
    pieces = {ONE[begin:end] for begin in places for end in places[begin % 7 :: 7]}
    pieces |= {ONE[:place] for place in places} | {ONE[place:] for place in places}
    assert not [piece for piece in pieces if len(customer(piece)) > 1]


ANN_IN_DOUBT = [("ann@x", None, None), (None, "s1", None), NOTHING]


@pytest.mark.parametrize(
    "spot",
    [
        '"a\tb"', '"a\0b\0c"', '"C\\xa"', '"\\u12aB"', '"[:,]"', "true", "-0.5e-7", "nan",
        "-Infinity", "[]", '["a", [1, [2 ,]]]', '"\ufffd"',
    ],
)  # fmt: skip
def test_one_wrong_spot_in_another_column_does_no_harm(spot: str) -> None:
    assert customer(f'{{"site" : {spot} , {ANN}}} ok') == [ANN_TOLD]
    assert customer(f'{{{ANN},"site":{spot}') == [ANN_TOLD]


@pytest.mark.parametrize(
    "spot",
    [
        '"a\0\0b"', '"a\\\0b"', '"\\u12"', '"\\u12g4"', '"\\', "", ",", "1,", "1 2", "1.5e", "1.",
        ".5", "01", "+1", "--1", "1.5.1", "nulll", "True", "?", "'a'", '"a" "b"', '"a"b', 'b"',
        '"a":1', "[1", "[1,,2]", "[,1]", "1]", "[1]]", "[1:2]", "\0", "a\xa0",
    ],
)  # fmt: skip
def test_what_a_seam_may_leave_is_in_doubt(spot: str) -> None:
    assert customer(f'{{"site":{spot},{ANN}}} ok') == ANN_IN_DOUBT


@pytest.mark.parametrize(
    "end",
    [
        '"site', '"site"', '"site":', '"site":"', '"site":"a\0\0', '"site":"\\', '"site":"\\u12',
        '"site":-', '"site":1.', '"site":1e', '"site":tr', '"site":[', '"site":["a', '"site":["a"',
        '"site":[[1],', '"site" x', "site", "]", ",", "1 2", " ", "} \0\0", "}]", "},",
    ],
)  # fmt: skip
def test_end_that_is_lost_does_no_harm(end: str) -> None:
    assert customer(f"{{{ANN},{end}") == [ANN_TOLD]


@pytest.mark.parametrize(
    "end",
    [
        '"site":"4103}', '"site}', '"site"}', '"site":}', '"site":"\\}', '"site":[1}', "site}",
        '"site":1 2}', '"site" "', '"site":1"',
    ],
)  # fmt: skip
def test_end_of_another_line_is_in_doubt(end: str) -> None:
    assert customer(f"{{{ANN},{end}") == ANN_IN_DOUBT


@pytest.mark.parametrize(
    "beginning",
    [
        "", 'me":"A",', 'me" : 4 ,', '":"A",', ':"A",', '"A",', 'A",', '\\"A",', "103,", ".5 ,",
        "rue,", ",", ":[1],", "[1],", '\0\0A",',
    ],
)  # fmt: skip
def test_beginning_that_is_lost_does_no_harm(beginning: str) -> None:
    assert customer(f"{beginning}{ANN}}}") == [ANN_TOLD]


@pytest.mark.parametrize(
    "beginning",
    ['"A" ', ",,", "1 2,", 'me":"A", stomerName":"B",', 'A"B",', "( ", "1]],", ":,", 'e":"A"B",'],
)  # fmt: skip
def test_beginning_with_a_seam_is_in_doubt(beginning: str) -> None:
    assert customer(f"{beginning}{ANN}}}") == ANN_IN_DOUBT


def test_each_of_several_objects_is_in_one_piece() -> None:
    torn = f'{{"customerName":"Cid", stomerName":"A",{ANN}}}'
    in_doubt = [
        ("ann@x", None, None),
        ("bob@x", None, None),
        (None, "s1", None),
        (None, "s2", None),
    ]
    assert customer(f"{torn}{{{BOB}}}") == [*in_doubt, NOTHING]
    assert customer(f"[{{{BOB}}},{torn}]")[-1] == NOTHING


def test_bytes_that_are_no_text_take_only_themselves_away() -> None:
    line = f'{{"site":"Caf\xe9",{ANN}}}'.encode("latin-1")
    assert customer(line) == [ANN_TOLD]
    assert customer(line.replace(b"ann", b"\xe9nn")) == [(None, "s1", OLD)]
    assert customer(line[:-1]) == [("ann@x", "s1", None)]


def test_byte_order_mark_may_begin_a_file() -> None:
    line = f'\ufeff{{"note":{{}},{ANN},"phone":[]}}'
    assert customer(line, first=True) == [ANN_TOLD]
    assert customer(line) == [("ann@x", None, None), (None, "s1", None), NOTHING]


def test_line_that_is_too_long_tells_the_same_to_whoever_has_less_of_it() -> None:
    pad = " " * contract.LONGEST_LINE
    line = f'{{{ANN},"x":"{pad}",{BOB}}}'
    assert customer(line) == [ANN_TOLD, NOTHING]
    assert customer(line[: contract.LONGEST_LINE + 2]) == [ANN_TOLD, NOTHING]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f'{{"user":"ann@x","timestamp":{OLD},"x":"?"}}', [("ann@x", None, OLD)]),
        (f'{{"user":"ann@x","timestamp":{OLD},"timestamp":{NEW}}}',
         [("ann@x", None, OLD), ("ann@x", None, NEW)]),
        (f'{{"user":"ann@x","timestamp":{OLD},"timestamp":1}}',
         [("ann@x", None, OLD), ("ann@x", None, None)]),
        (f'{{"user":"ann@x","user":"bob@x","timestamp":{OLD}}}', [(None, None, OLD)]),
        (f'{{"user":"ann@x","user":[],"timestamp":{OLD}}}', [(None, None, OLD)]),
        (f'{{"User":"ann@x","timestamp":{OLD}}}', [(None, None, OLD)]),
        (f'{{"user":"ann@x","timeStamp":{OLD}}}', [("ann@x", None, None)]),
        (f'{{"user":"ann@x","timestamp":{OLD},"x":', [("ann@x", None, OLD)]),
        (f'{{"user":"ann@x","timestamp":{OLD}', [("ann@x", None, None)]),
        (f'{{"timestamp":{OLD},"user":"ann', [(None, None, OLD)]),
        (f'{{"user":"ann@x","timestamp":{OLD}}}{{"user":"bob@x","timestamp":{NEW}}}',
         [("ann@x", None, OLD), ("bob@x", None, NEW)]),
        (f'{{"user":"ann@x","timest{{"user":"bob@x","timestamp":{NEW}}}',
         [(None, None, NEW), NOTHING]),
        (f'{{"timestamp":{OLD},"us{{"user":"bob@x","timestamp":{NEW}}}',
         [(None, None, OLD), (None, None, NEW)]),
        (f'{{"user":"ann@x","timestamp":{OLD}}}03,"x":1}}', [(None, None, OLD), NOTHING]),
        ("null", [NOTHING]),
    ],
)  # fmt: skip
def test_reading_contends_wherever_it_may_have_been_taken(line: str, told: Told) -> None:
    assert reading(line) == told


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        "{", '"', "\\", " ", "}", '{"email":', '"email":"', '"email":"\\"', '"email" ', "\\\"email",
        '"email":1', f"{{{ANN}}}", '"email":"a@x",', '{"email":"\\u0041',
    ],
)  # fmt: skip
def test_time_grows_with_a_line_s_length_alone(piece: str) -> None:
    line = (piece * (2**20 // len(piece))).encode()
    started = time.process_time()
    assert customer(line)
    assert time.process_time() - started < 5


def test_it_works_beside_the_contract_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (contract, seams, traces):
        shutil.copy(str(module.__file__), tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("stedi_cli")]:
        monkeypatch.setitem(sys.modules, name, None)
    alone = runpy.run_path(str(tmp_path / "traces.py"))
    columns = [alone["Field"]("email", "string", True)]
    asked = alone["Traced"]("email", "email", "email")
    assert alone["traces"](b'{"email":"a@x"', columns, asked)[0][:1] == ("a@x",)
