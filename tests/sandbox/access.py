"""IAM as AWS decides it: which permissions a call needs, and whether policies give them.

moto's own check knows no conditions, widens Glue to ``*`` and answers Glue's clients in XML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.ec2.models import ec2_backends
from moto.glue.models import glue_backends
from moto.iam.access_control import CreateAccessKeyFailure, create_access_key
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends

from sandbox.calls import Call

PARTITION = "aws"


@dataclass(frozen=True)
class Need:
    """A permission that a call needs: an action on a resource, with what conditions look at."""

    action: str
    resource: str
    context: dict[str, str] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


_S3_ACTIONS = {
    "ListObjectsV2": "ListBucket",
    "ListObjects": "ListBucket",
    "HeadBucket": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "HeadObject": "GetObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
}
# What is asked for instead where a version is named.
_OF_VERSIONS = {
    "GetObject": "GetObjectVersion",
    "GetObjectTagging": "GetObjectVersionTagging",
    "DeleteObject": "DeleteObjectVersion",
}


def needs(call: Call, region: str) -> Iterator[Need]:
    """Yield the permissions that AWS asks for where this call is made."""
    asked = {"s3": _needs_of_s3, "glue": _needs_of_glue, "ec2": _needs_of_ec2}
    if call.service in asked:
        yield from asked[call.service](call, region)
    elif call.service == "athena":
        group = call.body.get("WorkGroup") or call.body.get("Name") or "*"
        arn = call.body.get("ResourceARN") or _arn("athena", region, f"workgroup/{group}")
        yield Need(call.name, arn)
        if call.action.startswith("Create") and call.body.get("Tags"):
            yield Need("athena:TagResource", arn)
    elif call.service == "logs":
        yield from _needs_of_logs(call, region)
    elif call.service == "iam":
        name, path = call.query.get("RoleName"), call.query.get("Path")
        arn = role_arn(name, path) if name else call.query.get("PolicyArn", "*")
        bound = call.query.get("PermissionsBoundary") or _boundary_of(name)
        yield Need(call.name, arn, {"iam:PermissionsBoundary": bound} if bound else {})
        if call.action == "CreateRole" and any(key.startswith("Tags.") for key in call.query):
            yield Need("iam:TagRole", arn)
    elif call.name == "sts:AssumeRole":
        yield Need(call.name, call.query["RoleArn"])
    elif call.name != "sts:GetCallerIdentity":
        yield Need(call.name, "*")


def _needs_of_logs(call: Call, region: str) -> Iterator[Need]:
    body = call.body
    if "resourceArn" in body:
        yield Need(call.name, body["resourceArn"])
        return
    group = body.get("logGroupName") or body.get("logGroupIdentifier") or ""
    stream = body.get("logStreamName") or ""
    # What names no group, as DescribeLogGroups, asks for this as well.
    yield Need(call.name, _arn("logs", region, f"log-group:{group}:log-stream:{stream}"))
    if call.action == "CreateLogGroup" and body.get("tags"):
        yield Need("logs:TagResource", _arn("logs", region, f"log-group:{group}"))


_EC2_PARTS = {
    "VpcEndpointId": "vpc-endpoint",
    "VpcId": "vpc",
    "RouteTableId": "route-table",
    "AddRouteTableId": "route-table",
    "RemoveRouteTableId": "route-table",
}


def _needs_of_ec2(call: Call, region: str) -> Iterator[Need]:
    if call.action.startswith("Describe"):
        # A policy names no resource for these.
        yield Need(call.name, "*")
        return
    request = _request_tags(call.query)
    creates = call.action == "CreateVpcEndpoint"
    found = ["vpc-endpoint/*"] if creates else []
    for key, value in call.query.items():
        name = key.partition(".")[0]
        if name in _EC2_PARTS:
            found.append(f"{_EC2_PARTS[name]}/{value}")
        elif name == "ResourceId":
            found.append(f"{_EC2_KINDS[value.rpartition('-')[0]]}/{value}")
    for resource in found or ["*"]:
        context = _tags_of(resource, region)
        # What is not made by the call has no tags asked for it.
        if resource == "vpc-endpoint/*" or call.action in ("CreateTags", "DeleteTags"):
            context |= request
        yield Need(call.name, _arn("ec2", region, resource), context)
    if creates and request:
        made = request | {"ec2:CreateAction": call.action}
        yield Need("ec2:CreateTags", _arn("ec2", region, "vpc-endpoint/*"), made)


_EC2_KINDS = {"vpce": "vpc-endpoint", "vpc": "vpc", "rtb": "route-table"}


def _request_tags(query: dict[str, str]) -> dict[str, str]:
    keys = [
        name for name in query if re.fullmatch(r"(TagSpecification\.\d+\.)?Tag\.\d+\.Key", name)
    ]
    return {
        f"aws:RequestTag/{query[name]}": query.get(f"{name.removesuffix('Key')}Value", "")
        for name in keys
    }


def _tags_of(resource: str, region: str) -> dict[str, str]:
    return _resource_tags(ec2_backends[ACCOUNT][region].tags.get(resource.partition("/")[2], {}))


def _needs_of_s3(call: Call, region: str) -> Iterator[Need]:
    action = _S3_ACTIONS.get(call.action, call.action)
    context = {"s3:prefix": call.query.get("prefix", ""), "aws:SecureTransport": "true"}
    if call.action == "DeleteObjects":
        bucket = call.resource
        for key, versioned in call.body.get("objects", []):
            what = "DeleteObjectVersion" if versioned else "DeleteObject"
            yield Need(f"s3:{what}", _s3(f"{bucket}/{key}"), context)
    elif call.action in ("CopyObject", "UploadPartCopy"):
        source = unquote(call.headers["x-amz-copy-source"]).lstrip("/").partition("?")[0]
        yield Need("s3:GetObject", _s3(source), context)
        yield Need("s3:PutObject", _s3(call.resource), context)
    else:
        if call.query.get("versionId") and action in _OF_VERSIONS:
            action = _OF_VERSIONS[action]
        yield Need(f"s3:{action}", _s3(call.resource or "*"), context)
        # Whoever learns what an object is not has to be allowed to read it.
        if "if-match" in call.headers and action in ("PutObject", "DeleteObject"):
            yield Need("s3:GetObject", _s3(call.resource), context)
    yield from _needs_of_key(call)


def _needs_of_key(call: Call) -> Iterator[Need]:
    """Yield what a key of KMS has to allow, where the object is, or would be, encrypted with it."""
    name, _, key = call.resource.partition("/")
    bucket = s3_backends[ACCOUNT][PARTITION].buckets.get(name)
    if bucket is None or not key:
        return
    if call.action in ("PutObject", "CreateMultipartUpload", "CopyObject", "UploadPart"):
        rule = ((bucket.encryption or {}).get("Rule") or {}).get(
            "ApplyServerSideEncryptionByDefault", {}
        )
        arn = rule.get("KMSMasterKeyID")
        if arn and call.headers.get("x-amz-server-side-encryption") != "AES256":
            yield Need("kms:GenerateDataKey", arn)
    there = bucket.keys.get(key) if call.action == "GetObject" else None
    if there is not None and there.encryption == "aws:kms" and there.kms_key_id:
        yield Need("kms:Decrypt", there.kms_key_id)


def _needs_of_glue(call: Call, region: str) -> Iterator[Need]:
    body = call.body
    resources = []
    if "Job" in call.action and call.action != "ListJobs":
        name = body.get("JobName") or body.get("Name")
        resources = [f"job/{n}" for n in ([name] if name else body.get("JobNames") or ["*"])]
    elif call.action == "GetConnection":
        resources = ["catalog", f"connection/{body['Name']}"]
    elif "Table" in call.action or "Partition" in call.action:
        database = body["DatabaseName"]
        table = body.get("Name") or body.get("TableName") or body.get("TableInput", {}).get("Name")
        tables = [table] if table else body.get("TablesToDelete") or ["*"]
        resources = ["catalog", f"database/{database}"]
        resources += [f"table/{database}/{name}" for name in tables]
    elif "Database" in call.action:
        database = body.get("Name") or body.get("DatabaseInput", {}).get("Name") or "*"
        resources = ["catalog", f"database/{database}"]
        if call.action == "DeleteDatabase":
            resources += [f"table/{database}/*", f"userDefinedFunction/{database}/*"]
    if not resources:
        yield Need(call.name, body.get("ResourceArn") or "*")
    for resource in resources:
        yield Need(call.name, _arn("glue", region, resource), _tags_of_job(resource, region))
    role = body.get("Role") or body.get("JobUpdate", {}).get("Role")
    if call.action in ("CreateJob", "UpdateJob") and role:
        arn = role if role.startswith("arn:") else role_arn(role)
        yield Need("iam:PassRole", arn, {"iam:PassedToService": "glue.amazonaws.com"})
    if call.action.startswith("Create") and body.get("Tags"):
        yield Need("glue:TagResource", _arn("glue", region, resources[-1] if resources else "*"))


def _tags_of_job(resource: str, region: str) -> dict[str, str]:
    # Of all that Glue's actions are about, conditions look at tags of jobs alone here.
    if not resource.startswith("job/"):
        return {}
    tagger = glue_backends[ACCOUNT][region].tagger
    return _resource_tags(tagger.get_tag_dict_for_resource(_arn("glue", region, resource)))


def _resource_tags(tags: dict[str, str]) -> dict[str, str]:
    return {f"aws:ResourceTag/{key}": str(value) for key, value in tags.items()}


def role_arn(name: str, path: str | None = None) -> str:
    """Return the ARN of a role: of one that is there with its path, else with this one."""
    there = _role(name)
    return f"arn:{PARTITION}:iam::{ACCOUNT}:role{there.path if there else path or '/'}{name}"


def _role(name: str | None) -> Any:
    roles = iam_backends[ACCOUNT][PARTITION].roles.values()
    return next((role for role in roles if role.name == name), None)


def _boundary_of(name: str | None) -> str:
    there = _role(name)
    return str(there.permissions_boundary_arn or "") if there else ""


def _s3(path: str) -> str:
    return f"arn:{PARTITION}:s3:::{path}"


def _arn(service: str, region: str, resource: str) -> str:
    return f"arn:{PARTITION}:{service}:{region}:{ACCOUNT}:{resource}"


def policies_of(call: Call) -> list[dict[str, Any]] | None:
    """Return the policies of whoever holds the call's access key; None where no one does."""
    token = call.headers.get("x-amz-security-token")
    headers = {"X-Amz-Security-Token": token} if token else {}
    try:
        holder = create_access_key(ACCOUNT, PARTITION, call.key, headers)
    except CreateAccessKeyFailure:
        return None
    return [_document(policy) for policy in holder.collect_policies()]


def _document(policy: Any) -> dict[str, Any]:
    if hasattr(policy, "versions"):
        text = next(
            v for v in policy.versions if v.version_id == policy.default_version_id
        ).document
    else:
        text = policy["policy_document"] if isinstance(policy, dict) else policy
    return dict(json.loads(unquote(text) if text.lstrip().startswith("%") else text))


def permits(policies: list[dict[str, Any]], need: Need) -> bool:
    """Tell whether some statement allows what is needed, and none denies it."""
    fitting = [s for p in policies for s in _listed(p["Statement"]) if _fits(s, need)]
    effects = {statement["Effect"] for statement in fitting}
    return "Allow" in effects and "Deny" not in effects


def _fits(statement: dict[str, Any], need: Need) -> bool:
    if "Action" in statement:
        action = need.action.lower()
        if not any(fnmatchcase(action, a.lower()) for a in _listed(statement["Action"])):
            return False
    elif any(fnmatchcase(need.action.lower(), a.lower()) for a in _listed(statement["NotAction"])):
        return False
    if not any(_like(need.resource, pattern) for pattern in _listed(statement["Resource"])):
        return False
    conditions = statement.get("Condition", {})
    return all(_met(op, wanted, need) for op, wanted in conditions.items())


def _met(operator: str, wanted: dict[str, Any], need: Need) -> bool:
    for name, values in wanted.items():
        found = need.context.get(name)
        texts = [
            str(value).lower() if operator == "Bool" else str(value) for value in _listed(values)
        ]
        if operator.endswith("IfExists") and found is None:
            continue
        if found is None:
            return False
        if "Like" in operator or "ArnLike" in operator:
            if not any(_like(found, text) for text in texts):
                return False
        elif operator.startswith(("StringEquals", "Bool", "ArnEquals")):
            if found not in texts:
                return False
        else:
            raise NotImplementedError(f"the condition operator {operator}")
    return True


def _like(text: str, pattern: str) -> bool:
    # Brackets mean themselves in IAM.
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
