"""Empties a bucket: every version, delete marker and pending upload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any
from urllib.parse import unquote_plus

from stedi_cli.aws.account import side_by_side
from stedi_cli.aws.infra.resource import ask
from stedi_cli.errors import StediError
from stedi_cli.landing.names import shown


def empty(s3: Any, owned: dict[str, str], prefix: str = "") -> bool:
    """Remove what a bucket holds.

    Args:
        s3: Client of S3.
        owned: Bucket and owner, as all calls take them.
        prefix: Remove only what starts with it.

    Returns:
        False where there is no such bucket.

    Raises:
        StediError: If an object cannot be deleted.
    """
    while True:
        # From the start each time: deleting shifts the pages that would follow.
        page = ask(s3.list_object_versions, **owned, Prefix=prefix)
        if page is None:
            return False
        entries = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if not entries:
            break
        objects = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
        delete_versions(s3, owned, objects)
    abort_uploads(s3, owned, pending_uploads(s3, owned, prefix))
    return True


def delete_versions(s3: Any, owned: dict[str, str], objects: list[dict[str, str]]) -> None:
    """Delete versions of objects, and delete markers.

    Args:
        s3: Client of S3.
        owned: Bucket and owner, as all calls take them.
        objects: Key and version of each, 1,000 at most.

    Raises:
        StediError: If one cannot be deleted.
    """
    answer = s3.delete_objects(**owned, Delete={"Objects": objects, "Quiet": True})
    for error in answer.get("Errors", ())[:1]:
        raise StediError(
            f"{owned['Bucket']}/{shown(error['Key'])} cannot be deleted: {error.get('Code')}.",
            hint="Look at its retention and your permissions.",
        )


def pending_uploads(s3: Any, owned: dict[str, str], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield key and id of each pending upload; where there is no such bucket, none.

    Args:
        s3: Client of S3.
        owned: Bucket and owner, as all calls take them.
        prefix: Only what starts with it.
    """
    asked = {**owned, "Prefix": prefix, "EncodingType": "url"}
    while page := ask(s3.list_multipart_uploads, **asked):
        # A key may hold what XML cannot; boto3 has them encoded in other listings alone.
        told = unquote_plus if page.get("EncodingType") == "url" else str
        for upload in page.get("Uploads", ()):
            yield told(upload["Key"]), upload["UploadId"]
        if not page.get("IsTruncated"):
            return
        asked["KeyMarker"] = told(page["NextKeyMarker"])
        asked["UploadIdMarker"] = page["NextUploadIdMarker"]


def abort_uploads(s3: Any, owned: dict[str, str], uploads: Iterable[tuple[str, str]]) -> None:
    """Abort pending uploads.

    Args:
        s3: Client of S3.
        owned: Bucket and owner, as all calls take them.
        uploads: Key and id of each.
    """
    abort = partial(ask, s3.abort_multipart_upload, **owned)
    side_by_side([partial(abort, Key=key, UploadId=name) for key, name in uploads])
