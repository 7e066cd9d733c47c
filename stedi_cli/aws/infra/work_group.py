"""The Athena work group: where results go, and how much a query may scan."""

from __future__ import annotations

from typing import Any

from stedi_cli.aws.infra.resource import Found, Kind, ask, from_key_values, key_values

_ENCRYPTION = ("EncryptionOption", "KmsKey")
_ENGINE = "Athena engine version 3"


class WorkGroup(Kind):
    """The one work group."""

    kind = "work group"

    def names(self) -> list[str]:
        return [self.layout.work_group]

    def _arn(self) -> str:
        return self.layout.athena_arn(f"workgroup/{self.names()[0]}")

    def _results(self) -> dict[str, Any]:
        return {
            "OutputLocation": self.layout.results,
            "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": key}
            if (key := self.layout.settings.kms_key)
            else {"EncryptionOption": "SSE_S3"},
            "ExpectedBucketOwner": self.layout.account.id,
        }

    def _limits(self) -> dict[str, Any]:
        return {
            "EnforceWorkGroupConfiguration": True,
            "PublishCloudWatchMetricsEnabled": False,
            "BytesScannedCutoffPerQuery": self.layout.settings.scan_limit,
            "EngineVersion": {"SelectedEngineVersion": _ENGINE},
        }

    def wanted(self, name: str) -> dict[str, str]:
        configuration = {**self._limits(), "ResultConfiguration": self._results()}
        return {
            **_fields({"State": "ENABLED", "Configuration": configuration}),
            "tags": self.tags_text(self.layout.tags),
        }

    def read(self) -> dict[str, Found]:
        """Read it, then its tags."""
        athena, (name,) = self.layout.account.client("athena"), self.names()
        answer = ask(athena.get_work_group, WorkGroup=name)
        if not answer or "WorkGroup" not in answer:
            return {}
        listed = ask(athena.list_tags_for_resource, ResourceARN=self._arn())
        tags = from_key_values(listed["Tags"] if listed else None)
        fields = {**_fields(answer["WorkGroup"]), "tags": self.tags_text(tags)}
        return {name: Found(fields, ours=self.is_ours(tags))}

    def create(self, name: str) -> None:
        self.layout.account.client("athena").create_work_group(
            Name=name,
            Description=f"Questions to the lakehouse {self.layout.database}",
            Configuration={**self._limits(), "ResultConfiguration": self._results()},
            Tags=key_values(self.layout.tags),
        )

    def update(self, name: str, fields: set[str]) -> None:
        athena = self.layout.account.client("athena")
        if fields - {"tags"}:
            updates = {**self._limits(), "ResultConfigurationUpdates": self._results()}
            athena.update_work_group(WorkGroup=name, State="ENABLED", ConfigurationUpdates=updates)
        if "tags" in fields:
            athena.tag_resource(ResourceARN=self._arn(), Tags=key_values(self.layout.tags))

    def delete(self, name: str) -> None:
        """Delete it with its query history."""
        ask(
            self.layout.account.client("athena").delete_work_group,
            WorkGroup=name,
            RecursiveDeleteOption=True,
        )


def _fields(group: dict[str, Any]) -> dict[str, str]:
    configuration = group.get("Configuration", {})
    results = configuration.get("ResultConfiguration", {})
    encryption = results.get("EncryptionConfiguration", {})
    return {
        "state": str(group.get("State", "")),
        "results": str(results.get("OutputLocation", "")),
        "encryption": " ".join(str(encryption[part]) for part in _ENCRYPTION if part in encryption),
        "enforced": str(configuration.get("EnforceWorkGroupConfiguration", False)),
        "metrics": str(configuration.get("PublishCloudWatchMetricsEnabled", False)),
        "scan limit": str(configuration.get("BytesScannedCutoffPerQuery", "")),
        "engine": str(configuration.get("EngineVersion", {}).get("SelectedEngineVersion", "")),
    }
