"""What to do about what AWS refuses: by what it says, where that tells more, else by its code."""

from __future__ import annotations

PERMISSION = "Permission is missing: `stedi infra policy` prints what you need."
"""What to do where AWS denies something to the caller."""

LAKE_FORMATION = (
    "Lake Formation decides here, whatever IAM permits: set lake_formation: true, and let an"
    " administrator of the data lake run `stedi infra up`."
)
"""What to do where Lake Formation keeps something of the catalog from somebody."""

_EXPIRED = "Your credentials have expired: sign in again (`aws sso login`, or `aws login`)."
_INVALID = "These credentials are not valid: check profile and keys."
_ELSEWHERE = "The bucket is in another region: set region to it."
_NOT_SIGNED_UP = "Sign up for this service in the AWS console; a new account may take a day."
_QUOTA = "A quota of the account is used up: remove what is not needed, or ask for more."
_LIMITS = (
    *("ResourceNumberLimitExceeded", "ResourceNumberLimitExceededException"),
    # IAM and CloudWatch Logs, S3, EC2.
    *("LimitExceeded", "LimitExceededException", "TooManyBuckets", "VpcEndpointLimitExceeded"),
)
_CLOCK = "Your credentials have expired, or this machine's clock is wrong."
_ORGANIZATION = (
    "Your organization forbids it, whatever permissions you have: ask who looks after its {}"
    " control policies."
)
_BUSY = (
    "ConcurrentModificationException",
    "RequestLimitExceeded",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
)
# By small letters that are always part of the message; the first that are found count. Permissions
# of the caller mend none of these.
_SAID = {
    "voc-cancel-cred": "The lab session has ended: start the lab, and take its new credentials.",
    "to perform: iam:createrole": "Where you may make no role, set role_arn to one that is there,"
    " in a course's lab LabRole; or permissions_boundary and role_path, if roles need these.",
    "to perform: iam:getrole": f"{PERMISSION} Or set role_arn to a role that is there.",
    "to perform: ec2:": f"{PERMISSION} Or set s3_endpoint: false, since jobs run without it.",
    **{
        words.format(kind): _ORGANIZATION.format(kind)
        for kind in ("service", "resource")
        for words in ("explicit deny in a {} control policy", "no {} control policy allows")
    },
    "no permissions boundary allows": "Your permissions boundary does not allow it, whatever your"
    " policies say: ask who put it.",
    "no session policy allows": "The session that you are in is narrowed: sign in without its"
    " session policy.",
    "no vpc endpoint policy allows": "The policy of the VPC endpoint that this machine goes through"
    " has to allow it: ask who looks after it.",
    "with an explicit deny": "A policy forbids it, and no permission overrules that: ask who wrote"
    " it.",
    "not allowed to be used with loggroup": "The policy of the KMS key has to let CloudWatch Logs"
    " of the region use it: ask whoever looks after the key.",
    "to perform: kms:": "The policy of the KMS key has to allow it as well as yours, which `stedi"
    " infra policy` prints with kms_key set.",
    "multifactorauthentication failed": "The MFA code was wrong, or was used before: wait for the"
    " next one.",
    "not authorized to perform: sts:assumerole": "You may not take on the profile's role: ask who"
    " looks after its trust, or choose another profile.",
    "required create database on catalog": "Lake Formation does not let everybody make databases:"
    " an administrator of the data lake has to run `stedi infra up`, or to grant it to you.",
    "lake formation permission(s) on s3://": "The bucket is a location of Lake Formation: set"
    " lake_formation: true, and let an administrator of the data lake run `stedi infra up`.",
    "insufficient lake formation permission": LAKE_FORMATION,
    "requester is not authorized to access requested permissions": "Lake Formation does not let you"
    " see or grant this: an administrator of the data lake has to run the command.",
    "invalid principal, arn": "Lake Formation knows no such user or role: look at role_arn in the"
    " config file, or sign in as another.",
    "to perform: lakeformation:": f"{PERMISSION[:-1]} with lake_formation set.",
    "is denied access": "AWS has closed this service for the account: ask AWS Support to open it.",
    "glue version": 'Set glue_version in the config to one that the region has, such as "5.1".',
}
_CODES = {
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    **dict.fromkeys(
        ("RequestExpired", "RequestTimeTooSkewed", "InvalidSignatureException"), _CLOCK
    ),
    "InvalidClientTokenId": _INVALID,
    "UnrecognizedClientException": _INVALID,
    "InvalidAccessKeyId": _INVALID,
    "InvalidToken": _INVALID,
    "AuthFailure": _INVALID,
    "SignatureDoesNotMatch": _INVALID,
    "AccessDenied": PERMISSION,
    "AccessDeniedException": PERMISSION,
    "UnauthorizedOperation": PERMISSION,
    "403": PERMISSION,
    "OptInRequired": _NOT_SIGNED_UP,
    "SubscriptionRequiredException": _NOT_SIGNED_UP,
    **dict.fromkeys(_LIMITS, _QUOTA),
    "RouteAlreadyExists": "The VPC has a way to S3 already: set s3_endpoint: false in the config.",
    "OperationAborted": "S3 is still busy with this bucket: try again in a minute.",
    "InvalidRouteTableID.NotFound": "Look at route_tables in the config file.",
    **dict.fromkeys(_BUSY, "AWS is busy: try again in a minute; what was done is found again."),
    "NoSuchBucket": "Make the lakehouse: `stedi infra up`.",
    "EntityNotFoundException": "Make the lakehouse: `stedi infra up`.",
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "PermanentRedirect": _ELSEWHERE,
    "IllegalLocationConstraintException": _ELSEWHERE,
}
_UNREACHABLE = (
    "ConnectTimeoutError",
    "ConnectionClosedError",
    "EndpointConnectionError",
    "ProxyConnectionError",
    "ReadTimeoutError",
    "SSLError",
)


def refusal_hint(code: str, message: str) -> str | None:
    """Return what to do about an answer of AWS; None where nothing is known.

    Args:
        code: Its error code.
        message: What it says.
    """
    said = message.lower()
    for words, hint in _SAID.items():
        if words in said:
            return hint
    return _CODES.get(code)


_SIGN_IN = "Give boto3 credentials: `aws configure`, `aws login`, `aws sso login`, or AWS_PROFILE."
_SSO = "Sign in again: `aws sso login`."
_LOGIN = "Sign in again: `aws login`."
_REGION = "Set region in the config file to one that AWS has."
# By the name of boto3's error.
_FAILURES = {
    **dict.fromkeys(
        ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"), _SIGN_IN
    ),
    **dict.fromkeys(
        ("TokenRetrievalError", "UnauthorizedSSOTokenError", "SSOTokenLoadError"), _SSO
    ),
    **dict.fromkeys(("LoginError", "LoginRefreshRequired", "LoginTokenLoadError"), _LOGIN),
    **dict.fromkeys(("LoginAuthorizationCodeError", "LoginInsufficientPermissions"), _LOGIN),
    "RefreshWithMFAUnsupportedError": "The session has ended: run the command again, which asks for"
    " an MFA code.",
    "MissingDependencyException": "Install what signing in needs: `pip install 'stedi[aws]'`.",
    "ProfileNotFound": "Set profile to one that ~/.aws/config holds.",
    **dict.fromkeys(("UnknownRegionError", "InvalidRegionError"), _REGION),
    **dict.fromkeys(
        _UNREACHABLE, "Check the network, and region and endpoint_url in the config file."
    ),
}


def failure_hint(error: BaseException) -> str | None:
    """Return what to do where boto3 got no answer; None where nothing is known."""
    return _FAILURES.get(type(error).__name__)
