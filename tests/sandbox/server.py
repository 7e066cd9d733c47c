"""The stand-in's server: moto, and between it and the client what records and refuses."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Barrier, BrokenBarrierError, RLock
from typing import Any

import boto3
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT

from sandbox import access, faults, gaps, lake_formation
from sandbox.access import Need
from sandbox.calls import Call, drain, read
from sandbox.faults import Fault, How
from sandbox.job_listing import JobListing
from sandbox.job_runs import JobRuns
from sandbox.listening import Server
from sandbox.queries import Queries

REGION = "eu-central-1"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIASANDBOXADMIN0000", "AWS_SECRET_ACCESS_KEY": "sandbox"}
# Seconds for which a call waits for another to meet.
_PATIENCE = 60.0


@dataclass(frozen=True)
class Credentials:
    """Keys of a user or of an assumed role."""

    key: str
    secret: str
    token: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """As boto3 and the Java SDK read them."""
        told = {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}
        return told | ({"AWS_SESSION_TOKEN": self.token} if self.token else {})


class Sandbox:
    """An account that is none, in one server for a session of tests.

    Attributes:
        calls: What was asked since the last reset, in order.
        needed: The permissions that each enforced key was asked for, and had.
        runs: Glue job runs: scripted, or really run.
        queries: Athena queries: scripted, or really run.
        listing: Glue's listing of jobs by tag, which may lag.
    """

    account = ACCOUNT
    region = REGION

    def __init__(self) -> None:
        gaps.fill(self)
        self._lock = RLock()
        self._faults: list[Fault] = []
        self._meetings: dict[str, Barrier] = {}
        self._enforced: set[str] = set()
        self._foreign: set[str] = set()
        # Making one takes longer than its calls.
        self._clients: dict[tuple[str, Credentials], Any] = {}
        self.calls: list[Call] = []
        self.needed: dict[str, Counter[Need]] = {}
        self.runs = JobRuns(self)
        self.queries = Queries(self)
        self.listing = JobListing()
        self._server = Server(self.serve)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"

    def close(self) -> None:
        """Stop everything."""
        self.runs.close()
        self.queries.close()
        self._server.stop()

    def reset(self) -> None:
        """Make it an empty account again, with no faults, scripts or recorded calls."""
        from moto.moto_api._internal import moto_api_backend

        self.runs.reset()
        self.queries.reset()
        with self._lock:
            self._faults.clear()
            self._meetings.clear()
            self._enforced.clear()
            self._foreign.clear()
            self.needed = {}
            self.calls = []
            self.listing.reset()
        moto_api_backend.reset()

    # --- For tests ---------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables with which boto3, Spark and `stedi` reach it and nothing else."""
        return {
            **KEYS,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            # A client that forgot the endpoint fails instead of reaching out.
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "127.0.0.1",
        }

    def client(self, service: str, credentials: Credentials | None = None) -> Any:
        """Return a boto3 client; what it does is recorded with the agent ``sandbox``."""
        held = credentials or Credentials(*KEYS.values())
        if (service, held) not in self._clients:
            self._clients[service, held] = self._new_client(service, held)
        return self._clients[service, held]

    def _new_client(self, service: str, held: Credentials) -> Any:
        from botocore.config import Config

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=held.key,
            aws_secret_access_key=held.secret,
            aws_session_token=held.token,
            config=Config(user_agent_extra="sandbox", retries={"total_max_attempts": 1}),
        )

    def fail(self, how: Any, **which: Any) -> Fault:
        """Make calls fail; see Fault for which. Attempts of one call all fail by default,
        except that a lost answer or a reset is one attempt's."""
        if how in (How.LOST, How.RESET):
            which.setdefault("attempts", 1)
        fault = Fault(how, **which)
        with self._lock:
            self._faults.append(fault)
        return fault

    def meet(self, action: str, clients: int = 2) -> None:
        """Answer calls of this action only when so many of them have come; once."""
        self._meetings[action] = Barrier(clients, timeout=_PATIENCE)

    def heal(self) -> None:
        """Take all faults away."""
        with self._lock:
            self._faults.clear()

    @contextmanager
    def recording(self) -> Iterator[list[Call]]:
        """Collect the calls made inside, but not those of the sandbox, Spark and Trino."""
        found: list[Call] = []
        with self._lock:
            start = len(self.calls)
        try:
            yield found
        finally:
            with self._lock:
                found += [c for c in self.calls[start:] if not _of_ours(c)]

    def enforce(self, key: str) -> Counter[Need]:
        """Let IAM decide about this access key from now on.

        Returns:
            The permissions that it is asked for from now on, filled as calls come.
        """
        with self._lock:
            self._enforced.add(key)
            return self.needed.setdefault(key, Counter())

    def give_away(self, bucket: str) -> None:
        """Let a bucket of this name exist in another account, closed to this one."""
        self._foreign.add(bucket)

    def govern(self, *administrators: str) -> None:
        """Let Lake Formation decide about databases and tables that are made from now on."""
        named = [{"DataLakePrincipalIdentifier": arn} for arn in administrators]
        self.client("lakeformation").put_data_lake_settings(
            DataLakeSettings={
                "DataLakeAdmins": named,
                "CreateDatabaseDefaultPermissions": [],
                "CreateTableDefaultPermissions": [],
            }
        )

    def user(self, policy: dict[str, Any], name: str = "somebody") -> Credentials:
        """Make a user who may do what a policy says and nothing else."""
        import json

        iam = self.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        made = iam.create_access_key(UserName=name)["AccessKey"]
        self.enforce(made["AccessKeyId"])
        return Credentials(made["AccessKeyId"], made["SecretAccessKey"])

    def assume(self, role: str) -> Credentials:
        """Return credentials of a role, which IAM decides about."""
        arn = role if role.startswith("arn:") else access.role_arn(role)
        taken = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="glue")["Credentials"]
        self.enforce(taken["AccessKeyId"])
        return Credentials(taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"])

    # --- Requests ----------------------------------------------------------------------------

    def serve(self, app: Any, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Record a request, let it fail or be refused, or hand it to moto."""
        if environ.get("PATH_INFO", "").startswith("/moto-api"):
            return app(environ, start_response)  # type: ignore[no-any-return]
        call = read(environ)
        with self._lock:
            self.calls.append(call)
            fault = next((f for f in self._faults if f.strikes(call)), None)
            meeting = self._meetings.get(call.action)
        if meeting is not None:
            with suppress(BrokenBarrierError):
                meeting.wait()
            self._meetings.pop(call.action, None)
        if fault is not None:
            return self._fail(fault, call, app, environ, start_response)
        refusal = self._refusal(call, environ) or lake_formation.refusal(call)
        if refusal is not None:
            call.denied = True
            drain(environ)
            return _answer(faults.answer(*refusal, call), call, start_response)
        return _pass_on(app, environ, start_response, call)

    def _fail(
        self, fault: Fault, call: Call, app: Any, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        drain(environ)
        how = fault.how
        if how is How.LOST:
            _pass_on(app, environ, lambda *_: None, call)
            call.status = 0
        elif callable(how) and not isinstance(how, How):
            how(call)
        elif how is not How.RESET:
            told = faults.error_of(how, call)
            return _answer(faults.answer(*told, call), call, start_response)
        faults.cut(environ)
        raise ConnectionResetError("cut on purpose")

    def _refusal(self, call: Call, environ: dict[str, Any]) -> tuple[str, str, int] | None:
        if call.service == "s3" and call.resource.partition("/")[0] in self._foreign:
            if call.action == "CreateBucket":
                return "BucketAlreadyExists", "The requested bucket name is not available.", 409
            return faults.error_of(How.DENIED, call)
        if call.key not in self._enforced:
            return None
        if call.action == "DeleteObjects":
            text = drain(environ).decode()
            listed = re.findall(r"<Object>(.*?)</Object>", text, re.DOTALL)
            named = [(re.findall(r"<Key>([^<]*)</Key>", part), part) for part in listed]
            call.body = {"objects": [(key, "<VersionId>" in part) for (key,), part in named]}
        execution = self.queries.started.get(call.body.get("QueryExecutionId", ""))
        if execution is not None:
            call.body["WorkGroup"] = execution.group
        policies = access.policies_of(call)
        if policies is None:
            return "InvalidClientTokenId", "The security token included is invalid.", 403
        for need in access.needs(call, REGION):
            self.needed[call.key][need] += 1
            if not access.permits(policies, need):
                told = (
                    f"User is not authorized to perform: {need.action} on resource: {need.resource}"
                )
                code, _, status = faults.error_of(How.DENIED, call)
                return code, told, status
        return None


def _of_ours(call: Call) -> bool:
    return any(name in call.agent for name in ("sandbox", "aws-sdk-java"))


def _pass_on(app: Any, environ: dict[str, Any], start_response: Any, call: Call) -> Iterable[bytes]:
    def note(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
        call.status = int(status.split(maxsplit=1)[0])
        return start_response(status, headers)

    try:
        answer: Iterable[bytes] = app(environ, note)
        if call.status == 200:
            lake_formation.note(call)
        return answer
    except NotImplementedError as gap:
        print(f"The sandbox has no {call.name}: {gap}", file=sys.stderr)
        raise


def _answer(answer: faults.Answer, call: Call, start_response: Any) -> list[bytes]:
    status, headers, body = answer
    call.status = int(status.split()[0])
    start_response(status, [*headers, ("Content-Length", str(len(body)))])
    return [] if call.action.startswith("Head") else [body]
