"""Hostile files and links: refused in a line, and nothing outside is read or changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from small import MOTIONS, STRICT, C, customer, lines

from fire.arena import Arena, assert_refused
from fire.state import listing, read, stray

COMMANDS = ["jobs run --all --force", "upload {data} --replace", "infra up --data {data}"]
COMMANDS += ["infra down --yes"]
DEEP = "[" * 100_000


# --- Links out of the root -----------------------------------------------------------------------

LINKED = ["landing", "landing/customer", "warehouse", "warehouse/customer_trusted", "tmp"]
LINKED += ["lock", "readers", "catalog.db"]


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("part", LINKED)
def test_a_part_that_is_a_link_to_a_place_outside(built: Arena, part: str, words: str) -> None:
    outside = built.root.parent / "outside"
    (built.root / part).rename(outside)
    (built.root / part).symlink_to(outside)
    if outside.is_dir():
        (outside / "precious.json").write_bytes(b"precious")
        (outside / "precious").mkdir()
        (outside / "precious" / "file").write_bytes(b"precious")
    (built.root / "journal.json").write_text(json.dumps({"tables": ["customer_trusted"]}))
    before = listing(built.root.parent)
    assert_refused(built.run(*words.format(data=built.data).split()))
    assert listing(built.root.parent) == before


# --- Files of the lakehouse ----------------------------------------------------------------------

JOURNALS = {
    "up and out": json.dumps({"tables": ["../../outside", "..", ".", "", "../landing"]}),
    "absolute": json.dumps({"tables": ["{outside}", "/"]}),
    "of other types": json.dumps({"tables": [1, None, ["x"], {}]}),
    "a text": json.dumps({"tables": "customer_trusted"}),
    "a number": "7",
    "cut short": '{"tables": ["cus',
    "no text": "\udcff\0",
    "deep": DEEP,
    "a folder of someone else's": json.dumps({"tables": ["mine"]}),
}


@pytest.mark.parametrize("journal", JOURNALS)
def test_a_hostile_journal_sweeps_nothing_else(built: Arena, journal: str) -> None:
    outside = built.root.parent / "outside"
    for folder in (outside, built.root / "warehouse" / "mine"):
        folder.mkdir()
        (folder / "mine.txt").write_bytes(b"mine")
    text = JOURNALS[journal].replace("{outside}", str(outside))
    (built.root / "journal.json").write_bytes(text.encode(errors="surrogateescape"))
    before = built.foreign()
    built.done("upload", built.data)
    built.done("jobs", "run", "--all", "--force")
    assert built.foreign() == before
    assert not (built.root / "journal.json").exists()
    assert built.counts() == STRICT


CONTENTS: dict[str, Callable[[str], bytes]] = {
    "deep": lambda _: DEEP.encode(),
    "a list": lambda _: b"[]",
    "no UTF-8": lambda _: b"\xff\xfe\0",
    "null": lambda _: b"null",
    "other types": lambda text: text.replace('"', "").encode(),
    "numbers as texts": lambda text: text.replace(": [", ': ["x", ').encode(),
    "texts for numbers": lambda text: text.replace(": 1", ': "1"').replace(": 8", ': "8"').encode(),
}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("name", ["landing-index.json", "stedi.json", "lock"])
def test_hostile_content_of_its_own_files(built: Arena, name: str, content: str) -> None:
    path = built.root / name
    # What an older version wrote has no digest in front, by which all of it would be known.
    text = path.read_text()
    path.write_bytes(CONTENTS[content](text[max(0, text.find("{")) :]))
    ended = built.run("jobs", "run", "--all", "--force")
    if ended.code != 0:
        assert name == "stedi.json"
        assert_refused(ended)
        before = read(built.root)
        built.done("infra", "up", "--no-data")
        assert read(built.root) == before
        built.done("jobs", "run", "--all")
    assert built.counts() == STRICT
    assert stray(built.root) == set()


METADATA = ["deep", "a list", "null", "no UTF-8", "other types"]


@pytest.mark.parametrize("content", METADATA)
def test_hostile_metadata(built: Arena, content: str) -> None:
    (path,) = (built.root / "warehouse" / "customer_trusted" / "metadata").glob("*.json")
    path.write_bytes(CONTENTS[content](path.read_text()))
    for words in ("tables", "history", "validate", "jobs run --all", "upload {data}"):
        ended = built.run(*words.format(data=built.data).split())
        if ended.code != 0:
            assert_refused(ended)
    built.done("infra", "up", "--no-data")
    built.done("jobs", "run", "--all")
    assert built.counts() == STRICT


# --- Landing files -------------------------------------------------------------------------------


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


PLACES: dict[str, Callable[[Path], object]] = {
    "a pipe": _fifo,
    "a device": _device,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a secret": lambda path: path.symlink_to("/etc/passwd"),
}


@pytest.mark.parametrize("where", ["uploaded", "landed"])
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_plain_file_is_refused(built: Arena, place: str, where: str) -> None:
    folder = (
        built.data / "customer" / "landing"
        if where == "uploaded"
        else (built.root / "landing" / "customer")
    )
    before = read(built.root)
    PLACES[place](folder / "trap.json")
    if (place, where) == ("a pipe", "uploaded"):
        # Nobody looks into it, and a delivery without it is whole.
        assert "trap.json: it is no regular file" in built.done("upload", built.data).err
        return
    assert_refused(built.run("upload", built.data))
    if where == "landed":
        for words in (["jobs", "run", "--all"], ["validate"], ["preview", "customer_landing"]):
            assert_refused(built.run(*words))
        (folder / "trap.json").unlink()
    assert read(built.root) == before
    assert built.counts() == STRICT


EXPECTED: dict[str, Callable[[Path], object]] = {
    "deep": lambda path: path.write_text(DEEP),
    "deep blocks": lambda path: path.write_text("- " * 100_000 + "x"),
    "a bomb": lambda path: path.write_text(
        "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
    ),
    "code": lambda path: path.write_text("!!python/object/apply:os.mkdir ['/tmp/stedi-hit']"),
    "a link outside": lambda path: path.symlink_to("/etc/passwd"),
    "no text": lambda path: path.write_bytes(b"\xff\0"),
}


@pytest.mark.parametrize("content", EXPECTED)
def test_hostile_expected_counts_are_refused(built: Arena, content: str) -> None:
    EXPECTED[content](built.data / "expected.yaml")
    assert_refused(built.run("upload", built.data))
    assert not (built.root / "expected.yaml").exists()
    assert not Path("/tmp/stedi-hit").exists()
    assert built.counts() == STRICT


BAD_LINES: dict[str, bytes] = {
    "deep": b"[" * 100_000 + b"]" * 100_000 + b"\n",
    "deep in a value": b'{"user": ' + b"[" * 50_000 + b"]" * 50_000 + b"}\n",
    "20 MB": b'{"user": "' + b"x" * 20_000_000 + b'"}\n',
    "NUL bytes": b"\0" * 1_000_000 + b"\n",
    "one open bracket a line": b"[\n" * 5,
}


@pytest.mark.parametrize("bad", BAD_LINES)
def test_hostile_lines_go_to_quarantine(built: Arena, bad: str) -> None:
    path = built.data / "accelerometer" / "landing" / "a.json"
    path.write_bytes(lines(MOTIONS) + BAD_LINES[bad] + b"\n" * 1000)
    built.done("upload", built.data)
    ended = built.done("jobs", "run", "--all", "--max-bad-rows", "10")
    assert ended.told() == []
    assert built.counts() == STRICT
    number = BAD_LINES[bad].count(b"\n")
    found = built.done("quarantine", "--show", "--json").json()
    assert [row["line"] for row in found] == [len(MOTIONS) + 1 + i for i in range(number)]
    assert all(len(row["content"]) < 50_000 for row in found)


def test_hundreds_of_files(built: Arena) -> None:
    folder = built.data / "customer" / "landing"
    for number in range(300):
        record = customer(f"p{number}@x.org", f"serial-{number}", C)
        (folder / f"many-{number}.json").write_bytes(lines([record]))
    built.done("upload", built.data)
    built.done("jobs", "run", "--all")
    more = {"customer_landing": 307, "customer_trusted": 304}
    assert built.counts() == STRICT | more
