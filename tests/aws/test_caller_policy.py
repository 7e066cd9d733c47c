"""What `stedi infra policy` prints is what a caller needs: it suffices, and all of it is needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import Ask, Result
from sandbox.server import Sandbox

from aws.cloud_lake import CloudLake, hurry
from aws.faults_everywhere import without_pauses
from aws.places import CONFIG, inventory
from aws.scripted_validation import script_answers, write_data
from aws.test_infra_up import DRIFT, break_job, break_table
from stedi_cli.aws.backoff import Backoff
from stedi_cli.aws.layout import TAG

pytestmark = pytest.mark.slow

FIRST = "customer_landing_to_trusted"

# What no call of this project's asks for.
UNASKED = {
    # Athena itself, as the caller, where it reads tables and writes results.
    "glue:GetTable",
    "glue:GetPartition",
    "glue:GetPartitions",
    "s3:GetBucketLocation",
    "s3:ListMultipartUploadParts",
}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits."""
    without_pauses(monkeypatch)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hurry(monkeypatch)


@pytest.fixture
def document(invoke: Ask, sandbox: Sandbox) -> dict[str, Any]:
    """What is printed."""
    return dict(invoke("--config", CONFIG, "infra", "policy").json())


@dataclass(frozen=True)
class Step:
    """A command, the exit code that it has where all is allowed, and what it left."""

    command: str
    code: int
    result: Result


class Journey:
    """Every command on AWS, by somebody who may do what a policy says.

    Args:
        sandbox: The account.
        ask: Runs a command as that person.
        folder: For landing files.
    """

    def __init__(self, sandbox: Sandbox, ask: Ask, folder: Path) -> None:
        self._sandbox = sandbox
        self._ask = ask
        self._cloud = CloudLake(sandbox)
        self._data = write_data(folder / "data")
        self._people = folder / "people.txt"
        self._people.write_text("nobody@x.org\n", encoding="utf-8")
        ask("init", folder / "project")
        self._tagged = folder / "project" / "configs" / "aws.yaml"
        text = self._tagged.read_text(encoding="utf-8")
        self._tagged.write_text(text.replace("tags: {}", "tags: {owner: steps}"))

    def __call__(self) -> Iterator[Step]:
        """Carry out the commands one by one."""
        yield self.run("infra", "plan")
        yield self.run("infra", "up", "--data", self._data)
        self._sandbox.listing.lag = 600.0
        yield self.run("infra", "status")
        self._sandbox.listing.lag = 0.0
        yield self.run("doctor")
        self._cloud.script(1)
        yield self.run("jobs", "run", "--all")
        self._sandbox.runs.script("RUNNING")
        yield self.run("jobs", "run", FIRST, "--force", "--detach")
        yield self.run("jobs", "status")
        yield self.run("jobs", "stop")
        self._sandbox.runs.script("FAILED", error="the reason", log="the last line")
        failed = self.run("jobs", "run", FIRST, "--force", code=1)
        assert "the last line" in failed.result.err
        yield failed
        script_answers(self._cloud)
        yield self.run("validate")
        for words in (("tables",), ("preview", "customer_trusted"), ("quarantine", "--show")):
            yield self.run(*words)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("stedi_cli.aws.lake.Backoff", lambda: Backoff(sleep=interrupt))
            yield self.run("query", "SELECT 1", code=130)
        yield self.run("history", "customer_trusted")
        yield self.run("export", "customer_trusted", "t.csv")
        yield self.run("privacy", "scan", "--file", self._people)
        yield from self.mend()
        yield from self.remove()

    def mend(self) -> Iterator[Step]:
        """Bring back what somebody else changed, and put other tags on everything."""
        for break_it in (*(breaking for breaking, *_ in DRIFT.values()), break_job, break_table):
            break_it(self._sandbox)
        glue = self._sandbox.client("glue")
        database = {"Name": "stedi", "Parameters": {TAG: "stedi"}, "Description": "mine"}
        glue.update_database(Name="stedi", DatabaseInput=database)
        yield self.run("infra", "up", "--no-data")
        yield self.run("infra", "up", "--no-data", config=self._tagged)

    def remove(self) -> Iterator[Step]:
        """Remove everything, also what a versioned bucket keeps and an upload left half done."""
        s3, bucket = self._sandbox.client("s3"), self._cloud.layout.bucket
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.create_multipart_upload(Bucket=bucket, Key="landing/customer/landing/half.json")
        (self._data / "customer" / "landing" / "l.json").rename(
            self._data / "customer" / "landing" / "m.json"
        )
        yield self.run("upload", self._data, "--replace", "--yes")
        iam = self._sandbox.client("iam")
        listing = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
        text = json.dumps({"Version": "2012-10-17", "Statement": [listing]})
        policy = iam.create_policy(PolicyName="theirs", PolicyDocument=text)["Policy"]["Arn"]
        iam.attach_role_policy(RoleName="stedi-glue", PolicyArn=policy)
        # One that left the model, and is at work.
        command = {"Name": "glueetl", "ScriptLocation": "s3://x/y"}
        glue = self._sandbox.client("glue")
        glue.create_job(Name="stedi-old", Role="x", Command=command, Tags={TAG: "stedi"})
        self._sandbox.runs.script("RUNNING")
        glue.start_job_run(JobName="stedi-old")
        yield self.run("infra", "down", "--yes")

    def run(self, *words: str | Path, code: int = 0, config: Path = CONFIG) -> Step:
        """Run a command."""
        return Step(" ".join(map(str, words)), code, self._ask("--config", config, *words))


def interrupt(seconds: float) -> None:
    """Wait as somebody does who presses Ctrl-C."""
    raise KeyboardInterrupt


@pytest.fixture
def travel(
    sandbox: Sandbox, invoke: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[dict[str, Any]], tuple[str, Iterator[Step]]]:
    """Begin the journey with a policy; returns the access key and the steps."""

    def begin(document: dict[str, Any]) -> tuple[str, Iterator[Step]]:
        journey = Journey(sandbox, invoke, tmp_path)
        somebody = sandbox.user(document)
        for name, value in somebody.environment.items():
            monkeypatch.setenv(name, value)
        return somebody.key, journey()

    return begin


def test_it_suffices_and_names_no_action_too_many(
    sandbox: Sandbox, document: dict[str, Any], travel: Any
) -> None:
    key, steps = travel(document)
    before = inventory(sandbox)
    for step in steps:
        assert step.result.code == step.code, f"{step.command}: {step.result.err}"
    # `doctor` says of this that it may not look at it.
    denied = [call.name for call in sandbox.calls if call.denied]
    assert denied == ["lakeformation:GetDataLakeSettings"]
    assert inventory(sandbox) == before
    asked = {need.action for need in sandbox.needed[key]}
    listed = {action for s in document["Statement"] for action in s["Action"]}
    assert listed - asked == UNASKED


def test_every_statement_is_in_the_list_below(document: dict[str, Any]) -> None:
    found = [statement["Sid"] for statement in document["Statement"]]
    assert found == STATEMENTS


STATEMENTS = [
    *("Bucket", "Objects", "Role", "PassRole"),
    *("Network", "EndpointPlace", "EndpointNew", "EndpointOwn", "EndpointTags"),
    *("Catalog", "FindTables", "Jobs", "JobsLeft", "FindJobs", "Athena", "FindLogs", "Logs"),
]


@pytest.mark.parametrize("missing", STATEMENTS)
def test_without_one_statement_a_command_fails_and_says_what_to_do(
    document: dict[str, Any], travel: Any, missing: str
) -> None:
    document["Statement"] = [s for s in document["Statement"] if s["Sid"] != missing]
    _, steps = travel(document)
    failed = next(step for step in steps if step.result.code != step.code)
    # A bucket that may not be seen may be somebody else's, and so a name to change.
    assert failed.result.code == (2 if missing == "Bucket" else 1), failed.command
    assert "stedi infra policy" in failed.result.err, failed.command
    assert "Traceback" not in failed.result.err
