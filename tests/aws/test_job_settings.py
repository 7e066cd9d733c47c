"""What a team tells Glue of its jobs, and tags: put, compared and mended like everything else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import PROJECT, Result
from sandbox.server import Sandbox

from aws.places import infrastructure, inventory
from stedi_cli.aws import policies
from stedi_cli.aws.layout import TAG
from stedi_cli.errors import UsageError
from stedi_cli.project.folder import copy_out
from stedi_cli.project.settings import AwsSettings, load_settings

Invoke = Callable[..., Result]
ARGUMENTS = """
job_arguments:
  --enable-auto-scaling: true
  --enable-metrics: ""
  --number: 7
  --conf: spark.sql.shuffle.partitions=8 --conf spark.ui.x=a b
  --extra-py-files: s3://ours/more.py
  --spark-event-logs-path: s3://{bucket}/spark-ui/
"""


def drifted(**aws: Any) -> dict[str, set[str]]:
    return {
        f"{c.kind} {c.name}": {field for field, _, _ in c.fields}
        for c in infrastructure(**aws).plan().changes
        if c.action != "keep"
    }


def configured(folder: Path, text: str) -> AwsSettings:
    copy_out(PROJECT, folder / "project")
    path = folder / "project" / "configs" / "aws.yaml"
    path.write_text(f"target: aws\n{text}\n")
    found = load_settings(path)
    assert isinstance(found, AwsSettings)
    return found


def test_arguments_are_put_beside_those_that_jobs_need(sandbox: Sandbox, tmp_path: Path) -> None:
    before = inventory(sandbox)
    bucket = f"stedi-{sandbox.account}-{sandbox.region}"
    given = configured(tmp_path, ARGUMENTS.format(bucket=bucket)).job_arguments
    list(infrastructure().up())
    glue = sandbox.client("glue")
    plain = glue.get_job(JobName="stedi-all")["Job"]["DefaultArguments"]
    changes = drifted(job_arguments=given)
    # What they need the role to be allowed is part of it.
    assert changes.pop("role stedi-glue") == {"s3-access", "glue-access"}
    assert len(changes) == 6
    assert set.union(*changes.values()) == {"arguments"}
    list(infrastructure(job_arguments=given).up())
    assert drifted(job_arguments=given) == {}
    told = glue.get_job(JobName="stedi-all")["Job"]["DefaultArguments"]
    assert told["--enable-auto-scaling"] == "true"
    assert (told["--enable-metrics"], told["--number"]) == ("", "7")
    settings = "spark.sql.shuffle.partitions=8 --conf spark.ui.x=a b"
    assert told["--conf"] == f"{plain['--conf']} --conf {settings}"
    assert told["--extra-py-files"] == f"{plain['--extra-py-files']},s3://ours/more.py"
    assert {key: told[key] for key in ("--model", "--datalake-formats")} == {
        key: plain[key] for key in ("--model", "--datalake-formats")
    }
    layout = infrastructure(job_arguments=given).layout
    allowed = [*policies.s3_access(layout)["Statement"], *policies.glue_access(layout)["Statement"]]
    more = {s["Sid"]: s["Resource"] for s in allowed}
    assert more["SparkUi"] == [f"arn:aws:s3:::{bucket}/spark-ui/*"]
    assert "Metrics" in more
    # Taken away by somebody, it comes back; no longer configured, it goes.
    job = glue.get_job(JobName="stedi-all")["Job"]
    wanted = {key: job[key] for key in ("Role", "Command", "GlueVersion", "WorkerType")}
    del told["--number"]
    glue.update_job(JobName="stedi-all", JobUpdate={**wanted, "DefaultArguments": told})
    assert "arguments" in drifted(job_arguments=given)["job stedi-all"]
    list(infrastructure().up())
    assert glue.get_job(JobName="stedi-all")["Job"]["DefaultArguments"] == plain
    list(infrastructure().down())
    assert inventory(sandbox) == before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--model: x", "gives that argument itself"),
        ("--JOB_NAME: x", "gives that argument itself"),
        ("conf: x", "job_arguments.conf"),
        ("--x: [1]", "job_arguments.--x"),
    ],
)
def test_arguments_that_cannot_be_are_refused(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(UsageError) as told:
        configured(tmp_path, f"job_arguments:\n  {line}")
    assert said in told.value.message
    assert "\n" not in told.value.message


def test_a_spark_setting_that_jobs_need_is_not_overridden(sandbox: Sandbox) -> None:
    conf = {"--conf": "spark.x=1 --conf spark.sql.session.timeZone=Europe/Berlin"}
    with pytest.raises(UsageError, match=r"sets spark\.sql\.session\.timeZone") as told:
        infrastructure(job_arguments=conf).plan()
    assert told.value.hint
    assert inventory(sandbox)["roles"] == {}


def test_jobs_run_inside_a_vpc_where_a_connection_is_named(
    sandbox: Sandbox, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    glue = sandbox.client("glue")
    lines = "vpc_connection: lake net\ns3_endpoint: false"
    config = configured(tmp_path, lines).config
    before = inventory(sandbox)
    told = invoke("--config", config, "infra", "up", "--no-data")
    assert told.code == 2
    assert "no Glue connection lake net" in told.err
    assert inventory(sandbox) == before
    network = {"Name": "lake net", "ConnectionType": "NETWORK", "ConnectionProperties": {}}
    glue.create_connection(ConnectionInput=network)
    policy = invoke("--config", config, "infra", "policy").json()
    with monkeypatch.context() as patch:
        for name, value in sandbox.user(policy).environment.items():
            patch.setenv(name, value)
        told = invoke("--config", config, "infra", "up", "--no-data")
        assert told.code == 0, told.err
    job = glue.get_job(JobName="stedi-all")["Job"]
    assert job["Connections"] == {"Connections": ["lake net"]}
    role = sandbox.client("iam").get_role_policy(RoleName="stedi-glue", PolicyName="glue-access")
    allowed = {a for s in role["PolicyDocument"]["Statement"] for a in s["Action"]}
    assert {"ec2:CreateNetworkInterface", "glue:GetConnection"} <= allowed
    # No longer wanted, it is taken out of the jobs, and stays itself.
    changes = drifted(s3_endpoint=False)
    assert {field for found in changes.values() for field in found} == {"connection", "glue-access"}
    list(infrastructure(s3_endpoint=False).up())
    assert drifted(s3_endpoint=False) == {}
    list(infrastructure(s3_endpoint=False).down())
    assert inventory(sandbox) == before
    assert [c["Name"] for c in glue.get_connections()["ConnectionList"]] == ["lake net"]


# --- Tags --------------------

KINDS = {"role", "log group", "bucket", "database", "endpoint", "work group", "job"}


def test_tags_are_compared_on_everything_that_has_tags(sandbox: Sandbox) -> None:
    before = inventory(sandbox)
    list(infrastructure().up())
    tags = {"team": "steps", "cost": "7"}
    changes = drifted(tags=tags)
    assert {name.rpartition(" ")[0] for name in changes} == KINDS
    assert set.union(*changes.values()) == {"tags"}
    list(infrastructure(tags=tags).up())
    assert drifted(tags=tags) == {}
    glue, logs = sandbox.client("glue"), sandbox.client("logs")
    here = f"{sandbox.region}:{sandbox.account}"
    job, database = (f"arn:aws:glue:{here}:{what}" for what in ("job/stedi-all", "database/stedi"))
    group = f"arn:aws:logs:{here}:log-group:/aws-glue/stedi/error"
    wanted = {TAG: "stedi", **tags}
    assert glue.get_tags(ResourceArn=job)["Tags"] == wanted
    assert glue.get_tags(ResourceArn=database)["Tags"] == wanted
    assert logs.list_tags_for_resource(resourceArn=group)["tags"] == wanted
    # What somebody changed is mended, and what others put stays.
    glue.tag_resource(ResourceArn=job, TagsToAdd={"team": "others", "theirs": "1"})
    glue.untag_resource(ResourceArn=database, TagsToRemove=["team"])
    logs.tag_resource(resourceArn=group, tags={"cost": "8"})
    changes = drifted(tags=tags)
    assert set(changes) == {"job stedi-all", "database stedi", "log group /aws-glue/stedi/error"}
    assert set.union(*changes.values()) == {"tags"}
    with sandbox.recording() as calls:
        list(infrastructure(tags=tags).up())
    assert len([call for call in calls if not call.reads]) == 3
    assert glue.get_tags(ResourceArn=job)["Tags"] == {**wanted, "theirs": "1"}
    assert drifted(tags=tags) == {}
    list(infrastructure(tags=tags).down())
    assert inventory(sandbox) == before
