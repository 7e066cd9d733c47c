"""The bucket: not public, encrypted, TLS only, with a lifecycle for query results."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, cast

from stedi_cli.aws import policies
from stedi_cli.aws.account import aws_errors, error_code, side_by_side
from stedi_cli.aws.hints import PERMISSION, refusal_hint
from stedi_cli.aws.infra.bucket_settings import (
    BLOCK,
    default_key,
    encryption,
    lifecycle,
    public_access,
    rules,
)
from stedi_cli.aws.infra.emptying import empty
from stedi_cli.aws.infra.resource import (
    Found,
    Kind,
    NotYetError,
    ask,
    from_key_values,
    is_missing,
    key_values,
    same_json,
    same_policy,
)
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.storage import Storage
from stedi_cli.errors import StediError

_NO_LOCATION = "us-east-1"
_TRIES = 5
_ABORTED = "OperationAborted"


class _Setting(NamedTuple):
    """A setting of the bucket.

    Args:
        field: Its name, as it is shown.
        wanted: What S3 answers where it is as it should be.
        read: The call that asks for it.
        put: Makes it what is wanted.
        text: An answer as a text to compare; the answer is empty where nothing is set.
    """

    field: str
    wanted: dict[str, Any]
    read: Callable[..., Any]
    put: Callable[[dict[str, Any]], Any]
    text: Callable[[dict[str, Any]], str]


class Bucket(Kind):
    """The one bucket.

    Args:
        layout: Its name.
        promises: Tells whether a bucket without tags is one of ours, left so by a crash.
        sleep: Waits before an emptied bucket that was written to again is emptied once more.
    """

    kind = "bucket"

    def __init__(
        self,
        layout: Layout,
        promises: Callable[[str], bool],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(layout)
        self._promises = promises
        self._sleep = sleep

    @property
    def _owned(self) -> dict[str, str]:
        """What makes S3 refuse a call where the bucket is another account's."""
        return Storage(self.layout).place()

    def names(self) -> list[str]:
        return [self.layout.bucket]

    def _settings(self) -> list[_Setting]:
        """Return what is set of it, in the order in which it is read and put."""
        s3, owned = self.layout.account.client("s3"), self._owned
        key = self.layout.settings.kms_key
        return [
            _Setting(
                "tags",
                {"TagSet": key_values(self.layout.tags)},
                s3.get_bucket_tagging,
                self._put_tags,
                lambda there: self.tags_text(from_key_values(there.get("TagSet"))),
            ),
            _Setting(
                "public access",
                {"PublicAccessBlockConfiguration": BLOCK},
                s3.get_public_access_block,
                lambda wanted: s3.put_public_access_block(**owned, **wanted),
                public_access,
            ),
            _Setting(
                "encryption",
                {"ServerSideEncryptionConfiguration": {"Rules": [encryption(key)]}},
                s3.get_bucket_encryption,
                lambda wanted: s3.put_bucket_encryption(**owned, **wanted),
                partial(default_key, key),
            ),
            *([] if self._is_without_tls else [self._policy()]),
            _Setting(
                "lifecycle",
                {"Rules": lifecycle(self.layout.settings)},
                s3.get_bucket_lifecycle_configuration,
                lambda wanted: s3.put_bucket_lifecycle_configuration(
                    **owned, LifecycleConfiguration=wanted
                ),
                rules,
            ),
        ]

    @property
    def _is_without_tls(self) -> bool:
        """Whether AWS's stand-in is reached without TLS, and would refuse all by that policy."""
        return str(self.layout.settings.endpoint_url).startswith("http://")

    def _policy(self) -> _Setting:
        s3, owned = self.layout.account.client("s3"), self._owned
        return _Setting(
            "policy",
            {"Policy": same_json(policies.tls_only(self.layout))},
            s3.get_bucket_policy,
            lambda wanted: s3.put_bucket_policy(**owned, **wanted),
            lambda there: same_policy(there["Policy"]) if there else "",
        )

    def wanted(self, name: str) -> dict[str, str]:
        """Return what is compared, the tags last."""
        tags, *others = self._settings()
        return {setting.field: setting.text(setting.wanted) for setting in (*others, tags)}

    def read(self) -> dict[str, Found]:
        """Read the bucket and its settings, side by side."""
        return self._look_at(self._settings())

    def to_remove(self) -> dict[str, Found]:
        """Read whether it is there, and whose it is."""
        return self._look_at(self._settings()[:1])

    def _look_at(self, settings: list[_Setting]) -> dict[str, Found]:
        """Read the bucket and some of its settings, of which the tags are the first."""
        s3, owned = self.layout.account.client("s3"), self._owned
        head, *answers = side_by_side(
            [partial(_head, s3, owned), *(partial(_attempt, s.read, owned) for s in settings)]
        )
        if head is None:
            return {}
        if isinstance(head, BaseException) or head["status"] == 403:
            # An answer to it has no body; another may tell what else than a permission is wrong.
            _raise_reason(answers)
        if isinstance(head, BaseException):
            raise head
        foreign = self._foreign(head)
        if foreign:
            return {self.layout.bucket: Found({}, ours=False, note=foreign)}
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        fields = {s.field: s.text(answer) for s, answer in zip(settings, answers, strict=True)}
        tags = from_key_values(answers[0].get("TagSet"))
        if self.is_ours(tags):
            return {self.layout.bucket: Found(fields)}
        crashed = not tags and self._left_by_a_crash()
        note = "was left without its tag by an `infra up` that did not end" if crashed else ""
        return {self.layout.bucket: Found(fields, ours=crashed, note=note)}

    def _foreign(self, head: dict[str, Any]) -> str:
        if head["status"] == 403:
            # S3 tells a bucket that is not ours from one that may not be seen to nobody.
            return (
                "belongs to another account: set another bucket; or may not be seen:"
                " see `stedi infra policy`"
            )
        region = head["region"]
        if region and region != self.layout.account.region:
            return f"lies in region {region}, not {self.layout.account.region}"
        return ""

    def _left_by_a_crash(self) -> bool:
        s3 = self.layout.account.client("s3")
        if not self._promises(self.layout.bucket):
            return False
        held = s3.list_object_versions(**self._owned, MaxKeys=1)
        return not held.get("Versions") and not held.get("DeleteMarkers")

    def create(self, name: str) -> None:
        """Make the bucket, tag it, and set what S3 has not set by itself."""
        region = self.layout.account.region
        where = {} if region == _NO_LOCATION else {"LocationConstraint": region}
        place = {"CreateBucketConfiguration": where} if where else {}
        s3 = self.layout.account.client("s3")
        try:
            s3.create_bucket(Bucket=name, **place)
        except s3.exceptions.ClientError as error:
            # By its code: boto3 makes the class of its own twice where threads ask at once.
            if error_code(error) == "BucketAlreadyExists":
                raise StediError(
                    f"The bucket name {name} is taken by another account.",
                    hint="Names of buckets are worldwide: run `stedi infra down`, then set another"
                    " bucket in the config file.",
                ) from error
            # Of a bucket that was deleted, S3 keeps the name for a while.
            if error_code(error) != _ABORTED:
                raise
            raise NotYetError(
                f"The bucket name {name} is not free yet: S3 is still deleting such a bucket.",
                hint="It can take an hour: run `stedi infra up` again then. Or run `stedi infra"
                " down`, then set another bucket in the config file.",
            ) from error
        wanted = self.wanted(name)
        self.update(name, {"tags"})
        # Public access is blocked and content encrypted from the start, and an organization may
        # forbid to touch either.
        there = self.read().get(name, Found({})).fields
        self.update(name, {field for field in wanted if there.get(field) != wanted[field]})

    def update(self, name: str, fields: set[str]) -> None:
        """Put what differs, the tags first."""
        # One after another: S3 refuses changes of one bucket that meet (OperationAborted).
        for setting in self._settings():
            if setting.field in fields:
                with aws_errors(where=f"bucket {name}, {setting.field}"):
                    self._put(name, setting)

    def _put(self, name: str, setting: _Setting) -> None:
        s3 = self.layout.account.client("s3")
        try:
            setting.put(setting.wanted)
        except s3.exceptions.ClientError as error:
            if error_code(error) != _ABORTED:
                raise
            # Somebody else changes it too, or S3 has not come to an end with what was put before.
            raise NotYetError(
                f"S3 is still busy with bucket {name}.",
                hint="Run `stedi infra up` again in a minute.",
            ) from error

    def _put_tags(self, wanted: dict[str, Any]) -> None:
        s3 = self.layout.account.client("s3")
        # A put replaces all tags, those of others included.
        there = ask(s3.get_bucket_tagging, **self._owned) or {}
        tags = from_key_values(there.get("TagSet")) | from_key_values(wanted["TagSet"])
        s3.put_bucket_tagging(**self._owned, Tagging={"TagSet": key_values(tags)})

    def delete(self, name: str) -> None:
        """Empty the bucket, all versions, markers and pending uploads, and delete it."""
        s3 = self.layout.account.client("s3")
        for attempt in range(_TRIES):
            if attempt:
                self._sleep(2.0**attempt)
            if not empty(s3, self._owned):
                return
            try:
                ask(s3.delete_bucket, **self._owned)
                return
            except s3.exceptions.ClientError as error:
                # Somebody wrote to it meanwhile, or S3 is still busy with it.
                passing = error_code(error) in ("BucketNotEmpty", _ABORTED)
                if not passing or attempt == _TRIES - 1:
                    raise


def _head(s3: Any, owned: dict[str, str]) -> dict[str, Any] | BaseException | None:
    """Return the status and the region that S3 tells of a bucket; None where there is none.

    Where it tells neither, return its error.
    """
    try:
        answer = s3.head_bucket(**owned)
    except s3.exceptions.ClientError as error:
        if is_missing(error):
            return None
        metadata = error.response["ResponseMetadata"]
        if metadata["HTTPStatusCode"] not in (301, 403):
            return cast(BaseException, error)
        region = metadata["HTTPHeaders"].get("x-amz-bucket-region", "")
        return {"status": metadata["HTTPStatusCode"], "region": region}
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return {"status": 200, "region": headers.get("x-amz-bucket-region", "")}


def _raise_reason(answers: list[Any]) -> None:
    """Raise an answer that is an error of which more is known than that something is denied."""
    for answer in answers:
        if not isinstance(answer, BaseException):
            continue
        if refusal_hint(error_code(answer), str(answer)) not in (None, PERMISSION):
            raise answer


def _attempt(call: Callable[..., Any], arguments: dict[str, str]) -> Any:
    """Return the answer or the error, which does not matter where the bucket is not ours."""
    from botocore.exceptions import ClientError

    try:
        return ask(call, **arguments) or {}
    except ClientError as error:
        return error
