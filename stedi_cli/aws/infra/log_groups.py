"""The log groups that the jobs write to; theirs alone, so that removing them hurts nobody."""

from __future__ import annotations

from functools import partial

from stedi_cli.aws.account import side_by_side
from stedi_cli.aws.infra.resource import Found, Kind, ask, ask_all
from stedi_cli.aws.infra.role import PROMISE

DAYS = 30
"""How long what jobs print is kept."""


class LogGroups(Kind):
    """One for what the script printed, one for what Spark says."""

    kind = "log group"

    def names(self) -> list[str]:
        return self.layout.log_groups

    def wanted(self, name: str) -> dict[str, str]:
        key = self.layout.settings.kms_key
        # One that is not asked for may be there all the same, as some accounts put it.
        return {
            "days": str(DAYS),
            **({"key": key} if key else {}),
            "tags": self.tags_text(self.layout.tags),
        }

    def read(self) -> dict[str, Found]:
        """Read them, then their tags."""
        logs = self.layout.account.client("logs")
        groups = ask_all(
            logs,
            "describe_log_groups",
            "logGroups",
            logGroupNamePrefix=f"{self.layout.log_prefix}/",
        )
        found = {
            group["logGroupName"]: {
                "days": str(group.get("retentionInDays", "")),
                "key": str(group.get("kmsKeyId", "")),
            }
            for group in groups
            if group["logGroupName"] in self.names()
        }
        tags = side_by_side([partial(self._tags, name) for name in found])
        return {
            name: Found({**fields, "tags": self.tags_text(mine)}, ours=self.is_ours(mine))
            for (name, fields), mine in zip(found.items(), tags, strict=True)
        }

    def _arn(self, name: str) -> str:
        return self.layout.logs_arn(f"log-group:{name}")

    def _tags(self, name: str) -> dict[str, str]:
        logs = self.layout.account.client("logs")
        answer = ask(logs.list_tags_for_resource, resourceArn=self._arn(name))
        return dict(answer["tags"]) if answer else {}

    def _own_tags(self) -> dict[str, str]:
        # A role that is not ours can promise nothing.
        promise = {PROMISE: self.layout.bucket} if self.layout.settings.role_arn else {}
        return {**self.layout.tags, **promise}

    def promises(self, bucket: str) -> bool:
        """Tell whether a log group is ours and names this bucket as one that we make."""
        tags = side_by_side([partial(self._tags, name) for name in self.names()])
        return any(self.is_ours(mine) and mine.get(PROMISE) == bucket for mine in tags)

    def create(self, name: str) -> None:
        """Make one with its tags, then say how long logs are kept."""
        logs = self.layout.account.client("logs")
        key = self.layout.settings.kms_key
        own_key = {"kmsKeyId": key} if key else {}
        logs.create_log_group(logGroupName=name, tags=self._own_tags(), **own_key)
        self.update(name, {"days"})

    def update(self, name: str, fields: set[str]) -> None:
        logs = self.layout.account.client("logs")
        if "tags" in fields:
            logs.tag_resource(resourceArn=self._arn(name), tags=self._own_tags())
        if "key" in fields:
            logs.associate_kms_key(logGroupName=name, kmsKeyId=self.layout.settings.kms_key)
        if "days" in fields:
            logs.put_retention_policy(logGroupName=name, retentionInDays=DAYS)

    def delete(self, name: str) -> None:
        """Delete one with its logs."""
        ask(self.layout.account.client("logs").delete_log_group, logGroupName=name)
