"""What is set of the bucket, as S3 takes it, and what S3 answers as a text to compare."""

from __future__ import annotations

from typing import Any

from stedi_cli.aws.infra.resource import same_json
from stedi_cli.project.settings import AwsSettings

BLOCK = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_S3_KEY = {"SSEAlgorithm": "AES256"}


def encryption(key: str | None) -> dict[str, Any]:
    """Return the rule of encryption by a KMS key's ARN, or by S3's own key."""
    if key is None:
        return {"ApplyServerSideEncryptionByDefault": _S3_KEY}
    own = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    # One call of KMS for many objects.
    return {"ApplyServerSideEncryptionByDefault": own, "BucketKeyEnabled": True}


def default_key(key: str | None, there: dict[str, Any]) -> str:
    """Return the default keys that a bucket has, where that of an ARN or S3's own is wanted."""
    rules = there.get("ServerSideEncryptionConfiguration", {}).get("Rules", ())
    found = [rule.get("ApplyServerSideEncryptionByDefault") or {} for rule in rules]
    keys = [str(default.get("KMSMasterKeyID") or "") for default in found]
    names = [str(default.get("SSEAlgorithm", "")) for default in found]
    if key is None and any(name.startswith("aws:kms") for name in names):
        # Somebody's own, or KMS's of the account, protects no less where none is asked for.
        return _S3_KEY["SSEAlgorithm"]
    return ", ".join(f"{name} {own}".rstrip() for name, own in zip(names, keys, strict=True))


def lifecycle(settings: AwsSettings) -> list[dict[str, Any]]:
    """Return the rules of what expires."""
    days = {"Days": settings.results_days}
    old = {"NoncurrentDays": settings.results_days}
    short = {"results": settings.results_prefix, "requests": f"{settings.jobs_prefix}/requests"}
    rules: list[dict[str, Any]] = [
        {
            "ID": f"stedi-{title}",
            "Status": "Enabled",
            "Filter": {"Prefix": f"{prefix}/"},
            "Expiration": days,
            "NoncurrentVersionExpiration": old,
        }
        for title, prefix in short.items()
    ]
    uploads = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    everything = {"ID": "stedi-uploads", "Status": "Enabled", "Filter": {"Prefix": ""}}
    return [*rules, {**everything, **uploads}]


def public_access(there: dict[str, Any]) -> str:
    """Return whether public access is blocked."""
    block = there.get("PublicAccessBlockConfiguration", {})
    return "blocked" if all(block.get(key) for key in BLOCK) else "not blocked"


def rules(there: dict[str, Any]) -> str:
    """Return lifecycle rules as they were given, without what S3 adds."""
    kept = [
        {key: value for key, value in rule.items() if key != "Prefix"}
        | {"Filter": rule.get("Filter") or {"Prefix": rule.get("Prefix", "")}}
        for rule in there.get("Rules", ())
    ]
    return same_json(sorted(kept, key=lambda rule: str(rule.get("ID"))))
