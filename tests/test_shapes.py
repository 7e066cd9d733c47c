"""What a file is that is no JSON lines, by its first bytes; nothing clean is called odd."""

from __future__ import annotations

import gzip
import io
import json
import random
from pathlib import Path

import pytest
from small import CUSTOMERS, MOTIONS, lines
from test_contract import ACCEPTED, GOOD, QUARANTINED, line

from stedi_cli.landing.contract import Unusable, judge
from stedi_cli.landing.lines import fields_of
from stedi_cli.landing.shapes import HEAD, shape_in, shape_of, shape_without_model
from stedi_cli.landing.text_shapes import Shape
from stedi_cli.project.settings import load_settings

TABLES = load_settings().lakehouse().landing
SAMPLE = Path(__file__).parents[1] / "data" / "sample"
READINGS = TABLES["accelerometer_landing"]
TEXTS = [json.dumps(record) for record in MOTIONS]
PLAIN = lines(MOTIONS)
MANY = MOTIONS * 300


def shape(content: bytes, table: str = "accelerometer_landing") -> Shape | None:
    return shape_in(io.BytesIO(content), TABLES[table])


def respelled(**names: str) -> bytes:
    return lines([{names.get(k, k): value for k, value in record.items()} for record in MOTIONS])


ARRAY = "a JSON array"
SPREAD = "JSON objects over several lines"
BESIDE = "several JSON objects on a line"
COMMAS = "JSON objects with a comma after each"
AROUND = "an object around the records"
SERVER = "an error message of a server"
OTHERWISE = "JSON lines whose keys are spelled otherwise (timeStamp for timestamp)"
CONVERTED: dict[str, tuple[bytes, str]] = {
    "an array": (json.dumps(MOTIONS).encode(), ARRAY),
    "an indented array": (json.dumps(MOTIONS, indent=2).encode(), ARRAY),
    "an array, a record a line": (("[\n" + ",\n".join(TEXTS) + "\n]").encode(), ARRAY),
    "an array, commas first": (("[ " + "\n, ".join(TEXTS) + "\n]").encode(), ARRAY),
    "an array of one": (b"[\n" + TEXTS[0].encode() + b"\n]\n", ARRAY),
    "an empty array": (b"[]", ARRAY),
    "an array a line": ("\n".join(f"[{text}]" for text in TEXTS).encode(), ARRAY),
    "a large array": (json.dumps(MANY).encode(), ARRAY),
    "indented objects": ("\n".join(json.dumps(r, indent=1) for r in MOTIONS).encode(), SPREAD),
    "one indented object": (json.dumps(MOTIONS[0], indent=4).encode(), SPREAD),
    "what Firehose joins": ("".join(TEXTS).encode(), BESIDE),
    "much of it": ("".join(TEXTS * 300).encode(), BESIDE),
    "lone CR for line ends": ("\r".join(TEXTS).encode(), BESIDE),
    "commas between lines": (",\n".join(TEXTS).encode(), COMMAS),
    "a comma after each line": ((",\n".join(TEXTS) + ",\n").encode(), COMMAS),
    "commas and CRLF": (",\r\n".join(TEXTS).encode(), COMMAS),
    "a text sequence": (
        "".join(f"\x1e{text}\n" for text in TEXTS).encode(),
        "a JSON text sequence",
    ),
    "UTF-16 with a mark": (PLAIN.decode().encode("utf-16"), "UTF-16 text"),
    "UTF-16, little end first": (PLAIN.decode().encode("utf-16-le"), "UTF-16 text"),
    "UTF-16, big end first": (PLAIN.decode().encode("utf-16-be"), "UTF-16 text"),
    "UTF-32": (PLAIN.decode().encode("utf-32"), "UTF-32 text"),
    "an array in UTF-16": (json.dumps(MOTIONS).encode("utf-16"), f"UTF-16 text, {ARRAY}"),
    "gzip inside gzip": (gzip.compress(gzip.compress(PLAIN)), "gzip inside gzip"),
    "an array in gzip": (gzip.compress(json.dumps(MANY).encode()), ARRAY),
    "a late gzip member": (
        gzip.compress(b"") + gzip.compress(json.dumps(MOTIONS).encode()),
        ARRAY,
    ),
    "a key in another case": (respelled(timestamp="timeStamp"), OTHERWISE),
    "a key in two words": (
        respelled(timestamp="time_stamp"),
        OTHERWISE.replace("timeStamp", "time_stamp"),
    ),
}
TAR = b"readings.json".ljust(257, b"\0") + b"ustar\x0000" + b"\0" * 200
NAMED: dict[str, tuple[bytes, str]] = {
    "ZIP": (b"PK\x03\x04\x14\0" + PLAIN, "a ZIP archive"),
    "tar": (TAR, "a tar archive"),
    "tar in gzip": (gzip.compress(TAR), "a tar archive"),
    "bzip2": (b"BZh91AY&SY\x01", "packed with bzip2"),
    "xz": (b"\xfd7zXZ\0\0\x04", "packed with xz"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04", "packed with zstd"),
    "Parquet": (b"PAR1\x15\x04", "a Parquet file"),
    "ORC": (b"ORC\x08\x03", "an ORC file"),
    "Avro": (b"Obj\x01\x04\x14avro.codec", "an Avro file"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
    "HTML": (b"\n<!DOCTYPE html>\n<html>", "an HTML page, perhaps the error page of a download"),
    "S3 says no": (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code>', f"XML, {SERVER}"),
    "XML": (b"<readings><reading/></readings>", "XML"),
    "not found": (b"404: Not Found", SERVER),
    "not found, in JSON": (b'{"message": "Not Found", "status": "404"}', SERVER),
    "CSV": (b"user,timestamp,x,y,z\nann@x.org,1,2,3,4\n", "CSV"),
    "CSV with semicolons": (b'"user";"timestamp";"x"\n', "CSV"),
    "Python": (str(MOTIONS).encode(), "Python's own notation, no JSON"),
    "Python a line": (str(MOTIONS[0]).encode() + b"\n", "Python's own notation, no JSON"),
    "zeros": (bytes(4096), "nothing but zero bytes"),
    "an array of arrays": (b"[[1, 2], [3, 4]]", "a JSON array in which no objects can be told"),
    "an array of texts": (
        json.dumps(TEXTS).encode(),
        "a JSON array in which no objects can be told",
    ),
    "a cut array of one": (b"[" + PLAIN[:40], "a JSON array in which no objects can be told"),
    "a table by columns": (b'{"user": {"0": "ann@x.org"}, "x": {"0": 1}}', "a table by columns"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a binary file"),
    "around": (json.dumps({"count": 2, "data": MOTIONS}).encode(), AROUND),
    **{
        f"around, {what}": (json.dumps({"data": records}, indent=indent).encode(), AROUND)
        for what, records, indent in (
            ("alone", MOTIONS, None),
            ("alone and indented", MOTIONS, 1),
            ("much alone", MANY, None),
            ("much alone and indented", MANY, 4),
        )
    },
    "around many": (json.dumps({"n": 2, "data": MANY}, indent=1).encode(), AROUND),
}


@pytest.mark.parametrize("case", CONVERTED)
def test_what_can_be_read_for_sure_is_named_with_how_to_convert_it(case: str) -> None:
    content, name = CONVERTED[case]
    found = shape(content)
    assert found is not None
    assert found.name == name
    assert found.reading is not None
    assert "--convert" in found.remedy


@pytest.mark.parametrize("case", NAMED)
def test_what_would_be_guessed_is_named_with_what_to_do(case: str) -> None:
    content, name = NAMED[case]
    found = shape(content)
    assert found is not None
    assert (found.name, found.reading) == (name, None)
    assert found.remedy
    assert "--convert" not in found.remedy


BY_KEYS = {
    case
    for case, (_, name) in (CONVERTED | NAMED).items()
    if name in ("CSV", AROUND, "a table by columns")
    or name.startswith("JSON lines")
    or case == "not found, in JSON"
}


@pytest.mark.parametrize("case", sorted((CONVERTED | NAMED).keys() - BY_KEYS))
def test_without_its_table_a_file_is_called_the_same(case: str) -> None:
    content, name = (CONVERTED | NAMED)[case]
    found = shape_without_model(content[:HEAD], len(content) <= HEAD)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("case", [case for case in NAMED if case.startswith("around, ")])
def test_without_its_table_a_list_alone_in_an_object_is_called_so(case: str) -> None:
    content, name = NAMED[case]
    found = shape_without_model(content[:HEAD], len(content) <= HEAD)
    assert (found.name if found else None) == name


JSON_LINES = {
    "lines": PLAIN,
    "one line": TEXTS[0].encode(),
    "with a mark": b"\xef\xbb\xbf" + PLAIN,
    "gzip": gzip.compress(PLAIN),
    "nothing": b"",
    "blank lines": b"\n \r\n\n",
    "customers": lines(CUSTOMERS),
    "what a tar archive has there": b'{"user":"%b","x":1}\n' % b"ustar".rjust(253, b"M") + PLAIN,
    "cut gzip": gzip.compress(PLAIN)[:30],
    "a long line": b'{"firmware":"' + b"x" * 70_000 + b'",' + line()[1:] + b"\n" + PLAIN,
    "a list of objects in an unknown key": line(more=b'[{"a":1},{"b":2}]') + b"\n",
    "a bad line first": b"nonsense\n" + PLAIN,
    "an array first": json.dumps(MOTIONS[:2]).encode() + b"\n" + PLAIN,
    "HTML first": b"<html>\n" + PLAIN,
    "two on a line, and others": (TEXTS[0] + TEXTS[1]).encode() + b"\n" + PLAIN,
    "nothing but nonsense": b"nonsense\n" * 9,
    "a cut line": TEXTS[0][:-5].encode() + b"\n",
}


@pytest.mark.parametrize("case", JSON_LINES)
def test_what_is_not_sure_stays_json_lines(case: str) -> None:
    table = "customer_landing" if case == "customers" else "accelerometer_landing"
    assert shape(JSON_LINES[case], table) is None


@pytest.mark.parametrize("path", sorted(SAMPLE.glob("*/landing/*")), ids=str)
def test_no_file_of_the_sample_is_odd(path: Path) -> None:
    table = next(t for t in TABLES.values() if t.folder == path.parents[1].name)
    assert shape_of(path, table) is None


@pytest.mark.parametrize("case", ACCEPTED)
def test_no_usable_line_makes_a_file_odd(case: str) -> None:
    for content in (ACCEPTED[case][0], ACCEPTED[case][0] + b"\n" + line()):
        assert shape(content) is None
        assert shape(content + b"\r\n") is None
        assert shape(gzip.compress(content)) is None


@pytest.mark.parametrize("case", QUARANTINED)
def test_no_unusable_line_beside_a_good_one_makes_a_file_odd(case: str) -> None:
    bad = QUARANTINED[case][0]
    assert shape(line() + b"\n" + bad + b"\n") is None
    assert shape(bad + b"\n" + line() + b"\n") is None


def is_usable(one: bytes, *, first: bool) -> bool:
    try:
        return bool(judge(one, fields_of(READINGS), first=first))
    except Unusable:
        return False


@pytest.mark.slow
def test_no_mixture_of_mostly_usable_lines_is_odd() -> None:
    """Lines as the contract has them, in any order, with any line ends, cut at any place."""
    chance = random.Random(15)
    good = [case[0] for case in ACCEPTED.values()]
    bad = [case[0] for case in QUARANTINED.values() if len(case[0]) < 10_000]
    for _ in range(3000):
        chosen = [chance.choice(good) for _ in range(chance.randrange(1, 9))]
        chosen += [chance.choice(bad) for _ in range(chance.randrange(len(chosen) + 1))]
        chance.shuffle(chosen)
        end = chance.choice([b"\n", b"\r\n", b"\n\n", b" \n"])
        content = chance.choice([b"", b"\xef\xbb\xbf", b"\n"]) + end.join(chosen)
        content += chance.choice([b"", end])
        if chance.random() < 0.3:
            content = content[: chance.randrange(len(content) + 1)]
        given = {n: one for n, one in enumerate(content.split(b"\n")) if one.strip()}
        usable = sum(is_usable(one, first=n == 0) for n, one in given.items())
        if usable and usable * 2 >= len(given):
            assert shape(content) is None, content


def test_reasons_and_names_hold_no_value_of_a_person() -> None:
    for content, _ in (CONVERTED | NAMED).values():
        said = str(shape(content))
        assert "ann@x.org" not in said
        assert not any(str(value) in said for value in GOOD.values() if len(str(value)) > 4)
