"""Landing files on S3: uploaded once, whole, and known without being read again."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import uploaded
from sandbox.calls import Call
from sandbox.faults import How
from sandbox.server import Sandbox
from small import CUSTOMERS, MOTIONS, lines, write_lake
from test_names_in_files import ADDRESS, member

from aws.cloud_lake import CloudLake
from stedi_cli.aws import upload as uploading
from stedi_cli.aws.layout import TAG
from stedi_cli.aws.writer import Writer
from stedi_cli.errors import BusyError, StediError, UsageError
from stedi_cli.lake.events import Uploading
from stedi_cli.landing.files import LandingState
from stedi_cli.landing.origin import Origin

KEYS = ["landing/accelerometer/a.json", "landing/customer/c.json", "landing/step_trainer/s.json"]


@pytest.fixture
def cloud(sandbox: Sandbox) -> CloudLake:
    """A bucket and a database, for all that an upload needs."""
    made = CloudLake(sandbox)
    sandbox.client("s3").create_bucket(
        Bucket=made.layout.bucket, CreateBucketConfiguration={"LocationConstraint": sandbox.region}
    )
    tags = [{"Key": TAG, "Value": "stedi"}]
    made.s3.put_bucket_tagging(Bucket=made.layout.bucket, Tagging={"TagSet": tags})
    return made


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_lake(tmp_path / "data")


def landing(cloud: CloudLake) -> dict[str, LandingState]:
    with cloud.opened() as opened:
        return opened.landing.states()


def put(cloud: CloudLake, key: str, content: bytes) -> None:
    cloud.s3.put_object(Bucket=cloud.layout.bucket, Key=key, Body=content)


def names(calls: list[Call]) -> Counter[str]:
    return Counter(call.name for call in calls)


def test_nothing_goes_into_a_bucket_of_others(cloud: CloudLake, data: Path) -> None:
    cloud.s3.delete_bucket_tagging(Bucket=cloud.layout.bucket)
    put(cloud, "landing/customer/mine.json", b"mine")
    with pytest.raises(StediError, match="is there without the tag stedi:lakehouse=stedi"):
        cloud.upload(data, replace=True)
    listed = cloud.s3.list_objects_v2(Bucket=cloud.layout.bucket)["Contents"]
    assert [entry["Key"] for entry in listed] == ["landing/customer/mine.json"]


# --- What is sent -------------------------------------------------------------------------------


def test_files_arrive_with_their_checksum(cloud: CloudLake, data: Path) -> None:
    with cloud.sandbox.recording() as calls:
        done = cloud.upload(data)
    assert {(file.file, file.state) for file in done} == {
        (n, "new") for n in ("a.json", "c.json", "s.json")
    }
    assert cloud.keys("landing/") == KEYS
    content = lines(CUSTOMERS)
    found = cloud.s3.get_object(Bucket=cloud.layout.bucket, Key=KEYS[1])["Body"].read()
    assert found == content
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    (sent,) = [c for c in calls if c.action == "PutObject" and c.resource.endswith("c.json")]
    assert sent.headers["x-amz-checksum-sha256"] == digest
    # Never into a bucket of that name which is somebody else's.
    assert sent.headers["x-amz-expected-bucket-owner"] == cloud.sandbox.account


def test_a_second_time_nothing_is_sent(cloud: CloudLake, data: Path) -> None:
    cloud.upload(data)
    with cloud.sandbox.recording() as calls:
        done = cloud.upload(data)
    assert {file.state for file in done} == {"unchanged"}
    assert names(calls) == {
        "sts:GetCallerIdentity": 1,
        "s3:ListObjectsV2": 1,
        "s3:GetObject": 1,
    }


def test_only_what_changed_is_sent(cloud: CloudLake, data: Path) -> None:
    cloud.upload(data)
    (data / "customer" / "landing" / "c.json").write_bytes(lines(CUSTOMERS[:2]))
    with cloud.sandbox.recording() as calls:
        done = cloud.upload(data)
    assert [file.file for file in done if file.state == "changed"] == ["c.json"]
    sent = [c.resource for c in calls if c.action == "PutObject" and "/landing/" in c.resource]
    assert [key.partition("/")[2] for key in sent] == [KEYS[1]]
    assert landing(cloud)["customer_landing"].lines == 2


def test_what_is_no_landing_file_is_left(cloud: CloudLake, data: Path) -> None:
    cloud.upload(data)
    markers = ["", "01/", "01_$folder$", "_SUCCESS", "_temporary/0/part-0.json", "x.crc"]
    for marker in markers:
        put(cloud, f"landing/customer/{marker}", b"")
    for old in ("old.json", "01/old.json", "old"):
        put(cloud, f"landing/customer/{old}", b"{}\n")
    removed = [file for file in cloud.upload(data, replace=True) if file.state == "removed"]
    # What no upload stored is a landing file, and not its to remove.
    assert [file.file for file in removed] == ["01/old.json", "old.json"]
    assert cloud.keys("landing/customer/") == sorted(
        f"landing/customer/{name}" for name in (*markers, "c.json", "old")
    )
    assert list(landing(cloud)["customer_landing"].files) == ["c.json", "old"]


def test_keys_at_any_depth_are_files_by_their_paths(cloud: CloudLake, data: Path) -> None:
    cloud.upload(data)
    put(cloud, "landing/customer/2023/01/a.json", lines(CUSTOMERS[:2]) + b"one\n")
    put(cloud, "landing/customer/2023/02/a.json.gz", gzip.compress(b"two\n"))
    put(cloud, "landing/customer/2023/03/run-part-r-00000", b"three\n")
    state = landing(cloud)["customer_landing"]
    found = ["2023/01/a.json", "2023/02/a.json.gz", "2023/03/run-part-r-00000"]
    assert list(state.files) == [*found, "c.json"]
    assert [state.files[name].lines for name in found] == [3, 1, 1]
    with cloud.opened() as opened:
        places = [("customer_landing", name, n) for name, n in zip(found, (3, 1, 1), strict=True)]
        assert opened.landing.lines(places) == ["one", "two", "three"]


# The time would be in the names of tests.
PACKED = gzip.compress(b"{}\n", mtime=0)


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.json", PACKED), ("01/x.gz", b"{}\n"), ("x", PACKED)],
)
def test_a_misleading_suffix_is_refused(cloud: CloudLake, name: str, content: bytes) -> None:
    put(cloud, f"landing/customer/{name}", content)
    with pytest.raises(UsageError, match=name) as refused:
        landing(cloud)
    assert "Rename it to end in .json" in str(refused.value.hint)


def test_unknown_keys_are_told(cloud: CloudLake, tmp_path: Path) -> None:
    record = dict(CUSTOMERS[0], shoeSize=43)
    done = cloud.upload(write_lake(tmp_path / "d", {"customer_landing": {"c.json": [record]}}))
    assert [file.unknown for file in done] == [frozenset({"shoeSize"})]


def test_expected_counts_come_along(cloud: CloudLake, data: Path) -> None:
    text = "source: mine\nfiles: {}\ncounts: {}\n"
    (data / "expected.yaml").write_text(text)
    with cloud.opened() as opened:
        assert opened.landing.expected_file() is None
        uploaded(opened, data)
        copy = opened.landing.expected_file()
        assert copy is not None
        assert copy.read_text() == text
    assert not copy.exists()


# --- Large files ---------------------------------------------------------------------------------

MEGABYTE = 1 << 20


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with one file of 11 MB, where 6 MB are large."""
    monkeypatch.setattr(uploading, "_LARGE", 6 * MEGABYTE)
    monkeypatch.setattr(uploading, "_PART", 5 * MEGABYTE)
    dice = random.Random(1)
    line = json.dumps({"user": dice.randbytes(500).hex()}).encode() + b"\n"
    content = line * (11 * MEGABYTE // len(line))
    return write_lake(tmp_path / "large", {"accelerometer_landing": {"big.json": content}})


def test_a_large_file_goes_in_parts(cloud: CloudLake, large: Path) -> None:
    with cloud.sandbox.recording() as calls, cloud.opened() as opened:
        events = uploaded(opened, large)
    assert names(calls)["s3:UploadPart"] == 3
    assert all(
        c.headers.get("x-amz-checksum-sha256") or "aws-chunked" in str(c.headers)
        for c in calls
        if c.action == "UploadPart"
    )
    size = (large / "accelerometer" / "landing" / "big.json").stat().st_size
    steps = [event.done for event in events if isinstance(event, Uploading)]
    assert steps == sorted(steps)
    assert steps[-1] == size
    # Its facts are known, although its ETag is no digest of its bytes.
    with cloud.sandbox.recording() as calls:
        (done,) = cloud.upload(large)
        assert landing(cloud)["accelerometer_landing"].files["big.json"].size == size
    assert done.state == "unchanged"
    assert names(calls)["s3:GetObject"] == 2  # The index, each time.


def test_a_file_that_is_sent_again_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100)
    told: list[int] = []
    with uploading._Told(tmp_path / "a", told.append) as stream:
        assert (stream.read(30), stream.seek(0)) == (b"x" * 30, 0)
        assert stream.read(20) + stream.read() == b"x" * 100
        assert stream.read() == b""
    assert told == [30, 70]


def test_what_a_dead_upload_left_is_aborted(cloud: CloudLake, large: Path) -> None:
    key = "landing/accelerometer/big.json"
    place = {"Bucket": cloud.layout.bucket, "Key": key}
    cloud.s3.create_multipart_upload(**place)
    cloud.s3.create_multipart_upload(**{**place, "Key": "landing/customer/other.json"})
    cloud.upload(large)
    left = cloud.s3.list_multipart_uploads(Bucket=cloud.layout.bucket)["Uploads"]
    assert [upload["Key"] for upload in left] == ["landing/customer/other.json"]


def test_a_large_file_that_fails_leaves_no_part(cloud: CloudLake, large: Path) -> None:
    cloud.sandbox.fail(How.DENIED, action="UploadPart", nth=2)
    with pytest.raises(StediError, match=r"big\.json"):
        cloud.upload(large)
    assert "Uploads" not in cloud.s3.list_multipart_uploads(Bucket=cloud.layout.bucket)
    assert cloud.keys("landing/") == []
    cloud.sandbox.heal()
    assert [file.state for file in cloud.upload(large)] == ["new"]


def test_a_large_file_that_changes_meanwhile_is_not_there(cloud: CloudLake, large: Path) -> None:
    (path,) = large.rglob("big.json")
    before = path.stat()

    def change(call: Call) -> None:
        with path.open("r+b") as stream:
            stream.seek(-100, os.SEEK_END)
            stream.write(b"0")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    # The parts' digests are those of what is sent: S3 would take it.
    cloud.sandbox.fail(change, action="CreateMultipartUpload", attempts=1)
    with pytest.raises(StediError, match=r"big\.json changed while it was uploaded"):
        cloud.upload(large)
    cloud.sandbox.heal()
    assert cloud.keys("landing/") == []
    assert "Uploads" not in cloud.s3.list_multipart_uploads(Bucket=cloud.layout.bucket)
    assert [file.state for file in cloud.upload(large)] == ["new"]


# --- When it fails -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [How.THROTTLED, How.SERVER_ERROR, How.RESET, How.LOST])
def test_one_bad_moment_is_not_noticed(cloud: CloudLake, data: Path, how: How) -> None:
    cloud.sandbox.fail(how, action="PutObject", attempts=1)
    assert {file.state for file in cloud.upload(data)} == {"new"}
    assert cloud.keys("landing/") == KEYS


def test_after_a_failure_only_the_rest_is_sent(cloud: CloudLake, data: Path) -> None:
    cloud.sandbox.fail(How.DENIED, action="PutObject", resource="step_trainer")
    with pytest.raises(StediError, match=r"s3:PutObject landing/step_trainer/s\.json") as raised:
        cloud.upload(data)
    assert "infra policy" in str(raised.value.hint)
    cloud.sandbox.heal()
    done = {file.file: file.state for file in cloud.upload(data)}
    assert done["s.json"] == "new"
    assert cloud.keys("landing/") == KEYS


def test_a_file_that_changes_meanwhile(cloud: CloudLake, data: Path) -> None:
    path = data / "customer" / "landing" / "c.json"

    def change(call: Call) -> None:
        path.write_bytes(lines(CUSTOMERS)[:-2] + b" \n")

    cloud.sandbox.fail(change, action="PutObject", resource="c.json", attempts=1)
    with pytest.raises(StediError, match=r"c\.json changed while it was uploaded"):
        cloud.upload(data)
    cloud.sandbox.heal()
    cloud.upload(data)
    facts = landing(cloud)["customer_landing"].files["c.json"]
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_without_a_bucket(sandbox: Sandbox, data: Path) -> None:
    with pytest.raises(StediError, match="There is no bucket stedi-") as raised:
        CloudLake(sandbox).upload(data)
    assert raised.value.hint == "Make it with `stedi infra up`."


def test_not_while_a_run_reads(sandbox: Sandbox, data: Path) -> None:
    cloud = CloudLake(sandbox).up()
    sandbox.runs.script(*["RUNNING"] * 3, "SUCCEEDED")
    sandbox.client("glue").start_job_run(JobName="stedi-all")
    with pytest.raises(BusyError, match="at work"):
        cloud.upload(data)
    assert cloud.keys("landing/") == []
    assert {file.state for file in cloud.upload(data, wait=True)} == {"new"}
    assert sandbox.runs.started[0].status == "SUCCEEDED"


def test_what_others_did_until_the_lock_was_had_is_seen(
    cloud: CloudLake, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.upload(data)
    (data / "customer" / "landing" / "d.json").write_bytes(lines(CUSTOMERS))
    locked = Writer.locked

    @contextmanager
    def waited_for(writer: Writer, command: str, *, wait: bool) -> Iterator[bool]:
        with locked(writer, command, wait=wait) as waited:
            cloud.s3.delete_object(Bucket=cloud.layout.bucket, Key=KEYS[0])
            yield waited

    monkeypatch.setattr(Writer, "locked", waited_for)
    sent = {file.file for file in cloud.upload(data) if file.state == "new"}
    assert sent == {"a.json", "d.json"}
    assert cloud.keys("landing/") == sorted([*KEYS, "landing/customer/d.json"])


def test_what_others_noted_of_files_until_the_lock_was_had_stays(
    cloud: CloudLake, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the index tells what a file was converted from."""
    other = tmp_path / "other" / "customer" / "landing"
    other.mkdir(parents=True)
    (other / "e.json").write_bytes(lines(CUSTOMERS))
    locked = Writer.locked

    @contextmanager
    def waited_for(writer: Writer, command: str, *, wait: bool) -> Iterator[bool]:
        with monkeypatch.context() as before:
            before.setattr(Writer, "locked", locked)
            CloudLake(cloud.sandbox).upload(tmp_path / "other")
        with locked(writer, command, wait=wait) as waited:
            yield waited

    monkeypatch.setattr(Writer, "locked", waited_for)
    cloud.upload(data)
    index = cloud.read(cloud.layout.uri(cloud.layout.landing_index))
    assert sorted(index) == sorted([*KEYS, "landing/customer/e.json"])


@pytest.mark.parametrize("moment", ["after the listing", "before the index"])
def test_whoever_has_no_lock_takes_nothing_from_what_an_upload_noted(
    cloud: CloudLake, data: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    cloud.upload(data)
    # Two files that nobody knows yet, one of which an upload replaces meanwhile.
    put(cloud, "landing/customer/d.json", lines(CUSTOMERS[:1]))
    put(cloud, "landing/customer/x.json", lines(CUSTOMERS[:2]))
    origin = Origin("d.csv", "0" * 64, 1, "")

    def another_upload() -> None:
        with cloud.opened() as opened:
            zone = opened.landing
            for file, content in (("d.json", lines(CUSTOMERS)), ("e.json", lines(CUSTOMERS[1:]))):
                put(cloud, f"landing/customer/{file}", content)
            zone.states()
            zone.remember_origins({("customer_landing", f): origin for f in ("d.json", "e.json")})
            zone.save_index()

    with cloud.opened() as opened:
        zone = opened.landing
        zone.listed()
        if moment == "after the listing":
            another_upload()
        else:
            save = zone.save_index
            monkeypatch.setattr(zone, "save_index", lambda: (another_upload(), save()))
        zone.states()
    index = cloud.read(cloud.layout.uri(cloud.layout.landing_index))
    names = ("d.json", "e.json", "x.json")
    assert sorted(index) == sorted([*KEYS, *(f"landing/customer/{name}" for name in names)])
    kept = [name for name in names if "origin" in index[f"landing/customer/{name}"]]
    assert kept == ["d.json", "e.json"]
    etag = cloud.s3.head_object(Bucket=cloud.layout.bucket, Key="landing/customer/d.json")["ETag"]
    assert index["landing/customer/d.json"]["etag"] == etag


@pytest.mark.parametrize(
    ("code", "said", "wanted"),
    [
        ("BadDigest", "The SHA256 you specified did not match.", "changed while it was uploaded"),
        ("InvalidRequest", "Value for x-amz-checksum-sha256 header is invalid.", "changed while"),
        ("InvalidRequest", "The bucket does not allow it.", "failed: InvalidRequest"),
    ],
)
def test_a_file_is_said_to_have_changed_only_where_its_checksum_was_refused(
    cloud: CloudLake, data: Path, code: str, said: str, wanted: str
) -> None:
    cloud.sandbox.fail((code, said, 400), action="PutObject", resource="c.json", calls=None)
    with pytest.raises(StediError, match=wanted):
        cloud.upload(data)


# --- What is known of files ----------------------------------------------------------------------


def test_what_others_put_is_read_once(cloud: CloudLake, data: Path) -> None:
    cloud.upload(data)
    content = gzip.compress(b"\n" + lines(MOTIONS) + b" \n")
    put(cloud, "landing/accelerometer/b.json.gz", content)
    with cloud.sandbox.recording() as calls:
        state = landing(cloud)["accelerometer_landing"]
    read = [c.resource for c in calls if c.action == "GetObject"]
    assert sorted(key.rpartition("/")[2] for key in read) == ["b.json.gz", "landing-index.json"]
    assert state.files["b.json.gz"].lines == len(MOTIONS)
    assert state.files["b.json.gz"].sha256 == hashlib.sha256(content).hexdigest()
    with cloud.sandbox.recording() as calls:
        assert landing(cloud)["accelerometer_landing"] == state
    assert not [c for c in calls if "b.json.gz" in c.resource or not c.reads]


def test_an_object_that_was_replaced_is_read_again(cloud: CloudLake, data: Path) -> None:
    cloud.upload(data)
    before = landing(cloud)["customer_landing"].fingerprint
    put(cloud, KEYS[1], lines(CUSTOMERS)[:-1] + b" ")
    assert landing(cloud)["customer_landing"].fingerprint != before


@pytest.mark.parametrize("index", [b"", b"[]", b"{}", b'{"landing/customer/c.json": 3}', b"\xff"])
def test_a_broken_index_is_made_anew(cloud: CloudLake, data: Path, index: bytes) -> None:
    cloud.upload(data)
    before = landing(cloud)
    put(cloud, cloud.layout.landing_index, index)
    assert landing(cloud) == before
    with cloud.sandbox.recording() as calls:
        landing(cloud)
    assert names(calls)["s3:GetObject"] == 1


def test_an_index_that_cannot_be_written_is_no_error(cloud: CloudLake, data: Path) -> None:
    cloud.sandbox.fail(How.DENIED, action="PutObject", resource="landing-index", calls=None)
    cloud.upload(data)
    assert landing(cloud)["customer_landing"].lines == 7


def test_an_object_with_an_unsafe_name_is_refused(cloud: CloudLake) -> None:
    put(cloud, "landing/customer/what?.json", b"{}\n")
    with pytest.raises(StediError, match="what") as raised:
        landing(cloud)
    assert "Remove the object" in str(raised.value.hint)


def test_doctor_tells_of_objects_beside_the_tables_folders(cloud: CloudLake) -> None:
    def found() -> list[str]:
        with cloud.opened() as opened:
            return [f.found for f in opened.diagnose() if f.what == "landing files"]

    put(cloud, "landing/.keep", b"x")
    assert found() == []
    put(cloud, "landing/customer_landing.json", lines(CUSTOMERS))
    place = cloud.layout.uri("landing/")
    assert found() == [f"1 file right in {place}, where no table looks"]


def test_what_a_gzip_header_tells_is_not_stored(cloud: CloudLake, tmp_path: Path) -> None:
    told = member(lines(CUSTOMERS), name=ADDRESS, comment=ADDRESS)
    source = write_lake(tmp_path / "telling", {"customer_landing": {"c.json.gz": told}})
    assert [file.state for file in cloud.upload(source)] == ["new"]
    (key,) = cloud.keys("landing/")
    stored = cloud.s3.get_object(Bucket=cloud.layout.bucket, Key=key)["Body"].read()
    assert ADDRESS in told and ADDRESS not in stored
    assert gzip.decompress(stored) == lines(CUSTOMERS)
    facts = landing(cloud)["customer_landing"].files["c.json.gz"]
    assert (facts.sha256, facts.size) == (hashlib.sha256(stored).hexdigest(), len(stored))
    assert [file.state for file in cloud.upload(source)] == ["unchanged"]


KILLED = """
import os, signal, sys
from pathlib import Path
from aws.cloud_lake import aws_settings
from stedi_cli.aws.lake import aws_lake
from stedi_cli.aws.landing import Landing

Landing._upload = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
settings = aws_settings()
lake = aws_lake(settings, settings.lakehouse())
found = lake.landing.find(Path(sys.argv[1]))
list(lake.landing.upload(found, remove={}, wait=False))
"""


def test_what_a_killed_upload_copied_is_told_and_goes(
    cloud: CloudLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    told = member(lines(CUSTOMERS), name=ADDRESS, comment=ADDRESS)
    source = write_lake(tmp_path / "telling", {"customer_landing": {"c.json.gz": told}})
    words = [sys.executable, "-c", KILLED, str(source)]
    done = subprocess.run(words, cwd=Path(__file__).parents[1], check=False)
    assert done.returncode == -signal.SIGKILL
    (copy,) = elsewhere.glob("stedi-*/customer_landing/c.json.gz")
    with cloud.opened() as opened:
        (found,) = [f for f in opened.diagnose() if f.what == "temporary files elsewhere"]
    assert str(copy.parents[1]) in found.found
    assert "stedi upload" in found.todo
    assert [file.state for file in cloud.upload(source)] == ["new"]
    assert list(elsewhere.iterdir()) == []


def test_an_address_in_a_name_is_refused_and_reported(cloud: CloudLake, tmp_path: Path) -> None:
    content = {"customer_landing": {"ann@x.org.json": CUSTOMERS}}
    with pytest.raises(UsageError, match="1 landing file") as refused:
        cloud.upload(write_lake(tmp_path / "addressed", content))
    assert "rename" in str(refused.value.hint)
    assert cloud.keys("landing/") == []
    put(cloud, "landing/customer/ann@x.org.json", b"")
    with cloud.opened() as opened:
        (found,) = [finding for finding in opened.diagnose() if finding.what == "landing files"]
    assert found.found.startswith("1 with an @")
    assert "ename" in found.todo
    assert "ann@" not in str(found)


def test_lines_are_shown_by_number(cloud: CloudLake, data: Path) -> None:
    packed = gzip.compress(b"one\r\ntwo\n\nfour \xff\n")
    put(cloud, "landing/customer/p.json.gz", packed)
    put(cloud, "landing/customer/q.json", b"eins\nzwei\rnoch\ndrei")
    table = "customer_landing"
    places = [(table, "p.json.gz", 4), (table, "q.json", 2), (table, "q.json", 3)]
    places += [(table, "q.json", 4), (table, "gone.json", 1), (table, "p.json.gz", 1)]
    with cloud.opened() as opened:
        assert opened.landing.lines(places) == [
            "four \\xff",
            "zwei\rnoch",
            "drei",
            "(no longer there)",
            "(no longer there)",
            "one",
        ]


@pytest.mark.slow
def test_more_files_than_a_page_holds(cloud: CloudLake, tmp_path: Path) -> None:
    many = {f"{number:04}.json": b"{}\n" for number in range(1005)}
    for name, content in many.items():
        put(cloud, f"landing/customer/{name}", content)
    assert landing(cloud)["customer_landing"].lines == 1005
    removed = cloud.upload(
        write_lake(tmp_path / "one", {"customer_landing": {"0000.json": b"{}\n"}}), replace=True
    )
    assert [file.state for file in removed].count("removed") == 1004
    assert cloud.keys("landing/") == ["landing/customer/0000.json"]
