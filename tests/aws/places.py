"""A lakehouse of the stand-in's account as commands open it, and all that an account has."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from conftest import PROJECT
from sandbox import lake_formation

from stedi_cli.aws.account import Account
from stedi_cli.aws.backoff import Backoff
from stedi_cli.aws.foundation import Foundation
from stedi_cli.aws.infra.infrastructure import Infrastructure
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.lock import Lock
from stedi_cli.aws.runs import Runs
from stedi_cli.aws.writer import Writer
from stedi_cli.project.settings import AwsSettings, load_settings

CONFIG = PROJECT / "configs" / "aws.yaml"


def settings(**changes: Any) -> AwsSettings:
    """The AWS settings of the project, with other values for some."""
    return replace(load_settings(CONFIG), **changes)


@cache
def _account(url: str, region: str | None) -> Account:
    return Account(settings(endpoint_url=url, region=region))


def account(made: AwsSettings) -> Account:
    """An account whose clients tests share, since making them takes longer than their calls."""
    shared = _account(os.environ["AWS_ENDPOINT_URL"], made.region)
    # What each command asks for itself is not.
    for name in ("principal", "_identity"):
        vars(shared).pop(name, None)
    return shared


def infrastructure(
    *, sleep: Callable[[float], None] = lambda seconds: None, **aws: Any
) -> Infrastructure:
    """The infrastructure, opened anew as each command does."""
    made = settings(**aws)
    return Infrastructure(Layout(account(made), made, made.lakehouse()), sleep)


def foundation(**aws: Any) -> Foundation:
    """The same, as commands remove it: beside nobody at work."""
    made = infrastructure(**aws)
    backoff = Backoff(sleep=lambda seconds: None)
    runs, lock = Runs(made.layout, backoff), Lock(made.layout, backoff)
    return Foundation(made, Writer(made, runs, lock))


def inventory(sandbox: Any) -> dict[str, Any]:
    """Everything that an account holds of the services in use, with tags and contents."""
    s3, iam, ec2 = (sandbox.client(name) for name in ("s3", "iam", "ec2"))
    glue, athena, logs = (sandbox.client(name) for name in ("glue", "athena", "logs"))
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    roles = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    endpoints = ec2.describe_vpc_endpoints()["VpcEndpoints"]
    databases = [database["Name"] for database in glue.get_databases()["DatabaseList"]]
    groups = [group["Name"] for group in athena.list_work_groups()["WorkGroups"]]
    return {
        "buckets": {name: _keys(s3, name) for name in buckets},
        "roles": {n: sorted(iam.list_role_policies(RoleName=n)["PolicyNames"]) for n in roles},
        "about roles": {name: _about_role(iam, name) for name in roles},
        "endpoints": {
            e["VpcEndpointId"]: (sorted(e["RouteTableIds"]), e["Tags"])
            for e in endpoints
            if e["State"].lower() not in ("deleted", "deleting")
        },
        "databases": {
            name: sorted(t["Name"] for t in glue.get_tables(DatabaseName=name)["TableList"])
            for name in databases
        },
        "jobs": sorted(glue.list_jobs()["JobNames"]),
        "work groups": sorted(groups),
        "log groups": sorted(g["logGroupName"] for g in logs.describe_log_groups()["logGroups"]),
        "grants": lake_formation.grants(sandbox.region),
    }


def _about_role(iam: Any, name: str) -> Any:
    role = iam.get_role(RoleName=name)["Role"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    told = ("Arn", "AssumeRolePolicyDocument", "PermissionsBoundary", "Tags", "Description")
    return {key: role.get(key) for key in told}, [policy["PolicyArn"] for policy in attached]


def _keys(s3: Any, bucket: str) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]


class PagedUploads:
    """A client of S3 that lists a pending upload a page, one by a key that no XML holds."""

    def list_multipart_uploads(self, **asked: Any) -> Any:
        if "KeyMarker" in asked:
            assert (asked["KeyMarker"], asked["UploadIdMarker"]) == ("a \x01", "1")
            return {"Uploads": [{"Key": "b", "UploadId": "2"}], "IsTruncated": False}
        return {
            "EncodingType": asked["EncodingType"],
            "Uploads": [{"Key": "a+%01", "UploadId": "1"}],
            "IsTruncated": True,
            "NextKeyMarker": "a+%01",
            "NextUploadIdMarker": "1",
        }
