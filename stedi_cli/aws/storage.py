"""Objects in the lakehouse's bucket, which is this account's and nobody else's."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, cast

from stedi_cli.aws.account import aws_errors, error_code
from stedi_cli.aws.layout import Layout
from stedi_cli.errors import StediError

_MISSING = ("NoSuchKey", "404")


@dataclass(frozen=True)
class Stored:
    """An object as a listing shows it."""

    etag: str
    size: int


@dataclass(frozen=True)
class StoredContent:
    """An object that was read.

    Args:
        content: What it holds.
        etag: Its ETag.
        age: Seconds since it was written, both by S3's clock.
    """

    content: bytes
    etag: str
    age: float


class Storage:
    """The bucket.

    Args:
        layout: Names.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @property
    def s3(self) -> Any:
        """The client."""
        return self._layout.account.client("s3")

    def place(self, key: str | None = None) -> dict[str, str]:
        """Return the arguments that name an object, in a bucket of this account and no other."""
        where = {"Bucket": self._layout.bucket, "ExpectedBucketOwner": self._layout.account.id}
        return where if key is None else {**where, "Key": key}

    def list(self, prefix: str) -> dict[str, Stored]:
        """Return the objects below a prefix, by what follows it in their keys."""
        with self.errors(f"s3:ListBucket {prefix}"):
            pages = self.s3.get_paginator("list_objects_v2").paginate(**self.place(), Prefix=prefix)
            return {
                str(entry["Key"]).removeprefix(prefix): Stored(
                    str(entry["ETag"]), int(entry["Size"])
                )
                for page in pages
                for entry in page.get("Contents", ())
            }

    def folders(self, prefix: str) -> tuple[str, ...]:
        """Return the names right below a prefix that other keys go on from."""
        with self.errors(f"s3:ListBucket {prefix}"):
            pages = self.s3.get_paginator("list_objects_v2").paginate(
                **self.place(), Prefix=prefix, Delimiter="/"
            )
            found = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", ())]
        return tuple(sorted(str(name).removeprefix(prefix).rstrip("/") for name in found))

    def read_if_there(self, key: str) -> bytes | None:
        """Return an object's content; None where there is none."""
        found = self.look(key)
        return found.content if found else None

    def look(self, key: str) -> StoredContent | None:
        """Return an object with what S3 tells of it; None where there is none."""
        try:
            with self.errors(f"s3:GetObject {key}"):
                answer = self.s3.get_object(**self.place(key))
                content = bytes(answer["Body"].read())
        except StediError as error:
            if is_no_object(error):
                return None
            raise
        now = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        at = parsedate_to_datetime(now) if now else datetime.now(UTC)
        age = (at - answer["LastModified"]).total_seconds()
        return StoredContent(content, str(answer["ETag"]), age)

    @contextmanager
    def opened(self, key: str) -> Iterator[tuple[BinaryIO, str]]:
        """Open an object for reading; yields its bytes as they come, and its ETag."""
        with self.errors(f"s3:GetObject {key}"):
            answer = self.s3.get_object(**self.place(key))
            body = answer["Body"]
            try:
                yield cast(BinaryIO, io.BufferedReader(_Raw(body))), str(answer["ETag"])
            finally:
                body.close()

    @contextmanager
    def errors(self, what: str) -> Iterator[None]:
        """Turn errors of boto3 into one line, also where there is no bucket.

        Args:
            what: What was being done, such as ``s3:GetObject jobs/model.json``.
        """
        try:
            with aws_errors(what):
                yield
        except StediError as error:
            if error_code(error.__cause__ or error) != "NoSuchBucket":
                raise
            raise StediError(
                f"There is no bucket {self._layout.bucket}.",
                hint="Make it with `stedi infra up`.",
            ) from error.__cause__


def is_no_object(error: StediError) -> bool:
    """Tell whether an error of reading an object says that there is none."""
    return error_code(error.__cause__ or error) in _MISSING


class _Raw(io.RawIOBase):
    """An object's body as a raw stream, which botocore's own is not."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._body.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)
