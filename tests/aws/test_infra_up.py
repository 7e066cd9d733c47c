"""`infra plan`, `up` and `status` on AWS: one comparison, nothing twice, nothing of others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from conftest import PROJECT, Result
from sandbox.faults import How
from sandbox.server import Sandbox

from aws.places import CONFIG, infrastructure, inventory
from stedi_cli.aws import policies, prices
from stedi_cli.aws.layout import TAG
from stedi_cli.errors import StediError, UsageError

Invoke = Callable[..., Result]
READS = ("Get", "List", "Head", "Describe", "BatchGet")


def up(**aws: Any) -> None:
    list(infrastructure(**aws).up())


def actions(**aws: Any) -> dict[str, str]:
    return {f"{c.kind} {c.name}": c.action for c in infrastructure(**aws).plan().changes}


def drifted(**aws: Any) -> dict[str, set[str]]:
    return {
        f"{c.kind} {c.name}": {field for field, _, _ in c.fields}
        for c in infrastructure(**aws).plan().changes
        if c.action != "keep"
    }


# --- Plan, up, status --------------------


def test_plan_only_reads_and_wants_everything_of_an_empty_account(sandbox: Sandbox) -> None:
    before = inventory(sandbox)
    with sandbox.recording() as calls:
        wanted = actions()
    assert set(wanted.values()) == {"create"}
    kinds = {name.split(" ")[0] for name in wanted}
    assert kinds == {
        *("role", "log", "bucket", "database", "endpoint", "object", "table", "work", "job")
    }
    assert all(call.action.startswith(READS) for call in calls)
    assert inventory(sandbox) == before


def test_up_makes_all_of_it(sandbox: Sandbox) -> None:
    before = inventory(sandbox)
    up()
    made = inventory(sandbox)
    bucket = f"stedi-{sandbox.account}-{sandbox.region}"
    assert set(made["buckets"]) - set(before["buckets"]) == {bucket}
    keys = set(made["buckets"][bucket])
    assert {"jobs/glue_job.py", "jobs/contract.py", "jobs/lakehouse.json"} <= keys
    assert "jobs/sql/published/step_trainer_trusted.sql" in keys
    assert made["roles"]["stedi-glue"] == ["glue-access", "s3-access"]
    assert len(made["endpoints"]) == len(before["endpoints"]) + 1
    assert {"customer_landing", "accelerometer_landing", "step_trainer_landing"} <= set(
        made["databases"]["stedi"]
    )
    assert made["jobs"] == sorted(
        f"stedi-{name}"
        for name in (
            "customer_landing_to_trusted",
            "accelerometer_landing_to_trusted",
            "customer_trusted_to_curated",
            "step_trainer_trusted",
            "machine_learning_curated",
            "all",
        )
    )
    assert "stedi" in made["work groups"]
    assert made["log groups"] == ["/aws-glue/stedi/error", "/aws-glue/stedi/output"]


def test_a_second_up_reads_at_most_25_times_and_writes_nothing(sandbox: Sandbox) -> None:
    up()
    before = inventory(sandbox)
    with sandbox.recording() as calls:
        second = infrastructure()
        planned = second.plan()
        done = list(second.up(planned))
    assert {change.action for change in planned.changes} == {"keep"}
    assert {resource.state for resource in done} == {"there"}
    asked = [(call.name, call.resource, json.dumps(call.query)) for call in calls]
    assert len(asked) <= 25, asked
    assert all(call.action.startswith(READS) for call in calls)
    assert inventory(sandbox) == before


def test_a_plan_is_carried_out_without_looking_again(sandbox: Sandbox) -> None:
    infra = infrastructure()
    planned = infra.plan()
    with sandbox.recording() as calls:
        list(infra.up(planned))
    reads = [call.action for call in calls if call.action.startswith(READS)]
    # Tags of others would be lost by a put without a look, and a new bucket has settings already.
    assert reads[0] == "GetBucketTagging"
    assert {call.service for call in calls if call.action in reads} == {"s3"}
    assert sorted(reads[1:]) == [
        "GetBucketEncryption",
        "GetBucketLifecycleConfiguration",
        "GetBucketPolicy",
        "GetBucketTagging",
        "GetPublicAccessBlock",
        "HeadBucket",
    ]


def test_a_plan_is_a_value_that_another_object_carries_out(sandbox: Sandbox) -> None:
    list(infrastructure().up(infrastructure().plan()))
    assert set(actions().values()) == {"keep"}


def test_the_constructor_asks_nothing(sandbox: Sandbox) -> None:
    with sandbox.recording() as calls:
        infrastructure()
    assert calls == []


# --- What is made --------------------


def test_the_bucket_is_private_encrypted_and_tls_only(sandbox: Sandbox) -> None:
    up(results_days=3)
    s3, bucket = sandbox.client("s3"), f"stedi-{sandbox.account}-{sandbox.region}"
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    assert len(block) == 4
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    (statement,) = policy["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    kept = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    days = {r["Filter"]["Prefix"]: r["Expiration"]["Days"] for r in kept if "Expiration" in r}
    assert days == {"athena-results/": 3, "jobs/requests/": 3}
    assert any("AbortIncompleteMultipartUpload" in rule for rule in kept)


def test_jobs_are_what_the_settings_say(sandbox: Sandbox) -> None:
    up(worker_type="G.2X", workers=5, timeout_minutes=7, retries=1, flex=True)
    job = sandbox.client("glue").get_job(JobName="stedi-all")["Job"]
    bucket = f"s3://stedi-{sandbox.account}-{sandbox.region}"
    assert job["Command"] == {
        "Name": "glueetl",
        "ScriptLocation": f"{bucket}/jobs/glue_job.py",
        "PythonVersion": "3",
    }
    assert (job["GlueVersion"], job["WorkerType"], job["NumberOfWorkers"]) == ("6.0", "G.2X", 5)
    assert (job["Timeout"], job["MaxRetries"], job["ExecutionClass"]) == (7, 1, "FLEX")
    assert job["ExecutionProperty"]["MaxConcurrentRuns"] == 1
    arguments = job["DefaultArguments"]
    assert arguments["--datalake-formats"] == "iceberg"
    assert arguments["--model"] == f"{bucket}/jobs/lakehouse.json"
    along = [
        key.removeprefix(f"{bucket}/jobs/") for key in arguments["--extra-py-files"].split(",")
    ]
    beside = {path.name for path in (PROJECT / "jobs").glob("*.py")} - {"glue_job.py"}
    assert {*along} == {"contract.py", "seams.py", "traces.py", *beside}
    settings = dict(part.split("=", 1) for part in arguments["--conf"].split(" --conf "))
    assert settings["spark.sql.catalog.glue_catalog.warehouse"] == f"{bucket}/warehouse"


def test_the_model_in_the_bucket_says_where_tables_lie_and_what_is_personal(
    sandbox: Sandbox,
) -> None:
    up()
    bucket = f"stedi-{sandbox.account}-{sandbox.region}"
    body = sandbox.client("s3").get_object(Bucket=bucket, Key="jobs/lakehouse.json")["Body"].read()
    tables = json.loads(body)["tables"]
    properties = tables["customer_trusted"]["properties"]
    assert properties["location"] == f"s3://{bucket}/warehouse/customer_trusted"
    assert properties["format-version"] == "2"
    assert properties["write.metadata.metrics.column.email"] == "none"
    assert tables["customer_landing"]["columns"][1]["name"] == "email"
    assert "quarantine" in tables


# --- Drift --------------------


def break_bucket(sandbox: Sandbox) -> None:
    bucket = f"stedi-{sandbox.account}-{sandbox.region}"
    sandbox.client("s3").delete_public_access_block(Bucket=bucket)


def break_policy(sandbox: Sandbox) -> None:
    sandbox.client("s3").delete_bucket_policy(Bucket=f"stedi-{sandbox.account}-{sandbox.region}")


def break_lifecycle(sandbox: Sandbox) -> None:
    sandbox.client("s3").delete_bucket_lifecycle(Bucket=f"stedi-{sandbox.account}-{sandbox.region}")


def break_role(sandbox: Sandbox) -> None:
    sandbox.client("iam").delete_role_policy(RoleName="stedi-glue", PolicyName="s3-access")


def break_trust(sandbox: Sandbox) -> None:
    trust = policies.trust()
    sandbox.client("iam").update_assume_role_policy(
        RoleName="stedi-glue", PolicyDocument=json.dumps(trust).replace("glue", "ec2")
    )


def break_job(sandbox: Sandbox) -> None:
    glue = sandbox.client("glue")
    job = glue.get_job(JobName="stedi-all")["Job"]
    wanted = {key: job[key] for key in ("Role", "Command", "DefaultArguments")}
    glue.update_job(JobName="stedi-all", JobUpdate={**wanted, "Timeout": 2880})


def break_script(sandbox: Sandbox) -> None:
    sandbox.client("s3").put_object(
        Bucket=f"stedi-{sandbox.account}-{sandbox.region}", Key="jobs/glue_job.py", Body=b"x"
    )


def break_table(sandbox: Sandbox) -> None:
    table = {"Name": "customer_landing", "Parameters": {TAG: "stedi"}}
    sandbox.client("glue").update_table(DatabaseName="stedi", TableInput=table)


def break_endpoint(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    (endpoint,) = ec2.describe_vpc_endpoints()["VpcEndpoints"]
    ec2.modify_vpc_endpoint(
        VpcEndpointId=endpoint["VpcEndpointId"], RemoveRouteTableIds=endpoint["RouteTableIds"]
    )


def break_logs(sandbox: Sandbox) -> None:
    sandbox.client("logs").delete_retention_policy(logGroupName="/aws-glue/stedi/error")


def break_work_group(sandbox: Sandbox) -> None:
    sandbox.client("athena").update_work_group(
        WorkGroup="stedi", ConfigurationUpdates={"BytesScannedCutoffPerQuery": 10_000_000}
    )


def disable_work_group(sandbox: Sandbox) -> None:
    sandbox.client("athena").update_work_group(WorkGroup="stedi", State="DISABLED")


DRIFT = {
    "bucket public": (break_bucket, "bucket", {"public access"}),
    "bucket policy": (break_policy, "bucket", {"policy"}),
    "bucket lifecycle": (break_lifecycle, "bucket", {"lifecycle"}),
    "role policy": (break_role, "role", {"s3-access"}),
    "role trust": (break_trust, "role", {"trust"}),
    "script": (break_script, "object", {"content"}),
    "endpoint": (break_endpoint, "endpoint", {"route tables"}),
    "log group": (break_logs, "log group", {"days"}),
    "work group": (break_work_group, "work group", {"scan limit"}),
    "work group disabled": (disable_work_group, "work group", {"state"}),
}


@pytest.mark.parametrize("name", DRIFT)
def test_drift_is_named_and_mended(sandbox: Sandbox, name: str) -> None:
    breaking, kind, fields = DRIFT[name]
    up()
    breaking(sandbox)
    ((what, found),) = drifted().items()
    assert what.startswith(kind)
    assert found == fields
    changed = [r for r in infrastructure().status() if r.state != "there"]
    assert [r.state for r in changed] == ["changed"]
    with sandbox.recording() as calls:
        up()
    writes = [call for call in calls if not call.action.startswith(READS)]
    assert len(writes) == 1
    assert drifted() == {}


def test_what_others_set_of_the_database_stays(sandbox: Sandbox) -> None:
    up()
    glue = sandbox.client("glue")
    found = glue.get_database(Name="stedi")["Database"]
    theirs = {"Principal": {"DataLakePrincipalIdentifier": "x"}, "Permissions": ["SELECT"]}
    changed = {
        "Name": "stedi",
        "Description": "mine",
        "Parameters": {**found["Parameters"], "team": "steps", "stedi:vpc": "vpc-1"},
        "CreateTableDefaultPermissions": [theirs],
    }
    glue.update_database(Name="stedi", DatabaseInput=changed)
    up()
    assert drifted() == {}
    there = glue.get_database(Name="stedi")["Database"]
    assert there["Parameters"] == {**found["Parameters"], "team": "steps"}
    assert there["CreateTableDefaultPermissions"] == [theirs]
    assert there["Description"] == found["Description"]
    list(infrastructure().down(keep_data=True))
    there = glue.get_database(Name="stedi")["Database"]
    assert there["Parameters"]["team"] == "steps"
    assert there["CreateTableDefaultPermissions"] == [theirs]
    assert "stedi:role" not in there["Parameters"]


def test_a_job_and_a_table_that_were_changed_are_mended(sandbox: Sandbox) -> None:
    up()
    break_job(sandbox)
    break_table(sandbox)
    found = drifted()
    assert set(found) == {"job stedi-all", "table customer_landing"}
    assert "timeout" in found["job stedi-all"]
    assert "columns" in found["table customer_landing"]
    up()
    assert drifted() == {}


def test_the_tables_of_lines_of_the_version_before_go(sandbox: Sandbox) -> None:
    up()
    glue, ours = sandbox.client("glue"), {TAG: "stedi"}
    for name, parameters in (("customer_landing_lines", ours), ("step_trainer_landing_lines", {})):
        made = {"Name": name, "Parameters": parameters, "StorageDescriptor": {"Columns": []}}
        glue.create_table(DatabaseName="stedi", TableInput=made)
    lines = "customer_landing_lines"
    assert {name for name, action in actions().items() if action == "remove"} == {f"table {lines}"}
    done = {resource.name: resource.state for resource in infrastructure().up()}
    assert done[lines] == "removed"
    # One of others under such a name stays.
    names = {table["Name"] for table in glue.get_tables(DatabaseName="stedi")["TableList"]}
    assert names & {lines, "step_trainer_landing_lines"} == {"step_trainer_landing_lines"}
    assert drifted() == {}


def test_other_settings_change_only_what_they_are_about(sandbox: Sandbox) -> None:
    up()
    found = drifted(workers=4, scan_limit=20_000_000)
    assert set(found.pop("work group stedi")) == {"scan limit"}
    assert len(found) == 6
    assert all(fields == {"workers"} for fields in found.values())
    up(workers=4, scan_limit=20_000_000)
    assert drifted(workers=4, scan_limit=20_000_000) == {}


def test_refresh_puts_what_changed_in_the_project_and_nothing_else(sandbox: Sandbox) -> None:
    up()
    break_script(sandbox)
    with sandbox.recording() as calls:
        put = infrastructure().refresh_objects()
    assert [resource.name for resource in put] == ["jobs/glue_job.py"]
    asked = [call.action for call in calls if call.service == "s3"]
    assert (asked[0], asked[-1]) == ("ListObjectsV2", "PutObject")
    # It looks whose the bucket is before it puts anything there.
    assert set(asked[1:-1]) == {"HeadBucket", "GetBucketTagging"}
    assert infrastructure().refresh_objects() == []


def test_refresh_without_a_lakehouse_says_what_to_do(sandbox: Sandbox) -> None:
    with pytest.raises(StediError) as told:
        infrastructure().refresh_objects()
    assert "infra up" in str(told.value.hint)


# --- What is not ours --------------------


def foreign_bucket(sandbox: Sandbox) -> None:
    where = {"LocationConstraint": sandbox.region}
    sandbox.client("s3").create_bucket(
        Bucket=f"stedi-{sandbox.account}-{sandbox.region}", CreateBucketConfiguration=where
    )


def foreign_role(sandbox: Sandbox) -> None:
    sandbox.client("iam").create_role(RoleName="stedi-glue", AssumeRolePolicyDocument="{}")


def foreign_database(sandbox: Sandbox) -> None:
    sandbox.client("glue").create_database(DatabaseInput={"Name": "stedi"})


def foreign_job(sandbox: Sandbox) -> None:
    sandbox.client("glue").create_job(
        Name="stedi-all", Role="x", Command={"Name": "glueetl", "ScriptLocation": "s3://x/y"}
    )


def foreign_work_group(sandbox: Sandbox) -> None:
    sandbox.client("athena").create_work_group(
        Name="stedi", Configuration={}, Tags=[{"Key": TAG, "Value": "another"}]
    )


def foreign_log_group(sandbox: Sandbox) -> None:
    sandbox.client("logs").create_log_group(logGroupName="/aws-glue/stedi/error")


FOREIGN = {
    "bucket": foreign_bucket,
    "role": foreign_role,
    "database": foreign_database,
    "job": foreign_job,
    "work group": foreign_work_group,
    "log group": foreign_log_group,
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_not_ours_is_refused_by_name_before_anything_is_made(
    sandbox: Sandbox, kind: str
) -> None:
    FOREIGN[kind](sandbox)
    before = inventory(sandbox)
    with pytest.raises(UsageError) as told:
        up()
    assert f"{kind} " in told.value.message
    assert told.value.hint
    assert inventory(sandbox) == before
    refused = [r for r in infrastructure().status() if r.state == "not ours"]
    assert [r.kind for r in refused] == [kind]
    # Nor does `down` touch it.
    done = list(infrastructure().down())
    assert "removed" not in {resource.state for resource in done}
    assert inventory(sandbox) == before


def test_a_bucket_of_another_account_is_refused_with_what_to_do(sandbox: Sandbox) -> None:
    sandbox.fail(("403", "Forbidden", 403), service="s3", action="HeadBucket")
    with pytest.raises(UsageError) as told:
        up()
    assert "another account" in told.value.message
    sandbox.heal()
    sandbox.fail(("BucketAlreadyExists", "taken", 409), service="s3", action="CreateBucket")
    with pytest.raises(StediError) as refused:
        up()
    assert "taken by another account" in refused.value.message
    assert "set another bucket" in str(refused.value.hint)
    sandbox.heal()
    up()
    assert drifted() == {}


@pytest.mark.parametrize(
    ("code", "said", "hint"),
    [
        (
            "AccessDenied",
            "with an explicit deny in an identity-based policy: voc-cancel-cred",
            "lab",
        ),
        ("AccessDenied", "with an explicit deny in a service control policy", "organization"),
        ("ExpiredToken", "The provided token has expired.", "sign in again"),
    ],
)
def test_a_bucket_that_something_else_hides_is_not_called_another_account_s(
    sandbox: Sandbox, code: str, said: str, hint: str
) -> None:
    up()
    status = 400 if code == "ExpiredToken" else 403
    sandbox.fail((str(status), "", status), service="s3", action="HeadBucket")
    said = f"User: x is not authorized to perform: s3:GetBucketTagging {said}"
    sandbox.fail((code, said, 403), service="s3", action="GetBucketTagging")
    with pytest.raises(StediError, match="GetBucketTagging failed") as told:
        infrastructure().refuse_foreign_bucket()
    assert hint in str(told.value.hint)


def test_a_bucket_in_another_region_is_refused(sandbox: Sandbox) -> None:
    where = {"LocationConstraint": "us-west-2"}
    elsewhere = boto3.client("s3", endpoint_url=sandbox.url, region_name="us-west-2")
    elsewhere.create_bucket(Bucket="my-bucket-x", CreateBucketConfiguration=where)
    with pytest.raises(UsageError, match="us-west-2"):
        up(bucket="my-bucket-x")


def test_other_tags_of_the_bucket_survive(sandbox: Sandbox) -> None:
    up()
    s3, bucket = sandbox.client("s3"), f"stedi-{sandbox.account}-{sandbox.region}"
    tags = [{"Key": TAG, "Value": "stedi"}, {"Key": "cost", "Value": "7"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert drifted() == {}
    up(tags={"team": "steps"})
    found = {t["Key"]: t["Value"] for t in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    assert found == {TAG: "stedi", "cost": "7", "team": "steps"}


# --- The endpoint --------------------


def default_vpc(sandbox: Sandbox) -> tuple[str, list[str]]:
    ec2 = sandbox.client("ec2")
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    found = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])
    return vpc["VpcId"], [table["RouteTableId"] for table in found["RouteTables"]]


def test_an_endpoint_that_exists_is_used_and_never_deleted(sandbox: Sandbox) -> None:
    vpc, tables = default_vpc(sandbox)
    made = sandbox.client("ec2").create_vpc_endpoint(
        VpcEndpointType="Gateway",
        VpcId=vpc,
        ServiceName=f"com.amazonaws.{sandbox.region}.s3",
        RouteTableIds=tables,
    )["VpcEndpoint"]["VpcEndpointId"]
    before = inventory(sandbox)
    (change,) = [c for c in infrastructure().plan().changes if c.kind == "endpoint"]
    assert (change.action, made in change.note) == ("keep", True)
    up()
    assert inventory(sandbox)["endpoints"] == before["endpoints"]
    assert drifted() == {}
    list(infrastructure().down())
    assert inventory(sandbox) == before


def test_no_default_vpc_says_what_to_set(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    vpc, _ = default_vpc(sandbox)
    for subnet in ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=vpc)
    with pytest.raises(StediError, match="no default VPC") as told:
        up(s3_endpoint=True)
    assert "s3_endpoint: false" in str(told.value.hint)
    assert "stedi-glue" not in inventory(sandbox)["roles"]
    up(s3_endpoint=False)
    assert inventory(sandbox)["endpoints"] == {}
    list(infrastructure(s3_endpoint=False).down())
    assert "stedi-glue" not in inventory(sandbox)["roles"]


def test_an_endpoint_in_another_vpc_is_replaced_only_when_asked(sandbox: Sandbox) -> None:
    up()
    ec2 = sandbox.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    changes = [c for c in infrastructure(vpc=vpc).plan().changes if c.action != "keep"]
    # The database says which VPC the lakehouse counts on, for others.
    assert [c.kind for c in changes] == ["database", "endpoint"]
    change = changes[1]
    assert (change.kind, change.action) == ("endpoint", "replace")
    before = inventory(sandbox)
    with pytest.raises(UsageError, match="endpoint") as told:
        up(vpc=vpc)
    assert "--yes" in str(told.value.hint)
    assert inventory(sandbox) == before
    list(infrastructure(vpc=vpc).up(replace=True))
    (endpoint,) = [
        e for e in ec2.describe_vpc_endpoints()["VpcEndpoints"] if e["State"] != "deleted"
    ]
    assert endpoint["VpcId"] == vpc
    assert drifted(vpc=vpc) == {}


# --- A role that is not known yet; answers that were lost --------------------


def test_jobs_wait_until_the_role_can_be_assumed(sandbox: Sandbox) -> None:
    told = "Role should be given assume role permissions for Glue Service."
    sandbox.fail(("InvalidInputException", told), service="glue", action="CreateJob", calls=9)
    waited: list[float] = []
    list(infrastructure(sleep=waited.append).up())
    assert len(waited) == 9
    assert drifted() == {}
    # One that is made again, at another path, is as new to Glue.
    sandbox.fail(("InvalidInputException", told), service="glue", action="UpdateJob", calls=9)
    moved = infrastructure(role_path="/team/", sleep=waited.append)
    list(moved.up(replace=True))
    assert len(waited) == 18
    assert drifted(role_path="/team/") == {}


def test_a_role_that_can_never_be_assumed_ends_with_what_to_do(sandbox: Sandbox) -> None:
    told = "Role should be given assume role permissions for Glue Service."
    sandbox.fail(("InvalidInputException", told), service="glue", action="CreateJob", calls=None)
    with pytest.raises(StediError, match="may not take on the role") as error:
        up()
    assert "infra up" in str(error.value.hint)


def test_a_bucket_that_a_crash_left_without_tags_is_ours(sandbox: Sandbox) -> None:
    sandbox.fail(How.DENIED, service="s3", action="PutBucketTagging", calls=None)
    with pytest.raises(StediError):
        up()
    sandbox.heal()
    bucket = f"stedi-{sandbox.account}-{sandbox.region}"
    assert inventory(sandbox)["buckets"] == {bucket: []}
    assert drifted()[f"bucket {bucket}"] >= {"tags"}
    up()
    assert drifted() == {}


# --- The commands --------------------


FORBIDDEN = (
    "AccessDenied",
    "User: arn:aws:iam::1:user/ann is not authorized to perform: s3:PutBucketPublicAccessBlock"
    " with an explicit deny in a service control policy",
    403,
)


def test_what_a_new_bucket_has_is_not_put_again(sandbox: Sandbox) -> None:
    for action in ("PutPublicAccessBlock", "PutBucketEncryption"):
        sandbox.fail(FORBIDDEN, service="s3", action=action, calls=None)
    up()
    assert drifted() == {}


def test_a_setting_that_an_organization_forbids_is_named(sandbox: Sandbox) -> None:
    up()
    break_bucket(sandbox)
    sandbox.fail(FORBIDDEN, service="s3", action="PutPublicAccessBlock", agent="stedi", calls=None)
    with pytest.raises(StediError, match=r"public access: .*PutPublicAccessBlock") as told:
        up()
    assert "organization" in str(told.value.hint)


def test_a_new_bucket_that_is_not_seen_at_once_is_set(sandbox: Sandbox) -> None:
    sandbox.fail(("404", "Not Found", 404), action="HeadBucket", agent="stedi", nth=2)
    up()
    assert drifted() == {}


def shuffled(document: dict[str, Any]) -> dict[str, Any]:
    """The same policy, as services may give it back."""
    found = []
    for statement in reversed(document["Statement"]):
        other = {}
        for key, value in statement.items():
            short = value[0] if isinstance(value, list) and len(value) == 1 else value
            other[key] = short[::-1] if isinstance(short, list) else short
        found.append(other)
    return {**document, "Statement": found}


def test_a_policy_that_means_the_same_is_no_drift(sandbox: Sandbox) -> None:
    up()
    iam, s3 = sandbox.client("iam"), sandbox.client("s3")
    for name in ("s3-access", "glue-access"):
        there = iam.get_role_policy(RoleName="stedi-glue", PolicyName=name)["PolicyDocument"]
        other = json.dumps(shuffled(there))
        assert shuffled(there) != there
        iam.put_role_policy(RoleName="stedi-glue", PolicyName=name, PolicyDocument=other)
    (bucket,) = s3.list_buckets()["Buckets"]
    there = json.loads(s3.get_bucket_policy(Bucket=bucket["Name"])["Policy"])
    s3.put_bucket_policy(Bucket=bucket["Name"], Policy=json.dumps(shuffled(there)))
    assert drifted() == {}
    less = {**there, "Statement": [{**there["Statement"][0], "Action": "s3:GetObject"}]}
    s3.put_bucket_policy(Bucket=bucket["Name"], Policy=json.dumps(less))
    assert list(drifted().values()) == [{"policy"}]


def test_the_commands_show_plan_costs_and_drift(sandbox: Sandbox, invoke: Invoke) -> None:
    aws = ("--config", CONFIG, "infra")
    told = invoke(*aws, "plan")
    assert told.code == 0, told.err
    assert "create" in told.out
    assert "USD" in told.out
    # What costs while nothing runs is named.
    idle = next(line for line in invoke(*aws, "plan", "--json").json()["costs"] if "While" in line)
    assert f"bucket stedi-{sandbox.account}-{sandbox.region}" in idle
    assert "/aws-glue/stedi/output and /aws-glue/stedi/error" in idle
    key = f"arn:aws:kms:{sandbox.region}:{sandbox.account}:key/{'0' * 36}"
    assert "KMS key" in prices.idle(infrastructure(kms_key=key).layout)
    told = invoke(*aws, "up", "--no-data")
    assert told.code == 0, told.err
    assert "made" in told.out
    assert "USD" in told.out
    break_bucket(sandbox)
    told = invoke(*aws, "status")
    assert told.code == 3
    assert "public access" in told.out
    told = invoke(*aws, "plan")
    assert "not blocked" in told.out
    told = invoke(*aws, "down", "--yes")
    assert told.code == 0, told.err
    assert "removed" in told.out


def test_the_whole_command_on_an_up_to_date_account_reads_at_most_25_times(
    sandbox: Sandbox, invoke: Invoke
) -> None:
    aws = ("--config", CONFIG, "infra", "up")
    assert invoke(*aws).code == 0
    before = inventory(sandbox)
    with sandbox.recording() as calls:
        told = invoke(*aws, "--json")
    assert told.code == 0, told.err
    assert {part["state"] for part in told.json()["resources"]} == {"there"}
    assert [call.name for call in calls if not call.action.startswith(READS)] == []
    assert len(calls) <= 25, [f"{call.name} {call.resource}" for call in calls]
    assert inventory(sandbox) == before


# --- Doctor ------------------------------------------------------------------------------------


def test_doctor_finds_what_is_missing_and_what_drifted(sandbox: Sandbox, invoke: Invoke) -> None:
    def wrong() -> dict[str, str]:
        told = invoke("--config", CONFIG, "doctor", "--json")
        return {f["what"]: f["todo"] for f in told.json() if not f["ok"]}

    assert "infra up" in wrong()["infrastructure"]
    up()
    assert wrong() == {}
    break_role(sandbox)
    assert set(wrong()) == {"role stedi-glue"}


def test_doctor_says_what_to_do_without_valid_credentials(sandbox: Sandbox, invoke: Invoke) -> None:
    sandbox.fail(How.EXPIRED, calls=None)
    told = invoke("--config", CONFIG, "doctor", "--json")
    (wrong,) = [f for f in told.json() if not f["ok"]]
    assert wrong["what"] == "account"
    assert "aws sso login" in wrong["todo"]
