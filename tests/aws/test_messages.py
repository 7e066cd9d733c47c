"""What a person is told where credentials or the region are wrong, whatever the command."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import (
    ConfigParseError,
    EndpointConnectionError,
    FlexibleChecksumError,
    InfiniteLoopConfigError,
    LoginRefreshRequired,
    LoginTokenLoadError,
    MetadataRetrievalError,
    MissingDependencyException,
    NoAuthTokenError,
    RefreshWithMFAUnsupportedError,
    ResponseStreamingError,
    SSOTokenLoadError,
    UnauthorizedSSOTokenError,
    UnknownEndpointError,
)
from conftest import PROJECT, Ask, Result
from sandbox.faults import How
from sandbox.server import Sandbox
from small import write_lake

from aws.cloud_lake import CloudLake, hurry
from aws.faults_everywhere import without_pauses
from aws.places import CONFIG
from stedi_cli.aws.hints import failure_hint, refusal_hint
from stedi_cli.project.folder import copy_out

COMMANDS = [
    ("infra", "plan"),
    ("infra", "up", "--no-data"),
    ("infra", "status"),
    ("infra", "down", "--yes"),
    ("upload", "data"),
    ("jobs", "run", "--all"),
    ("jobs", "status"),
    ("validate",),
    ("tables",),
    ("query", "SELECT 1"),
]


@pytest.fixture
def cloud(sandbox: Sandbox, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> CloudLake:
    """A lakehouse, and landing files in the current folder."""
    without_pauses(monkeypatch)
    hurry(monkeypatch)
    write_lake(workspace / "data")
    return CloudLake(sandbox).up()


@pytest.fixture
def ask(invoke: Ask) -> Ask:
    return lambda *words: invoke("--config", CONFIG, *words)


def refused(told: Result) -> str:
    """Return the hint of a command that failed, told in two lines."""
    assert told.code in (1, 2)
    error, hint = told.err.splitlines()[-2:]
    assert error.startswith("Error: ")
    assert hint.startswith("Hint: ")
    assert "Traceback" not in told.err
    return hint


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_expired_credentials(cloud: CloudLake, ask: Ask, words: tuple[str, ...]) -> None:
    cloud.sandbox.fail(How.EXPIRED, agent="stedi", calls=None)
    assert "sign in again" in refused(ask(*words))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_credentials(
    cloud: CloudLake, ask: Ask, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert "aws configure" in refused(ask(*words))


@pytest.mark.parametrize(
    "words",
    [("upload", "data"), ("jobs", "run", "--all"), ("tables",), ("validate",)],
    ids=" ".join,
)
def test_a_region_without_the_lakehouse(
    cloud: CloudLake, ask: Ask, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    told = ask(*words)
    assert "stedi infra up" in refused(told)
    # Whoever looks in the wrong region has to see which.
    assert "us-west-2" in told.err


@pytest.mark.parametrize(
    "code",
    ["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"],
)
def test_a_bucket_of_another_region(cloud: CloudLake, ask: Ask, code: str) -> None:
    cloud.sandbox.fail((code, "the bucket is elsewhere", 400), service="s3", calls=None)
    assert "set region to it" in refused(ask("upload", "data"))


@pytest.mark.parametrize("words", [("tables",), ("upload", "data"), ("infra", "up", "--no-data")])
def test_what_aws_quotes_shows_nobody(cloud: CloudLake, ask: Ask, words: tuple[str, ...]) -> None:
    said = "The key 'landing/customer/ann.json' or bob@x.org of \"Aaron Al\" of 1967-03-11 is not"
    cloud.sandbox.fail(("Odd", said, 400), agent="stedi", calls=None)
    told = ask("--verbose", *words)
    assert told.code == 1
    assert "Odd: The key '…' or … of" in told.err
    assert not [word for word in ("x.org", "Aaron", "1967", "ann.json") if word in told.err]


def test_no_region(sandbox: Sandbox, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    told = ask("infra", "plan")
    assert "AWS_REGION" in refused(told)
    assert told.code == 2


@pytest.mark.parametrize("other", [None, "us-east-1"])
def test_the_region_of_the_environment(
    cloud: CloudLake, ask: Ask, monkeypatch: pytest.MonkeyPatch, other: str | None
) -> None:
    """AWS_REGION counts, as for other SDKs before AWS_DEFAULT_REGION."""
    monkeypatch.setenv("AWS_REGION", cloud.sandbox.region)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    if other:
        monkeypatch.setenv("AWS_DEFAULT_REGION", other)
    assert cloud.sandbox.region in ask("infra", "status").err


REFUSALS = {
    "ended lab": (
        "AccessDeniedException",
        "User: arn:aws:sts::1:assumed-role/voclabs/user1 is not authorized to perform:"
        " glue:GetDatabase on resource: arn:aws:glue:us-east-1:1:catalog with an explicit deny in"
        " an identity-based policy: arn:aws:iam::1:policy/voc-cancel-cred",
        "start the lab",
    ),
    "no roles": (
        "AccessDenied",
        "User: arn:aws:sts::1:assumed-role/voclabs/user1 is not authorized to perform:"
        " iam:CreateRole on resource: arn:aws:iam::1:role/stedi-glue with an explicit deny in an"
        " identity-based policy",
        "role_arn",
    ),
    "no network": (
        "UnauthorizedOperation",
        "You are not authorized to perform this operation. User: arn:aws:iam::1:user/ann is not"
        " authorized to perform: ec2:CreateVpcEndpoint because no policy allows it",
        "s3_endpoint: false",
    ),
    "service control policy": (
        "AccessDenied",
        "User: arn:aws:iam::1:user/ann is not authorized to perform: s3:CreateBucket on resource:"
        ' "arn:aws:s3:::stedi" with an explicit deny in a service control policy',
        "service control policies",
    ),
    "service control policy that allows too little": (
        "AccessDenied",
        "User: arn:aws:iam::1:user/ann is not authorized to perform: s3:CreateBucket on resource:"
        ' "arn:aws:s3:::stedi" because no service control policy allows the s3:CreateBucket action',
        "service control policies",
    ),
    "boundary of the caller": (
        "AccessDeniedException",
        "User: arn:aws:iam::1:user/ann is not authorized to perform: glue:CreateJob on resource:"
        " arn:aws:glue:us-east-1:1:job/x because no permissions boundary allows the glue:CreateJob"
        " action",
        "permissions boundary does not allow",
    ),
    "boundary of the caller that denies": (
        "AccessDenied",
        "User: arn:aws:iam::1:user/ann is not authorized to perform: s3:CreateBucket on resource:"
        ' "arn:aws:s3:::stedi" with an explicit deny in a permissions boundary:'
        " arn:aws:iam::1:policy/limits",
        "permissions boundary does not allow",
    ),
    "session policy that denies": (
        "AccessDeniedException",
        "User: arn:aws:sts::1:assumed-role/dev/ann is not authorized to perform: glue:CreateJob on"
        " resource: arn:aws:glue:us-east-1:1:job/x with an explicit deny in a session policy",
        "without its session policy",
    ),
    "VPC endpoint policy that denies": (
        "AccessDenied",
        "User: arn:aws:iam::1:user/ann is not authorized to perform: s3:ListBucket on resource:"
        ' "arn:aws:s3:::stedi" with an explicit deny in a VPC endpoint policy',
        "policy of the VPC endpoint",
    ),
    "resource policy that denies": (
        "AccessDenied",
        "User: arn:aws:iam::1:user/ann is not authorized to perform: s3:ListBucket on resource:"
        ' "arn:aws:s3:::stedi" with an explicit deny in a resource-based policy',
        "no permission overrules",
    ),
    "no network, by an organization": (
        "UnauthorizedOperation",
        "You are not authorized to perform this operation. User: arn:aws:iam::1:user/ann is not"
        " authorized to perform: ec2:CreateVpcEndpoint on resource: arn:aws:ec2:eu-west-1:1:vpc/x"
        " with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/p",
        "control policies. Or set s3_endpoint: false",
    ),
    "no network, encoded": (
        "UnauthorizedOperation",
        "You are not authorized to perform this operation. Encoded authorization failure message:"
        " 4G1shAb_cd-kfjh",
        "s3_endpoint: false",
    ),
    "no roles, by an organization": (
        "AccessDenied",
        "User: arn:aws:iam::1:user/ann is not authorized to perform: iam:CreateRole on resource:"
        " arn:aws:iam::1:role/stedi-glue with an explicit deny in a service control policy",
        "control policies. Where you may make no role, set role_arn",
    ),
    "role may not be looked at, by an organization": (
        "AccessDenied",
        "User: arn:aws:iam::1:user/ann is not authorized to perform: iam:GetRole on resource:"
        " arn:aws:iam::1:role/stedi-glue because no service control policy allows the iam:GetRole"
        " action",
        "control policies. Or set role_arn",
    ),
    "no roles in a lab that has ended": (
        "AccessDenied",
        "User: arn:aws:sts::1:assumed-role/voclabs/user1 is not authorized to perform:"
        " iam:CreateRole on resource: arn:aws:iam::1:role/stedi-glue with an explicit deny in an"
        " identity-based policy: arn:aws:iam::1:policy/voc-cancel-cred",
        "new credentials.",
    ),
    "boundary that is not there": (
        "NoSuchEntity",
        "Scope ARN: arn:aws:iam::1:policy/limits does not exist or is not attachable.",
        "permissions_boundary",
    ),
    "role may not be looked at": (
        "AccessDenied",
        "User: arn:aws:sts::1:assumed-role/voclabs/user1 is not authorized to perform:"
        " iam:GetRole on resource: arn:aws:iam::1:role/stedi-glue because no identity-based"
        " policy allows the iam:GetRole action",
        "set role_arn",
    ),
    "role may not be passed": (
        "AccessDeniedException",
        "User: arn:aws:sts::1:assumed-role/voclabs/user1 is not authorized to perform:"
        " iam:PassRole on resource: arn:aws:iam::1:role/LabRole because no identity-based policy"
        " allows the iam:PassRole action",
        "Permission is missing",
    ),
    "explicit deny": (
        "AccessDenied",
        "User: arn:aws:iam::1:user/ann is not authorized to perform: s3:ListAllMyBuckets with an"
        " explicit deny in an identity-based policy",
        "no permission overrules",
    ),
    "permission": (
        "AccessDenied",
        "User: arn:aws:iam::1:user/ann is not authorized to perform: s3:ListBucket because no"
        " identity-based policy allows the s3:ListBucket action",
        "stedi infra policy",
    ),
    "MFA code": (
        "AccessDenied",
        "MultiFactorAuthentication failed with invalid MFA one time pass code.",
        "MFA code",
    ),
    "profile's role": (
        "AccessDenied",
        "User: arn:aws:iam::1:user/ann is not authorized to perform: sts:AssumeRole on resource:"
        " arn:aws:iam::1:role/admin",
        "profile's role",
    ),
    "closed account": ("AccessDeniedException", "Account 1 is denied access.", "AWS Support"),
    "lake formation": (
        "AccessDeniedException",
        "Insufficient Lake Formation permission(s): Required Create Table on stedi",
        "Lake Formation decides here",
    ),
    "lake formation, no databases": (
        "AccessDeniedException",
        "Insufficient Lake Formation permission(s): Required Create Database on Catalog",
        "everybody make databases",
    ),
    "lake formation, a location": (
        "AccessDeniedException",
        "Insufficient Lake Formation permission(s) on s3://stedi/warehouse",
        "The bucket is a location",
    ),
    "lake formation, no grants": (
        "AccessDeniedException",
        "Resource does not exist or requester is not authorized to access requested permissions.",
        "let you see or grant",
    ),
    "lake formation, nobody": (
        "InvalidInputException",
        "Invalid principal, arn: arn:aws:iam::1:role/gone",
        "no such user or role",
    ),
    "lake formation, changes that meet": (
        "ConcurrentModificationException",
        "Concurrent modifications to resource.",
        "try again in a minute",
    ),
    "lake formation's own permissions": (
        "AccessDeniedException",
        "User: arn:aws:iam::1:user/ann is not authorized to perform: lakeformation:GrantPermissions"
        " because no identity-based policy allows the lakeformation:GrantPermissions action",
        "with lake_formation set",
    ),
    "not opted in": ("OptInRequired", "You are not subscribed to this service.", "Sign up"),
    "not subscribed": (
        "SubscriptionRequiredException",
        "The AWS Access Key Id needs a subscription for the service",
        "Sign up",
    ),
    "key": (
        "AccessDenied",
        "User: arn:aws:iam::1:user/ann is not authorized to perform: kms:GenerateDataKey on"
        " resource: arn:aws:kms:eu-central-1:1:key/1a because no resource-based policy allows it",
        "policy of the KMS key",
    ),
    "key of logs": (
        "InvalidParameterException",
        "The specified KMS key does not exist or is not allowed to be used with LogGroup 'x'",
        "CloudWatch Logs",
    ),
    "key that is disabled": (
        "KMS.DisabledException",
        "arn:aws:kms:eu-central-1:1:key/1a is disabled.",
        "Look at kms_key",
    ),
    "key that is to be deleted": (
        "KMS.KMSInvalidStateException",
        "arn:aws:kms:eu-central-1:1:key/1a is pending deletion.",
        "Look at kms_key",
    ),
    "archived object": (
        "InvalidObjectState",
        "The operation is not valid for the object's storage class",
        "restore it",
    ),
    "key of the catalog": (
        "GlueEncryptionException",
        "Failed to encrypt with the key of the catalog.",
        "catalog is encrypted",
    ),
    "clock of a signature": (
        "SignatureDoesNotMatch",
        "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z"
        " (20260101T001500Z - 5 min.)",
        "clock is wrong",
    ),
    "clock ahead": (
        "InvalidSignatureException",
        "Signature not yet current: 20260101T001000Z is still later than 20260101T000500Z",
        "clock is wrong",
    ),
    "secret key": (
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided.",
        "not valid",
    ),
    "region that is not enabled": (
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
        "region enabled",
    ),
    "old token": ("TokenRefreshRequired", "The provided token must be refreshed.", "sign in again"),
    "no token": ("MissingAuthenticationToken", "Request is missing a token.", "not valid"),
    "role of the sign-in": ("ForbiddenException", "No access", "profile's role in that account"),
    "too many requests": ("RequestThrottledException", "Rate exceeded", "try again in a minute"),
    "AWS itself": ("OperationTimeoutException", "It timed out.", "try again in a minute"),
    "clock": ("RequestTimeTooSkewed", "The difference is too large.", "clock is wrong"),
    "token": ("InvalidToken", "The provided token is malformed.", "not valid"),
    "buckets": ("TooManyBuckets", "You have more buckets than allowed.", "quota"),
    "roles": ("LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000.", "quota"),
    "quota": ("ResourceNumberLimitExceededException", "Max jobs exceeded.", "quota"),
    "glue version": (
        "InvalidInputException",
        "Glue version 6.0 is not supported in this region.",
        "glue_version",
    ),
    "route": ("RouteAlreadyExists", "route table rtb-1 already has a route", "s3_endpoint"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_each_refusal_has_its_own_hint(sandbox: Sandbox, ask: Ask, name: str) -> None:
    code, said, wanted = REFUSALS[name]
    sandbox.fail((code, said, 400), agent="stedi", calls=None)
    told = ask("tables")
    assert wanted in refused(told)
    # Only a tool can read it.
    assert "Encoded" not in told.err


def test_a_lab_that_has_ended_needs_no_other_role() -> None:
    code, said, _ = REFUSALS["no roles in a lab that has ended"]
    assert "role_arn" not in str(refusal_hint(code, said))


def test_what_aws_fails_at_itself_says_to_try_again(sandbox: Sandbox, ask: Ask) -> None:
    sandbox.fail(How.SERVER_ERROR, agent="stedi", calls=None)
    assert "try again in a minute" in refused(ask("tables"))


SIGNED_OUT = [
    (MissingDependencyException(msg="botocore[crt]"), "stedi[aws]"),
    (LoginRefreshRequired(), "`aws login`"),
    (LoginTokenLoadError(error_msg="x"), "`aws login`"),
    (UnauthorizedSSOTokenError(), "`aws sso login`"),
    (RefreshWithMFAUnsupportedError(), "MFA code"),
    (SSOTokenLoadError(error_msg="x"), "`aws sso login`"),
    (NoAuthTokenError(), "`aws sso login`"),
    (MetadataRetrievalError(error_msg="x"), "Give boto3 credentials"),
    (ConfigParseError(path="x"), "~/.aws/config"),
    (InfiniteLoopConfigError(source_profile="a", visited_profiles=["a"]), "~/.aws/config"),
    (UnknownEndpointError(service_name="s3", region_name="x"), "Set region"),
    (EndpointConnectionError(endpoint_url="https://x"), "network"),
    (ResponseStreamingError(error="x"), "network"),
    (FlexibleChecksumError(error_msg="x"), "network"),
]


@pytest.mark.parametrize(("error", "wanted"), SIGNED_OUT, ids=lambda x: type(x).__name__)
def test_each_way_of_signing_in_has_its_own_hint(error: Exception, wanted: str) -> None:
    assert wanted in str(failure_hint(error))


def test_an_mfa_code_is_asked_for_once_for_all_commands(
    sandbox: Sandbox, invoke: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serial = "mfa_serial = arn:aws:iam::123456789012:mfa/ann"
    role = "role_arn = arn:aws:iam::123456789012:role/admin"
    keys = "aws_access_key_id = AKIASANDBOXADMIN0000\naws_secret_access_key = sandbox"
    text = f"[profile base]\n{keys}\n[profile mfa]\nsource_profile = base\n{role}\n{serial}\n"
    (tmp_path / "config").write_text(text)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    config = config_with(tmp_path, "profile: mfa")
    told = invoke("--config", config, "infra", "policy")
    assert "MFA code" in told.err
    assert "in a terminal" in refused(told)
    assert told.code == 2
    asked: list[str] = []
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("stedi_cli.aws.sign_in.sys", SimpleNamespace(stdin=terminal))
    monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or "123456")
    for words in (("infra", "policy"), ("jobs", "status"), ("infra", "policy")):
        done = invoke("--config", config, *words)
        assert done.code == 0, done.err
    assert len(asked) == 1
    assert "mfa/ann" in asked[0]
    # As the AWS command line keeps it.
    (kept,) = (Path.home() / ".aws" / "cli" / "cache").iterdir()
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("url", ["http://[::1", "http://host:999999", "http://-a_b:80"])
@pytest.mark.parametrize("words", [("infra", "plan"), ("jobs", "status")], ids=" ".join)
def test_an_endpoint_that_is_no_address(
    sandbox: Sandbox, invoke: Ask, tmp_path: Path, url: str, words: tuple[str, ...]
) -> None:
    told = invoke("--config", config_with(tmp_path, f"endpoint_url: '{url}'"), *words)
    refused(told)
    assert "endpoint_url" in told.err
    assert told.code == 2


def test_a_region_that_no_partition_has(invoke: Ask, tmp_path: Path) -> None:
    told = invoke("--config", config_with(tmp_path, "region: xx-none-1"), "infra", "policy")
    assert "Set region" in refused(told)


def test_a_credential_process_that_prints_no_json(
    sandbox: Sandbox, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[default]\ncredential_process = echo nothing\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert "~/.aws/config" in refused(ask("infra", "plan"))


UNUSABLE = {
    "a process that prints a list": "[default]\ncredential_process = echo '[]'\n",
    "quotes that do not close": "[default]\ncredential_process = 'un\n",
    "a number that is none": "[default]\nmetadata_service_timeout = abc\n",
}


@pytest.mark.parametrize("words", [("infra", "plan"), ("jobs", "status")], ids=" ".join)
@pytest.mark.parametrize("name", UNUSABLE)
def test_what_boto3_trips_over_is_told_in_a_line(
    sandbox: Sandbox,
    ask: Ask,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    words: tuple[str, ...],
) -> None:
    (tmp_path / "config").write_text(UNUSABLE[name])
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    assert "~/.aws/config" in refused(ask(*words))


def test_a_text_where_boto3_takes_settings_is_told_in_a_line(
    sandbox: Sandbox, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[default]\ns3 = foo\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert "~/.aws/config" in refused(ask("infra", "plan"))


def test_a_key_with_a_line_break_is_not_the_network(
    sandbox: Sandbox, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASECRET0000000000\n")
    told = ask("infra", "plan")
    assert "line break" in refused(told)
    assert "SECRET" not in told.err


def config_with(folder: Path, line: str) -> Path:
    """A project's AWS configuration with nothing but a line of it."""
    copy_out(PROJECT, folder / "project")
    path = folder / "project" / "configs" / "aws.yaml"
    path.write_text(f"target: aws\n{line}\n")
    return path
