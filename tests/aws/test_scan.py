"""On AWS a person is found in every version of every object, and in what the catalog says."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import IncompleteReadError
from conftest import Ask, Result
from sandbox.faults import How
from sandbox.server import Sandbox
from small import lines
from test_scan import EMAIL, LANDING, OTHER, OTHERS_SERIAL, RAW, SERIAL, THEIRS, VIEWS, WHEN

from aws.places import CONFIG, PagedUploads, settings
from stedi_cli.aws.scan_source import ScanSource
from stedi_cli.privacy import spooled
from stedi_cli.privacy.people import Person
from stedi_cli.privacy.scan import Hit, Scan, scan
from stedi_cli.privacy.versions import Prefixes, Versions

pytestmark = pytest.mark.slow

KEY = "warehouse/t/data/file"
LANDED = f"landing/{next(iter(LANDING))}"


@dataclass
class Bucket:
    """A versioned bucket and a database, in which landing files alone hold the person."""

    sandbox: Sandbox

    @property
    def name(self) -> str:
        return f"stedi-{self.sandbox.account}-{self.sandbox.region}"

    @property
    def s3(self) -> Any:
        return self.sandbox.client("s3")

    @property
    def glue(self) -> Any:
        return self.sandbox.client("glue")

    def make(self) -> Bucket:
        where = {"LocationConstraint": self.sandbox.region}
        self.s3.create_bucket(Bucket=self.name, CreateBucketConfiguration=where)
        versioning = {"Status": "Enabled"}
        self.s3.put_bucket_versioning(Bucket=self.name, VersioningConfiguration=versioning)
        for name, records in LANDING.items():
            self.put(lines(records), f"landing/{name}")
        self.glue.create_database(DatabaseInput={"Name": "stedi"})
        return self

    def put(self, content: bytes, key: str = KEY, **more: Any) -> str:
        """Put an object; returns its place as a scan shows it."""
        made = self.s3.put_object(Bucket=self.name, Key=key, Body=content, **more)
        return f"s3://{self.name}/{key} (version {made['VersionId']})"

    def delete(self, key: str = KEY) -> str:
        marker = self.s3.delete_object(Bucket=self.name, Key=key)["VersionId"]
        return f"s3://{self.name}/{key} (delete marker {marker})"

    def table(self, **said: Any) -> None:
        self.glue.create_table(DatabaseName="stedi", TableInput={"Name": "t", **said})


@pytest.fixture
def bucket(sandbox: Sandbox) -> Bucket:
    return Bucket(sandbox).make()


def scanned(now: Callable[[str], None] = lambda _: None, allowed: str = "landing") -> Scan:
    return scan(ScanSource(settings()), [Person(EMAIL)], allowed=[allowed], now=now)


def found() -> set[tuple[str, str, str]]:
    """The places, views and kinds outside landing."""
    result = scanned()
    assert not result.unread
    return {(hit.place, hit.view, hit.kind) for hit in result.wrong}


@pytest.fixture
def asked(tmp_path: Path, invoke: Ask) -> Callable[..., Result]:
    """The command, which is asked about the person."""
    people = tmp_path / "people.txt"
    people.write_text(f"{EMAIL}\n")
    words = ("--config", CONFIG, "privacy", "scan", "--file", people)
    return lambda *more: invoke(*words, *more)


# --- Every byte --------------------------------------------------------------------------------


@pytest.mark.parametrize("most_held", [16, 1 << 23], ids=["on disk", "in memory"])
def test_a_value_in_every_container_is_found(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, most_held: int
) -> None:
    monkeypatch.setattr(spooled, "_MOST_HELD", most_held)
    planted = {
        (bucket.put(content(value), f"{KEY}/{number}/{kind}"), view, kind)
        for number, (view, content) in enumerate(VIEWS.values())
        for kind, value in THEIRS.items()
    }
    planted |= {
        (bucket.put(content, f"{KEY}/{form}"), view, kind)
        for form, (view, kind, content) in RAW.items()
    }
    for number, value in enumerate((OTHER, OTHERS_SERIAL, "x" + EMAIL, EMAIL + ".au")):
        bucket.put(value.encode(), f"others/{number}")
    told = found()
    assert planted <= told
    assert not [place for place, *_ in told if "/others/" in place]


def test_what_is_no_more_is_found_in_versions_that_are(bucket: Bucket) -> None:
    overwritten, deleted = (
        bucket.put(EMAIL.encode()),
        bucket.put(EMAIL.encode(), "athena-results/1.csv"),
    )
    bucket.put(b"")
    bucket.delete("athena-results/1.csv")
    assert found() == {(overwritten, "raw", "e-mail"), (deleted, "raw", "e-mail")}


def test_a_bucket_without_versions_is_read(sandbox: Sandbox) -> None:
    bucket = Bucket(sandbox)
    where = {"LocationConstraint": sandbox.region}
    bucket.s3.create_bucket(Bucket=bucket.name, CreateBucketConfiguration=where)
    bucket.s3.put_object(Bucket=bucket.name, Key=KEY, Body=EMAIL)
    place = f"s3://{bucket.name}/{KEY} (version null)"
    assert found() == {(place, "raw", "e-mail")}
    overwritten = scanned(lambda _: bucket.s3.put_object(Bucket=bucket.name, Key=KEY, Body="new"))
    assert [one.place for one in overwritten.doubtful] == [place]


def test_keys_are_looked_at_each_folder_once_and_not_shown(bucket: Bucket) -> None:
    folder = f"user={EMAIL.replace('@', '%40')}"
    for name in ("1", "2"):
        bucket.put(b"", f"warehouse/t/{folder}/{name}")
    bucket.put(b"", f"exports/{SERIAL}.csv")
    bucket.delete(f"exports/{SERIAL}.csv")
    hits = sorted((hit.place.partition(" ")[0], hit.kind, hit.count) for hit in scanned().wrong)
    uri = f"s3://{bucket.name}"
    assert hits == [
        (f"{uri}/exports/…", "serial number", 1),
        (f"{uri}/exports/…", "serial number", 1),
        (f"{uri}/warehouse/t/…/", "e-mail", 1),
    ]


def test_what_is_kept_with_an_object_is_looked_at(bucket: Bucket) -> None:
    beyond_ascii = f"=?utf-8?q?B=C3=A9a_{EMAIL.replace('@', '=40')}?="
    planted = {
        bucket.put(b"", "1", Metadata={"of": EMAIL}): "metadata",
        bucket.put(b"", "2", Metadata={"of": beyond_ascii}): "metadata",
        bucket.put(b"", "3", ContentDisposition=f'attachment; filename="{EMAIL}.csv"'): "metadata",
        bucket.put(b"", "4", Tagging=f"owner={EMAIL.replace('@', '%40')}"): "tags",
    }
    assert found() == {(place, view, "e-mail") for place, view in planted.items()}


PARTS = {
    "landing/customer/x": "landing",
    "warehouse/customer_landing_typed/data/x": "typed",
    "warehouse/customer_trusted/data/x": "tables",
    "warehouse/quarantine/data/x": "quarantine",
    "warehouse/held_back/data/x": "held_back",
    "warehouse/_ledgers/x": "ledgers",
    "warehouse/_aside/x": "aside",
    "jobs/landing-index.json": "index",
    "jobs/requests/r/j.json": "notes",
    "athena-results/x.csv": "results",
    "jobs-of-mine/x": "others",
}


def test_each_key_belongs_to_a_part(bucket: Bucket) -> None:
    places = {bucket.put(EMAIL.encode(), key): part for key, part in PARTS.items()}
    hits = {hit.place: hit.part for hit in scanned().found}
    assert {place: hits[place] for place in places} == places
    assert len(scanned(allowed="results").wrong) == len(scanned(allowed="others").wrong)


def test_what_is_a_persons_is_told_by_older_landing_files_too(bucket: Bucket) -> None:
    for name in LANDING:
        bucket.put(b"", f"landing/{name}")
        bucket.delete(f"landing/{name}")
    place = bucket.put(str(WHEN).encode())
    assert scanned().sought.values.serials == {SERIAL}
    assert found() == {(place, "raw", "instant")}


# --- The catalog -------------------------------------------------------------------------------

COLUMN = {"Name": "c", "Type": "string"}
SAID: dict[str, dict[str, Any]] = {
    "description": {"Description": f"asked by {EMAIL}"},
    "parameter": {"Parameters": {"owner": EMAIL}},
    "name of a parameter": {"Parameters": {EMAIL: "1"}},
    "comment": {"StorageDescriptor": {"Columns": [{**COLUMN, "Comment": EMAIL}]}},
    "place": {"StorageDescriptor": {"Columns": [], "Location": f"s3://{{}}/user={EMAIL}/"}},
}


@pytest.mark.parametrize("where", SAID)
def test_what_the_catalog_says_is_found(bucket: Bucket, where: str) -> None:
    bucket.table(**json.loads(json.dumps(SAID[where]).replace("{}", bucket.name)))
    assert found() == {("glue:stedi/t", "raw", "e-mail")}


def test_what_the_catalog_said_before_is_found(bucket: Bucket) -> None:
    bucket.table(Description=EMAIL)
    bucket.glue.update_table(DatabaseName="stedi", TableInput={"Name": "t"})
    assert found() == {("glue:stedi/t", "raw", "e-mail")}


def test_values_of_partitions_are_found(bucket: Bucket) -> None:
    bucket.table(PartitionKeys=[COLUMN])
    bucket.glue.create_partition(
        DatabaseName="stedi", TableName="t", PartitionInput={"Values": [str(WHEN)]}
    )
    assert found() == {("glue:stedi/t", "raw", "instant")}


def test_name_and_database_are_looked_at(bucket: Bucket) -> None:
    bucket.glue.update_database(Name="stedi", DatabaseInput={"Name": "stedi", "Description": EMAIL})
    bucket.glue.create_table(DatabaseName="stedi", TableInput={"Name": f"of_{WHEN}"})
    assert found() == {
        ("glue:stedi", "raw", "e-mail"),
        ("glue:stedi/…", "path", "instant"),
        ("glue:stedi/…", "raw", "instant"),
    }


def test_a_table_whose_files_lie_elsewhere_is_named(bucket: Bucket) -> None:
    bucket.table(StorageDescriptor={"Columns": [], "Location": "s3a://other/t/"})
    (unread,) = scanned().doubtful
    assert (unread.part, unread.place, unread.view) == ("catalog", "glue:stedi/t", "files")


@pytest.mark.parametrize("action", ["GetTableVersions", "GetPartitions"])
def test_what_the_catalog_refuses_is_named(bucket: Bucket, action: str) -> None:
    bucket.table(PartitionKeys=[COLUMN], Description=EMAIL)
    bucket.sandbox.fail(How.DENIED, action=action)
    result = scanned()
    assert [(one.place, one.why) for one in result.unread] == [
        ("glue:stedi/t", "permission is missing")
    ]
    assert [hit.kind for hit in result.wrong] == ["e-mail"]


# --- What runs printed ------------------------------------------------------------------------


def test_what_runs_printed_is_found_on_every_page(bucket: Bucket) -> None:
    logs, group = bucket.sandbox.client("logs"), "/aws-glue/stedi/error"
    where = {"logGroupName": group, "logStreamName": "jr_1"}
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(**where)
    said = ["x"] * 10_005 + [EMAIL]
    now = int(time.time() * 1000)
    for start in range(0, len(said), 5_000):
        events = [{"timestamp": now + start, "message": line} for line in said[start:][:5_000]]
        logs.put_log_events(**where, logEvents=events)
    assert found() == {(f"logs:{group}/jr_1", "raw", "e-mail")}
    (hit,) = scanned().wrong
    assert (hit.part, hit.count) == ("log", 1)
    bucket.sandbox.fail(How.DENIED, action="GetLogEvents")
    assert [one.why for one in scanned().unread] == ["permission is missing"]


@pytest.mark.parametrize("said", ["=?utf-8?b?a?=", "=?utf-7?q?+2AA-?=", "=?x?q?a?="])
def test_metadata_that_are_no_mail_are_read(bucket: Bucket, said: str) -> None:
    place = bucket.put(b"", Metadata={"a": said, "of": EMAIL})
    assert found() == {(place, "metadata", "e-mail")}


def test_texts_that_are_no_unicode_are_read(bucket: Bucket) -> None:
    logs, group = bucket.sandbox.client("logs"), "/aws-glue/stedi/output"
    where = {"logGroupName": group, "logStreamName": "jr_1"}
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(**where)
    said = f"\ud800 {EMAIL}"
    event = {"timestamp": int(time.time() * 1000), "message": said}
    logs.put_log_events(**where, logEvents=[event])
    bucket.table(Description=said)
    assert {place for place, *_ in found()} == {f"logs:{group}/jr_1", "glue:stedi/t"}


# --- What cannot be read -----------------------------------------------------------------------

REFUSED = {
    "permission is missing": How.DENIED,
    "AWS was too busy, again and again": How.THROTTLED,
    "it went while the scan was at work": ("NoSuchVersion", "It does not exist.", 404),
    "its KMS key may not be used (AccessDenied)": ("AccessDenied", "to perform: kms:Decrypt", 403),
    "its KMS key may not be used (KMS.DisabledException)": ("KMS.DisabledException", "x", 400),
    "AWS answers InternalError": How.SERVER_ERROR,
}


@pytest.mark.parametrize("why", REFUSED)
def test_an_object_that_is_refused_is_named(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    place = bucket.put(EMAIL.encode())
    bucket.put(b"x", "others/x")
    bucket.sandbox.fail(REFUSED[why], action="GetObject", resource=KEY)
    result = scanned()
    assert [(one.place, one.view, one.why) for one in result.doubtful] == [(place, "file", why)]
    assert not result.wrong
    assert result.as_json()["ok"] is False


def test_a_landing_file_that_tells_nothing_of_them_at_first_is_named(bucket: Bucket) -> None:
    bucket.put(SERIAL.encode())
    bucket.sandbox.fail(How.DENIED, action="GetObject", resource="landing/customer")
    result = scanned()
    assert not result.wrong
    ((place, why),) = {(one.place.partition(" ")[0], one.why) for one in result.doubtful}
    assert place.startswith(f"s3://{bucket.name}/landing/customer")
    assert "what is theirs" in why


def test_an_archived_object_is_named(bucket: Bucket) -> None:
    bucket.put(EMAIL.encode(), StorageClass="GLACIER")
    (unread,) = scanned().unread
    assert "archived" in unread.why


def test_tags_that_are_refused_are_named_and_the_bytes_looked_at(bucket: Bucket) -> None:
    place = bucket.put(EMAIL.encode())
    bucket.sandbox.fail(How.DENIED, action="GetObjectTagging", resource=KEY)
    result = scanned()
    assert [(one.place, one.view) for one in result.unread] == [(place, "tags")]
    assert [hit.place for hit in result.wrong] == [place]


def test_an_upload_that_is_pending_is_named(bucket: Bucket, asked: Callable[..., Result]) -> None:
    upload = bucket.s3.create_multipart_upload(Bucket=bucket.name, Key=KEY)["UploadId"]
    bucket.s3.upload_part(
        Bucket=bucket.name, Key=KEY, UploadId=upload, PartNumber=1, Body=EMAIL.encode()
    )
    (unread,) = scanned().doubtful
    assert unread.place == f"s3://{bucket.name}/{KEY} (pending upload {upload})"
    assert asked("--except", "landing").code == 3
    assert asked("--except", "landing", "--except", "tables").code == 0


def test_uploads_are_listed_page_by_page_with_keys_that_no_xml_can_hold() -> None:
    class Paged(PagedUploads):
        def get_paginator(self, _: str) -> Any:
            return self

        def paginate(self, **_: Any) -> list[Any]:
            return []

    listed = Versions(Paged(), {"Bucket": "b"}, Prefixes("l", "w", "j", "r")).entries()
    assert [entry.place for entry in listed] == ["a \x01", "b"]


UNLISTED = {
    "GetDatabase": ("catalog", ["glue:stedi"]),
    "GetTables": ("catalog", ["glue:stedi/"]),
    "DescribeLogStreams": ("log", ["logs:/aws-glue/stedi/output/", "logs:/aws-glue/stedi/error/"]),
}


@pytest.mark.parametrize("action", UNLISTED)
def test_what_may_not_be_listed_is_named_and_all_else_looked_at(
    bucket: Bucket, asked: Callable[..., Result], action: str
) -> None:
    part, places = UNLISTED[action]
    bucket.sandbox.fail(How.DENIED, action=action, calls=None)
    told = asked("--except", "landing", "--json")
    assert told.code == 3, told.err
    document = told.json()
    assert {(one["part"], one["place"], one["why"]) for one in document["unread"]} == {
        (part, place, "permission is missing") for place in places
    }
    place = bucket.put(EMAIL.encode())
    assert [hit.place for hit in scanned().wrong] == [place]


def test_what_comes_goes_or_is_overwritten_meanwhile_is_named(bucket: Bucket) -> None:
    bucket.put(b"old")
    changes = [lambda: bucket.put(b"new"), bucket.table]
    result = scanned(lambda _: changes.pop()() if changes else None)
    assert {(one.place.partition(" ")[0], one.why) for one in result.unread} == {
        (f"s3://{bucket.name}/{KEY}", "it came or went while the scan was at work"),
        ("glue:stedi/t", "it came or went while the scan was at work"),
    }


class Breaking:
    """A client whose answers break off, so many of them."""

    def __init__(self, times: int) -> None:
        self._times = times

    def get_object(self, **_: Any) -> Any:
        self._times -= 1
        body = io.BytesIO(EMAIL.encode())
        if self._times >= 0:
            body.read = self._break  # type: ignore[method-assign]
        return {"Body": body, "ContentLength": len(EMAIL)}

    def get_object_tagging(self, **_: Any) -> Any:
        return {"TagSet": []}

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: Any) -> Any:
        listed = {"Key": KEY, "VersionId": "1", "ETag": "e", "IsLatest": True}
        return [{"Versions": [listed]}]

    def list_multipart_uploads(self, **_: Any) -> Any:
        return {}

    @staticmethod
    def _break(_: int) -> bytes:
        raise IncompleteReadError(actual_bytes=1, expected_bytes=2)


@pytest.mark.parametrize("times", [2, 3])
def test_an_answer_that_breaks_off_is_asked_for_again(times: int) -> None:
    class Source(Versions):
        title, unreached, at_once = "", (), 1

    source = Source(Breaking(times), {"Bucket": "b"}, Prefixes("l", "w", "j", "r"))
    result = scan(source, [Person(EMAIL)])
    assert len(result.wrong) == (times == 2)
    assert len(result.unread) == (times == 3)


# --- The command -------------------------------------------------------------------------------


def test_nothing_found_says_what_was_looked_at_and_what_was_not(
    bucket: Bucket, asked: Callable[..., Result]
) -> None:
    bucket.put(b"x")
    bucket.put(b"y")
    bucket.delete()
    told = asked("--except", "landing")
    assert told.code == 0, told.err
    said = " ".join(told.out.split())
    assert "in 3 current versions, 2 older versions, 1 delete marker, 1 catalog entry" in said
    assert f"s3://{bucket.name}" in told.err
    for name in ("45 days", "CloudTrail", "access logs", "replicas", "hides"):
        assert name in said, name
    document = asked("--except", "landing", "--json").json()
    assert document["looked_at"] == {
        "current version": 3,
        "older version": 2,
        "delete marker": 1,
        "catalog entry": 1,
    }
    assert document["files"] == 6
    assert document["unreached"]


def test_found_is_named_without_the_value(bucket: Bucket, asked: Callable[..., Result]) -> None:
    place = bucket.put(EMAIL.encode())
    told = asked("--json", "--except", "landing")
    assert told.code == 4
    assert EMAIL not in told.out + told.err
    hits = [hit for hit in json.loads(told.out)["found"] if not hit["allowed"]]
    assert hits == [Hit("tables", place, "raw", "e-mail", 1, False).as_json()]


def test_without_a_bucket_or_the_right_to_list_it_there_is_no_answer(
    sandbox: Sandbox, asked: Callable[..., Result]
) -> None:
    told = asked()
    assert (told.code, told.out) == (1, "")
    assert "infra up" in told.err
    Bucket(sandbox).make()
    for action in ("ListObjectVersions", "ListMultipartUploads"):
        sandbox.fail(How.DENIED, action=action)
        told = asked()
        assert (told.code, told.out) == (1, ""), action
        assert "infra policy" in told.err
        assert "Traceback" not in told.err


def test_a_bucket_in_which_no_lakehouse_lies_is_refused(
    sandbox: Sandbox, asked: Callable[..., Result]
) -> None:
    other = Bucket(sandbox)
    where = {"LocationConstraint": sandbox.region}
    other.s3.create_bucket(Bucket=other.name, CreateBucketConfiguration=where)
    other.s3.put_object(Bucket=other.name, Key="x", Body=b"")
    told = asked()
    assert (told.code, told.out) == (2, "")
    assert f"no lakehouse in s3://{other.name}" in " ".join(told.err.split())
