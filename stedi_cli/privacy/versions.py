"""Every version of every object in a bucket, the delete markers, and uploads that are pending."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import unquote_plus

from stedi_cli.privacy.refusals import as_unreadable
from stedi_cli.privacy.source import OTHERS, Entry, Opened, part_of_table
from stedi_cli.privacy.spooled import opened, spooled
from stedi_cli.privacy.unreadable import UnreadableError

CURRENT, OLDER, MARKER = "current version", "older version", "delete marker"
"""What is counted of a bucket."""
_PIECE = 1 << 20
# The client asks again by itself, but not where an answer breaks off.
_ATTEMPTS = 3
_HEADERS = (
    *("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType"),
    "WebsiteRedirectLocation",
)


@dataclass(frozen=True)
class Prefixes:
    """Where the parts of a lakehouse lie in its bucket, without slashes at the ends.

    Args:
        landing: Landing files.
        warehouse: Tables.
        jobs: What jobs run from, and what commands note.
        results: What Athena answered.
    """

    landing: str
    warehouse: str
    jobs: str
    results: str

    def part_of(self, key: str) -> str:
        """Return the part of a lakehouse that a key belongs to."""
        if _is_below(key, self.warehouse):
            table = key.removeprefix(self.warehouse).lstrip("/").partition("/")[0]
            beside = {"_ledgers": "ledgers", "_aside": "aside"}
            return beside.get(table) or part_of_table(table)
        if key == f"{self.jobs}/landing-index.json":
            return "index"
        parts = {self.landing: "landing", self.jobs: "notes", self.results: "results"}
        return next((part for prefix, part in parts.items() if _is_below(key, prefix)), OTHERS)


def _is_below(key: str, prefix: str) -> bool:
    return f"{key}/".startswith(f"{prefix}/")


class Versions:
    """What a bucket holds.

    Args:
        s3: The client.
        place: The arguments that name the bucket, and whose it has to be.
        prefixes: Where the parts of the lakehouse lie in it.
    """

    def __init__(self, s3: Any, place: dict[str, str], prefixes: Prefixes) -> None:
        self._s3 = s3
        self._place = place
        self._prefixes = prefixes
        self._uri = f"s3://{place['Bucket']}/"

    def entries(self) -> Iterator[Entry]:
        """Yield every version, marker and pending upload, each folder before what is in it."""
        last = ""
        both = heapq.merge(self._listed(), self._pending(), key=lambda entry: entry.place)
        for entry in both:
            folders = entry.place.split("/")[:-1]
            for depth in range(1, len(folders) + 1):
                place = "/".join(folders[:depth])
                if not last.startswith(f"{place}/"):
                    yield Entry(place, self._prefixes.part_of(place), around=(self._uri, "/"))
            last = entry.place
            yield entry

    def _listed(self) -> Iterator[Entry]:
        pages = self._s3.get_paginator("list_object_versions").paginate(**self._place)
        for page in pages:
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            yield from map(self._version, sorted(found, key=lambda one: str(one["Key"])))

    def _version(self, listed: dict[str, Any]) -> Entry:
        key, version = str(listed["Key"]), str(listed["VersionId"])
        part = self._prefixes.part_of(key)
        if "ETag" not in listed:
            around = (self._uri, f" (delete marker {version})")
            return Entry(key, part, MARKER, around=around)
        return Entry(
            key,
            part,
            CURRENT if listed["IsLatest"] else OLDER,
            partial(self._opened, key, version),
            around=(self._uri, f" (version {version})"),
            mark=str(listed["ETag"]),
        )

    def _pending(self) -> Iterator[Entry]:
        after: dict[str, str] = {}
        while True:
            # A key may hold what XML cannot; boto3 has them encoded in other listings alone.
            page = self._s3.list_multipart_uploads(**self._place, EncodingType="url", **after)
            is_encoded = page.get("EncodingType") == "url"
            for upload in page.get("Uploads", ()):
                yield self._upload(_key(upload["Key"], is_encoded=is_encoded), upload["UploadId"])
            if not page.get("IsTruncated"):
                return
            after = {
                "KeyMarker": _key(page["NextKeyMarker"], is_encoded=is_encoded),
                "UploadIdMarker": page["NextUploadIdMarker"],
            }

    def _upload(self, key: str, name: str) -> Entry:
        return Entry(
            key,
            self._prefixes.part_of(key),
            odd="S3 gives nobody the parts of an upload that is pending",
            around=(self._uri, f" (pending upload {name})"),
        )

    @contextmanager
    def _opened(self, key: str, version: str) -> Iterator[Opened]:
        """Open a version's bytes, with what is kept beside them."""
        place = {**self._place, "Key": key, "VersionId": version}
        with spooled() as file:
            with as_unreadable():
                answer = self._fetch(place, file)
            beside, unread = [("metadata", _metadata(answer))], []
            # An answer tells that there are tags to those alone who may read them.
            try:
                with as_unreadable():
                    tags = self._s3.get_object_tagging(**place)["TagSet"]
                beside.append(("tags", _text((tag["Key"], tag["Value"]) for tag in tags)))
            except UnreadableError as error:
                unread.append(("tags", str(error)))
            yield opened(file, beside=tuple(beside), unread=tuple(unread))

    def _fetch(self, place: dict[str, str], file: BinaryIO) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError

        for attempt in range(1, _ATTEMPTS + 1):
            answer: dict[str, Any] = self._s3.get_object(**place)
            try:
                with closing(answer["Body"]) as body:
                    while piece := body.read(_PIECE):
                        file.write(piece)
                return answer
            except BotoCoreError:
                if attempt == _ATTEMPTS:
                    raise
                file.seek(0)
                file.truncate()
        raise AssertionError


def _key(told: str, *, is_encoded: bool) -> str:
    return unquote_plus(told) if is_encoded else told


def _metadata(answer: dict[str, Any]) -> bytes:
    headers = [(name, answer[name]) for name in _HEADERS if answer.get(name)]
    return _text([*answer.get("Metadata", {}).items(), *headers])


def _text(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Return names and values a line each; S3 gives what is beyond ASCII as mail does."""
    lines = "\n".join(f"{name} = {_decoded(value)}" for name, value in pairs)
    return lines.encode("utf-8", "replace")


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (ValueError, LookupError, HeaderParseError):
        return value
