"""What is left of tables beside one snapshot each: every version of every other object goes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from stedi_cli.aws.account import aws_errors, side_by_side
from stedi_cli.aws.infra.emptying import abort_uploads, delete_versions, pending_uploads
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.storage import Storage

_MOST = 1000


@dataclass(frozen=True)
class Version:
    """A version of an object, or a delete marker.

    Args:
        key: The object's key.
        id: The version's.
        is_current: Whether it is what the key gives.
    """

    key: str
    id: str
    is_current: bool


def versions(layout: Layout, prefix: str) -> list[Version]:
    """Return the versions and delete markers below a prefix."""
    storage = Storage(layout)
    with aws_errors(f"s3:ListBucketVersions {prefix}"):
        pages = storage.s3.get_paginator("list_object_versions").paginate(
            **storage.place(), Prefix=prefix
        )
        return [
            Version(str(v["Key"]), str(v["VersionId"]), bool(v.get("IsLatest")) and kind)
            for page in pages
            for name, kind in (("Versions", True), ("DeleteMarkers", False))
            for v in page.get(name, ())
        ]


def stray(found: Sequence[Version], folders: Mapping[str, Collection[str]]) -> Iterator[Version]:
    """Yield the versions that nothing reaches.

    Args:
        found: Versions, as they were before what is reached was looked at.
        folders: The keys that are reached below each prefix; others are left alone.
    """
    for version in found:
        folder = next((folder for folder in folders if version.key.startswith(folder)), None)
        if folder is not None and not (version.is_current and version.key in folders[folder]):
            yield version


def remove(layout: Layout, gone: Sequence[Version], prefixes: Sequence[str]) -> None:
    """Remove versions, and pending uploads below prefixes.

    Raises:
        StediError: If one cannot be removed.
    """
    storage = Storage(layout)
    s3, owned = storage.s3, storage.place()
    objects = [{"Key": version.key, "VersionId": version.id} for version in gone]
    batches = [objects[start : start + _MOST] for start in range(0, len(objects), _MOST)]
    with aws_errors(f"s3:DeleteObjectVersion {layout.uri('')}"):
        side_by_side([partial(delete_versions, s3, owned, batch) for batch in batches])
        for prefix in prefixes:
            abort_uploads(s3, owned, pending_uploads(s3, owned, prefix))
