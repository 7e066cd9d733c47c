"""How boto3 comes by credentials: as the AWS command line does, with the sessions that it keeps."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Any

from stedi_cli.errors import UsageError


def session(profile: str | None, region: str | None) -> Any:
    """Return a session of boto3.

    A profile that takes on a role is asked for its MFA code once for all commands of an hour: the
    role's session is kept where the AWS command line keeps and finds it too.

    Args:
        profile: The profile in ``~/.aws``; None for the one that boto3 finds.
        region: The region; None for the one that boto3 finds.
    """
    import boto3
    from botocore.credentials import JSONFileCache
    from botocore.session import Session

    core = Session(profile=profile)
    role = core.get_component("credential_provider").get_provider("assume-role")
    role.cache = JSONFileCache(str(Path.home() / ".aws" / "cli" / "cache"))
    # botocore has no public way to it; without a terminal its own ends in a traceback.
    role._prompter = _code
    return boto3.Session(botocore_session=core, region_name=region)


def _code(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError(
            "The AWS profile asks for an MFA code, and there is no terminal to ask on.",
            hint="Run `aws sts get-caller-identity` with it in a terminal: that session is used.",
        )
    return getpass.getpass(prompt)
