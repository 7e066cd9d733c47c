"""What jobs run from: the script, the landing contract, ``lakehouse.json`` and every SQL text."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path

from stedi_cli import contract
from stedi_cli.aws.account import error_code
from stedi_cli.aws.infra.bucket import Bucket
from stedi_cli.aws.infra.resource import Found, Kind, ask, is_missing
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.model import render
from stedi_cli.errors import UsageError
from stedi_cli.settings import Settings

_DENIED = ("403", "AccessDenied", "AllAccessDisabled")


class Objects(Kind):
    """The objects below the jobs' prefix, but for what runs put there themselves.

    Args:
        layout: Their keys.
        settings: How many snapshots are kept, which ``lakehouse.json`` says.
        bucket: Where they lie; only in one of ours they are ours.
    """

    kind = "object"

    def __init__(self, layout: Layout, settings: Settings, bucket: Bucket) -> None:
        super().__init__(layout)
        self._settings = settings
        self._bucket = bucket

    @cached_property
    def _contents(self) -> dict[str, bytes]:
        layout = self.layout
        model = json.dumps(render(layout, self._settings), indent=2, sort_keys=True)
        contents = {
            layout.script: _read(layout.lakehouse.folder / "jobs" / "glue_job.py"),
            layout.contract: _read(Path(str(contract.__file__))),
            layout.model: model.encode(),
        }
        for policy in layout.lakehouse.policies:
            for job in layout.lakehouse.jobs.values():
                text = layout.lakehouse.job_text(job, policy)
                contents[layout.sql(policy, job.name)] = text.sql.encode()
        return contents

    def names(self) -> list[str]:
        """Return their keys."""
        return list(self._contents)

    def wanted(self, name: str) -> dict[str, str]:
        """Return the digest that S3 gives as ETag to an object of one part."""
        return {"content": hashlib.md5(self._contents[name], usedforsecurity=False).hexdigest()}

    def read(self) -> dict[str, Found]:
        """List them; nothing where there is no bucket, or not ours."""
        from botocore.exceptions import ClientError

        account, prefix = self.layout.account, f"{self.layout.settings.jobs_prefix}/"
        pages = (
            account.client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.layout.bucket, Prefix=prefix, ExpectedBucketOwner=account.id)
        )
        try:
            found = [entry for page in pages for entry in page.get("Contents", ())]
        except ClientError as error:
            # The bucket itself says what is wrong with it.
            if is_missing(error) or error_code(error) in _DENIED:
                return {}
            raise
        return {
            entry["Key"]: Found({"content": entry["ETag"].strip('"')})
            for entry in found
            if entry["Key"] in self._contents
        }

    def to_remove(self) -> dict[str, Found]:
        """Read them, if the bucket is ours."""
        ours = any(there.ours for there in self._bucket.to_remove().values())
        return self.read() if ours else {}

    def create(self, name: str) -> None:
        """Put one."""
        account = self.layout.account
        account.client("s3").put_object(
            Bucket=self.layout.bucket,
            ExpectedBucketOwner=account.id,
            Key=name,
            Body=self._contents[name],
            ServerSideEncryption="AES256",
        )

    def update(self, name: str, fields: set[str]) -> None:
        """Put one again."""
        self.create(name)

    def delete(self, name: str) -> None:
        """Delete one."""
        account = self.layout.account
        ask(
            account.client("s3").delete_object,
            Bucket=self.layout.bucket,
            ExpectedBucketOwner=account.id,
            Key=name,
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"Cannot read {path}: {error.strerror}.",
            hint="`stedi init DIR` copies out a whole project.",
        ) from error
