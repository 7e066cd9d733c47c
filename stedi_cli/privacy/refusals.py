"""Why AWS does not give what a scan asks for, in words that hold nothing of what it says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from stedi_cli.privacy.source import Entry
from stedi_cli.privacy.unreadable import UnreadableError

_GONE = "it went while the scan was at work"
_BUSY = "AWS was too busy, again and again"
_WHY = {
    **dict.fromkeys(("AccessDenied", "AccessDeniedException", "403"), "permission is missing"),
    **dict.fromkeys(("NoSuchKey", "NoSuchVersion", "404", "EntityNotFoundException"), _GONE),
    "ResourceNotFoundException": _GONE,
    **dict.fromkeys(("SlowDown", "503", "ThrottlingException", "RequestLimitExceeded"), _BUSY),
    "InvalidObjectState": "it is archived, and has to be restored before",
}


@contextmanager
def as_unreadable() -> Iterator[None]:
    """Turn errors of boto3 into UnreadableError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        told = error.response.get("Error", {})
        raise UnreadableError(_why(str(told.get("Code")), str(told.get("Message")))) from error
    except BotoCoreError as error:
        raise UnreadableError(f"AWS could not be asked ({type(error).__name__})") from error


def listed(entries: Iterable[Entry], whole: Entry) -> Iterator[Entry]:
    """Yield entries while AWS lists them; what it does not list is named as one that is odd.

    Args:
        entries: The entries, for which AWS is asked.
        whole: What they are of.
    """
    try:
        with as_unreadable():
            yield from entries
    except UnreadableError as error:
        yield replace(whole, odd=str(error))


def _why(code: str, message: str) -> str:
    if code.startswith("KMS.") or (code in _WHY and "kms:" in message):
        return f"its KMS key may not be used ({code})"
    return _WHY.get(code, f"AWS answers {code}")
