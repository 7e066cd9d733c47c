"""A person is found in every kind of container, and nobody else is taken for them."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import sqlite3
import struct
import subprocess
import sys
import tarfile
import tracemalloc
import uuid
import zlib
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import PUBLIC_DATA, Lake, Result, mostly_slow
from small import C, customer, lines, motion, step

from stedi_cli.errors import UsageError
from stedi_cli.privacy import gzip_members, look, tree
from stedi_cli.privacy.people import Person, read_people
from stedi_cli.privacy.scan import Scan, scan
from stedi_cli.privacy.tree import Tree

EMAIL = "aaron.longlastname@mail.example.org"
SERIAL = "50f7b4f3-7af5-4b07-a421-7b902c8d2b7c"
HEX = SERIAL.replace("-", "")
WHEN = C + 123_456_789
ISO = datetime.fromtimestamp(WHEN / 1000, UTC).isoformat(timespec="milliseconds")[:23]
BIRTHDAY = "1399-06-03"
OTHER, OTHERS_SERIAL = "bob@x.org", "20400202-c1da-4328-8e94-5bacc7d61ecb"
THEIRS = {"e-mail": EMAIL, "serial number": SERIAL, "instant": str(WHEN), "date": BIRTHDAY}
LANDING = {
    "customer/c.json": [
        customer(EMAIL, SERIAL, C) | {"birthDay": BIRTHDAY},
        customer(OTHER, OTHERS_SERIAL, C),
    ],
    "accelerometer/a.json": [motion(EMAIL, WHEN), motion(EMAIL, C + 7), motion(OTHER, C + 7)],
    "step_trainer/s.json": [step(SERIAL, WHEN), step(OTHERS_SERIAL, C + 7)],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root in which landing files alone hold the person."""
    root = tmp_path / "lake"
    for name, records in LANDING.items():
        path = root / "landing" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(lines(records))
    (root / "stedi.json").write_text("{}")
    return root


def scanned(root: Path, email: str = EMAIL, **also: Any) -> Scan:
    return scan(Tree(str(root)), [Person(email, **also)], allowed=["landing"])


def found(root: Path, email: str = EMAIL) -> set[tuple[str, str]]:
    """The views and kinds outside landing."""
    result = scanned(root, email)
    assert not result.unread
    return {(hit.view, hit.kind) for hit in result.wrong}


def put(root: Path, content: bytes, name: str = "warehouse/t/data/file") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# --- What is sought --------------------------------------------------------------------------


def test_what_is_a_persons_alone_is_told_by_landing_lines(root: Path) -> None:
    values = scanned(root).sought.values
    assert values.emails == {EMAIL}
    assert values.serials == {SERIAL}
    # The consent's date and another reading's are also somebody else's.
    assert values.instants == {WHEN}
    assert values.dates == {BIRTHDAY}
    assert EMAIL[:16] in values.bounds


def test_lines_are_read_however_they_are_written(root: Path) -> None:
    landing = root / "landing"
    text = (landing / "accelerometer" / "a.json").read_text()
    text = text.replace(EMAIL, " " + EMAIL.upper() + " ").replace("@", "\\u0040")
    packed = gzip.compress(text[:40].encode()) + gzip.compress(text[40:].encode())
    (landing / "accelerometer" / "a.json").unlink()
    put(root, packed, "landing/accelerometer/deep/a.json.gz")
    steps = landing / "step_trainer" / "s.json"
    steps.write_text(
        steps.read_text().replace(SERIAL, SERIAL.upper()).replace(str(WHEN), f'"{WHEN}"')
    )
    assert scanned(root).sought.values.instants == {WHEN}


def test_a_broken_line_of_somebody_else_tells_that_a_value_is_shared(root: Path) -> None:
    put(root, b'{"user":"eve@x.org","timestamp":%d,' % WHEN, "landing/accelerometer/b.json")
    sought = scanned(root).sought
    assert sought.values.instants == set()
    assert sought.shared >= 1


@pytest.mark.parametrize("rest", ["", '"serialNum'])
def test_a_broken_line_of_nobody_takes_nothing_away(root: Path, rest: str) -> None:
    """No table can hold it."""
    put(root, b'{"sensorReadingTime":%d,%s' % (WHEN, rest.encode()), "landing/step_trainer/b.json")
    assert scanned(root).sought.values.instants == {WHEN}


def test_landing_file_that_cannot_be_read_counts_where_landing_is_allowed(root: Path) -> None:
    """What is to be sought elsewhere may stand in it."""
    put(root, gzip.compress(b"x")[:-1], "landing/customer/d.json.gz")
    assert [one.part for one in scanned(root).doubtful] == ["landing"]


def test_serial_number_that_others_hold_is_not_sought(root: Path) -> None:
    put(root, lines([customer("eve@x.org", SERIAL.upper(), C)]), "landing/customer/d.json")
    put(root, lines([step(SERIAL, C + 99)]), "landing/step_trainer/t.json")
    values = scanned(root).sought.values
    assert values.serials == set()
    # A reading of theirs stays so; what only a shared number tells of is nobody's.
    assert values.instants == {WHEN}


def test_instant_of_another_serial_number_is_not_sought(root: Path) -> None:
    put(root, lines([step(OTHERS_SERIAL, WHEN)]), "landing/step_trainer/t.json")
    assert scanned(root).sought.values.instants == set()


def test_bound_that_may_be_somebody_elses_is_not_sought(root: Path) -> None:
    put(root, lines([motion("aaron.longlastnames@y.org", C)]), "landing/accelerometer/b.json")
    assert EMAIL[:16] not in scanned(root).sought.values.bounds


def test_of_whom_landing_tells_nothing_values_can_be_given(root: Path) -> None:
    gone, when = "gone@x.org", C + 55_555
    put(root, str(when).encode(), "warehouse/t/metadata/m.json")
    assert scanned(root, gone).sought.unknown == 1
    assert not scanned(root, gone).wrong
    result = scanned(root, gone, serials=("s-9",), instants=(when,))
    assert result.sought.unknown == 0
    assert [hit.kind for hit in result.wrong] == ["instant"]


# --- Each container, each value ----------------------------------------------------------------


def avro(values: dict[str, Any], schema: Any, codec: str = "deflate", key: str = "k") -> bytes:
    """An Avro file of one record; the values are encoded as their types ask."""

    def long(number: int) -> bytes:
        number, out = (number << 1) ^ (number >> 63), b""
        while number > 0x7F:
            out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
        return out + bytes([number])

    def text(value: bytes) -> bytes:
        return long(len(value)) + value

    body = b"".join(
        long(v) if isinstance(v, int) else text(v if isinstance(v, bytes) else v.encode())
        for v in values.values()
    )
    block = body
    if codec == "deflate":
        pack = zlib.compressobj(wbits=-15)
        block = pack.compress(body) + pack.flush()
    meta = {"avro.schema": json.dumps(schema), "avro.codec": codec, key: "v"}
    header = b"".join(text(k.encode()) + text(v.encode()) for k, v in meta.items())
    sync = b"0123456789abcdef"
    return b"Obj\x01" + long(len(meta)) + header + b"\0" + sync + long(1) + text(block) + sync


def record(**types: str) -> Any:
    fields = [{"name": name, "type": kind} for name, kind in types.items()]
    return {"type": "record", "name": "r", "fields": fields}


def gzipped(value: str) -> bytes:
    """Two members, the value over their border."""
    data = f"pad {value} pad\n".encode()
    return gzip.compress(data[:9]) + gzip.compress(b"") + gzip.compress(data[9:]) + b"\0" * 512


def tar(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("a.json.gz")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def escaped(value: str) -> bytes:
    return b"\\u%04x%s" % (ord(value[0]), value[1:].encode())


def with_header(flag: int, value: bytes) -> bytes:
    plain = gzip.compress(b"nothing")
    return plain[:3] + bytes([flag]) + plain[4:10] + value + plain[10:]


def parquet(column: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"c": column}), out, compression="zstd", **options)
    return out.getvalue()


def unused(value: str) -> Any:
    """A column whose dictionary has a value that no row has."""
    return pa.DictionaryArray.from_arrays(pa.array([1], pa.int32()), ["is", "b", value][::-2])


def sqlite(*statements: str, path: Path) -> bytes:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)
    return path.read_bytes()


VIEWS: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "raw text": ("raw", lambda v: f'x = "{v}"\n'.encode()),
    "any case": ("raw", lambda v: v.upper().encode()),
    "after NUL": ("raw", lambda v: b"\0\1\2\xff" * 9 + v.encode() + b"\0"),
    "json": ("json", lambda v: b'{"a":"' + escaped(v) + b'"}'),
    "json in json": ("json", lambda v: b'{"a":"\\' + escaped(v) + b'"}'),
    "url": ("url", lambda v: b"file:///a=%%%02x%s" % (ord(v[0]), v[1:].encode())),
    "json in url": ("json", lambda v: b"/?q=%%7B%%5Cu%04x%s" % (ord(v[0]), v[1:].encode())),
    "utf-16": ("utf-16", lambda v: v.encode("utf-16")),
    "gzip": ("gzip", gzipped),
    "gzip in gzip": ("gzip gzip", lambda v: gzip.compress(gzipped(v))),
    "json in gzip": ("gzip json", lambda v: gzip.compress(escaped(v))),
    "gzip name": ("gzip header", lambda v: with_header(8, f"{v}.json\0".encode())),
    "gzip comment": ("gzip header", lambda v: with_header(16, f"of {v}\0".encode())),
    "gzip extra": (
        "gzip header", lambda v: with_header(4, struct.pack("<H", len(v)) + v.encode())
    ),
    "avro": ("avro", lambda v: avro({"a": v}, record(a="string"))),
    "avro bytes": ("avro", lambda v: avro({"a": v}, record(a="bytes"), "null")),
    "avro key": ("avro", lambda v: avro({"a": ""}, record(a="string"), key=v)),
    "avro in gzip": ("gzip avro", lambda v: gzip.compress(avro({"a": v}, record(a="string")))),
    "parquet text": ("parquet values", lambda v: parquet([None, f"is {v}."] * 3)),
    "parquet bytes": ("parquet values", lambda v: parquet(pa.array([v.encode()], pa.binary()))),
    "parquet list": ("parquet values", lambda v: parquet([["a"], [v], None])),
    "parquet map": (
        "parquet values",
        lambda v: parquet(pa.array([[(v, 1)]], pa.map_(pa.string(), pa.int64()))),
    ),
    "parquet struct": ("parquet values", lambda v: parquet([{"a": {"b": v}}])),
    "parquet statistics": ("parquet statistics", lambda v: parquet([v, "~"])),
    "parquet dictionary": ("parquet dictionaries", lambda v: parquet(unused(v))),
    "parquet dictionary in a list": (
        "parquet dictionaries",
        lambda v: parquet(pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), unused(v))),
    ),
    "parquet json": ("parquet values", lambda v: parquet([f'"\\u{ord(v[0]):04x}{v[1:]}"'])),
    "parquet key-value": (
        "parquet key-values",
        lambda v: _with_metadata({"k": v}),
    ),
    "parquet field": ("parquet key-values", lambda v: _with_metadata({}, {"doc": v})),
    "parquet in gzip": ("gzip parquet values", lambda v: gzip.compress(parquet([v]))),
}  # fmt: skip


def _with_metadata(pairs: dict[str, str], of_field: dict[str, str] | None = None) -> bytes:
    schema = pa.schema([pa.field("c", pa.int64(), metadata=of_field)], metadata=pairs)
    out = io.BytesIO()
    pq.write_table(pa.table([[1]], schema=schema), out)
    return out.getvalue()


@pytest.mark.parametrize("kind", mostly_slow(THEIRS))
@pytest.mark.parametrize("view", VIEWS)
def test_text_in_a_container_is_found(root: Path, view: str, kind: str) -> None:
    name, content = VIEWS[view]
    put(root, content(THEIRS[kind]))
    assert (name, kind) in found(root)


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_found_where_nothing_is(root: Path, view: str) -> None:
    for number, value in enumerate((OTHER, OTHERS_SERIAL, "x" + EMAIL, EMAIL + ".au", "1" * 13)):
        put(root, VIEWS[view][1](value), f"warehouse/t/data/{number}")
    assert found(root) == set()


RAW: dict[str, tuple[str, str, bytes]] = {
    "hex": ("raw", "serial number", HEX.upper().encode()),
    "16 bytes": ("raw", "serial number", b"a" + bytes.fromhex(HEX) + b"b"),
    "little-endian": ("raw", "instant", b"\0" + WHEN.to_bytes(8, "little") + b"\0\0"),
    "float": ("raw", "instant", f"{WHEN / 1e12!r}E12".encode()),
    "date and time": ("raw", "instant", f"{ISO}Z".encode()),
    "time with a blank": ("raw", "instant", f"at {ISO.replace('T', ' ')}000".encode()),
    "whole float": ("raw", "instant", f"[{WHEN}.0]".encode()),
    "16 bytes in gzip": ("gzip", "serial number", gzip.compress(bytes.fromhex(HEX))),
    "little-endian in gzip": ("gzip", "instant", gzip.compress(WHEN.to_bytes(8, "little"))),
    "uuid in avro": ("avro", "serial number", avro({"a": bytes.fromhex(HEX)}, record(a="bytes"))),
    "long in avro": ("avro", "instant", avro({"a": WHEN}, record(a="long"))),
    "bound in avro": ("avro", "instant", avro({"a": struct.pack("<q", WHEN)}, record(a="bytes"))),
    "lower bound": ("avro", "bound", avro({"a": EMAIL[:16]}, record(a="bytes"))),
    "upper bound": ("avro", "bound", avro({"a": "Aaron.Longlastnb"}, record(a="string"))),
    "bound with a blank": ("avro", "bound", avro({"a": f" {EMAIL[:15]}"}, record(a="bytes"))),
    "bound of a serial number": ("avro", "bound", avro({"a": SERIAL[:16]}, record(a="bytes"))),
    "upper bound of digits": ("avro", "bound", avro({"a": f"{HEX[:15]}8"}, record(a="bytes"))),
    "length of one byte": ("raw", "e-mail", b"\x80\x04\x8c#" + EMAIL.encode() + b"q\0"),
    "length, least byte first": ("raw", "serial number", b"X$\0\0\0" + SERIAL.encode() + b"a\0"),
    "length, least byte last": ("gzip", "e-mail", gzip.compress(b"\0#" + EMAIL.encode() + b"sq\0")),
    "length of a letter": ("raw", "e-mail", b"\0\0\0F" + EMAIL.encode() + b"\0"),
    "bound in statistics": ("parquet statistics", "bound", parquet([EMAIL[:16], "~"])),
    "long": ("parquet values", "instant", parquet(pa.array([1, WHEN], pa.int64()))),
    "unsigned": ("parquet values", "instant", parquet(pa.array([1, WHEN], pa.uint64()))),
    "double": ("parquet values", "instant", parquet(pa.array([1.0, WHEN]))),
    "microseconds": (
        "parquet values", "instant", parquet(pa.array([WHEN * 1000], pa.timestamp("us", "UTC")))
    ),
    "nanoseconds": (
        "parquet values", "instant", parquet(pa.array([WHEN * 10**6], pa.timestamp("ns")))
    ),
    "statistics of long": ("parquet statistics", "instant", parquet(pa.array([1, WHEN]))),
    "fixed": (
        "parquet values", "serial number", parquet(pa.array([bytes.fromhex(HEX)], pa.binary(16)))
    ),
    "uuid": (
        "parquet values", "serial number", parquet(pa.array([uuid.UUID(HEX).bytes], pa.uuid()))
    ),
    "list of longs": ("parquet values", "instant", parquet([[1], [WHEN]])),
}  # fmt: skip


@pytest.mark.parametrize("form", RAW)
def test_value_in_another_form_is_found(root: Path, form: str) -> None:
    view, kind, content = RAW[form]
    put(root, content)
    assert (view, kind) in found(root)


@pytest.mark.parametrize("length", mostly_slow([24, 36, 52, *range(20, 66, 3), 130], quick=3))
def test_the_length_before_a_text_in_avro_is_no_part_of_it(root: Path, length: int) -> None:
    """Of many lengths it is a letter or a digit."""
    email = "a" * (length - 6) + "@x.org"
    put(root, avro({"a": email, "b": "z"}, record(a="string", b="string")))
    assert ("avro", "e-mail") in found(root, email)


@pytest.mark.parametrize("value", [EMAIL, SERIAL, str(WHEN), BIRTHDAY])
def test_what_a_database_holds_is_found(root: Path, value: str) -> None:
    statements = (
        "CREATE TABLE t (a, b)",
        f"INSERT INTO t VALUES ('before', '{value}'), (1, 2)",
    )
    sqlite(*statements, path=root / "catalog.db")
    kinds = {k for k, v in THEIRS.items() if v == value}
    assert {("sqlite", kind) for kind in kinds} <= found(root)


def test_instant_in_a_database_is_found(root: Path) -> None:
    sqlite("CREATE TABLE t (a)", f"INSERT INTO t VALUES ({WHEN})", path=root / "catalog.db")
    assert ("sqlite", "instant") in found(root)


@pytest.mark.parametrize("value", [EMAIL, SERIAL, str(WHEN)])
@pytest.mark.parametrize("how", ["DELETE FROM t WHERE b != 2", "DROP TABLE t"])
@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_what_was_deleted_in_a_database_is_found(
    root: Path, how: str, value: str, encoding: str
) -> None:
    statements = (
        f"PRAGMA encoding = '{encoding}'",
        "PRAGMA secure_delete = OFF",
        "CREATE TABLE t (a, b)",
        "INSERT INTO t VALUES ('x', 2)",
        *(f"INSERT INTO t VALUES ('{'n' * 400}', '{value}')" for _ in range(40)),
        how,
    )
    sqlite(*statements, path=root / "catalog.db")
    kinds = {k for k, v in THEIRS.items() if v == value}
    assert {("sqlite pages", kind) for kind in kinds} <= found(root)


def test_database_that_holds_somebody_like_them_holds_nobody(root: Path) -> None:
    statements = (
        "CREATE TABLE t (a PRIMARY KEY, b)",
        f"INSERT INTO t VALUES ('s{EMAIL}', 's{EMAIL}')",
    )
    sqlite(*statements, path=root / "catalog.db")
    assert found(root) == set()


def test_log_of_a_database_is_looked_at(root: Path) -> None:
    path = root / "catalog.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE t (a)")
        database.execute(f"INSERT INTO t VALUES ('x{EMAIL}')")
        assert ("sqlite pages", "e-mail") in found(root)
    assert not (root / "catalog.db-wal").exists()


NAMES = [
    f"{EMAIL}.json.gz",
    f"user={EMAIL.replace('@', '%40')}/part-0.parquet",
    f"customer-{EMAIL.upper()}_1.json",
    f"{EMAIL.replace('@', '%2540')}",
    f"{EMAIL}.pdf",
    f".{EMAIL}.swp",
    f"{SERIAL}.json",
    f"s_{HEX}/x",
    f"at-{WHEN}.json",
]


@pytest.mark.parametrize("name", NAMES)
def test_name_is_looked_at_and_not_shown(root: Path, name: str) -> None:
    put(root, b"", f"exports/{name}")
    (hit,) = scanned(root).wrong
    assert (hit.part, hit.view, hit.count) == ("others", "path", 1)
    assert hit.place == "exports/…"


def test_when_a_file_was_written_is_no_instant_of_theirs(root: Path) -> None:
    """A record of their consent is of the millisecond in which its file was written."""
    put(root, b'{"mtime_ns": %d}' % (WHEN * 10**6 + 5), "landing-index.json")
    assert found(root) == set()


# --- Whom it is not ---------------------------------------------------------------------------

OTHERS = {
    "al@x.org": [
        "sal@x.org",
        "al@x.org.au",
        "a.al@x.org",
        "al@x.organ",
        "b-al@x.org",
        "al@x.org@y",
    ],
    "x@x.org": ["al+x@x.org", "al_x@x.org", "éx@x.org"],
    "neil@x.org": ["o'neil@x.org", "'o'neil@x.org'", "ab'neil@x.org", "b.b'neil@x.org"],
    "straße@x.org": ["strasse@x.org", "aßtraße@x.org"],
}
THE_SAME = {
    "al@x.org": ["'al@x.org'", "<al@x.org>", "user=AL@X.org,", "al@x.org.", " al@X.org\t"],
    "quo@x.org": ["“quo@x.org”", "“quo@x.org.”", "quo@x.org…", "quo@x.org.json", "quo@x.org/x"],
    "ann@x.org": ["b'ann@x.org'", "[u'ann@x.org']", "x'b'ann@x.org'", "ann@x.org.1"],
    "o'neil@x.org": ["O'Neil@x.org", "'o'neil@x.org'"],
    "straße@x.org": ["STRAßE@x.org", "straße@x.org;"],
    "müller@x.org": ["MÜLLER@x.org", "M\\u00dcller@x.org", "m%C3%BCller@x.org"],
    "a%b_c@x.org": ["A%B_C@x.org", "a%25b_c@x.org"],
    "ann@": ['"ann@"'],
}  # fmt: skip


@pytest.mark.parametrize(("email", "text"), [(e, t) for e, texts in OTHERS.items() for t in texts])
def test_other_address_is_somebody_else(root: Path, email: str, text: str) -> None:
    put(root, text.encode(), "spark.log")
    put(root, parquet([text]))
    assert found(root, email) == set()


@pytest.mark.parametrize(
    ("email", "text"), [(e, t) for e, texts in THE_SAME.items() for t in texts]
)
def test_address_is_theirs_whatever_stands_beside_it(root: Path, email: str, text: str) -> None:
    put(root, text.encode(), "spark.log")
    assert {kind for _, kind in found(root, email)} == {"e-mail"}


def test_value_at_the_border_of_two_pieces_is_found_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "_PIECE", 64)
    monkeypatch.setattr(look, "_MARGIN", 256)
    for pad in range(0, 130, 7):
        put(root, b"." * pad + b" " + EMAIL.encode() + b" " + b"z" * 300)
        (hit,) = scanned(root).wrong
        assert (hit.kind, hit.count) == ("e-mail", 1)


def test_escapes_are_read_in_lines_of_any_length(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "_PIECE", 1024)
    monkeypatch.setattr(look, "_MARGIN", 256)
    for before in (0, 10, 800, 1000, 1023):
        for pad in range(0, 2400, 200):
            line = b"x" * pad + b" " + escaped(EMAIL) + b" " + b"y" * 2000
            put(root, b"z" * before + b"\n" + line)
            assert found(root) == {("json", "e-mail")}, (before, pad)


def test_what_is_a_tar_file_is_looked_at_all_the_same(root: Path) -> None:
    put(root, tar(b'{"email":"' + escaped(EMAIL) + b'"}'))
    result = scanned(root)
    assert {(hit.view, hit.kind) for hit in result.wrong} == {("json", "e-mail")}
    assert [one.view for one in result.unread] == ["tar"]


# --- What cannot be read -----------------------------------------------------------------------

BOMB = gzip.compress(b"\0" * (1 << 22))


def _cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


HOSTILE: dict[str, tuple[str, bytes]] = {
    "cut gzip": ("gzip", _cut(gzip.compress(os.urandom(500)))),
    "damaged gzip": ("gzip", gzip.compress(b"x" * 99)[:-8] + b"12345678"),
    "something after gzip": ("gzip", gzip.compress(b"x") + b"what is this"),
    "gzip alone": ("gzip", b"\x1f\x8b"),
    "cut avro": ("avro", _cut(avro({"a": "x" * 99}, record(a="string"), "null"))),
    "avro of no schema": ("avro", avro({"a": "x"}, "nonsense")),
    "avro of a strange codec": ("avro", avro({"a": "x"}, record(a="string"), "mine")),
    "avro that holds itself": ("avro", avro({"a": 1}, record(a="r"))),
    "cut parquet": ("parquet", _cut(parquet(["x"]))),
    "parquet of nothing": ("parquet", b"PAR1" + b"\xff" * 40 + b"PAR1"),
    "damaged database": ("sqlite", b"SQLite format 3\0" + b"\xff" * 5000),
    "zip": ("ZIP", b"PK\x03\x04\x14\0\0\0"),
    "zstandard": ("Zstandard", b"\x28\xb5\x2f\xfd\0\0"),
    "DuckDB": ("DuckDB", b"12345678DUCK" + b"\0" * 99),
    "tar": ("tar", tar(gzip.compress(b"x"))),
    "tar in gzip": ("tar", gzip.compress(tar(gzip.compress(b"x")))),
    "zlib": ("zlib", zlib.compress(b"x")),
    "LZMA": ("LZMA", lzma.compress(b"x", lzma.FORMAT_ALONE)),
    "compress": ("compress", b"\x1f\x9d\x90x"),
    "a block of LZ4": ("LZ4", b"LZ4Block\x25\1\0\0\0"),
    "a frame to skip": ("Zstandard", b"\x50\x2a\x4d\x18\4\0\0\0"),
    "Arrow": ("Arrow", b"\xff\xff\xff\xff\x78\0\0\0"),
    "too deep": ("gzip", gzip.compress(gzip.compress(gzip.compress(gzip.compress(
        gzip.compress(gzip.compress(b"x"))))))),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_cannot_be_read_is_named(root: Path, kind: str) -> None:
    view, content = HOSTILE[kind]
    put(root, content)
    result = scanned(root)
    assert [one.view.split()[0] for one in result.unread] == [view]
    assert [one.place for one in result.doubtful] == ["warehouse/t/data/file"]
    assert result.as_json()["ok"] is False


def test_what_could_be_read_of_it_is_looked_at(root: Path) -> None:
    whole = gzip.compress(f"{EMAIL}\n".encode() + os.urandom(200_000))
    put(root, whole[:150_000])
    result = scanned(root)
    assert ("gzip", "e-mail") in {(hit.view, hit.kind) for hit in result.wrong}
    assert result.unread


def test_bomb_is_not_inflated_without_end(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gzip_members, "FREELY", 1 << 20)
    put(root, BOMB)
    (unread,) = scanned(root).unread
    assert "inflates to more than 100 times" in unread.why


@pytest.mark.slow
def test_bomb_takes_no_more_memory(root: Path) -> None:
    """Inflated it has 100 MB."""
    pack = zlib.compressobj(1, wbits=31)
    put(root, b"".join(pack.compress(b"\0" * (1 << 20)) for _ in range(100)) + pack.flush())
    tracemalloc.start()
    try:
        assert not scanned(root).unread
        assert tracemalloc.get_traced_memory()[1] < 60 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("target", [f"/home/{EMAIL}", "/nowhere"])
def test_link_is_not_followed(root: Path, target: str) -> None:
    (root / "exports").symlink_to(target)
    result = scanned(root)
    assert [one.why for one in result.unread] == ["a link, which is not followed"]
    assert len(result.wrong) == (EMAIL in target)


def test_pipe_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "tmp")
    (unread,) = scanned(root).unread
    assert (unread.part, unread.place) == ("temp", "tmp")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named(root: Path) -> None:
    put(root, b"x").chmod(0)
    folder = put(root, b"x", "aside/x").parent
    folder.chmod(0)
    try:
        assert {one.place for one in scanned(root).unread} == {"warehouse/t/data/file", "aside"}
    finally:
        folder.chmod(0o700)


CHANGES: dict[str, Callable[[Path], Any]] = {
    "it changed while it was read": lambda path: path.write_bytes(b"other"),
    "it came or went while the scan was at work": lambda path: path.rename(path.with_name("new")),
}


@pytest.mark.parametrize("why", CHANGES)
def test_what_changes_meanwhile_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    path = put(root, b"x")
    start = look._start

    def change(stream: Any) -> bytes:
        if path.exists() and os.fstat(stream.fileno()).st_ino == path.stat().st_ino:
            CHANGES[why](path)
        return start(stream)

    monkeypatch.setattr(look, "_start", change)
    assert why in {one.why for one in scanned(root).unread}


def test_file_that_goes_before_it_is_opened_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(root, b"x")
    opened = tree.opened

    def gone(at: Path) -> Any:
        if at == path:
            path.unlink(missing_ok=True)
        return opened(at)

    monkeypatch.setattr(tree, "opened", gone)
    whys = {one.why for one in scanned(root).unread}
    assert "it went while the scan was at work" in whys


# --- The room, its input, the command ----------------------------------------------------------


def test_the_room_knows_nothing_but_errors() -> None:
    import ast

    import stedi_cli.privacy

    for path in Path(stedi_cli.privacy.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                if name and name.startswith("stedi_cli"):
                    assert name.startswith(("stedi_cli.privacy", "stedi_cli.errors")), path


WHOM = '{"email":"bob@x","serialNumber":["1","2"],"instants":[1655564444103]}'


def test_people_are_read_one_a_line() -> None:
    assert read_people(f"\ufeff Ann@X.org \r\n\n{WHOM}\n".encode(), "it") == [
        Person("ann@x.org"),
        Person("bob@x", ("1", "2"), (1655564444103,)),
    ]
    single = read_people(b'{"email":"b@x","serialNumber":"1","instants":1655564444103}', "it")
    assert single == [Person("b@x", ("1",), (1655564444103,))]


NO_INSTANTS = [1655564444, 1655564444103000, -5, 10**22]


@pytest.mark.parametrize(
    "line",
    [b"ann", b"null", b"{}", b'{"email":5}', b'{"email":"a@x","age":5}', b'{"email":"a@x"', b"@",
     b'{"email":"a@x","instants":["5"]}', b'{"email":"a@x","serialNumber":[5]}', b"\xff@x.org",
     b'"a@x"', b"a@x;b@x", b"a@x, 1990-01-01", b"Ann <a@x>", b"mailto:a@x", b"a@x@y", b"a @x",
     b'{"email":"a@"}', b"'a@x'", b"`a@x`", b"*a@x*", b"a@x.", b"a@x\0",
     *(odd.encode() for odd in ("a@x\u200b", "\u200ba@x", "a\u00ad@x", "\u201ca@x\u201d")),
     "\u2022a@x".encode(),
     *(b'{"email":"a@x","instants":%d}' % number for number in NO_INSTANTS)],
)  # fmt: skip
def test_line_that_names_nobody_is_refused_and_not_repeated(line: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        read_people(b"bob@x.org\n" + line, "people.txt")
    assert "people.txt" in caught.value.message
    assert "a@x" not in caught.value.message


def test_nobody_is_refused() -> None:
    with pytest.raises(UsageError, match="names nobody"):
        read_people(b" \n\n", "people.txt")


def test_folder_that_is_no_lakehouse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no lakehouse"):
        scanned(tmp_path)


@pytest.fixture
def asked(root: Path, tmp_path: Path, invoke: Callable[..., Result]) -> Callable[..., Result]:
    """The command, which is asked about the person."""
    people = tmp_path / "people.txt"
    people.write_text(f"{EMAIL}\n")
    words = ("--root", root, "privacy", "scan", "--file", people)
    return lambda *more: invoke(*words, *more)


def test_exit_codes(root: Path, asked: Callable[..., Result]) -> None:
    allowed = ("--except", "landing")
    assert asked().code == 4
    assert asked(*allowed).code == 0
    put(root, gzip.compress(b"x")[:-3])
    assert asked(*allowed).code == 3
    put(root, EMAIL.encode(), "exports/a.csv")
    assert asked(*allowed).code == 4
    assert asked("--except", "nonsense").code == 2


def test_what_is_shown_holds_no_value(root: Path, asked: Callable[..., Result]) -> None:
    put(root, parquet([EMAIL, SERIAL]), f"warehouse/{'t' * 60}/data/{'f' * 60}.parquet")
    put(root, b"\x1f\x8b", f"exports/{EMAIL}.gz")
    put(root, EMAIL.encode(), "exports/eve@x.org")
    put(root, EMAIL.encode(), "exports/eve%2540x.org")
    for told in (asked("--except", "landing"), asked("--json")):
        said = told.out + told.err
        assert not [value for value in (*THEIRS.values(), "eve@", "eve%", HEX) if value in said]
    shown = asked("--except", "landing")
    assert "Found where it may be: landing" in shown.out


def test_json_tells_the_same(root: Path, asked: Callable[..., Result]) -> None:
    put(root, EMAIL.encode(), "spark.log")
    told = json.loads(asked("--json", "--except", "landing").out)
    assert told["ok"] is False
    assert [hit for hit in told["found"] if not hit["allowed"]] == [
        {"part": "log", "place": "spark.log", "view": "raw", "kind": "e-mail", "count": 1,
         "allowed": False}
    ]  # fmt: skip


@pytest.mark.slow
def test_people_are_read_from_standard_input(root: Path) -> None:
    words = [sys.executable, "-m", "stedi_cli", "--root", str(root), "privacy", "scan"]
    done = subprocess.run(
        [*words, "--except", "landing"], input=EMAIL.encode(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    nobody = subprocess.run(words, input=b"", capture_output=True, check=False)
    assert nobody.returncode == 2


# --- Iceberg -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("emptied", [False, True])
def test_manifest_that_tells_of_deleted_rows_is_found(root: Path, emptied: bool) -> None:
    """It keeps bounds of the file that went, until a commit writes a new list of manifests."""
    from pyiceberg.catalog.memory import InMemoryCatalog
    from pyiceberg.expressions import EqualTo

    catalog = InMemoryCatalog("memory", warehouse=(root / "warehouse").as_uri())
    catalog.create_namespace("n")
    rows = pa.table({"email": [EMAIL], "at": pa.array([WHEN], pa.int64())})
    table = catalog.create_table("n.t", rows.schema)
    table.append(rows)
    table.delete(EqualTo("email", EMAIL))
    if emptied:
        table.append(rows.slice(0, 0))
    current = table.current_snapshot()
    assert current is not None
    table.maintenance.expire_snapshots().by_ids(
        [s.snapshot_id for s in table.metadata.snapshots if s != current]
    ).commit()
    kept = {current.manifest_list, *(m.manifest_path for m in current.manifests(table.io))}
    kept.add(table.metadata_location)
    for path in (root / "warehouse").rglob("*"):
        if path.is_file() and path.as_uri() not in kept:
            path.unlink()
    assert found(root) == (set() if emptied else {("avro", "bound"), ("avro", "instant")})


# --- A lake ------------------------------------------------------------------------------------


def test_parts_of_a_lake(ran: Lake) -> None:
    result = scan(Tree(str(ran.settings.root)), [Person("bob@x.org")])
    assert not result.unread
    parts = {hit.part for hit in result.found}
    assert parts == {"landing", "typed", "tables"}
    final = [hit for hit in result.found if "machine_learning_curated" in hit.place]
    assert {hit.kind for hit in final} == {"instant"}


def test_nobody_is_found_in_what_was_built_without_them(ran: Lake) -> None:
    """Who never agreed is in landing and its typed copies alone."""
    result = scan(Tree(str(ran.settings.root)), [Person("cid@x.org")], allowed=["landing", "typed"])
    assert result.found
    assert not result.wrong


def who_did_not_agree() -> list[Person]:
    """25 people of the public data."""
    customers = [
        json.loads(line)
        for path in sorted(PUBLIC_DATA.glob("customer/**/*.json"))
        for line in path.read_bytes().splitlines()
    ]
    without = [c["email"] for c in customers if "shareWithResearchAsOfDate" not in c][:25]
    return [Person(email.lower()) for email in without]


@pytest.mark.skipif(not PUBLIC_DATA.is_dir(), reason="needs the public data")
@pytest.mark.slow
def test_who_did_not_agree_is_found_in_no_table(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake").up()
    lake.upload(PUBLIC_DATA)
    lake.run()
    source = Tree(str(lake.settings.root))
    result = scan(source, who_did_not_agree(), allowed=["landing", "typed"])
    assert len(result.sought.values.serials) == 25
    assert len(result.sought.values.instants) > 500
    assert {hit.part for hit in result.found} == {"landing", "typed"}
