"""Empties a bucket: every version, delete marker and pending upload."""

from __future__ import annotations

from functools import partial
from typing import Any

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
    return abort_uploads(s3, owned, prefix)


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


def abort_uploads(s3: Any, owned: dict[str, str], prefix: str = "") -> bool:
    """Abort the pending uploads of a bucket.

    Args:
        s3: Client of S3.
        owned: Bucket and owner, as all calls take them.
        prefix: Only what starts with it.

    Returns:
        False where there is no such bucket.
    """
    while True:
        page = ask(s3.list_multipart_uploads, **owned, Prefix=prefix)
        uploads = page.get("Uploads", ()) if page else ()
        if not uploads:
            return page is not None
        side_by_side(
            [
                partial(
                    ask, s3.abort_multipart_upload, **owned, Key=u["Key"], UploadId=u["UploadId"]
                )
                for u in uploads
            ]
        )
