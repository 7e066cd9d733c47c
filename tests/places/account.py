"""An account that is none, as a place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws.cloud_lake import CloudLake
from aws.places import CONFIG, inventory
from aws.scripted_validation import COUNTS, script_answers
from conftest import Ask, Result
from sandbox.server import Sandbox

from places.place import Place


class Account(Place):
    """An account in which job runs do what their request asks, as far as metadata tell."""

    def __init__(self, invoke: Ask, sandbox: Sandbox) -> None:
        super().__init__(invoke, "--config", CONFIG)
        self._sandbox = sandbox

    def run(self, *words: str) -> dict[str, str]:
        cloud = CloudLake(self._sandbox)
        scripts = cloud.script(len(cloud.settings.lakehouse().jobs))
        try:
            return super().run(*words)
        finally:
            self._sandbox.runs.forget(scripts)

    def validate(self, *words: str, counts: Mapping[str, int] | None = None) -> Result:
        script_answers(CloudLake(self._sandbox), counts=COUNTS if counts is None else counts)
        # What is scripted may be another answer to the same.
        return self.ask("validate", "--again", *words)

    def everything(self) -> Any:
        return inventory(self._sandbox)

    def landed(self) -> list[str]:
        (held,) = inventory(self._sandbox)["buckets"].values()
        return sorted(Path(key).name for key in held if key.startswith("landing/"))

    def lose_ledgers(self) -> None:
        cloud = CloudLake(self._sandbox)
        for key in cloud.keys(cloud.layout.ledgers):
            cloud.s3.delete_object(Bucket=cloud.layout.bucket, Key=key)

    def occupy(self) -> None:
        self._sandbox.client("s3").create_bucket(
            Bucket=f"stedi-{self._sandbox.account}-{self._sandbox.region}",
            CreateBucketConfiguration={"LocationConstraint": self._sandbox.region},
        )
