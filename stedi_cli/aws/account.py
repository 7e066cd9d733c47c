"""The AWS account that a command works in: clients, identity, and errors in plain words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from threading import Lock
from typing import Any

from stedi_cli.addresses import without_addresses
from stedi_cli.aws.hints import failure_hint, refusal_hint
from stedi_cli.aws.sign_in import session
from stedi_cli.errors import StediError, UsageError
from stedi_cli.masking import aws_said
from stedi_cli.project.settings import AwsSettings

# What EC2 puts behind what it says is for a tool to read, and long.
_ENCODED = "Encoded authorization failure message"
_ATTEMPTS = 6
"""Calls in all, before boto3 gives up on throttling and lost connections."""


class Account:
    """Clients of one account and region, made when first needed.

    Args:
        settings: Region, profile and endpoint.
    """

    def __init__(self, settings: AwsSettings) -> None:
        self._settings = settings
        self._clients: dict[str, Any] = {}
        self._lock = Lock()

    @cached_property
    def _session(self) -> Any:
        # boto3 reads AWS_DEFAULT_REGION alone, other SDKs AWS_REGION before it.
        region = self._settings.region or os.environ.get("AWS_REGION") or None
        try:
            with _unusable_config():
                return session(self._settings.profile, region)
        except ImportError as error:
            raise StediError(
                "boto3 is not installed.", hint="Install it: `pip install 'stedi[aws]'`."
            ) from error

    @property
    def region(self) -> str:
        """The region; raises UsageError where neither settings nor boto3 know one."""
        found = self._session.region_name
        if not found:
            raise UsageError(
                "No AWS region is known.", hint="Set region in the config file, or AWS_REGION."
            )
        return str(found)

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` or ``aws-us-gov``, as ARNs need it."""
        with aws_errors():
            return str(self._session.get_partition_for_region(self.region))

    @cached_property
    def _identity(self) -> dict[str, Any]:
        with _unusable_config(), aws_errors("sts:GetCallerIdentity"):
            return dict(self.client("sts").get_caller_identity())

    @property
    def id(self) -> str:
        """The account's number; one call of STS, the first time."""
        return str(self._identity["Account"])

    @cached_property
    def principal(self) -> str:
        """ARN of the user or role that calls, as others grant something to it.

        Of a role STS tells no path, so that it takes a call of IAM.

        Raises:
            UsageError: If it is neither.
        """
        arn = str(self._identity["Arn"])
        kind, _, name = arn.split(":", 5)[5].partition("/")
        own = f"arn:{self.partition}:iam::{self.id}"
        if kind == "user":
            return f"{own}:user/{name}"
        if kind == "assumed-role":
            return self._role(name.partition("/")[0]) or f"{own}:role/{name.partition('/')[0]}"
        raise UsageError(
            f"You are {arn}, to whom nothing can be granted.",
            hint="Sign in as a user, or with a role.",
        )

    def _role(self, name: str) -> str | None:
        from botocore.exceptions import ClientError

        try:
            with aws_errors(where=f"role {name}"):
                return str(self.client("iam").get_role(RoleName=name)["Role"]["Arn"])
        except StediError as error:
            cause = error.__cause__
            if not isinstance(cause, ClientError) or not is_denied(cause):
                raise
            return None

    def client(self, service: str) -> Any:
        """Return the client of a service; clients are safe to share between threads."""
        from botocore.config import Config

        with self._lock:
            if service not in self._clients:
                config = Config(
                    retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
                    connect_timeout=10,
                    read_timeout=60,
                    max_pool_connections=32,
                    user_agent_extra="stedi",
                )
                with _unusable_config():
                    if not self._clients:
                        self._find_credentials()
                    self._clients[service] = self._session.client(
                        service,
                        region_name=self.region,
                        endpoint_url=self._settings.endpoint_url,
                        config=config,
                    )
            return self._clients[service]

    def _find_credentials(self) -> None:
        """Have boto3 find them now; otherwise the first call would, whatever it is about."""
        found = self._session.get_credentials()
        if found is not None:
            found.get_frozen_credentials()


@contextmanager
def _unusable_config() -> Iterator[None]:
    """Tell what boto3 has no error of its own for, such as a credential_process without JSON.

    Nothing else is to be done inside: what it trips over may be of any kind.
    """
    try:
        with aws_errors():
            yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise UsageError(
            f"AWS: {aws_said(str(error))}.",
            hint="Look at ~/.aws/config, and at region and endpoint_url in the config file.",
        ) from error


def error_code(error: BaseException) -> str:
    """Return the code of an error that AWS answered with, or an empty text."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


# S3's first.
_DENIED = (
    *("403", "AccessDenied", "AllAccessDisabled"),
    *("AccessDeniedException", "UnauthorizedOperation"),
)


def is_denied(error: BaseException) -> bool:
    """Tell whether AWS answered that the caller may not do this."""
    return error_code(error) in _DENIED


@contextmanager
def aws_errors(what: str = "", *, where: str = "") -> Iterator[None]:
    """Turn errors of boto3 into one line with a hint.

    Args:
        what: What was being done, such as ``s3:PutObject landing/customer/a.json``; without it,
            AWS's own name of the operation is told.
        where: What it was done to, such as ``bucket stedi``.
    """
    # Without boto3 there is nothing to translate.
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        yield
        return
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        message = str(error.response.get("Error", {}).get("Message") or code)
        # An object's key may be an address too.
        operation = ": ".join(filter(None, (where, what or error.operation_name)))
        operation = without_addresses(operation)
        hint = refusal_hint(code, message)
        message = message.partition(_ENCODED)[0].strip()
        raise StediError(f"{operation} failed: {code}: {aws_said(message)}.", hint=hint) from error
    except BotoCoreError as error:
        operation = without_addresses(where or what or "AWS")
        raise StediError(
            f"{operation}: {aws_said(str(error))}.", hint=failure_hint(error)
        ) from error


def side_by_side(calls: list[Any], *, workers: int = 16) -> list[Any]:
    """Make independent calls at the same time.

    Args:
        calls: Functions without arguments.
        workers: Most of them at a time.

    Returns:
        What they return, in their order; the first error is raised when all have ended.
    """
    if len(calls) < 2:
        return [call() for call in calls]
    with ThreadPoolExecutor(min(workers, len(calls))) as pool:
        futures = [pool.submit(call) for call in calls]
    return [future.result() for future in futures]
