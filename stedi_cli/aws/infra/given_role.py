"""A role that is there, which jobs run as: looked at, and never changed, tagged or deleted."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from stedi_cli.aws import policies
from stedi_cli.aws.account import is_denied, side_by_side
from stedi_cli.aws.infra.resource import Found, Kind, ask
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.permissions import Permissions, trusts
from stedi_cli.aws.statements import Document
from stedi_cli.errors import StediError
from stedi_cli.lake.records import Change

_GLUE = "glue.amazonaws.com"
WAY_OUT = (
    "Look at role_arn in the config file; whoever looks after the role can let Glue take it on."
)


class GivenRole(Kind):
    """The one role that the configuration names by its ARN.

    Args:
        layout: Its ARN, and what jobs need.
    """

    kind = "role"

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self._boundary = ""

    def names(self) -> list[str]:
        return [self.layout.role]

    def wanted(self, name: str) -> dict[str, str]:
        return {}

    def read(self) -> dict[str, Found]:
        """Read the role itself, and tell whether jobs can run as it."""
        from botocore.exceptions import ClientError

        name, account = self.layout.role, self.layout.account
        if not self.layout.role_arn.startswith(f"arn:{account.partition}:iam::{account.id}:"):
            return _refused(name, f"is of another account than this one, {account.id}")
        try:
            answer = ask(account.client("iam").get_role, RoleName=name)
        except ClientError as error:
            if not is_denied(error):
                raise
            return _used(name, "is used; it may not be looked at (iam:GetRole is denied)")
        if answer is None:
            return _refused(name, "is not there")
        role = answer["Role"]
        if role["Arn"] != self.layout.role_arn:
            return _refused(name, f"has another ARN, {role['Arn']}")
        if not trusts(role["AssumeRolePolicyDocument"], _GLUE):
            return _refused(name, f"may not be taken on by Glue: its trust lacks {_GLUE}")
        boundary = role.get("PermissionsBoundary") or {}
        self._boundary = boundary.get("PermissionsBoundaryArn", "")
        return _used(name, "is not ours, and is used")

    def to_remove(self) -> dict[str, Found]:
        """Read nothing: it stays."""
        return {}

    def examined(self, change: Change) -> Change:
        """Say what the role lacks; its policies are read, as far as they may be."""
        from botocore.exceptions import ClientError

        if change.action != "keep":
            return change
        try:
            with self.errors():
                permissions = self._permissions()
        except StediError as error:
            cause = error.__cause__
            if not isinstance(cause, ClientError) or not is_denied(cause):
                raise
            unknown = f"what it may do is not known (iam:{cause.operation_name} is denied)"
            return replace(change, note=f"{change.note}; {unknown}")
        lacking = [
            lacks
            for document in (policies.s3_access(self.layout), policies.glue_access(self.layout))
            for lacks in permissions.lacking(document)
        ]
        if not lacking:
            return change
        return replace(change, action="lack", note=f"{change.note}; it lacks {'; '.join(lacking)}")

    def unexamined(self, change: Change) -> Change:
        """Say that it was not looked at what the role may do."""
        if change.action != "keep":
            return change
        return replace(change, note=f"{change.note}; `stedi infra status` tells what it may do")

    def _permissions(self) -> Permissions:
        iam, name = self.layout.account.client("iam"), self.layout.role
        inline, attached = side_by_side(
            [
                partial(_paged, iam, "list_role_policies", "PolicyNames", name),
                partial(_paged, iam, "list_attached_role_policies", "AttachedPolicies", name),
            ]
        )
        arns = [policy["PolicyArn"] for policy in attached]
        found = side_by_side(
            [
                *(partial(_inline, iam, name, policy) for policy in inline),
                *(partial(_managed, iam, arn) for arn in (*arns, self._boundary) if arn),
            ]
        )
        return Permissions(found[: len(inline) + len(arns)], found[-1] if self._boundary else None)

    def _untouched(self, *_: Any, **__: Any) -> None:
        raise AssertionError(f"role {self.layout.role} is not ours to touch")

    create = update = delete = _untouched


def _used(name: str, note: str) -> dict[str, Found]:
    return {name: Found({}, ours=False, used=True, note=note)}


def _refused(name: str, note: str) -> dict[str, Found]:
    return {name: Found({}, ours=False, note=note)}


def _paged(iam: Any, operation: str, key: str, role: str) -> list[Any]:
    pages = iam.get_paginator(operation).paginate(RoleName=role)
    return [entry for page in pages for entry in page[key]]


def _inline(iam: Any, role: str, policy: str) -> Document:
    answer = iam.get_role_policy(RoleName=role, PolicyName=policy)
    return dict(answer["PolicyDocument"])


def _managed(iam: Any, arn: str) -> Document:
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    answer = iam.get_policy_version(PolicyArn=arn, VersionId=version)
    return dict(answer["PolicyVersion"]["Document"])
