"""Calls that fail on purpose: how, and which."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sandbox.calls import Call

Answer = tuple[str, list[tuple[str, str]], bytes]


class How(Enum):
    """Ways in which a call fails."""

    THROTTLED = "throttled"
    SERVER_ERROR = "server error"
    RESET = "connection reset before the deed"
    DENIED = "access denied"
    EXPIRED = "credentials expired"
    LOST = "answer lost after the deed"


@dataclass
class Fault:
    """Makes calls fail, those that match and come at their turn.

    Attributes:
        how: The way; or ``(code, message)`` or ``(code, message, status)`` for an error of one's
            own; or a function of the call, run before the deed, after which the connection is cut
            (such as one that kills the process that called).
        service: Only this service.
        action: Only this action.
        resource: Only where this text is part of the resource.
        key: Only with this access key.
        agent: Only where this text is part of the User-Agent.
        nth: The first call that is hit, counted among those that match, from 1. A call and
            boto3's retries of it count once.
        calls: How many calls in a row are hit; None for all from there.
        attempts: How many attempts of each are hit; None for all.
        hits: What was hit.
    """

    how: How | tuple[Any, ...] | Callable[[Call], None]
    service: str | None = None
    action: str | None = None
    resource: str | None = None
    key: str | None = None
    agent: str | None = None
    nth: int = 1
    calls: int | None = 1
    attempts: int | None = None
    hits: list[Call] = field(default_factory=list)
    _seen: dict[str, int] = field(default_factory=dict, repr=False)

    def strikes(self, call: Call) -> bool:
        """Tell whether this attempt is hit, and remember it."""
        if not self._matches(call):
            return False
        if call.invocation not in self._seen:
            self._seen[call.invocation] = 0
        turn = list(self._seen).index(call.invocation) + 1
        self._seen[call.invocation] += 1
        if turn < self.nth or (self.calls is not None and turn >= self.nth + self.calls):
            return False
        if self.attempts is not None and self._seen[call.invocation] > self.attempts:
            return False
        self.hits.append(call)
        call.fault = str(self.how.value if isinstance(self.how, How) else self.how)
        return True

    def _matches(self, call: Call) -> bool:
        return (
            self.service in (None, call.service)
            and self.action in (None, call.action)
            and self.key in (None, call.key)
            and (self.resource is None or self.resource in call.resource)
            and (self.agent is None or self.agent in call.agent)
        )


_THROTTLED = {
    "s3": ("SlowDown", "Please reduce your request rate.", 503),
    "ec2": ("RequestLimitExceeded", "Request limit exceeded.", 503),
    "logs": ("ThrottlingException", "Rate exceeded", 400),
    "athena": ("ThrottlingException", "Rate exceeded", 400),
    "glue": ("ThrottlingException", "Rate exceeded", 400),
    "lakeformation": ("ThrottledException", "Rate exceeded", 400),
}
_DENIED = {
    "s3": ("AccessDenied", "Access Denied", 403),
    "ec2": ("UnauthorizedOperation", "You are not authorized to perform this operation.", 403),
    "iam": ("AccessDenied", "User is not authorized to perform this.", 403),
    "sts": ("AccessDenied", "User is not authorized to perform this.", 403),
}
_SERVER_ERRORS = {
    "s3": ("InternalError", "We encountered an internal error. Please try again.", 500),
    "ec2": ("InternalError", "An internal error has occurred", 500),
    "iam": ("ServiceFailure", "The request processing has failed.", 500),
    "sts": ("InternalFailure", "The request processing has failed.", 500),
    "logs": ("ServiceUnavailableException", "The service cannot complete the request.", 500),
    "athena": ("InternalServerException", "Internal error", 500),
    "glue": ("InternalServiceException", "An internal service error occurred", 500),
    "lakeformation": ("InternalServiceException", "An internal service error occurred", 500),
}


def error_of(how: How | tuple[Any, ...], call: Call) -> tuple[str, str, int]:
    """Return code, message and status, as the call's service words them."""
    if isinstance(how, tuple):
        code, message, *status = how
        return str(code), str(message), int(status[0]) if status else 400
    if how is How.THROTTLED:
        return _THROTTLED.get(call.service, ("Throttling", "Rate exceeded", 400))
    if how is How.DENIED:
        told = f"User is not authorized to perform: {call.name} on resource: {call.resource or '*'}"
        return _DENIED.get(call.service, ("AccessDeniedException", told, 400))
    if how is How.EXPIRED:
        named = "ExpiredTokenException" if call.is_json else "ExpiredToken"
        return named, "The security token included in the request is expired", 400
    return _SERVER_ERRORS.get(call.service, ("InternalFailure", "Internal failure", 500))


def answer(code: str, message: str, status: int, call: Call) -> Answer:
    """Return an error in the wire format of the call's service."""
    line = f"{status} Error"
    if call.is_json:
        body = json.dumps({"__type": code, "message": message, "Message": message}).encode()
        kind = "application/x-amz-json-1.1"
        return line, [("Content-Type", kind), ("x-amzn-ErrorType", code)], body
    inner = f"<Code>{code}</Code><Message>{message}</Message>"
    if call.service == "s3":
        text = f"<Error>{inner}<Resource>/{call.resource}</Resource></Error>"
    elif call.service == "ec2":
        text = f"<Response><Errors><Error>{inner}</Error></Errors></Response>"
    else:
        text = f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error></ErrorResponse>"
    return line, [("Content-Type", "text/xml")], text.encode()


def cut(environ: dict[str, Any]) -> None:
    """Reset the connection, so that the client sees it break."""
    connection: socket.socket = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())
