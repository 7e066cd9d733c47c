"""What jobs run from: the script, what it imports, ``lakehouse.json`` and every SQL text."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path

from stedi_cli.aws.account import is_denied
from stedi_cli.aws.infra.bucket import Bucket
from stedi_cli.aws.infra.resource import Found, Kind, ask, is_missing
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.model import render
from stedi_cli.aws.storage import Storage
from stedi_cli.errors import StediError, UsageError
from stedi_cli.runs.spark_model import SCRIPT, modules


class Objects(Kind):
    """The objects below the jobs' prefix, but for what runs put there themselves.

    Args:
        layout: Their keys.
        bucket: Where they lie; only in one of ours they are ours.
    """

    kind = "object"

    def __init__(self, layout: Layout, bucket: Bucket) -> None:
        super().__init__(layout)
        self._bucket = bucket
        self._storage = Storage(layout)

    @cached_property
    def _contents(self) -> dict[str, bytes]:
        layout = self.layout
        model = json.dumps(render(layout), indent=2, sort_keys=True)
        contents = {
            layout.script: _read(layout.lakehouse.folder / "jobs" / SCRIPT),
            **{layout.job_key(path.name): _read(path) for path in modules(layout.lakehouse.folder)},
            layout.model: model.encode(),
        }
        for policy in layout.lakehouse.policies:
            for job in layout.lakehouse.jobs.values():
                text = layout.lakehouse.job_text(job, policy)
                contents[layout.sql(policy, job.name)] = text.sql.encode()
        return contents

    def names(self) -> list[str]:
        return list(self._contents)

    def wanted(self, name: str) -> dict[str, str]:
        """Return the digest that S3 gives as ETag to an object of one part."""
        return {"content": hashlib.md5(self._contents[name], usedforsecurity=False).hexdigest()}

    def read(self) -> dict[str, Found]:
        """List them; nothing where there is no bucket, or not ours."""
        prefix = f"{self.layout.settings.jobs_prefix}/"
        try:
            found = self._storage.list(prefix)
        except StediError as error:
            # The bucket itself says what is wrong with it.
            cause = error.__cause__ or error
            if is_missing(cause) or is_denied(cause):
                return {}
            raise
        return {
            prefix + name: Found({"content": there.etag.strip('"')})
            for name, there in found.items()
            if prefix + name in self._contents
        }

    def to_remove(self) -> dict[str, Found]:
        """Read them, if the bucket is ours."""
        ours = any(there.ours for there in self._bucket.to_remove().values())
        return self.read() if ours else {}

    def create(self, name: str) -> None:
        self._storage.s3.put_object(
            **self._storage.place(name),
            Body=self._contents[name],
            # With another key, the ETag would not tell what it holds.
            ServerSideEncryption="AES256",
        )

    def update(self, name: str, fields: set[str]) -> None:
        self.create(name)

    def delete(self, name: str) -> None:
        ask(self._storage.s3.delete_object, **self._storage.place(name))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"Cannot read {path}: {error.strerror}.",
            hint="`stedi init DIR` copies out a whole project.",
        ) from error
