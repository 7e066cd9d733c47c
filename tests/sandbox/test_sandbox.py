"""The stand-in itself: what it records, refuses, breaks and runs."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
from socketserver import BaseServer, ThreadingMixIn
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.exceptions import ConnectionClosedError as Closed

from sandbox.faults import How
from sandbox.server import Sandbox

ROLE = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "glue.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
JOB = {
    "Name": "j",
    "Role": "r",
    "Command": {"Name": "glueetl", "ScriptLocation": "s3://lake/jobs/j.py"},
    "GlueVersion": "6.0",
    "Tags": {"a": "b"},
}


def client(service: str, *, attempts: int = 1) -> Any:
    return boto3.client(
        service, config=Config(retries={"total_max_attempts": attempts, "mode": "standard"})
    )


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def make_bucket(name: str = "lake") -> Any:
    s3 = client("s3")
    s3.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": os.environ["AWS_REGION"]}
    )
    return s3


# --- Recording --------------------------------------------------------------------------------


def test_every_call_is_recorded_with_what_it_asks_for(sandbox: Sandbox) -> None:
    with sandbox.recording() as calls:
        s3 = make_bucket()
        s3.put_object(Bucket="lake", Key="a/b c.txt", Body=b"x")
        s3.head_object(Bucket="lake", Key="a/b c.txt")
        list(s3.get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix="a/"))
        s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": "a/b c.txt"}]})
        client("glue").create_database(DatabaseInput={"Name": "d"})
        client("sts").get_caller_identity()
        client("ec2").describe_vpcs()
        with pytest.raises(ClientError):
            client("iam").get_role(RoleName="none")
    assert [str(call) for call in calls] == [
        "s3:CreateBucket lake",
        "s3:PutObject lake/a/b c.txt",
        "s3:HeadObject lake/a/b c.txt",
        "s3:ListObjectsV2 lake",
        "s3:DeleteObjects lake",
        "glue:CreateDatabase d",
        "sts:GetCallerIdentity",
        "ec2:DescribeVpcs",
        "iam:GetRole none",
    ]
    assert [call.status for call in calls] == [200] * 8 + [404]
    assert [call.reads for call in calls] == [0, 0, 1, 1, 0, 0, 1, 1, 1]


def test_an_account_is_empty_again_after_a_reset(sandbox: Sandbox) -> None:
    make_bucket()
    sandbox.fail(How.DENIED)
    sandbox.reset()
    assert client("s3").list_buckets()["Buckets"] == []
    assert [call.name for call in sandbox.calls] == ["s3:ListBuckets"]


# --- Faults -----------------------------------------------------------------------------------

CODES = {
    How.THROTTLED: {"s3": "SlowDown", "glue": "ThrottlingException", "iam": "Throttling"},
    How.SERVER_ERROR: {"s3": "InternalError", "glue": "InternalServiceException"},
    How.DENIED: {"s3": "AccessDenied", "glue": "AccessDeniedException", "iam": "AccessDenied"},
    How.EXPIRED: {"s3": "ExpiredToken", "glue": "ExpiredTokenException"},
}
ASK = {
    "s3": lambda: client("s3").list_buckets(),
    "glue": lambda: client("glue").get_databases(),
    "iam": lambda: client("iam").list_roles(),
}


@pytest.mark.parametrize(
    ("how", "service", "expected"),
    [(how, service, code) for how, codes in CODES.items() for service, code in codes.items()],
)
def test_a_fault_reaches_boto3_as_the_service_words_it(
    sandbox: Sandbox, how: How, service: str, expected: str
) -> None:
    sandbox.fail(how, service=service)
    with pytest.raises(ClientError) as error:
        ASK[service]()
    assert code(error) == expected
    ASK[service]()


def test_the_nth_call_fails_in_all_its_attempts(sandbox: Sandbox) -> None:
    fault = sandbox.fail(How.THROTTLED, service="s3", nth=2)
    s3 = client("s3", attempts=3)
    s3.list_buckets()
    with pytest.raises(ClientError):
        s3.list_buckets()
    s3.list_buckets()
    assert len(fault.hits) == 3


def test_a_retry_overcomes_a_fault_of_one_attempt(sandbox: Sandbox) -> None:
    fault = sandbox.fail(How.RESET, service="s3")
    client("s3", attempts=2).list_buckets()
    assert [call.fault for call in fault.hits] == [How.RESET.value]
    assert [call.status for call in sandbox.calls] == [0, 200]


def test_a_lost_answer_leaves_the_deed_done(sandbox: Sandbox) -> None:
    sandbox.fail(How.LOST, action="CreateDatabase")
    with pytest.raises(Closed):
        client("glue").create_database(DatabaseInput={"Name": "d"})
    assert client("glue").get_database(Name="d")["Database"]["Name"] == "d"


def test_a_reset_leaves_the_deed_undone(sandbox: Sandbox) -> None:
    sandbox.fail(How.RESET, action="CreateDatabase")
    with pytest.raises(Closed):
        client("glue").create_database(DatabaseInput={"Name": "d"})
    assert client("glue").get_databases()["DatabaseList"] == []


def test_a_connection_is_cut_without_a_word(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: queue.Queue[str] = queue.Queue()
    finish = ThreadingMixIn.process_request_thread

    def handle(server: Any, *connection: Any) -> None:
        finish(server, *connection)
        done.put("finished")

    # What a connection's thread raises ends there, and is printed.
    monkeypatch.setattr(ThreadingMixIn, "process_request_thread", handle)
    monkeypatch.setattr(BaseServer, "handle_error", lambda *connection: done.put("failed"))
    for how in (How.LOST, How.RESET, lambda call: None):
        sandbox.fail(how, service="s3")
        with pytest.raises(Closed):
            client("s3").list_buckets()
        sandbox.heal()
        assert done.get(timeout=60) == "finished"


def test_a_fault_may_be_an_error_or_a_deed_of_ones_own(sandbox: Sandbox) -> None:
    seen: list[str] = []
    sandbox.fail(("InvalidInputException", "Role should be given"), action="GetDatabases")
    sandbox.fail(lambda call: seen.append(str(call)), action="ListRoles")
    with pytest.raises(ClientError, match="Role should be given"):
        client("glue").get_databases()
    with pytest.raises(Closed):
        client("iam").list_roles()
    assert seen == ["iam:ListRoles"]


# --- What moto lacks --------------------------------------------------------------------------


def test_a_job_is_updated_and_never_silently_replaced(sandbox: Sandbox) -> None:
    glue = client("glue")
    glue.create_job(**JOB, DefaultArguments={"--a": "1"})
    with pytest.raises(ClientError) as error:
        glue.create_job(**JOB)
    assert code(error) == "AlreadyExistsException"
    update = {name: JOB[name] for name in ("Role", "Command")}
    glue.update_job(JobName="j", JobUpdate={**update, "Timeout": 7, "GlueVersion": "6.0"})
    job = glue.get_job(JobName="j")["Job"]
    assert (job["Timeout"], job.get("DefaultArguments", {})) == (7, {})
    arn = f"arn:aws:glue:{sandbox.region}:{sandbox.account}:job/j"
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {"a": "b"}


def test_a_stale_table_version_is_refused(sandbox: Sandbox) -> None:
    glue = client("glue")
    glue.create_database(DatabaseInput={"Name": "d"})
    glue.create_table(DatabaseName="d", TableInput={"Name": "t"})
    glue.update_table(DatabaseName="d", TableInput={"Name": "t"}, VersionId="1")
    with pytest.raises(ClientError) as error:
        glue.update_table(DatabaseName="d", TableInput={"Name": "t"}, VersionId="1")
    assert code(error) == "ConcurrentModificationException"


def test_a_work_group_is_updated(sandbox: Sandbox) -> None:
    athena = client("athena")
    result = {"OutputLocation": "s3://lake/results/"}
    configuration = {"ResultConfiguration": result, "BytesScannedCutoffPerQuery": 10_000_000}
    athena.create_work_group(Name="g", Configuration=configuration)
    athena.update_work_group(
        WorkGroup="g", ConfigurationUpdates={"BytesScannedCutoffPerQuery": 20_000_000}
    )
    found = athena.get_work_group(WorkGroup="g")["WorkGroup"]["Configuration"]
    assert found["BytesScannedCutoffPerQuery"] == 20_000_000
    assert found["ResultConfiguration"] == result
    with pytest.raises(ClientError) as error:
        athena.get_work_group(WorkGroup="none")
    assert code(error) == "InvalidRequestException"


def test_a_policy_that_demands_tls_lets_objects_be_read(sandbox: Sandbox) -> None:
    s3 = make_bucket()
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::lake", "arn:aws:s3:::lake/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3.put_bucket_policy(Bucket="lake", Policy=json.dumps({"Statement": [deny]}))
    s3.put_object(Bucket="lake", Key="k", Body=b"x")
    assert s3.get_object(Bucket="lake", Key="k")["Body"].read() == b"x"
    deny.pop("Condition")
    s3.put_bucket_policy(Bucket="lake", Policy=json.dumps({"Statement": [deny]}))
    with pytest.raises(ClientError):
        s3.get_object(Bucket="lake", Key="k")


def test_a_client_token_makes_one_endpoint(sandbox: Sandbox) -> None:
    ec2 = client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    request = {"VpcId": vpc, "ServiceName": f"com.amazonaws.{sandbox.region}.s3"}
    for token in ("a", "a", "b", None, None):
        told = {"ClientToken": token} if token else {}
        ec2.create_vpc_endpoint(**request, **told)
    assert len(ec2.describe_vpc_endpoints()["VpcEndpoints"]) == 4


def test_what_is_made_anew_has_no_tags_of_the_one_before(sandbox: Sandbox) -> None:
    s3, logs = client("s3"), client("logs")
    make_bucket()
    s3.put_bucket_tagging(Bucket="lake", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.delete_bucket(Bucket="lake")
    make_bucket()
    with pytest.raises(ClientError, match="NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket="lake")
    logs.create_log_group(logGroupName="/mine", tags={"a": "b"})
    logs.delete_log_group(logGroupName="/mine")
    logs.create_log_group(logGroupName="/mine")
    arn = f"{head_of(sandbox, 'logs')}:log-group:/mine"
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {}


def test_a_bucket_of_somebody_else_is_taken_and_closed(sandbox: Sandbox) -> None:
    sandbox.give_away("lake")
    with pytest.raises(ClientError) as error:
        make_bucket()
    assert code(error) == "BucketAlreadyExists"
    with pytest.raises(ClientError) as error:
        client("s3").head_bucket(Bucket="lake")
    assert code(error) == "403"


# --- Scripted runs and queries ------------------------------------------------------------------


def test_a_run_walks_through_its_script(sandbox: Sandbox) -> None:
    glue = client("glue")
    glue.create_job(**JOB, DefaultArguments={"--a": "1", "--b": "1"})
    ended: list[str] = []
    sandbox.runs.script(
        "STARTING", "WAITING", "FAILED",
        error="no luck", seconds=75, log="one\ntwo", effect=lambda run: ended.append(run.status),
    )  # fmt: skip
    run = glue.start_job_run(JobName="j", Arguments={"--b": "2"})["JobRunId"]
    with pytest.raises(ClientError) as error:
        glue.start_job_run(JobName="j")
    assert code(error) == "ConcurrentRunsExceededException"
    seen = [glue.get_job_run(JobName="j", RunId=run)["JobRun"] for _ in range(4)]
    assert [s["JobRunState"] for s in seen] == ["STARTING", "WAITING", "FAILED", "FAILED"]
    assert seen[-1]["Arguments"] == {"--a": "1", "--b": "2"}
    assert (seen[-1]["ErrorMessage"], seen[-1]["ExecutionTime"]) == ("no luck", 75)
    assert ended == ["WAITING"]
    events = client("logs").get_log_events(logGroupName="/aws-glue/jobs/error", logStreamName=run)[
        "events"
    ]
    assert [event["message"] for event in events] == ["one", "two"]


def test_a_run_is_stopped(sandbox: Sandbox) -> None:
    glue = client("glue")
    glue.create_job(**JOB)
    sandbox.runs.script("RUNNING")
    run = glue.start_job_run(JobName="j")["JobRunId"]
    told = glue.batch_stop_job_run(JobName="j", JobRunIds=[run, "jr_none"])
    assert [s["JobRunId"] for s in told["SuccessfulSubmissions"]] == [run]
    assert [e["JobRunId"] for e in told["Errors"]] == ["jr_none"]
    assert glue.get_job_run(JobName="j", RunId=run)["JobRun"]["JobRunState"] == "STOPPED"


def test_a_query_gives_its_script_in_pages(sandbox: Sandbox) -> None:
    make_bucket()
    athena = client("athena")
    sandbox.queries.script(
        "RUNNING", "QUEUED", "SUCCEEDED",
        columns=[("n", "bigint"), ("t", "varchar")], rows=[["1", None], ["2", "b"]], scanned=7,
    )  # fmt: skip
    asked: dict[str, Any] = {
        "QueryString": "SELECT 1",
        "ResultConfiguration": {"OutputLocation": "s3://lake/results"},
        "ClientRequestToken": "t" * 32,
    }
    name = athena.start_query_execution(**asked)["QueryExecutionId"]
    assert athena.start_query_execution(**asked)["QueryExecutionId"] == name
    seen = [athena.get_query_execution(QueryExecutionId=name)["QueryExecution"] for _ in range(3)]
    assert [s["Status"]["State"] for s in seen] == ["RUNNING", "QUEUED", "SUCCEEDED"]
    assert seen[-1]["Statistics"]["DataScannedInBytes"] == 7
    pages = athena.get_paginator("get_query_results").paginate(
        QueryExecutionId=name, PaginationConfig={"PageSize": 2}
    )
    rows = [[row["Data"] for row in page["ResultSet"]["Rows"]] for page in pages]
    assert rows == [
        [[{"VarCharValue": "n"}, {"VarCharValue": "t"}], [{"VarCharValue": "1"}, {}]],
        [[{"VarCharValue": "2"}, {"VarCharValue": "b"}]],
    ]
    kept = client("s3").get_object(Bucket="lake", Key=f"results/{name}.csv")["Body"].read()
    assert kept.decode().splitlines()[0] == '"n","t"'


# --- IAM ----------------------------------------------------------------------------------------


def test_a_user_may_do_what_his_policy_says_and_nothing_else(sandbox: Sandbox) -> None:
    s3 = make_bucket()
    s3.put_object(Bucket="lake", Key="in/a", Body=b"x")
    allowed = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": ["arn:aws:s3:::lake", "arn:aws:s3:::lake/in/*"],
    }
    held = sandbox.user({"Version": "2012-10-17", "Statement": [allowed]})
    theirs = sandbox.client("s3", held)
    assert theirs.get_object(Bucket="lake", Key="in/a")["Body"].read() == b"x"
    assert theirs.list_objects_v2(Bucket="lake")["KeyCount"] == 1
    for refused in (
        lambda: theirs.put_object(Bucket="lake", Key="in/a", Body=b"y"),
        lambda: theirs.get_object(Bucket="lake", Key="out/a"),
        lambda: theirs.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": "in/a"}]}),
        lambda: sandbox.client("glue", held).get_databases(),
    ):
        with pytest.raises(ClientError) as error:
            refused()
        assert code(error).startswith("AccessDenied")
    assert s3.get_object(Bucket="lake", Key="in/a")["Body"].read() == b"x"


def test_glue_asks_for_catalog_database_and_table(sandbox: Sandbox) -> None:
    glue = client("glue")
    for name in ("d", "e"):
        glue.create_database(DatabaseInput={"Name": name})
        glue.create_table(DatabaseName=name, TableInput={"Name": "t"})
    head = f"arn:aws:glue:{sandbox.region}:{sandbox.account}"
    resources = [f"{head}:catalog", f"{head}:database/d", f"{head}:table/d/*"]
    statement = {"Effect": "Allow", "Action": "glue:GetTable", "Resource": resources}
    client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(ROLE))
    client("iam").put_role_policy(
        RoleName="r",
        PolicyName="p",
        PolicyDocument=document(statement),
    )
    taken = sandbox.assume("r")
    theirs = sandbox.client("glue", taken)
    assert theirs.get_table(DatabaseName="d", Name="t")["Table"]["Name"] == "t"
    with pytest.raises(ClientError) as error:
        theirs.get_table(DatabaseName="e", Name="t")
    assert code(error) == "AccessDeniedException"
    asked = {need.resource.removeprefix(f"{head}:") for need in sandbox.needed[taken.key]}
    assert asked == {"catalog", "database/d", "table/d/t", "database/e"}


@pytest.mark.parametrize(("service", "passes"), [("glue", True), ("ec2", False)])
def test_a_role_is_passed_to_the_service_of_the_condition(
    sandbox: Sandbox, service: str, passes: bool
) -> None:
    condition = {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}
    passing = {"Action": "iam:PassRole", "Resource": "*", "Condition": condition}
    jobs = {"Action": ["glue:CreateJob", "glue:TagResource"], "Resource": "*"}
    statements = [{"Effect": "Allow", **s} for s in (passing, jobs)]
    held = sandbox.user({"Version": "2012-10-17", "Statement": statements})
    theirs = sandbox.client("glue", held)
    if passes:
        theirs.create_job(**JOB)
    else:
        with pytest.raises(ClientError, match="iam:PassRole"):
            theirs.create_job(**JOB)


def head_of(sandbox: Sandbox, service: str) -> str:
    return f"arn:aws:{service}:{sandbox.region}:{sandbox.account}"


def test_a_query_needs_its_work_group_from_start_to_results(sandbox: Sandbox) -> None:
    make_bucket()
    for name in ("mine", "other"):
        location = {"ResultConfiguration": {"OutputLocation": "s3://lake/results/"}}
        client("athena").create_work_group(Name=name, Configuration=location)
    statement = {
        "Effect": "Allow",
        "Action": "athena:*Query*",
        "Resource": f"{head_of(sandbox, 'athena')}:workgroup/mine",
    }
    held = sandbox.user({"Version": "2012-10-17", "Statement": [statement]})
    theirs = sandbox.client("athena", held)
    sandbox.queries.script("SUCCEEDED")
    name = theirs.start_query_execution(QueryString="SELECT 1", WorkGroup="mine")
    assert theirs.get_query_execution(QueryExecutionId=name["QueryExecutionId"])
    theirs.get_query_results(QueryExecutionId=name["QueryExecutionId"])
    with pytest.raises(ClientError, match="workgroup/other"):
        theirs.start_query_execution(QueryString="SELECT 1", WorkGroup="other")


def test_a_denial_wins_and_a_condition_on_a_prefix_holds(sandbox: Sandbox) -> None:
    make_bucket()
    like = {"StringLike": {"s3:prefix": "in/*"}}
    lists = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*", "Condition": like}
    held = sandbox.user({"Version": "2012-10-17", "Statement": [lists]})
    theirs = sandbox.client("s3", held)
    theirs.list_objects_v2(Bucket="lake", Prefix="in/a")
    with pytest.raises(ClientError):
        theirs.list_objects_v2(Bucket="lake")
    denial = {"Effect": "Deny", "NotAction": "s3:GetObject", "Resource": "*"}
    client("iam").put_user_policy(
        UserName="somebody", PolicyName="p", PolicyDocument=document(lists, denial)
    )
    with pytest.raises(ClientError):
        theirs.list_objects_v2(Bucket="lake", Prefix="in/a")


def test_a_process_is_killed_at_a_call(sandbox: Sandbox) -> None:
    program = (
        "import boto3; glue = boto3.client('glue')\n"
        "for name in 'abc': glue.create_database(DatabaseInput={'Name': name})"
    )
    started: list[subprocess.Popen[bytes]] = []
    sandbox.fail(lambda _: started[0].kill(), action="CreateDatabase", nth=3)
    with subprocess.Popen([sys.executable, "-c", program], env=os.environ.copy()) as process:
        started.append(process)
    assert process.returncode == -9
    names = [d["Name"] for d in client("glue").get_databases()["DatabaseList"]]
    assert names == ["a", "b"]
