"""Nobody's address comes in by a file's name: neither the landing file's nor a gzip header's."""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import Lake, Result, mostly_slow
from small import CUSTOMERS, FOLDERS, STRICT, lines, write_lake

from stedi_cli.errors import UsageError

ADDRESS = b"ann@x.org"
CONTENT = lines(CUSTOMERS)


def member(content: bytes, *, extra: bytes = b"", name: bytes = b"", comment: bytes = b"") -> bytes:
    """A gzip member (RFC 1952) whose header tells something."""
    fields = (struct.pack("<H", len(extra)) + extra) if extra else b""
    fields += name + b"\0" if name else b""
    fields += comment + b"\0" if comment else b""
    flags = 2 | 4 * bool(extra) | 8 * bool(name) | 16 * bool(comment)
    head = b"\x1f\x8b\x08" + bytes([flags]) + b"\0" * 4 + b"\x02\xff" + fields
    deflate = zlib.compressobj(wbits=-15)
    packed = deflate.compress(content) + deflate.flush()
    checks = struct.pack("<LL", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    return head + struct.pack("<H", zlib.crc32(head) & 0xFFFF) + packed + checks


HALF = len(CONTENT) // 2
TELLING = {
    "a name": member(CONTENT, name=ADDRESS),
    "a comment": member(CONTENT, comment=b"of " + ADDRESS),
    "an extra field": member(CONTENT, extra=b"xx" + ADDRESS),
    "all": member(CONTENT, extra=ADDRESS, name=ADDRESS, comment=ADDRESS),
    "two members": member(CONTENT[:HALF], name=ADDRESS) + member(CONTENT[HALF:], comment=ADDRESS),
    "the second member": gzip.compress(CONTENT[:HALF]) + member(CONTENT[HALF:], name=ADDRESS),
    "an empty member": member(b"", name=ADDRESS) + gzip.compress(CONTENT),
    "a long comment": member(CONTENT, comment=ADDRESS * 300_000),
}


def folder(tmp_path: Path, content: bytes, name: str = "c.json.gz") -> Path:
    return write_lake(tmp_path / "telling", {"customer_landing": {name: content}})


@pytest.mark.parametrize("what", mostly_slow(TELLING, quick=4))
def test_what_a_gzip_header_tells_is_not_stored(lake: Lake, tmp_path: Path, what: str) -> None:
    source = folder(tmp_path, TELLING[what])
    assert gzip.decompress(TELLING[what]) == CONTENT
    told = {u.file: u.state for u in lake.upload(source, replace=True)}
    assert (told["c.json.gz"], told["c.json"]) == ("new", "removed")
    stored = (lake.layout.landing / "customer" / "c.json.gz").read_bytes()
    assert ADDRESS not in stored
    assert gzip.decompress(stored) == CONTENT
    with lake.opened() as opened:
        facts = opened.landing.states()["customer_landing"].files["c.json.gz"]
    assert (facts.sha256, facts.size) == (hashlib.sha256(stored).hexdigest(), len(stored))
    assert "unchanged" in [u.state for u in lake.upload(source) if u.file == "c.json.gz"]
    assert list(lake.layout.temp.iterdir()) == []
    assert all(ADDRESS not in p.read_bytes() for p in lake.layout.root.glob("*.json"))


def test_a_header_that_tells_nothing_is_stored_as_it_is(lake: Lake, tmp_path: Path) -> None:
    content = gzip.compress(CONTENT[:HALF]) + gzip.compress(CONTENT[HALF:])
    lake.upload(folder(tmp_path, content), replace=True)
    assert (lake.layout.landing / "customer" / "c.json.gz").read_bytes() == content


@pytest.mark.slow
def test_expected_counts_hold_for_files_that_lost_their_names(lake: Lake, tmp_path: Path) -> None:
    data = tmp_path / "data"
    digests = {}
    for path in list(data.rglob("*.json")):
        packed = path.with_name("a.json.gz")
        packed.write_bytes(member(path.read_bytes(), name=ADDRESS))
        path.unlink()
        place = packed.relative_to(data).as_posix()
        digests[place] = hashlib.sha256(packed.read_bytes()).hexdigest()
    known = {"source": "packed", "files": digests, "counts": {"strict": STRICT}}
    (data / "expected.yaml").write_text(yaml.safe_dump(known))
    lake.upload(data, replace=True)
    lake.run()
    report = lake.validate()
    assert (report.source, report.ok) == ("packed", True)


@pytest.mark.parametrize("content", [TELLING["a name"][:-9], TELLING["a name"] + b"more"])
def test_a_broken_file_is_refused_by_its_own_path(
    lake: Lake, tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(UsageError) as refused:
        lake.upload(folder(tmp_path, content))
    assert str(tmp_path / "telling") in refused.value.message
    assert list(lake.layout.temp.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "ann@x.org.json",
        "@.json",
        "b@x*.json",
        "ann@x.org.json.gz",
        "ann%40x.org.json",
        "ann\uff20x.org.json",
    ],
)
def test_a_landing_name_with_an_address_is_refused(
    lake: Lake, tmp_path: Path, invoke: Callable[..., Result], name: str
) -> None:
    told = invoke("--root", lake.settings.root, "upload", folder(tmp_path, CONTENT, name))
    assert (told.code, told.out) == (2, "")
    assert name not in told.err
    assert "ann" not in told.err.replace("cannot", "")
    assert "rename" in told.err.replace("\n", " ")
    assert not (lake.layout.landing / "customer" / name).exists()


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_doctor_reports_addresses_in_names(lake: Lake, invoke: Callable[..., Result]) -> None:

    def wrong() -> list[dict[str, str]]:
        told = invoke("--root", lake.settings.root, "doctor", "--json")
        return [finding for finding in told.json() if not finding["ok"]]

    assert wrong() == []
    for table in ("customer_landing", "step_trainer_landing"):
        (lake.layout.landing / FOLDERS[table] / "ann@x.org.json").write_bytes(b"")
    (finding,) = wrong()
    assert finding["what"] == "landing files"
    assert finding["found"].startswith("2 with an @")
    assert "ename" in finding["todo"]
    assert "ann@" not in str(finding)


@pytest.mark.parametrize("name", mostly_slow(["Ann%40x.org.json", "Ann\uff20x.org.json"]))
@pytest.mark.parametrize("command", mostly_slow(["doctor", "validate", "jobs run --all"]))
@pytest.mark.usefixtures("ran")
def test_no_command_tells_an_address_that_is_written_otherwise(
    lake: Lake, invoke: Callable[..., Result], name: str, command: str
) -> None:
    (lake.layout.landing / "customer" / name).write_bytes(b"")
    told = invoke("--root", lake.settings.root, *command.split())
    # A table's column breaks a long path anywhere.
    shown = "".join((told.err + told.out).split())
    assert told.code != 0
    assert "customer/…" in shown
    assert "Ann" not in shown


@pytest.mark.slow
@pytest.mark.usefixtures("ran")
def test_a_packed_file_with_an_address_for_a_name_is_read_as_any_other(lake: Lake) -> None:
    held = lake.counts()
    more = gzip.compress(lines(CUSTOMERS) * 2)
    (lake.layout.landing / "customer" / "ann@x.org.json.gz").write_bytes(more)
    lake.run()
    assert lake.counts() == {**held, "customer_landing": 3 * held["customer_landing"]}
    with lake.opened() as opened:
        assert opened.landing.states()["customer_landing"].lines == 3 * len(CUSTOMERS)
    assert lake.validate().problems == []
