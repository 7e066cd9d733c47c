"""What a request asks for: service, action, resource and who asks, read off the HTTP request."""

from __future__ import annotations

import io
import itertools
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

Environ = dict[str, Any]

_READS = ("Get", "List", "Head", "Describe", "BatchGet")
_numbers = itertools.count(1)

# S3 says what is asked in method, path and the name of one query parameter.
_S3_PARTS = {
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "PublicAccessBlock",
    "encryption": "BucketEncryption",
    "lifecycle": "BucketLifecycleConfiguration",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "location": "BucketLocation",
    "ownershipControls": "BucketOwnershipControls",
    "acl": "BucketAcl",
}
_S3_OBJECT_PARTS = {
    "tagging": "ObjectTagging",
    "acl": "ObjectAcl",
    "attributes": "ObjectAttributes",
}


@dataclass
class Call:
    """One HTTP request, an attempt of one call.

    Attributes:
        number: Counts requests, from 1.
        invocation: The same for a call and boto3's own retries of it.
        service: As in IAM: ``s3``, ``glue``, ``athena``, ``iam``, ``ec2``, ``sts``, ``logs``,
            ``lakeformation``.
        action: The API's name for it, such as ``GetObject``.
        resource: Bucket and key, or the name of what is asked for; may be empty.
        key: The access key.
        agent: The client's User-Agent.
        query: Query parameters, or form fields.
        body: The JSON body.
        status: The HTTP status answered; 0 while unanswered or where the connection was cut.
        fault: How it was made to fail, if it was.
        denied: Whether IAM refused it.
    """

    number: int
    invocation: str
    service: str
    action: str
    resource: str
    key: str
    agent: str
    query: dict[str, str] = field(default_factory=dict, repr=False)
    body: dict[str, Any] = field(default_factory=dict, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    status: int = 0
    fault: str | None = None
    denied: bool = False

    @property
    def name(self) -> str:
        """``service:Action``."""
        return f"{self.service}:{self.action}"

    @property
    def is_json(self) -> bool:
        """Whether it is asked, and answered, in JSON."""
        return "x-amz-target" in self.headers or self.service == "lakeformation"

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.action.startswith(_READS)

    def __str__(self) -> str:
        return f"{self.name} {self.resource}".rstrip()


def read(environ: Environ) -> Call:
    """Tell what a request asks for; its body stays readable."""
    headers = {name[5:].lower().replace("_", "-"): v for name, v in environ.items() if _is(name)}
    key, service = _credential(headers.get("authorization", ""), environ.get("QUERY_STRING", ""))
    query = {
        name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", ""), True).items()
    }
    number = next(_numbers)
    call = Call(
        number,
        headers.get("amz-sdk-invocation-id", str(number)),
        service,
        "",
        "",
        key,
        headers.get("user-agent", ""),
        query,
        headers=headers,
    )
    target = headers.get("x-amz-target", "")
    if target:
        call.action = target.rpartition(".")[2]
        call.body = json.loads(drain(environ) or b"{}")
        call.resource = _json_resource(call)
    elif service == "lakeformation":
        call.action = str(environ.get("PATH_INFO", "")).strip("/")
        call.body = json.loads(drain(environ) or b"{}")
        call.resource = str(call.body.get("Principal", {}).get("DataLakePrincipalIdentifier", ""))
    elif "form-urlencoded" in environ.get("CONTENT_TYPE", "") and service != "s3":
        call.query = {k: v[0] for k, v in parse_qs(drain(environ).decode(), True).items()}
        call.action = call.query.get("Action", "")
        call.resource = _form_resource(call)
    else:
        _read_s3(call, environ)
    return call


def drain(environ: Environ) -> bytes:
    """Read the whole body, and put it back for whoever is next."""
    length = environ.get("CONTENT_LENGTH")
    stream = environ["wsgi.input"]
    body: bytes = b""
    if environ.get("wsgi.input_terminated"):
        body = stream.read()
    elif length:
        body = stream.read(int(length))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _is(name: str) -> bool:
    return name.startswith("HTTP_")


def _credential(authorization: str, query: str) -> tuple[str, str]:
    found = re.search(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/", authorization)
    if found is None:
        found = re.search(r"Credential=([^%/]+)(?:%2F|/)\d+(?:%2F|/).+?(?:%2F|/)(\w+)", query)
    return (found[1], found[2]) if found else ("", "s3")


def _json_resource(call: Call) -> str:
    body = call.body
    if "DatabaseName" in body:
        table = body.get("Name") or body.get("TableName") or body.get("TableInput", {}).get("Name")
        return f"{body['DatabaseName']}/{table}" if table else str(body["DatabaseName"])
    names = ("JobName", "Name", "WorkGroup", "QueryExecutionId", "logGroupName", "ResourceArn")
    more = ("ResourceARN", "logGroupNamePrefix", "resourceArn")
    found = next((body[name] for name in (*names, *more) if body.get(name)), "")
    return str(found or body.get("DatabaseInput", {}).get("Name", ""))


def _form_resource(call: Call) -> str:
    names = ("RoleName", "RoleArn", "VpcEndpointId.1", "VpcEndpointId", "VpcId", "UserName")
    return next((call.query[name] for name in names if name in call.query), "")


def _read_s3(call: Call, environ: Environ) -> None:
    path = unquote(environ.get("PATH_INFO", "/")).lstrip("/")
    bucket, _, key = path.partition("/")
    call.resource = path.rstrip("/") if not key else path
    verb = str(environ["REQUEST_METHOD"])
    if not bucket:
        call.action = "ListBuckets"
    elif key:
        call.action = _object_action(verb, call)
    else:
        call.action = _bucket_action(verb, call)


def _object_action(verb: str, call: Call) -> str:
    query = call.query
    part = next((name for name in _S3_OBJECT_PARTS if name in query), None)
    if part:
        return verb.capitalize() + _S3_OBJECT_PARTS[part]
    copied = "x-amz-copy-source" in call.headers
    if "uploadId" in query:
        put = "UploadPartCopy" if copied else "UploadPart"
        return {
            "PUT": put,
            "POST": "CompleteMultipartUpload",
            "DELETE": "AbortMultipartUpload",
            "GET": "ListParts",
        }[verb]
    if "uploads" in query:
        return "CreateMultipartUpload"
    put = "CopyObject" if copied else "PutObject"
    return {"GET": "GetObject", "HEAD": "HeadObject", "PUT": put, "DELETE": "DeleteObject"}.get(
        verb, verb.capitalize() + "Object"
    )


def _bucket_action(verb: str, call: Call) -> str:
    query = call.query
    part = next((name for name in _S3_PARTS if name in query), None)
    if part:
        return verb.capitalize() + _S3_PARTS[part]
    if verb == "POST" and "delete" in query:
        return "DeleteObjects"
    if verb == "GET":
        lists = {"versions": "ListObjectVersions", "uploads": "ListMultipartUploads"}
        found = next((lists[name] for name in lists if name in query), None)
        return found or ("ListObjectsV2" if query.get("list-type") == "2" else "ListObjects")
    return {"PUT": "CreateBucket", "DELETE": "DeleteBucket", "HEAD": "HeadBucket"}.get(
        verb, verb.capitalize() + "Bucket"
    )
