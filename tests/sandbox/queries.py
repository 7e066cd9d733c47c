"""Athena's query executions: by a script that a test gives, or really, by an engine."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any, Protocol

from moto.core.exceptions import JsonRESTError

if TYPE_CHECKING:
    from sandbox.server import Sandbox

ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")


@dataclass
class Script:
    """What the next query does where nothing really runs.

    Attributes:
        states: What each look at it sees, the last one for ever.
        columns: Names and Athena's types of the result.
        rows: Its values as text, None for NULL.
        scanned: Bytes scanned.
        reason: StateChangeReason.
        error: AthenaError, such as ``{"ErrorCategory": 1, "Retryable": True}``.
        contains: Only for a query with this text in it.
        content: The file that is left in the bucket; made of the rows where it is not given.
    """

    states: tuple[str, ...] = ("QUEUED", "RUNNING", "SUCCEEDED")
    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    scanned: int = 0
    reason: str | None = None
    error: dict[str, Any] | None = None
    contains: str | None = None
    content: bytes | None = None


@dataclass
class Execution:
    """One query execution."""

    query: str
    parameters: list[str]
    context: dict[str, str]
    group: str
    location: str
    limit: int | None
    script: Script
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: str = "QUEUED"
    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    scanned: int = 0
    updated: int | None = None
    reason: str | None = None
    error: dict[str, Any] | None = None
    submitted: float = field(default_factory=time.time)
    completed: float | None = None
    looks: int = 0
    stop: Callable[[], None] | None = None
    lock: RLock = field(default_factory=RLock, repr=False)
    thread: Thread | None = None

    def wait(self) -> None:
        """Wait for the end of a query that really runs."""
        assert self.thread is not None
        self.thread.join()

    def advance(self) -> None:
        """Be looked at: a scripted query takes its next state."""
        with self.lock:
            if self.stop is not None or self.state in ENDED:
                return
            states = self.script.states
            reached = states[min(self.looks, len(states) - 1)]
            self.looks += 1
            if reached in ENDED:
                self.columns, self.rows = self.script.columns, self.script.rows
                self.scanned = self.script.scanned
                self.end(reached, self.script.reason, self.script.error)
            else:
                self.state = reached

    def end(
        self, state: str, reason: str | None = None, error: dict[str, Any] | None = None
    ) -> None:
        """Take a final state."""
        with self.lock:
            if self.state not in ENDED:
                self.reason, self.error = reason, error
                self.completed = time.time()
                self.state = state

    def as_dict(self) -> dict[str, Any]:
        """Return it as GetQueryExecution does."""
        first = self.query.lstrip().split(maxsplit=1)[0].upper()
        ddl = first in ("ALTER", "CREATE", "DESCRIBE", "DROP", "MSCK", "SHOW")
        status = {
            "State": self.state,
            "StateChangeReason": self.reason,
            "SubmissionDateTime": self.submitted,
            "CompletionDateTime": self.completed,
            "AthenaError": self.error,
        }
        told = {
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": "DDL" if ddl else "DML",
            "ResultConfiguration": {"OutputLocation": f"{self.location}{self.id}.csv"},
            "QueryExecutionContext": self.context,
            "Status": {name: value for name, value in status.items() if value is not None},
            "Statistics": {
                "DataScannedInBytes": self.scanned,
                "EngineExecutionTimeInMillis": int(
                    1000 * ((self.completed or time.time()) - self.submitted)
                ),
            },
            "WorkGroup": self.group,
        }
        return told | ({"ExecutionParameters": self.parameters} if self.parameters else {})

    def page(self, token: str | None, size: int) -> dict[str, Any]:
        """Return a page as GetQueryResults does; the first begins with the columns' names."""
        header: list[str | None] = [name for name, _ in self.columns]
        rows = [header, *self.rows] if header else self.rows
        start = int(token or 0)
        end = start + size
        shown = [
            {"Data": [{} if v is None else {"VarCharValue": v} for v in row]}
            for row in rows[start:end]
        ]
        information = [
            {
                "CatalogName": "hive",
                "SchemaName": "",
                "TableName": "",
                "Name": name,
                "Label": name,
                "Type": kind,
                "Precision": 0,
                "Scale": 0,
                "Nullable": "UNKNOWN",
                "CaseSensitive": kind == "varchar",
            }
            for name, kind in self.columns
        ]
        told: dict[str, Any] = {
            "ResultSet": {"Rows": shown, "ResultSetMetadata": {"ColumnInfo": information}}
        }
        if self.updated is not None:
            told["UpdateCount"] = self.updated
        return told | ({"NextToken": str(end)} if end < len(rows) else {})

    def as_csv(self) -> bytes:
        """Return the result as Athena leaves it in the bucket: all in quotes, but for NULL."""
        if self.script.content is not None:
            return self.script.content
        lines = [[name for name, _ in self.columns], *self.rows]
        return "".join(",".join(map(_quoted, line)) + "\n" for line in lines).encode()


def _quoted(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


class Engine(Protocol):
    """What really answers queries."""

    def start(self, execution: Execution) -> None:
        """Start one in the background; it sets ``stop`` and calls ``end``."""

    def reset(self) -> None:
        """End every query."""


class Queries:
    """The query executions of an account.

    Attributes:
        engine: What really answers them; None where they go by script.
        started: All executions since the last reset, by their id.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._scripts: list[Script] = []
        self._tokens: dict[str, Execution] = {}
        self._written: set[str] = set()
        self._lock = RLock()
        self.engine: Engine | None = None
        self.started: dict[str, Execution] = {}

    def script(self, *states: str, **what: Any) -> Script:
        """Say what the next query does that has no script yet; see Script."""
        script = Script(states or Script.states, **what)
        self._scripts.append(script)
        return script

    def reset(self) -> None:
        """Forget scripts and queries, and let none go on."""
        if self.engine is not None:
            self.engine.reset()
            self.engine = None
        self._scripts.clear()
        self._tokens.clear()
        self._written.clear()
        self.started = {}

    def close(self) -> None:
        """End what runs."""
        self.reset()

    def start(self, asked: dict[str, Any], groups: dict[str, Any]) -> str:
        """Start a query as StartQueryExecution does.

        Args:
            asked: Its parameters.
            groups: moto's work groups.
        """
        query, token = str(asked["QueryString"]), asked.get("ClientRequestToken")
        with self._lock:
            if token in self._tokens:
                if self._tokens[token].query != query:
                    raise invalid("Idempotent parameters do not match")
                return self._tokens[token].id
            execution = self._execution(asked, groups)
            self.started[execution.id] = execution
            if token:
                self._tokens[token] = execution
        if self.engine is not None:
            self.engine.start(execution)
        return execution.id

    def _execution(self, asked: dict[str, Any], groups: dict[str, Any]) -> Execution:
        name = asked.get("WorkGroup") or "primary"
        if name not in groups:
            raise invalid(f"WorkGroup {name} is not found.")
        if groups[name].state == "DISABLED":
            raise invalid("WorkGroup is disabled.")
        settings = groups[name].configuration or {}
        own = (asked.get("ResultConfiguration") or {}).get("OutputLocation")
        of_group = (settings.get("ResultConfiguration") or {}).get("OutputLocation")
        enforced = settings.get("EnforceWorkGroupConfiguration") and of_group
        location = of_group if enforced else own or of_group
        if not location:
            raise invalid("No output location provided.")
        return Execution(
            str(asked["QueryString"]),
            list(asked.get("ExecutionParameters") or []),
            dict(asked.get("QueryExecutionContext") or {}),
            name,
            location.rstrip("/") + "/",
            settings.get("BytesScannedCutoffPerQuery"),
            self._take(str(asked["QueryString"])),
        )

    def look(self, execution_id: str) -> Execution:
        """Return an execution, which moves on by being looked at."""
        if execution_id not in self.started:
            raise invalid(f"QueryExecution {execution_id} was not found")
        execution = self.started[execution_id]
        execution.advance()
        self._write(execution)
        return execution

    def results(self, execution_id: str, token: str | None, size: int | None) -> dict[str, Any]:
        """Return a page of a result."""
        execution = self.started.get(execution_id)
        if execution is None:
            raise invalid(f"QueryExecution {execution_id} was not found")
        if execution.state != "SUCCEEDED":
            raise invalid(f"Query has not yet finished. Current state: {execution.state}")
        if not 1 <= (size or 1000) <= 1000:
            raise invalid("MaxResults is more than maximum allowed length 1000")
        return execution.page(token, size or 1000)

    def stop(self, execution_id: str) -> None:
        """Cancel a query."""
        execution = self.look(execution_id)
        if execution.stop is not None:
            execution.stop()
        execution.end("CANCELLED", "Query was cancelled by user")

    def _take(self, query: str) -> Script:
        found = next((s for s in self._scripts if (s.contains or "") in query), None)
        if found is None:
            return Script()
        self._scripts.remove(found)
        return found

    def _write(self, execution: Execution) -> None:
        with self._lock:
            if execution.state != "SUCCEEDED" or execution.id in self._written:
                return
            self._written.add(execution.id)
        bucket, _, prefix = execution.location.removeprefix("s3://").partition("/")
        content = execution.as_csv()
        for key, body in ((".csv", content), (".csv.metadata", b"what the columns are")):
            self._sandbox.client("s3").put_object(
                Bucket=bucket, Key=f"{prefix}{execution.id}{key}", Body=body
            )


def invalid(message: str) -> JsonRESTError:
    """Return Athena's error for a request that cannot be."""
    return JsonRESTError("InvalidRequestException", message)
