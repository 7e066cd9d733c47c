"""What moto lacks or does otherwise than AWS, added to its classes once for a process."""

from __future__ import annotations

import functools
import hashlib
import json
from threading import RLock
from typing import TYPE_CHECKING, Any

import moto.core.responses
from moto.athena.responses import AthenaResponse
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.ec2.models.vpcs import VPCBackend
from moto.glue.exceptions import AlreadyExistsException, JobNotFoundException
from moto.glue.models import FakeJob, GlueBackend
from moto.glue.responses import GlueResponse
from moto.iam.access_control import IAMPolicy
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse
from moto.s3.models import FakeBucket, FakeKey, PublicAccessBlock, S3Backend
from moto.s3.responses import S3Response

from sandbox import lake_formation
from sandbox.queries import invalid

if TYPE_CHECKING:
    from sandbox.server import Sandbox

_current: list[Sandbox] = []
_writes = RLock()


def fill(sandbox: Sandbox) -> None:
    """Patch moto, so that runs and queries are this sandbox's."""
    first = not _current
    _current[:] = [sandbox]
    if first:
        _fill_glue()
        _fill_athena()
        _fill_s3()
        _fill_ec2()
        lake_formation.fill()
        _wrap(LogsBackend, "delete_log_group", _forget_log_group)
        LogsResponse.associate_kms_key = _associate_key  # type: ignore[attr-defined]
        # moto looks through a class for its methods at every request.
        names = functools.cache(moto.core.responses.method_names_from_class)
        moto.core.responses.method_names_from_class = names


def _sandbox() -> Sandbox:
    return _current[0]


# --- Glue ---------------------------------------------------------------------------------------

_JOB_FIELDS = {
    "Description": "description",
    "LogUri": "log_uri",
    "Role": "role",
    "ExecutionProperty": "execution_property",
    "Command": "command",
    "DefaultArguments": "default_arguments",
    "NonOverridableArguments": "non_overridable_arguments",
    "Connections": "connections",
    "MaxRetries": "max_retries",
    "Timeout": "timeout",
    "MaxCapacity": "max_capacity",
    "WorkerType": "worker_type",
    "NumberOfWorkers": "number_of_workers",
    "GlueVersion": "glue_version",
    "ExecutionClass": "execution_class",
}


def _fill_glue() -> None:
    def start(job: Any, arguments: dict[str, str] | None = None, **request: Any) -> str:
        return _sandbox().runs.start(job, arguments, **request)

    def runs(job: Any) -> list[Any]:
        for run in job.job_runs:
            run.advance()
        return list(reversed(job.job_runs))

    def batch_stop(response: Any) -> ActionResult:
        job = response.glue_backend.get_job(response.parameters["JobName"])
        return ActionResult(_sandbox().runs.batch_stop(job, response.parameters["JobRunIds"]))

    def update_job(response: Any) -> ActionResult:
        name = response.parameters["JobName"]
        job = response.glue_backend.get_job(name)
        told = response.parameters["JobUpdate"]
        # What is left out goes back to its default.
        defaults = {"ExecutionProperty": {}, "DefaultArguments": {}, "ExecutionClass": "STANDARD"}
        for field, attribute in _JOB_FIELDS.items():
            setattr(job, attribute, told.get(field, defaults.get(field)))
        return ActionResult({"JobName": name})

    def delete_job(backend: Any, name: str) -> None:
        job = backend.jobs.pop(name, None)
        if job is not None:
            _sandbox().listing.forget(job.name, backend.get_tags(job.arn))
            backend.tagger.delete_all_tags_for_resource(job.arn)

    FakeJob.start_job_run = start  # type: ignore[method-assign, assignment]
    FakeJob.get_job_runs = runs  # type: ignore[method-assign, assignment]
    GlueResponse.batch_stop_job_run = batch_stop  # type: ignore[attr-defined]
    GlueResponse.update_job = update_job  # type: ignore[attr-defined]
    GlueBackend.delete_job = delete_job  # type: ignore[method-assign, assignment]
    by_tags = GlueResponse.filter_jobs_by_tags
    GlueResponse.filter_jobs_by_tags = lambda response, jobs, tags: _sandbox().listing.of(  # type: ignore[method-assign]
        by_tags(response, jobs, tags), tags
    )
    _wrap(GlueResponse, "create_job", _refuse_second_job)
    _wrap(GlueResponse, "update_table", _refuse_stale_table)
    _wrap(GlueResponse, "get_tags", _refuse_tags_of_nothing)
    _wrap(GlueBackend, "delete_database", _forget_tags)


def _wrap(owner: type, name: str, before: Any) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        before(self, *args, **kwargs)
        return original(self, *args, **kwargs)

    setattr(owner, name, wrapped)


def _refuse_second_job(response: Any) -> None:
    name = response.parameters["Name"]
    if name in response.glue_backend.jobs:
        raise AlreadyExistsException("Job")
    _sandbox().listing.note(name)


def _refuse_stale_table(response: Any) -> None:
    asked = response.parameters.get("VersionId")
    table = response.glue_backend.get_table(
        response.parameters["DatabaseName"], response.parameters["TableInput"]["Name"]
    )
    if asked and str(asked) != str(table._current_version):
        raise JsonRESTError("ConcurrentModificationException", "Update table failed due to a race")


def _refuse_tags_of_nothing(response: Any) -> None:
    kind, _, name = response.parameters["ResourceArn"].split(":", 5)[5].partition("/")
    backend = response.glue_backend
    if kind == "job" and name not in backend.jobs:
        raise JobNotFoundException(name)
    if kind == "database":
        backend.get_database(name)


def _forget_tags(backend: Any, name: str) -> None:
    arn = f"arn:aws:glue:{backend.region_name}:{backend.account_id}:database/{name}"
    backend.tagger.delete_all_tags_for_resource(arn)


# --- Athena -------------------------------------------------------------------------------------


def _fill_athena() -> None:
    def start(response: Any) -> str:
        asked = json.loads(response.body)
        started = _sandbox().queries.start(asked, response.athena_backend.work_groups)
        return json.dumps({"QueryExecutionId": started})

    def get(response: Any) -> str:
        found = _sandbox().queries.look(response._get_param("QueryExecutionId"))
        return json.dumps({"QueryExecution": found.as_dict()})

    def batch_get(response: Any) -> str:
        queries, found, lacking = _sandbox().queries, [], []
        for name in response._get_param("QueryExecutionIds"):
            if name in queries.started:
                found.append(queries.look(name).as_dict())
            else:
                lacking.append({"QueryExecutionId": name, "ErrorCode": "INVALID_INPUT"})
        return json.dumps({"QueryExecutions": found, "UnprocessedQueryExecutionIds": lacking})

    def results(response: Any) -> str:
        asked = json.loads(response.body)
        page = _sandbox().queries.results(
            asked["QueryExecutionId"], asked.get("NextToken"), asked.get("MaxResults")
        )
        return json.dumps(page)

    def stop(response: Any) -> str:
        _sandbox().queries.stop(response._get_param("QueryExecutionId"))
        return "{}"

    def update_work_group(response: Any) -> str:
        group = _group(response, response._get_param("WorkGroup"))
        updates = response._get_param("ConfigurationUpdates") or {}
        _update_configuration(group.configuration, updates)
        for name in ("Description", "State"):
            if response._get_param(name) is not None:
                setattr(group, name.lower(), response._get_param(name))
        return "{}"

    def tags(response: Any) -> str:
        arn = response._get_param("ResourceARN")
        _group(response, arn.rpartition("/")[2])
        return json.dumps(response.athena_backend.list_tags_for_resource(arn) or {"Tags": []})

    for name, method in {
        "start_query_execution": start,
        "get_query_execution": get,
        "batch_get_query_execution": batch_get,
        "get_query_results": results,
        "stop_query_execution": stop,
        "update_work_group": update_work_group,
        "list_tags_for_resource": tags,
    }.items():
        setattr(AthenaResponse, name, method)
    _wrap(AthenaResponse, "get_work_group", lambda r: _group(r, r._get_param("WorkGroup")))
    _wrap(AthenaResponse, "delete_work_group", _forget_group)


def _group(response: Any, name: str) -> Any:
    if name not in response.athena_backend.work_groups:
        raise invalid(f"WorkGroup {name} is not found.")
    return response.athena_backend.work_groups[name]


def _forget_group(response: Any) -> None:
    group = _group(response, response._get_param("WorkGroup"))
    response.athena_backend.tagger.delete_all_tags_for_resource(group.arn)


def _update_configuration(configuration: dict[str, Any], updates: dict[str, Any]) -> None:
    for name, value in updates.items():
        if name == "ResultConfigurationUpdates":
            result = configuration.setdefault("ResultConfiguration", {})
            for inner, told in value.items():
                if inner.startswith("Remove"):
                    result.pop(inner.removeprefix("Remove"), None)
                else:
                    result[inner] = told
        elif name == "RemoveBytesScannedCutoffPerQuery":
            if value:
                configuration.pop("BytesScannedCutoffPerQuery", None)
        else:
            configuration[name] = value


# --- S3 -----------------------------------------------------------------------------------------


def _fill_s3() -> None:
    original = FakeBucket.get_permission

    def get_permission(bucket: Any, action: str, resource: str) -> Any:
        # moto knows no conditions. A call over the loopback stands for one over TLS.
        if bucket.policy is None:
            return original(bucket, action, resource)
        document = json.loads(bucket.policy)
        statements = document["Statement"]
        listed = statements if isinstance(statements, list) else [statements]
        document["Statement"] = [s for s in listed if not _only_without_tls(s)]
        return IAMPolicy(json.dumps(document)).is_action_permitted(action, resource)

    FakeBucket.get_permission = get_permission  # type: ignore[method-assign, assignment]
    _wrap(S3Backend, "delete_bucket", _forget_bucket)
    made = S3Backend.create_bucket

    def create_bucket(backend: Any, *given: Any, **named: Any) -> Any:
        # Since 2023: S3 User Guide, "Default settings for new S3 buckets FAQ".
        bucket = made(backend, *given, **named)
        bucket.public_access_block = PublicAccessBlock(True, True, True, True)
        default = {"SSEAlgorithm": "AES256"}
        bucket.encryption = {"Rule": {"ApplyServerSideEncryptionByDefault": default}}
        return bucket

    plain = FakeKey.etag.fget  # type: ignore[attr-defined]

    def etag(key: Any) -> str:
        # It tells the content of no object that a key of KMS encrypts (S3 API, "Object").
        told: str = plain(key)
        salted = f"{told}{key.kms_key_id}{key.name}".encode()
        return f'"{hashlib.md5(salted).hexdigest()}"' if key.encryption == "aws:kms" else told

    FakeKey.etag = property(etag)  # type: ignore[assignment, method-assign]
    for name in ("put_object", "delete_object"):
        setattr(S3Response, name, _one_at_a_time(getattr(S3Response, name)))
    S3Backend.create_bucket = create_bucket  # type: ignore[method-assign]


def _one_at_a_time(method: Any) -> Any:
    """Let nothing come between what a condition looks at and what is done by it."""

    @functools.wraps(method)
    def alone(response: Any) -> Any:
        with _writes:
            return method(response)

    return alone


def _forget_bucket(backend: Any, name: str) -> None:
    bucket = backend.get_bucket(name)
    if not bucket.keys:
        backend.tagger.delete_all_tags_for_resource(bucket.arn)


def _only_without_tls(statement: dict[str, Any]) -> bool:
    asked = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    return str(asked).lower() == "false"


# --- CloudWatch Logs ----------------------------------------------------------------------------


def _associate_key(response: Any) -> str:
    group = response.logs_backend.groups[response._get_param("logGroupName")]
    group.kms_key_id = response._get_param("kmsKeyId")
    return "{}"


def _forget_log_group(backend: Any, name: str) -> None:
    if name in backend.groups:
        backend.tagger.delete_all_tags_for_resource(backend.groups[name].arn)


# --- EC2 ----------------------------------------------------------------------------------------


def _fill_ec2() -> None:
    create = VPCBackend.create_vpc_endpoint

    @functools.wraps(create)
    def once(backend: Any, *args: Any, client_token: str | None = None, **request: Any) -> Any:
        for made in backend.vpc_end_points.values():
            if client_token and made.client_token == client_token:
                return made
        return create(backend, *args, client_token=client_token, **request)

    VPCBackend.create_vpc_endpoint = once  # type: ignore[method-assign, assignment]
