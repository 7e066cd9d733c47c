"""Job runs that run on Spark, and queries that run on Trino."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.server import Sandbox
from sandbox.spark import Spark
from sandbox.test_sandbox import ROLE, client, make_bucket
from sandbox.trino import Trino

pytestmark = [pytest.mark.aws, pytest.mark.slow]

CATALOG = "spark.sql.catalog.glue_catalog"
CONF = " --conf ".join(
    f"{name}={value}"
    for name, value in {
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        CATALOG: "org.apache.iceberg.spark.SparkCatalog",
        f"{CATALOG}.warehouse": "s3://lake/warehouse",
        f"{CATALOG}.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
        f"{CATALOG}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
    }.items()
)
WRITE = """
import sys
import along
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
rows = spark.read.json("s3://lake/landing/in/").repartition(1)
doubled = rows.rdd.map(lambda row: (along.double(row["n"]),)).toDF("n long")
doubled.writeTo("glue_catalog.d.t").using("iceberg").option(
    "snapshot-property.k", "v").createOrReplace()
print("arguments", " ".join(sys.argv[1:]))
"""
ALONG = "def double(n):\n    return 2 * n\n"


def statements(*left_out: str) -> list[dict[str, Any]]:
    """What the role of the job that writes a table needs."""
    bucket, glue = "arn:aws:s3:::lake", "arn:aws:glue:eu-central-1:123456789012"
    catalog = [f"{glue}:catalog", f"{glue}:database/d", f"{glue}:table/d/*"]
    found = {
        "list": ("s3:ListBucket", bucket),
        "read": ("s3:GetObject", [f"{bucket}/{p}/*" for p in ("jobs", "landing", "warehouse")]),
        "write": ("s3:PutObject", f"{bucket}/warehouse/*"),
        "database": ("glue:GetDatabase", catalog),
        "tables": (["glue:GetTable", "glue:CreateTable", "glue:UpdateTable"], catalog),
        "logs": (
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            "arn:aws:logs:eu-central-1:123456789012:log-group:/aws-glue/*",
        ),
    }
    return [
        {"Effect": "Allow", "Action": action, "Resource": resource}
        for name, (action, resource) in found.items()
        if name not in left_out
    ]


def allow(*left_out: str) -> None:
    client("iam").put_role_policy(
        RoleName="r",
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements(*left_out)}),
    )


@pytest.fixture
def account(sandbox: Sandbox) -> Sandbox:
    """A bucket with a script and two landing lines, a database, a role, a job, a work group."""
    s3, glue_client, iam = make_bucket(), client("glue"), client("iam")
    for key, text in {
        "jobs/j.py": WRITE,
        "jobs/along.py": ALONG,
        "landing/in/a.json": '{"n": 1}\n{"n": 2}\n',
    }.items():
        s3.put_object(Bucket="lake", Key=key, Body=text.encode())
    glue_client.create_database(DatabaseInput={"Name": "d"})
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(ROLE))
    allow()
    glue_client.create_job(
        Name="j",
        Role="r",
        Command={"Name": "glueetl", "ScriptLocation": "s3://lake/jobs/j.py"},
        GlueVersion="6.0",
        DefaultArguments={
            "--datalake-formats": "iceberg",
            "--conf": CONF,
            "--extra-py-files": "s3://lake/jobs/along.py",
            "--mine": "1",
        },
    )
    client("athena").create_work_group(
        Name="g",
        Configuration={
            "ResultConfiguration": {"OutputLocation": "s3://lake/results/"},
            "EnforceWorkGroupConfiguration": True,
        },
    )
    return sandbox


def script(text: str) -> None:
    client("s3").put_object(Bucket="lake", Key="jobs/j.py", Body=text.encode())


def begin(sandbox: Sandbox, **arguments: str) -> Any:
    name = client("glue").start_job_run(JobName="j", Arguments=arguments)["JobRunId"]
    return sandbox.runs.find(name)


def told(run: Any) -> dict[str, Any]:
    """Wait for a run's end; return what GetJobRun says then."""
    run.wait()
    found = client("glue").get_job_run(JobName="j", RunId=run.job_run_id)
    return dict(found["JobRun"])


def logged(run: Any, kind: str) -> str:
    events = client("logs").get_log_events(
        logGroupName=f"/aws-glue/jobs/{kind}", logStreamName=run.job_run_id
    )["events"]
    return "\n".join(event["message"] for event in events)


def rows_of(sandbox: Sandbox, query: str) -> list[list[str | None]]:
    found = ask(sandbox, query)
    assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
    return list(found["rows"][1:])


def ask(sandbox: Sandbox, query: str) -> dict[str, Any]:
    """Run a query to its end; return what GetQueryExecution says then, and its rows."""
    athena_client = client("athena")
    name = athena_client.start_query_execution(
        QueryString=query, WorkGroup="g", QueryExecutionContext={"Database": "d"}
    )["QueryExecutionId"]
    sandbox.queries.started[name].wait()
    found = dict(athena_client.get_query_execution(QueryExecutionId=name)["QueryExecution"])
    if found["Status"]["State"] == "SUCCEEDED":
        page = athena_client.get_query_results(QueryExecutionId=name)["ResultSet"]
        found["rows"] = [[v.get("VarCharValue") for v in r["Data"]] for r in page["Rows"]]
        found["types"] = [c["Type"] for c in page["ResultSetMetadata"]["ColumnInfo"]]
    return found


# --- Runs ---------------------------------------------------------------------------------------


def test_a_run_writes_a_table_as_its_role(account: Sandbox, glue: Spark) -> None:
    run = begin(account, **{"--mine": "2"})
    ended = told(run)
    assert (ended["JobRunState"], ended.get("ErrorMessage")) == ("SUCCEEDED", None)
    table = client("glue").get_table(DatabaseName="d", Name="t")["Table"]
    assert table["Parameters"]["table_type"] == "ICEBERG"
    assert f"--mine 2 --JOB_NAME j --JOB_ID j_j --JOB_RUN_ID {run.job_run_id}" in logged(
        run, "output"
    )
    # All that it did in S3 and Glue, it did as the role.
    (held,) = account.needed
    asked = {need.action for need in account.needed[held]}
    assert {"s3:PutObject", "glue:CreateTable", "glue:GetDatabase", "s3:ListBucket"} <= asked
    # The same JVM serves the next run.
    assert told(begin(account))["JobRunState"] == "SUCCEEDED"


@pytest.mark.parametrize("missing", ["list", "read", "write", "database", "tables"])
def test_a_role_without_a_permission_fails(account: Sandbox, glue: Spark, missing: str) -> None:
    allow(missing)
    ended = told(begin(account))
    assert ended["JobRunState"] == "FAILED"
    assert any(call.denied for call in account.calls)


def test_a_role_that_glue_may_not_assume_fails(account: Sandbox, glue: Spark) -> None:
    client("iam").update_assume_role_policy(
        RoleName="r", PolicyDocument=json.dumps(ROLE).replace("glue.", "ec2.")
    )
    ended = told(begin(account))
    assert ended["JobRunState"] == "FAILED"
    assert "unable to assume role" in ended["ErrorMessage"]


@pytest.mark.parametrize(
    ("text", "state", "message"),
    [
        ("import sys; sys.exit(0)", "SUCCEEDED", ""),
        ("import sys; sys.exit(3)", "FAILED", "SystemExit: 3"),
        ("def", "FAILED", "SyntaxError"),
        ("import os; os.kill(os.getpid(), 9)", "FAILED", "exit code -9"),
    ],
)
def test_a_run_ends_as_its_script_does(
    account: Sandbox, glue: Spark, text: str, state: str, message: str
) -> None:
    script(text)
    ended = told(begin(account))
    assert ended["JobRunState"] == state
    assert message in ended.get("ErrorMessage", "")


def test_all_that_a_script_prints_is_its_output(account: Sandbox, glue: Spark) -> None:
    script(
        "import sys; print('said'); print('noted', file=sys.stderr); raise ValueError('no luck')"
    )
    run = begin(account)
    assert told(run)["ErrorMessage"] == "ValueError: no luck"
    lines = logged(run, "output").splitlines()
    assert {"said", "noted"} < set(lines)
    assert lines[-1] == "ValueError: no luck"
    # The other one is Spark's.
    groups = client("logs").describe_log_groups()["logGroups"]
    if any(group["logGroupName"].endswith("/error") for group in groups):
        assert not {"noted", "Traceback"} & set(logged(run, "error").split())


def test_a_missing_script_fails(account: Sandbox, glue: Spark) -> None:
    client("s3").delete_object(Bucket="lake", Key="jobs/j.py")
    ended = told(begin(account))
    assert ended["JobRunState"] == "FAILED"
    assert "LAUNCH ERROR" in ended["ErrorMessage"]


def test_a_run_is_stopped_and_another_may_begin(account: Sandbox, glue: Spark) -> None:
    script("import time; time.sleep(600)")
    run = begin(account)
    with pytest.raises(ClientError, match="ConcurrentRunsExceeded"):
        begin(account)
    client("glue").batch_stop_job_run(JobName="j", JobRunIds=[run.job_run_id])
    assert told(run)["JobRunState"] == "STOPPED"
    script(WRITE)
    assert told(begin(account))["JobRunState"] == "SUCCEEDED"


def test_a_run_times_out(account: Sandbox, glue: Spark) -> None:
    script("import time; time.sleep(600)")
    glue.minute = 0.1
    name = client("glue").start_job_run(JobName="j", Timeout=1)["JobRunId"]
    assert told(account.runs.find(name))["JobRunState"] == "TIMEOUT"


# --- Queries ------------------------------------------------------------------------------------


def test_a_query_counts_what_a_run_wrote(account: Sandbox, glue: Spark, athena: Trino) -> None:
    assert told(begin(account))["JobRunState"] == "SUCCEEDED"
    found = ask(
        account, "SELECT count(*) AS rows, sum(n) AS s, 0.5e0 AS d, CAST(NULL AS varchar) x FROM t"
    )
    assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
    assert found["rows"] == [["rows", "s", "d", "x"], ["2", "6", "0.5", None]]
    assert found["types"] == ["bigint", "bigint", "double", "varchar"]
    assert found["Statistics"]["DataScannedInBytes"] > 0
    kept = rows_of(account, """SELECT element_at(summary, 'k') FROM "t$snapshots" """)
    assert kept == [["v"]]


def test_a_table_over_json_is_read_by_the_hive_serde(account: Sandbox, athena: Trino) -> None:
    client("s3").put_object(
        Bucket="lake", Key="landing/in/b.json", Body=b'{"N": 3, "more": "x"}\n{}'
    )
    client("glue").create_table(
        DatabaseName="d",
        TableInput={
            "Name": "landing",
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"classification": "json", "EXTERNAL": "TRUE"},
            "StorageDescriptor": {
                "Columns": [{"Name": "n", "Type": "bigint"}],
                "Location": "s3://lake/landing/in/",
                "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
                "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                "SerdeInfo": {"SerializationLibrary": "org.apache.hive.hcatalog.data.JsonSerDe"},
            },
        },
    )
    found = rows_of(account, "SELECT n, count(*) FROM landing GROUP BY n ORDER BY n")
    assert found == [["1", "1"], ["2", "1"], ["3", "1"], [None, "1"]]


def test_a_wrong_query_fails_with_its_reason(account: Sandbox, athena: Trino) -> None:
    found = ask(account, "SELECT nothing FROM nowhere")["Status"]
    assert found["State"] == "FAILED"
    assert "TABLE_NOT_FOUND" in found["StateChangeReason"]
    assert found["AthenaError"] == {
        "ErrorCategory": 2,
        "Retryable": False,
        "ErrorMessage": found["StateChangeReason"].partition(": ")[2],
    }


def test_a_query_over_the_limit_is_cancelled(account: Sandbox, glue: Spark, athena: Trino) -> None:
    assert told(begin(account))["JobRunState"] == "SUCCEEDED"
    athena.limit = 10
    found = ask(account, "SELECT sum(n) FROM t")["Status"]
    assert (found["State"], found["StateChangeReason"]) == (
        "CANCELLED",
        "Bytes scanned limit was exceeded",
    )


def test_deleted_rows_are_gone_after_optimize_and_vacuum(
    account: Sandbox, glue: Spark, athena: Trino
) -> None:
    assert told(begin(account))["JobRunState"] == "SUCCEEDED"
    for query in (
        "DELETE FROM t WHERE n = 4",
        "OPTIMIZE t REWRITE DATA USING BIN_PACK",
        "ALTER TABLE t SET PROPERTIES extra_properties = "
        "MAP(ARRAY['vacuum_max_snapshot_age_seconds'], ARRAY['0'])",
        "VACUUM t",
    ):
        told_of = ask(account, query)["Status"]
        assert told_of["State"] == "SUCCEEDED", (query, told_of)
    assert rows_of(account, "SELECT n FROM t") == [["2"]]
    assert rows_of(account, """SELECT count(*) FROM "t$snapshots" """) == [["1"]]
