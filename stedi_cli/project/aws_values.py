"""What single values of ``configs/aws.yaml`` have to be, as AWS has rules for them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from stedi_cli.project.shape import Given, Held

_IAM_NAME = r"([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,128}"
# What jobs are told, and what is Glue's own (Glue dg, "Using job parameters").
_TAKEN = frozenset(
    {
        *("--model", "--request", "--custom-logGroup-prefix", "--debug", "--mode"),
        *("--JOB_NAME", "--JOB_ID", "--JOB_RUN_ID", "--scriptLocation"),
    }
)


def _refuse_reserved(name: str) -> None:
    if name.startswith(("xn--", "sthree-", "amzn-s3-demo-")) or name.endswith(
        ("-s3alias", "--ol-s3", "--x-s3", "--table-s3")
    ):
        raise ValueError("S3 keeps names of that kind for itself")


def _refuse_glues_own(name: str) -> None:
    if name in ("default", "jobs", "sessions", "testconnection"):
        raise ValueError("Glue uses that name itself, for a database or for its log groups")


def _refuse_no_port(url: str) -> None:
    # Raises ValueError where boto3 would only in the middle of a call.
    _ = urlsplit(url).port


def _refuse_no_role_arn(text: str) -> None:
    if not re.fullmatch(rf"arn:aws(-[a-z]+)*:iam::\d{{12}}:role/{_IAM_NAME}", text):
        raise ValueError("It is no role's ARN, such as arn:aws:iam::123456789012:role/LabRole")


def _refuse_no_policy_arn(text: str) -> None:
    if not re.fullmatch(rf"arn:aws(-[a-z]+)*:iam::(\d{{12}}|aws):policy/{_IAM_NAME}", text):
        raise ValueError("It is no policy's ARN, such as arn:aws:iam::123456789012:policy/limits")


def _refuse_no_key_arn(text: str) -> None:
    if not re.fullmatch(r"arn:aws(-[a-z]+)*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]{1,64}", text):
        raise ValueError(
            "It is no key's ARN, such as arn:aws:kms:REGION:123456789012:key/1a2b-3c4d"
        )


def _refuse_taken_tag(key: str) -> None:
    if key.lower().startswith(("aws:", "stedi:")):
        raise ValueError("keys that begin with aws: or stedi: are taken")


def _refuse_taken_argument(key: str) -> None:
    if key in _TAKEN:
        raise ValueError("AWS Glue or this tool gives that argument itself")


def _argument(given: str | bool | float, _: Any) -> str:
    # As Glue's documentation writes them.
    return str(given).lower() if isinstance(given, bool) else str(given)


def _refuse_no_choice(given: bool | str) -> None:
    if given not in (True, False, "auto"):
        raise ValueError("It is auto, true or false")


Choice = Annotated[bool | str, Held(_refuse_no_choice)]


def _refuse_taken_name(name: str) -> None:
    _refuse_reserved(name)
    _refuse_glues_own(name)


# Short enough that a bucket's name has room for account and region behind it.
LakehouseName = Annotated[
    str, Held(_refuse_taken_name, pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=32)
]
Bucket = Annotated[str, Held(_refuse_reserved, pattern=r"^[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]$")]
# S3's and Glue's own rules, narrowed to what needs no escaping anywhere.
Prefix = Annotated[str, Held(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}(/[a-z0-9_-]+){0,4}$")]
Database = Annotated[str, Held(_refuse_glues_own, pattern=r"^[a-z][a-z0-9_]{0,126}$")]
Name = Annotated[str, Held(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Connection = Annotated[str, Held(pattern=r"^[A-Za-z0-9][A-Za-z0-9_. -]{0,254}$")]
RoleArn = Annotated[str, Held(_refuse_no_role_arn)]
BoundaryArn = Annotated[str, Held(_refuse_no_policy_arn)]
KeyArn = Annotated[str, Held(_refuse_no_key_arn)]
RolePath = Annotated[str, Held(pattern=r"^/([A-Za-z0-9_+=,.@-]+/)*$", max_length=512)]
Region = Annotated[str, Held(pattern=r"^[a-z]{2,4}(-[a-z]+)+-\d$")]
Url = Annotated[str, Held(_refuse_no_port, pattern=r"^https?://[^\s/?#]+/?$")]
# Rules of the service with the strictest ones.
_TAG = r"^[\w .:/=+\-@]*$"
TagKey = Annotated[str, Held(_refuse_taken_tag, pattern=_TAG, min_length=1, max_length=127)]
TagValue = Annotated[str, Held(pattern=_TAG, max_length=256)]
WorkerType = Literal[
    "G.1X", "G.2X", "G.4X", "G.8X", "G.12X", "G.16X", "R.1X", "R.2X", "R.4X", "R.8X"
]
_ArgumentKey = Annotated[
    str, Held(_refuse_taken_argument, pattern=r"^--[A-Za-z][A-Za-z0-9_.-]*$", max_length=256)
]
_Argument = Annotated[str, Held(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=4096)]
JobArguments = dict[_ArgumentKey, Annotated[str, Given(_Argument | bool | int | float, _argument)]]
