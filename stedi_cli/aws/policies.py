"""Policy documents: what the job role may do, who may use it, and what the caller needs."""

from __future__ import annotations

import json

from stedi_cli.aws.layout import TAG, Layout
from stedi_cli.aws.statements import (
    Document,
    allow,
    connection,
    event_logs,
    inside_vpc,
    key_use,
    lake_grants,
    metrics,
)


def _document(*statements: Document) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust() -> Document:
    """Return who may take on the job role: AWS Glue."""
    return _document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "glue.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    )


def s3_access(layout: Layout) -> Document:
    """Return what jobs may do in the bucket: read landing files and scripts, write tables."""
    settings, bucket = layout.settings, layout.bucket_arn
    read = [settings.landing_prefix, settings.jobs_prefix, settings.warehouse_prefix]
    return _document(
        allow("List", ["s3:ListBucket"], [bucket]),
        allow("Read", ["s3:GetObject"], [f"{bucket}/{prefix}/*" for prefix in read]),
        allow(
            "WriteTables",
            ["s3:PutObject", "s3:DeleteObject"],
            [f"{bucket}/{settings.warehouse_prefix}/*"],
        ),
        *key_use(layout),
        *event_logs(layout),
    )


def glue_access(layout: Layout) -> Document:
    """Return what jobs may do in the catalog and the logs: the one database, their log groups."""
    database = layout.database
    places = [layout.glue_arn("catalog"), layout.glue_arn(f"database/{database}")]
    return _document(
        allow("Database", ["glue:GetDatabase"], places),
        allow(
            "Tables",
            ["glue:GetTable", "glue:CreateTable", "glue:UpdateTable"],
            [*places, layout.glue_arn(f"table/{database}/*")],
        ),
        allow(
            "Logs",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [layout.logs_arn(f"log-group:{group}:*") for group in layout.log_groups],
        ),
        *metrics(layout),
        *inside_vpc(layout),
    )


def tls_only(layout: Layout) -> Document:
    """Return the bucket's policy: nothing without TLS."""
    return _document(
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [layout.bucket_arn, f"{layout.bucket_arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )


def caller(layout: Layout) -> Document:
    """Return what whoever runs the commands needs, from ``infra up`` to ``infra down``."""
    return _document(
        *_caller_s3(layout),
        *key_use(layout),
        *_caller_iam(layout),
        *(_caller_ec2(layout) if layout.settings.s3_endpoint else _caller_own_endpoint(layout)),
        *_caller_glue(layout),
        *connection(layout),
        *lake_grants(layout),
        *_caller_athena_and_logs(layout),
    )


def split(document: Document, most: int) -> list[Document]:
    """Return documents that together say what one says.

    Args:
        document: A document whose statements all allow.
        most: Most characters of each, white space counted too, which AWS does not.
    """
    parts: list[list[Document]] = []
    for whole in document["Statement"]:
        for statement in _pieces(whole, most):
            fitting = (part for part in parts if _size([*part, statement]) <= most)
            found = next(fitting, None)
            if found is None:
                parts.append([statement])
            else:
                found.append(statement)
    return [_document(*part) for part in parts]


def _pieces(statement: Document, most: int) -> list[Document]:
    """Return statements that fit; each action is allowed on each resource, however it is put."""
    listed = max(("Action", "Resource"), key=lambda name: len(json.dumps(statement[name])))
    values = statement[listed]
    if _size([statement]) <= most or len(values) < 2:
        return [statement]
    half = len(values) // 2
    halves = (("A", values[:half]), ("B", values[half:]))
    return [
        piece
        for letter, some in halves
        for piece in _pieces({**statement, "Sid": statement["Sid"] + letter, listed: some}, most)
    ]


def _size(statements: list[Document]) -> int:
    return len(json.dumps(_document(*statements)))


def _caller_s3(layout: Layout) -> list[Document]:
    parts = ("Tagging", "PublicAccessBlock", "Policy")
    bucket = [f"s3:{verb}Bucket{part}" for part in parts for verb in ("Get", "Put")]
    whole = ["GetEncryptionConfiguration", "GetLifecycleConfiguration", "PutLifecycleConfiguration"]
    # Without a key that is asked for, what S3 does by itself is enough.
    whole += ["PutEncryptionConfiguration"] if layout.settings.kms_key else []
    bucket += [f"s3:{name}" for name in whole]
    bucket += [f"s3:{name}" for name in ("CreateBucket", "DeleteBucket", "GetBucketLocation")]
    bucket += [f"s3:ListBucket{what}" for what in ("", "Versions", "MultipartUploads")]
    objects = ["GetObject", "PutObject", "DeleteObject", "DeleteObjectVersion"]
    # A scan reads every version, and what is kept with it.
    objects += ["GetObjectVersion", "GetObjectVersionTagging"]
    objects += ["AbortMultipartUpload", "ListMultipartUploadParts"]
    return [
        allow("Bucket", sorted(bucket), [layout.bucket_arn]),
        allow("Objects", [f"s3:{name}" for name in objects], [f"{layout.bucket_arn}/*"]),
    ]


def _caller_iam(layout: Layout) -> list[Document]:
    settings, account = layout.settings, layout.account
    actions = ["GetRole", "ListRolePolicies", "GetRolePolicy", "ListAttachedRolePolicies"]
    others: list[Document] = []
    if settings.role_arn:
        policies = [f"arn:{account.partition}:iam::{n}:policy/*" for n in (account.id, "aws")]
        others = [allow("RolePolicies", ["iam:GetPolicy", "iam:GetPolicyVersion"], policies)]
    else:
        actions += ["CreateRole", "DeleteRole", "TagRole", "UpdateAssumeRolePolicy"]
        actions += ["PutRolePolicy", "DeleteRolePolicy", "DetachRolePolicy"]
        actions += ["PutRolePermissionsBoundary"] if settings.permissions_boundary else []
        # Of a role that is not there yet, AWS knows no path.
        bare = f"arn:{account.partition}:iam::{account.id}:role/{layout.role}"
        if bare != layout.role_arn:
            others = [allow("FindRole", ["iam:GetRole", "iam:GetRolePolicy"], [bare])]
    service = {"iam:PassedToService": "glue.amazonaws.com"}
    return [
        allow("Role", [f"iam:{name}" for name in actions], [layout.role_arn]),
        *others,
        allow("PassRole", ["iam:PassRole"], [layout.role_arn], StringEquals=service),
    ]


def _caller_ec2(layout: Layout) -> list[Document]:
    tag = {f"aws:ResourceTag/{TAG}": layout.database}
    request = {f"aws:RequestTag/{TAG}": layout.database}
    endpoint = layout.ec2_arn("vpc-endpoint/*")
    network = [layout.ec2_arn("vpc/*"), layout.ec2_arn("route-table/*")]
    reads = ["DescribeVpcs", "DescribeRouteTables", "DescribeVpcEndpoints"]
    reads += ["DescribeNetworkInterfaces"] if layout.settings.s3_endpoint == "auto" else []
    changes = [f"ec2:{n}" for n in ("ModifyVpcEndpoint", "DeleteVpcEndpoints", "CreateTags")]
    return [
        # AWS knows no narrower resource for these.
        allow("Network", [f"ec2:{name}" for name in reads], ["*"]),
        allow("EndpointPlace", ["ec2:CreateVpcEndpoint", "ec2:ModifyVpcEndpoint"], network),
        allow("EndpointNew", ["ec2:CreateVpcEndpoint"], [endpoint], StringEquals=request),
        allow("EndpointOwn", changes, [endpoint], StringEquals=tag),
        allow(
            "EndpointTags",
            ["ec2:CreateTags"],
            [endpoint],
            StringEquals={**request, "ec2:CreateAction": "CreateVpcEndpoint"},
        ),
    ]


def _caller_own_endpoint(layout: Layout) -> list[Document]:
    # One that was made while one was wanted goes with the rest, or to another lakehouse.
    tag = {f"aws:ResourceTag/{TAG}": layout.database}
    endpoint = layout.ec2_arn("vpc-endpoint/*")
    return [
        allow("Network", ["ec2:DescribeVpcs", "ec2:DescribeVpcEndpoints"], ["*"]),
        allow(
            "EndpointOwn",
            ["ec2:CreateTags", "ec2:DeleteVpcEndpoints"],
            [endpoint],
            StringEquals=tag,
        ),
    ]


def _caller_glue(layout: Layout) -> list[Document]:
    database = layout.database
    catalog = [
        layout.glue_arn("catalog"),
        layout.glue_arn(f"database/{database}"),
        layout.glue_arn(f"table/{database}/*"),
        # DeleteDatabase asks for these too.
        layout.glue_arn(f"userDefinedFunction/{database}/*"),
    ]
    tables = [f"{verb}{what}" for what in ("Database", "Table") for verb in ("Get", "Create")]
    tables += [f"{verb}{what}" for what in ("Database", "Table") for verb in ("Update", "Delete")]
    # Athena asks for these, as the caller, of a table over files.
    tables += ["GetPartition", "GetPartitions"]
    # A scan.
    tables += ["GetTableVersions"]
    jobs = ["BatchGetJobs", "CreateJob", "UpdateJob", "DeleteJob", "TagResource", "GetTags"]
    jobs += ["StartJobRun", "GetJobRun", "GetJobRuns", "BatchStopJobRun"]
    # By a pattern they would be those of a lakehouse whose name goes on where this one ends.
    own_jobs = [layout.glue_arn(f"job/{name}") for name in layout.job_names]
    left = [f"glue:{name}" for name in ("GetJobRuns", "BatchStopJobRun", "DeleteJob")]
    tag = {f"aws:ResourceTag/{TAG}": database}
    return [
        allow("Catalog", [f"glue:{name}" for name in tables], catalog),
        # A table of any database may lie where what is removed does. Athena may look for database
        # default, whatever is asked; GetDatabase tells no more than GetDatabases.
        allow(
            "FindTables",
            ["glue:GetDatabase", "glue:GetDatabases", "glue:GetTables"],
            [layout.glue_arn(what) for what in ("catalog", "database/*", "table/*/*")],
        ),
        # The database is there for its tags: no action on jobs is about it.
        allow(
            "Jobs",
            [f"glue:{name}" for name in jobs],
            [*own_jobs, layout.glue_arn(f"database/{database}")],
        ),
        # Those that left the model, whose names nobody knows any more.
        allow("JobsLeft", left, [layout.glue_arn("job/*")], StringEquals=tag),
        # AWS knows no narrower resource for this.
        allow("FindJobs", ["glue:ListJobs"], ["*"]),
    ]


def _caller_athena_and_logs(layout: Layout) -> list[Document]:
    groups = [f"{verb}WorkGroup" for verb in ("Get", "Create", "Update", "Delete")]
    groups += ["TagResource", "ListTagsForResource"]
    queries = ["StartQueryExecution", "GetQueryExecution", "GetQueryResults", "StopQueryExecution"]
    logs = ["CreateLogGroup", "PutRetentionPolicy", "DeleteLogGroup", "TagResource"]
    logs += ["ListTagsForResource", "GetLogEvents", "DescribeLogStreams"]
    logs += ["AssociateKmsKey"] if layout.settings.kms_key else []
    return [
        allow(
            "Athena",
            [f"athena:{name}" for name in (*groups, *queries)],
            [layout.athena_arn(f"workgroup/{layout.work_group}")],
        ),
        allow("FindLogs", ["logs:DescribeLogGroups"], [layout.logs_arn("log-group:*")]),
        allow(
            "Logs",
            [f"logs:{name}" for name in logs],
            # With and without their streams, as AWS asks of one action or another.
            [layout.logs_arn(f"log-group:{layout.log_prefix}/*")],
        ),
    ]
