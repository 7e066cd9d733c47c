"""Converting to JSON lines: each record as it is written, and nothing left over."""

from __future__ import annotations

import gzip
import json
import random
import tracemalloc
from pathlib import Path

import pytest
from small import MOTIONS
from test_shapes import CONVERTED, READINGS, shape

from stedi_cli.errors import UsageError
from stedi_cli.landing.conversion import converted
from stedi_cli.landing.objects import Record
from stedi_cli.landing.origin import Origin
from stedi_cli.landing.shapes import shape_of

KNOWN = frozenset(column.name for column in READINGS.columns)


def convert(content: bytes, folder: Path, name: str = "a.json") -> tuple[bytes, Origin]:
    source, copy = folder / f"source-{name}", folder / name
    source.write_bytes(content)
    found = shape_of(source, READINGS)
    assert found is not None
    origin = converted(source, found, KNOWN, copy)
    raw = copy.read_bytes()
    return gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw, origin


def refused(content: bytes, folder: Path) -> str:
    with pytest.raises(UsageError) as raised:
        convert(content, folder)
    assert not (folder / "a.json").exists()
    assert raised.value.hint
    return raised.value.message


@pytest.mark.parametrize("case", CONVERTED)
def test_each_record_comes_out_on_a_line_of_its_own(case: str, tmp_path: Path) -> None:
    content, origin = convert(CONVERTED[case][0], tmp_path)
    records = [json.loads(line) for line in content.splitlines()]
    wanted = {"an empty array": [], "a large array": MOTIONS * 300, "an array of one": MOTIONS[:1]}
    wanted |= {"much of it": MOTIONS * 300, "an array in gzip": MOTIONS * 300}
    wanted |= {"one indented object": MOTIONS[:1]}
    assert records == wanted.get(case, MOTIONS)
    assert origin.records == len(records)
    assert content.count(b"\n") == len(records)
    # What was converted needs no second conversion.
    again = tmp_path / "again.json"
    again.write_bytes(content)
    assert shape_of(again, READINGS) is None


NUMBERS = [
    "1655564444103",
    "0.1000",
    "1E400",
    "-0.0",
    "12345678901234567890123",
    "1.50",
    "9" * 5000,
]


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_keep_every_digit(number: str, tmp_path: Path) -> None:
    content, _ = convert(b'[{"x":%s},\n{"x": [ %s ]}]' % ((number.encode(),) * 2), tmp_path)
    assert content == b'{"x":%s}\n{"x": [ %s ]}\n' % ((number.encode(),) * 2)


def test_what_the_contract_judges_is_left_for_it(tmp_path: Path) -> None:
    records = [
        rb'{"x":1,"x":2}',
        rb'{"user":"\ud800"}',
        b'{"user":"\xff"}',
        b'{"x":NaN}',
        rb'{"user":"a\nb  \u2028 c"}',
        '{"user":"\u2028\x85"}'.encode(),
    ]
    content, _ = convert(b"[" + b",\n".join(records) + b"]", tmp_path)
    assert content.split(b"\n") == [*records, b""]


def test_blanks_within_a_text_stay(tmp_path: Path) -> None:
    content, _ = convert(b'[{\r\n  "user" :\n "a  b\\n c" ,\r\n\t"x":\n1\n}]', tmp_path)
    assert content == b'{"user" :"a  b\\n c" ,"x":1}\n'


A, B = (json.dumps(record).encode() for record in MOTIONS[:2])
LEFT_OVER = {
    "an array that is not closed": (b"[" + A + b"," + B, "after record 2 without its `]`"),
    "a cut record": (b"[" + A + b"," + B + b"," + A[:-9], "record 3, at line 1, is no whole"),
    "text after an array": (b"[" + A + b"," + B + b"]\nend", "record 3, at line 2, is no JSON"),
    "text between records": (A + B + b"x" + A, "record 3, at line 1, is no JSON object"),
    "a number between records": (b"[" + A + b"," + B + b",7]", "record 3, at line 1, is no JSON"),
    "null between records": (b"[" + A + b"," + B + b",null]", "record 3"),
    "an array in an array": (b"[" + A + b"," + B + b",[" + A + b"]]", "record 3"),
    "two commas": (b"[" + A + b"," + B + b",," + A + b"]", "record 3"),
    "a missing comma": (b"[" + A + b"," + B + b" " + A + b"]", "record 3"),
    "a bracket too many": (b"[" + A + b"," + B + b"]]", "record 3"),
    "a record of two lines with a break in a text": (A + B + b'{"user":"a\nb"}', "record 3"),
    "single quotes": (A + B + b"{'x':1}", "record 3"),
    **{
        f"two keys for one: {content}": (
            content.encode(),
            f"record {number}, at line 1, spells timestamp in two ways",
        )
        for content, number in (
            ('[{"timeStamp":1,"TIMESTAMP":2}]', 1),
            ('[{"timestamp":1},{"timeStamp":2}]', 2),
            ('[{"timeStamp":1},{"x":1},{"timestamp":2}]', 3),
            ('[{"timeStamp":1},{"time_stamp":2}]', 2),
        )
    },
    "two keys for one on lines": (
        '{"timestamp":1}\n{"timeStamp":2}\n'.encode("utf-16"),
        "line 2 spells timestamp in two ways",
    ),
    "half a character": ('[{"x":1},{"x":2}]'.encode("utf-16-le")[:-1], "cannot be read to its end"),
    "cut gzip": (gzip.compress(json.dumps(MOTIONS * 3000).encode())[:-20], "to its end"),
}


@pytest.mark.parametrize("case", LEFT_OVER)
def test_what_is_left_over_is_an_error_and_leaves_nothing(case: str, tmp_path: Path) -> None:
    content, said = LEFT_OVER[case]
    message = refused(content, tmp_path)
    assert said in message
    assert "ann@x.org" not in message


def test_keys_are_renamed_where_there_is_no_doubt(tmp_path: Path) -> None:
    records = [
        b'{"timeStamp": {"timeStamp":1}, "x":1.50}',
        b'{"time\\u0053tamp":1,"USER":"timeStamp"}',
        b'{"timeStamp":1,"timeStamp":2}',
        b'{"x":1}',
    ]
    content, _ = convert(b"[" + b",".join(records) + b"]", tmp_path)
    assert content.splitlines() == [
        b'{"timestamp": {"timeStamp":1}, "x":1.50}',
        b'{"timestamp":1,"user":"timeStamp"}',
        b'{"timestamp":1,"timestamp":2}',
        b'{"x":1}',
    ]


def test_beside_a_known_key_another_spelling_is_an_unknown_key(tmp_path: Path) -> None:
    records = [b'{"timestamp":1,"TimeStamp":2,"TIMESTAMP":3}', b'{"timestamp":1}']
    content, _ = convert(b"[" + b",".join(records) + b"]", tmp_path)
    assert content.splitlines() == records


@pytest.mark.parametrize("fields", [0, 1, 40])
@pytest.mark.parametrize("indent", [0, 1, 4])
def test_no_text_takes_long_to_be_told(fields: int, indent: int, tmp_path: Path) -> None:
    # Each field and blank more took a pattern several times as long.
    lines = [f'{" " * indent}"field {n}": {n},' for n in range(fields)]
    around = [*lines, '"data": [{"x": 1}', *[', {"x": 1}'] * 3000]
    for text, name in (
        ("\n".join(["{", *around]), "an object around the records"),
        ("\n".join(["{", *lines, "nonsense"]), None),
    ):
        path = tmp_path / "a.json"
        path.write_text(text)
        found = shape_of(path, READINGS)
        assert (found.name if found else None) == name
    record = Record(f'{{"x":"{" " * 200_000}",\n"y":1}}', 1, 2, False, frozenset("xy"))
    assert record.one_line.count(" ") == 200_000


def test_of_lines_the_bad_ones_stay_for_the_contract(tmp_path: Path) -> None:
    content, origin = convert(b'{"timeStamp":1}\nnonsense\n\n{"timeStamp":2}\r\n', tmp_path)
    assert content == b'{"timestamp":1}\nnonsense\n{"timestamp":2}\r\n'
    assert origin.lines_of({1, 2, 3, 4}) == {1: 1, 2: 2, 3: 4}


def test_the_origin_keeps_name_digest_and_line_numbers(tmp_path: Path) -> None:
    chance = random.Random(3)
    text, starts, line = "[", [], 1
    for number in range(3000):
        gap = "\n" * chance.choice([0, 1, 2, 500])
        inside = "\n" * chance.randrange(4)
        line += len(gap)
        starts.append(line)
        text += gap + f'{{"x":{inside}{number}}}' + ("," if number < 2999 else "]")
        line += len(inside)
    _, origin = convert(text.encode(), tmp_path)
    assert (origin.file, origin.records) == ("source-a.json", 3000)
    assert origin.lines_of(range(1, 3001)) == dict(enumerate(starts, start=1))
    assert len(origin.lines) < 4000


def test_packed_comes_out_packed_and_always_the_same(tmp_path: Path) -> None:
    packed = gzip.compress(json.dumps(MOTIONS).encode())
    convert(packed, tmp_path, "a.json.gz")
    first = (tmp_path / "a.json.gz").read_bytes()
    assert first[:2] == b"\x1f\x8b"
    assert first[3:8] == b"\0" * 5
    convert(packed, tmp_path, "a.json.gz")
    assert (tmp_path / "a.json.gz").read_bytes() == first


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stedi_cli.landing.conversion.BOMB_SIZE", 1 << 20)
    bomb = gzip.compress(b"[" + b'{"x":%s},' % (b"1" * 10_000) * 600 + b"{}]")
    assert "unpacks to more than 300 times" in refused(bomb, tmp_path)


@pytest.mark.slow
def test_a_large_array_is_never_held_whole(tmp_path: Path) -> None:
    source = tmp_path / "large.json"
    record = json.dumps(MOTIONS[0])
    with source.open("w") as sink:
        sink.write("[" + ",".join([record] * 100_000) + "]")
    found = shape_of(source, READINGS)
    assert found is not None
    tracemalloc.start()
    origin = converted(source, found, KNOWN, tmp_path / "copy.json")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert origin.records == 100_000
    assert most < 6 << 20 < source.stat().st_size


def test_records_at_any_place_of_a_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 2, 3, 7, 64):
        monkeypatch.setattr("stedi_cli.landing.objects._CHUNK", size)
        for case in ("an indented array", "what Firehose joins", "an array, commas first"):
            content, _ = convert(CONVERTED[case][0], tmp_path)
            assert [json.loads(line) for line in content.splitlines()] == MOTIONS


def test_the_shape_of_every_case_is_known() -> None:
    assert all(shape(content) for content, _ in LEFT_OVER.values())
