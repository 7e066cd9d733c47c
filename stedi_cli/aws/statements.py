"""Statements of policies, and those that only some settings ask for."""

from __future__ import annotations

from typing import Any

from stedi_cli.aws.layout import Layout

Document = dict[str, Any]


def allow(sid: str, actions: list[str], resources: list[str], **condition: Any) -> Document:
    """Return a statement that allows something."""
    statement: Document = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
    return {**statement, "Condition": condition} if condition else statement


def key_use(layout: Layout) -> list[Document]:
    """Return what whoever reads or writes with the configured key of KMS needs."""
    key = layout.settings.kms_key
    return [allow("Key", ["kms:Decrypt", "kms:GenerateDataKey"], [key])] if key else []


def event_logs(layout: Layout) -> list[Document]:
    """Return what jobs need to write what Spark's UI shows, where that is in the bucket."""
    place = layout.settings.job_arguments.get("--spark-event-logs-path", "")
    key = place.removeprefix(layout.uri("")).strip("/")
    if not place.startswith(layout.uri("")) or not key:
        return []
    where = [f"{layout.bucket_arn}/{key}/*"]
    return [allow("SparkUi", ["s3:GetObject", "s3:PutObject"], where)]


def connection(layout: Layout) -> list[Document]:
    """Return what whoever looks at the configured Glue connection needs."""
    name = layout.settings.vpc_connection
    where = [layout.glue_arn("catalog"), layout.glue_arn(f"connection/{name}")]
    return [allow("Connection", ["glue:GetConnection"], where)] if name else []


def lake_grants(layout: Layout) -> list[Document]:
    """Return what whoever has Lake Formation grant something needs of IAM."""
    if not layout.settings.lake_formation:
        return []
    account = layout.account
    looks = ["GetDataLakeSettings", "ListPermissions", "ListResources"]
    # Athena asks for the last, as the caller, of what lies in a registered location.
    actions = [*looks, "GrantPermissions", "RevokePermissions", "GetDataAccess"]
    return [
        # AWS knows no narrower resource for these.
        allow("LakeFormation", [f"lakeformation:{name}" for name in actions], ["*"]),
        # Of a caller that is a role, AWS tells the path here alone.
        allow("OwnRole", ["iam:GetRole"], [f"arn:{account.partition}:iam::{account.id}:role/*"]),
    ]


def inside_vpc(layout: Layout) -> list[Document]:
    """Return what jobs need to run inside a VPC, as the managed AWSGlueServiceRole allows it."""
    if layout.settings.vpc_connection is None:
        return []
    seen = ["Subnets", "SecurityGroups", "NetworkInterfaces", "RouteTables", "VpcEndpoints"]
    reads = [f"ec2:Describe{what}" for what in (*seen, "VpcAttribute")]
    # Those of a shared VPC have the ARN of the account that shares them.
    where = [layout.ec2_arn(f"{what}/*", "*") for what in ("subnet", "security-group")]
    own = layout.ec2_arn("network-interface/*")
    tag = {"ForAllValues:StringEquals": {"aws:TagKeys": ["aws-glue-service-resource"]}}
    return [
        *connection(layout),
        # AWS knows no narrower resource for these.
        allow("Network", reads, ["*"]),
        allow("Interfaces", ["ec2:CreateNetworkInterface"], [*where, own]),
        allow("OwnInterfaces", ["ec2:DeleteNetworkInterface"], [own]),
        allow("InterfaceTags", ["ec2:CreateTags", "ec2:DeleteTags"], [own], **tag),
    ]


def metrics(layout: Layout) -> list[Document]:
    """Return what jobs need to put metrics, where these are asked for."""
    arguments = layout.settings.job_arguments
    asked = ("--enable-metrics", "--enable-observability-metrics")
    if not any(arguments.get(name, "false") != "false" for name in asked):
        return []
    # AWS knows no narrower resource for this.
    namespace = {"cloudwatch:namespace": "Glue"}
    return [allow("Metrics", ["cloudwatch:PutMetricData"], ["*"], StringEquals=namespace)]
