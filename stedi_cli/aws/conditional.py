"""Objects that are written or removed only where they are as they were read, or not there."""

from __future__ import annotations

from stedi_cli.aws.account import aws_errors, error_code
from stedi_cli.aws.backoff import Backoff
from stedi_cli.aws.storage import Storage
from stedi_cli.errors import StediError

_OTHER = ("PreconditionFailed", "NoSuchKey", "404")
# Somebody else's call met ours: nothing was done, and boto3 does not try again.
_CONFLICT = "ConditionalRequestConflict"
_TRIES = 6


class Conditional:
    """Writes on condition, in the lakehouse's bucket.

    Args:
        storage: The bucket.
        backoff: How to wait before what met another call is tried again.
        own_key: Whether S3's own key encrypts what is written, whatever is the bucket's default.
    """

    def __init__(self, storage: Storage, backoff: Backoff, *, own_key: bool = False) -> None:
        self._encryption = {"ServerSideEncryption": "AES256"} if own_key else {}
        self._storage = storage
        self._backoff = backoff

    def put(self, key: str, content: bytes, *, etag: str | None = None) -> str | None:
        """Write an object.

        Args:
            key: Its key.
            content: What it is to hold, which nobody else writes there.
            etag: ETag of what is to be there; None where nothing is to be.

        Returns:
            Its new ETag; None where something else is there, or nothing any more.
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        pauses = self._backoff.pauses()
        for _ in range(_TRIES):
            code, answer = self._attempt(key, content, condition)
            if code != _CONFLICT:
                break
            next(pauses)
        else:
            raise StediError(
                f"s3:PutObject {key} met another call {_TRIES} times.", hint="Run it again."
            )
        return answer or self._written(key, content)

    def remove(self, key: str, *, etag: str) -> None:
        """Remove an object; nothing is done where another is there by now."""
        with aws_errors(f"s3:DeleteObject {key}"):
            self._storage.s3.delete_object(**self._storage.place(key), IfMatch=etag)

    def _attempt(
        self, key: str, content: bytes, condition: dict[str, str]
    ) -> tuple[str, str | None]:
        """Return the code of a refusal, or the ETag."""
        storage = self._storage
        try:
            with storage.errors(f"s3:PutObject {key}"):
                answer = storage.s3.put_object(
                    **storage.place(key),
                    Body=content,
                    ContentType="application/json",
                    **self._encryption,
                    **condition,
                )
        except StediError as error:
            code = error_code(error.__cause__ or error)
            if code not in (*_OTHER, _CONFLICT):
                raise
            return code, None
        return "", str(answer["ETag"])

    def _written(self, key: str, content: bytes) -> str | None:
        """Return the ETag where ours is there: the answer to a first attempt may be lost."""
        found = self._storage.look(key)
        return found.etag if found is not None and found.content == content else None
