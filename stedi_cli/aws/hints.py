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
_INVALID = (
    "These credentials are not valid: check profile and keys, and that the account has the region"
    " enabled."
)
_ELSEWHERE = "The bucket is in another region: set region to it."
_REGION = "Set region in the config file to one that AWS has."
_NOT_SIGNED_UP = "Sign up for this service in the AWS console; a new account may take a day."
_CLOSED = "AWS has closed this service for the account: ask AWS Support to open it."
_QUOTA = "A quota of the account is used up: remove what is not needed, or ask for more."
_LIMITS = (
    *("ResourceNumberLimitExceeded", "ResourceNumberLimitExceededException"),
    # IAM and CloudWatch Logs, S3, EC2.
    *("LimitExceeded", "LimitExceededException", "TooManyBuckets", "VpcEndpointLimitExceeded"),
)
_CLOCK = "Your credentials have expired, or this machine's clock is wrong."
_KEY = (
    "Look at kms_key in the config file: that key has to be there and enabled. Ask whoever looks"
    " after it."
)
_BUSY = (
    *("BandwidthLimitExceeded", "ConcurrentModification", "ConcurrentModificationException"),
    *("EC2ThrottledException", "PriorRequestNotComplete", "RequestLimitExceeded"),
    *("RequestThrottled", "RequestThrottledException", "SlowDown", "ThrottledException"),
    *("Throttling", "ThrottlingException", "TooManyRequestsException"),
    # It failed itself, and boto3 has tried again.
    *("500", "502", "503", "504", "InternalError", "InternalFailure", "InternalServerException"),
    *("InternalServiceException", "OperationTimeoutException", "RequestTimeout"),
    *("RequestTimeoutException", "ServiceFailure", "ServiceUnavailable"),
    *("ServiceUnavailableException", "Unavailable"),
)
_LAB = "The lab session has ended: start the lab, and take its new credentials."
_ORGANIZATION = (
    "Your organization forbids it, whatever permissions you have: ask who looks after its {}"
    " control policies."
)
# Which kind of policy is in the way of the caller, as AWS names it.
_KINDS = {
    "service control policy": _ORGANIZATION.format("service"),
    "resource control policy": _ORGANIZATION.format("resource"),
    "permissions boundary": "Your permissions boundary does not allow it, whatever your policies"
    " say: ask who put it.",
    "session policy": "The session that you are in is narrowed: sign in without its session"
    " policy.",
    "vpc endpoint policy": "The policy of the VPC endpoint that this machine goes through has to"
    " allow it: ask who looks after it.",
}
# By small letters that are always part of the message; the first that are found count. Permissions
# of the caller mend none of these.
_SAID = {
    "voc-cancel-cred": _LAB,
    **{
        words.format(kind): hint
        for kind, hint in _KINDS.items()
        for words in ("explicit deny in a {}", "no {} allows")
    },
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
    "is denied access": _CLOSED,
    "glue version": 'Set glue_version in the config to one that the region has, such as "5.1".',
    "scope arn": "Look at permissions_boundary in the config file: there is no such policy.",
    # Of a signature, which is otherwise made with a wrong key.
    "signature expired": _CLOCK,
    "signature not yet current": _CLOCK,
}
# What the configuration may do without, whatever keeps the caller from it; of EC2's code too.
_NO_ENDPOINT = "Or set s3_endpoint: false, since jobs run without it."
_INSTEAD = {
    "to perform: iam:createrole": "Where you may make no role, set role_arn to one that is there,"
    " in a course's lab LabRole; or permissions_boundary and role_path, if roles need these.",
    "to perform: iam:getrole": "Or set role_arn to a role that is there.",
    "to perform: ec2:": _NO_ENDPOINT,
    "unauthorizedoperation": _NO_ENDPOINT,
}
_CODES = {
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"), _EXPIRED),
    **dict.fromkeys(("RequestExpired", "RequestTimeTooSkewed"), _CLOCK),
    **dict.fromkeys(
        (
            *("AuthFailure", "IncompleteSignature", "IncompleteSignatureException"),
            *("InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException"),
            *("InvalidToken", "MissingAuthenticationToken", "MissingAuthenticationTokenException"),
            *("SignatureDoesNotMatch", "UnrecognizedClientException"),
        ),
        _INVALID,
    ),
    **dict.fromkeys(
        ("403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation"), PERMISSION
    ),
    # IAM Identity Center, of the profile.
    "ForbiddenException": "You may not take on the profile's role in that account: ask who looks"
    " after it, or choose another profile.",
    **dict.fromkeys(("NotSignedUp", "OptInRequired"), _NOT_SIGNED_UP),
    "SubscriptionRequiredException": _NOT_SIGNED_UP,
    "AccountProblem": _CLOSED,
    **dict.fromkeys(_LIMITS, _QUOTA),
    **dict.fromkeys(
        (
            *("KMS.DisabledException", "KMS.InvalidStateException", "KMS.NotFoundException"),
            *("KMS.KMSInvalidStateException", "KMS.InvalidKeyUsageException"),
        ),
        _KEY,
    ),
    "GlueEncryptionException": "Glue's catalog is encrypted with a key of KMS, whose policy has to"
    " let you and the jobs' role use it: ask whoever looks after the key.",
    "InvalidObjectState": "Somebody had the object archived: restore it in the S3 console.",
    "DeleteConflict": "Something else uses it, such as an instance profile: take it out there, then"
    " run `stedi infra down` again.",
    "RouteAlreadyExists": "The VPC has a way to S3 already: set s3_endpoint: false in the config.",
    "OperationAborted": "S3 is still busy with this bucket: try again in a minute.",
    "InvalidRouteTableID.NotFound": "Look at route_tables in the config file.",
    "InvalidRouteTableId.NotFound": "Look at route_tables in the config file.",
    **dict.fromkeys(_BUSY, "AWS is busy: try again in a minute; what was done is found again."),
    "NoSuchBucket": "Make the lakehouse: `stedi infra up`.",
    "EntityNotFoundException": "Make the lakehouse: `stedi infra up`.",
    **dict.fromkeys(
        (
            *("301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
            *("PermanentRedirect", "TemporaryRedirect"),
        ),
        _ELSEWHERE,
    ),
    "InvalidLocationConstraint": _REGION,
}


def refusal_hint(code: str, message: str) -> str | None:
    """Return what to do about an answer of AWS; None where nothing is known.

    Args:
        code: Its error code.
        message: What it says.
    """
    said = f"{code}: {message}".lower()
    why = next((hint for words, hint in _SAID.items() if words in said), _CODES.get(code))
    # In a lab that has ended everything is denied.
    if why is None or why is _LAB:
        return why
    instead = next((hint for words, hint in _INSTEAD.items() if words in said), "")
    return f"{why} {instead}".rstrip()


_SIGN_IN = "Give boto3 credentials: `aws configure`, `aws login`, `aws sso login`, or AWS_PROFILE."
_SSO = "Sign in again: `aws sso login`."
_LOGIN = "Sign in again: `aws login`."
_NETWORK = "Check the network, and region and endpoint_url in the config file."
_FILE = "Look at ~/.aws/config, and at what the environment sets for AWS."
# By the name of boto3's error, or of one that it is a kind of.
_FAILURES = {
    **dict.fromkeys(
        (
            *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"),
            "MetadataRetrievalError",
        ),
        _SIGN_IN,
    ),
    **dict.fromkeys(("SSOError", "TokenRetrievalError", "NoAuthTokenError"), _SSO),
    **dict.fromkeys(("LoginError", "LoginRefreshRequired", "LoginTokenLoadError"), _LOGIN),
    **dict.fromkeys(("LoginAuthorizationCodeError", "LoginInsufficientPermissions"), _LOGIN),
    "RefreshWithMFAUnsupportedError": "The session has ended: run the command again, which asks for"
    " an MFA code.",
    "MissingDependencyException": "Install what signing in needs: `pip install 'stedi[aws]'`.",
    "ProfileNotFound": "Set profile to one that ~/.aws/config holds.",
    **dict.fromkeys(
        (
            *("BaseEndpointResolverError", "EndpointProviderError", "InvalidRegionError"),
            *("ServiceNotInRegionError", "UnknownRegionError"),
        ),
        _REGION,
    ),
    **dict.fromkeys(
        (
            *("ConfigNotFound", "ConfigParseError", "InvalidConfigError", "InvalidDefaultsMode"),
            *("InvalidEndpointConfigurationError", "InvalidProxiesConfigError"),
            "InvalidRetryConfigurationError",
            *("InvalidSTSRegionalEndpointsConfigError", "InvalidChecksumConfigError"),
            *("InvalidS3UsEast1RegionalEndpointConfigError", "InvalidS3AddressingStyleError"),
        ),
        _FILE,
    ),
    **dict.fromkeys(
        (
            *("ChecksumError", "ConnectionError", "FlexibleChecksumError", "HTTPClientError"),
            "IncompleteReadError",
        ),
        _NETWORK,
    ),
}


def failure_hint(error: BaseException) -> str | None:
    """Return what to do where boto3 got no answer; None where nothing is known."""
    if "Invalid header value" in str(error):
        return "A key, token or region holds a line break or the like: look at what is set of AWS."
    kinds = (kind.__name__ for kind in type(error).__mro__)
    return next((_FAILURES[kind] for kind in kinds if kind in _FAILURES), None)
