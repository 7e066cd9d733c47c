"""The role that Glue jobs run as, with its trust and its two inline policies."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from stedi_cli.aws import policies
from stedi_cli.aws.account import side_by_side
from stedi_cli.aws.infra.resource import (
    Found,
    Kind,
    ask,
    ask_all,
    from_key_values,
    key_values,
    same_json,
    same_policy,
)
from stedi_cli.aws.statements import Document

PROMISE = "stedi:bucket"
"""Tag of the role, or of the log groups: the bucket that is made, written before it is made.

A bucket cannot be tagged everywhere in the call that makes it. Where a crash leaves one without
tags, this tells that it is ours.
"""
REGION = "stedi:region"
"""Tag of the role: the region of its lakehouse."""
S3_ACCESS = "s3-access"
GLUE_ACCESS = "glue-access"


class Role(Kind):
    """The one role."""

    kind = "role"
    fixed: ClassVar[frozenset[str]] = frozenset({"path"})

    def names(self) -> list[str]:
        return [self.layout.role]

    def _documents(self) -> dict[str, Document]:
        return {
            S3_ACCESS: policies.s3_access(self.layout),
            GLUE_ACCESS: policies.glue_access(self.layout),
        }

    def _tags(self) -> dict[str, str]:
        return {**self.layout.tags, PROMISE: self.layout.bucket, REGION: self.layout.account.region}

    def wanted(self, name: str) -> dict[str, str]:
        boundary = self.layout.settings.permissions_boundary
        return {
            # One that is not asked for may be there all the same: some accounts put it.
            **({"boundary": boundary} if boundary else {}),
            "path": self.layout.settings.role_path,
            "trust": same_policy(policies.trust()),
            **{title: same_policy(document) for title, document in self._documents().items()},
            "tags": self._tags_text(self._tags()),
        }

    def _tags_text(self, tags: dict[str, str]) -> str:
        own = ", ".join(f"{key}={tags.get(key, '')}" for key in (PROMISE, REGION))
        return f"{self.tags_text(tags)}, {own}"

    def read(self) -> dict[str, Found]:
        """Read the role and its two policies, side by side."""
        iam, (name,) = self.layout.account.client("iam"), self.names()
        calls = [partial(ask, iam.get_role, RoleName=name)]
        for policy in (S3_ACCESS, GLUE_ACCESS):
            calls.append(partial(ask, iam.get_role_policy, RoleName=name, PolicyName=policy))
        role, s3, glue = side_by_side(calls)
        if role is None:
            return {}
        tags = from_key_values(role["Role"].get("Tags"))
        boundary = role["Role"].get("PermissionsBoundary") or {}
        fields = {
            "boundary": str(boundary.get("PermissionsBoundaryArn", "")),
            "path": str(role["Role"]["Path"]),
            "trust": same_policy(role["Role"]["AssumeRolePolicyDocument"]),
            S3_ACCESS: same_policy(s3["PolicyDocument"]) if s3 else "",
            GLUE_ACCESS: same_policy(glue["PolicyDocument"]) if glue else "",
            "tags": self._tags_text(tags),
        }
        return {name: self._found(fields, tags)}

    def to_remove(self) -> dict[str, Found]:
        """Read whether it is there, and whose it is."""
        tags = self._tags_there()
        return {} if tags is None else {self.names()[0]: self._found({}, tags)}

    def _found(self, fields: dict[str, str], tags: dict[str, str]) -> Found:
        # Roles know no regions, so that a lakehouse in another one may have a role of that name.
        wanted = self._tags()
        elsewhere = [
            f"{key.removeprefix('stedi:')} {tags[key]}"
            for key in (PROMISE, REGION)
            if tags.get(key, wanted[key]) != wanted[key]
        ]
        if self.is_ours(tags) and elsewhere:
            note = f"is that of the lakehouse in {' and '.join(elsewhere)}"
            return Found(fields, ours=False, note=note)
        return Found(fields, ours=self.is_ours(tags))

    def promises(self, bucket: str) -> bool:
        """Tell whether the role is ours and names this bucket as one that we make."""
        tags = self._tags_there() or {}
        return self.is_ours(tags) and tags.get(PROMISE) == bucket

    def _tags_there(self) -> dict[str, str] | None:
        role: Any = ask(self.layout.account.client("iam").get_role, RoleName=self.names()[0])
        return from_key_values(role["Role"].get("Tags")) if role else None

    def create(self, name: str) -> None:
        """Make the role with its tags, then put its policies."""
        boundary = self.layout.settings.permissions_boundary
        self.layout.account.client("iam").create_role(
            RoleName=name,
            Path=self.layout.settings.role_path,
            **({"PermissionsBoundary": boundary} if boundary else {}),
            AssumeRolePolicyDocument=same_json(policies.trust()),
            Description=f"Glue jobs of the lakehouse {self.layout.database}",
            Tags=key_values(self._tags()),
        )
        self.update(name, {S3_ACCESS, GLUE_ACCESS})

    def update(self, name: str, fields: set[str]) -> None:
        iam = self.layout.account.client("iam")
        if "boundary" in fields:
            boundary = self.layout.settings.permissions_boundary
            iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
        if "trust" in fields:
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=same_json(policies.trust()))
        if "tags" in fields:
            iam.tag_role(RoleName=name, Tags=key_values(self._tags()))
        for title, document in self._documents().items():
            if title in fields:
                iam.put_role_policy(
                    RoleName=name, PolicyName=title, PolicyDocument=same_json(document)
                )

    def delete(self, name: str) -> None:
        """Delete its policies, whoever put them, and the role."""
        iam = self.layout.account.client("iam")
        for policy in ask_all(iam, "list_role_policies", "PolicyNames", RoleName=name):
            ask(iam.delete_role_policy, RoleName=name, PolicyName=policy)
        listed = "list_attached_role_policies"
        for policy in ask_all(iam, listed, "AttachedPolicies", RoleName=name):
            ask(iam.detach_role_policy, RoleName=name, PolicyArn=policy["PolicyArn"])
        ask(iam.delete_role, RoleName=name)
