"""Athena queries that run: on Trino, over the tables of the account."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sandbox import archives
from sandbox.queries import Execution, Script

if TYPE_CHECKING:
    from sandbox.server import Sandbox

KEY, SECRET = "AKIASANDBOXTRINO0000", "sandbox"
CATALOG = "awsdatacatalog"
_USER_ERROR, _SYSTEM_ERROR = 2, 1
_VACUUM_SECONDS = "432000"


class Failure(Exception):  # noqa: N818 - a verdict of Trino
    """A query that failed; its arguments are Trino's name and message, and whether ours."""


class Trino:
    """A Trino server with the account's catalog, for Iceberg tables and for those over JSON.

    Args:
        sandbox: The account.
        folder: For configuration, logs and data.

    Attributes:
        limit: Most bytes that a query may scan, instead of its work group's, which is at least
            10,000,000: more than small tables hold.
    """

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._sandbox = sandbox
        self._log = folder / "trino.log"
        self._running: list[Execution] = []
        self._stopped: set[str] = set()
        self.limit: int | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._process = self._launch(folder)
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def start(self, execution: Execution) -> None:
        """Start a query in the background."""
        execution.stop = lambda: self._stopped.add(execution.id)
        execution.thread = threading.Thread(target=self._carry_out, args=(execution,), daemon=True)
        self._running.append(execution)
        execution.thread.start()

    def reset(self) -> None:
        """End every query."""
        self._stopped |= {execution.id for execution in self._running}
        for execution in self._running:
            execution.wait()
        self._running.clear()
        self._stopped.clear()
        self.limit = None

    def close(self) -> None:
        """Stop Trino."""
        self.reset()
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()

    # --- The server ----------------------------------------------------------------------------

    def _launch(self, folder: Path) -> subprocess.Popen[bytes]:
        java, home = archives.java(archives.TRINO_JAVA), archives.trino()
        assert java is not None
        for name, properties in self._configuration(folder).items():
            file = folder / "etc" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            text = "".join(f"{key}={value}\n" for key, value in properties.items())
            file.write_text(text, encoding="utf-8")
        node = {"environment": "sandbox", "id": "sandbox", "bind-ip": "127.0.0.1"}
        # Without this it looks for itself at the machine's outer address.
        node |= {"internal-address": "127.0.0.1", "data-dir": str(folder / "data")}
        command = [
            str(java / "bin" / "java"),
            *("-Xmx1G", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            *("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"),
            *("-Djdk.attach.allowAttachSelf=true", "-Duser.timezone=UTC"),
            f"-Djava.io.tmpdir={folder}",
            *(f"-Dnode.{name}={value}" for name, value in node.items()),
            f"-Dplugin.dir={home / 'plugin'}",
            f"-Dconfig={folder / 'etc' / 'config.properties'}",
            *("-cp", f"{home / 'lib'}/*", "io.trino.server.TrinoServer"),
        ]
        # It ends with whoever started it, also where that was killed: then the pipe closes.
        wrapped = 'exec 3<&0; "$@" & java=$!; (cat <&3 >/dev/null; kill -9 $java) & wait $java'
        with self._log.open("wb") as log:
            return subprocess.Popen(
                ["sh", "-c", wrapped, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=folder,
                env={"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"},
                start_new_session=True,
            )

    def _configuration(self, folder: Path) -> dict[str, dict[str, str]]:
        config = {
            "coordinator": "true",
            "node-scheduler.include-coordinator": "true",
            "http-server.http.port": str(self._port),
            "discovery.uri": f"http://127.0.0.1:{self._port}",
            "catalog.config-dir": str(folder / "etc" / "catalog"),
        }
        url, region = self._sandbox.url, self._sandbox.region
        account = {
            "hive.metastore.glue.region": region,
            "hive.metastore.glue.endpoint-url": url,
            "hive.metastore.glue.aws-access-key": KEY,
            "hive.metastore.glue.aws-secret-key": SECRET,
            "fs.native-s3.enabled": "true",
            "s3.endpoint": url,
            "s3.region": region,
            "s3.path-style-access": "true",
            "s3.aws-access-key": KEY,
            "s3.aws-secret-key": SECRET,
        }
        iceberg = {
            "connector.name": "iceberg",
            "iceberg.catalog.type": "glue",
            "iceberg.hive-catalog-name": "hive",
            "iceberg.expire-snapshots.min-retention": "0s",
            "iceberg.remove-orphan-files.min-retention": "0s",
            "iceberg.allowed-extra-properties": "*",
            # Another test's account has other files under the same names.
            "iceberg.metadata-cache.enabled": "false",
        }
        hive = {
            "connector.name": "hive",
            "hive.metastore": "glue",
            "hive.iceberg-catalog-name": CATALOG,
            "hive.recursive-directories": "true",
            # Without this a join of landing tables takes twenty times as long.
            "hive.table-statistics-enabled": "false",
        }
        return {
            "config.properties": config,
            f"catalog/{CATALOG}.properties": iceberg | account,
            "catalog/hive.properties": hive | account,
        }

    def _wait(self) -> None:
        """Wait until it answers a query: it says that it has started before it does."""
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.2)
                told = self._log.read_text(encoding="utf-8", errors="replace")[-3000:]
                raise RuntimeError(f"Trino did not start: {told}")
            with contextlib.suppress(OSError, http.client.HTTPException, Failure):
                if not self._ask("GET", "/v1/info")["starting"]:
                    self._answer(Execution("SELECT 1", [], {}, "", "", None, Script()), "SELECT 1")
                    return

    def _ask(self, verb: str, path: str, body: str = "", **headers: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=300)
        try:
            given = {f"X-Trino-{name.replace('_', '-')}": value for name, value in headers.items()}
            connection.request(verb, path, body.encode(), {"X-Trino-User": "athena", **given})
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status >= 400:
                raise Failure("HTTP", f"{answer.status} {text[:300]}", False)
            # Numbers stay as they are written, since Athena passes text.
            return dict(json.loads(text, parse_float=str, parse_int=str)) if text else {}
        finally:
            connection.close()

    # --- One query -----------------------------------------------------------------------------

    def _carry_out(self, execution: Execution) -> None:
        with execution.lock:
            if execution.state == "QUEUED":
                execution.state = "RUNNING"
        try:
            for statement in self._statements(execution):
                self._answer(execution, statement)
        except Failure as failure:
            name, message, ours = failure.args
            if name == "EXCEEDED_SCAN_LIMIT":
                execution.end("CANCELLED", "Bytes scanned limit was exceeded")
                return
            category = _USER_ERROR if ours else _SYSTEM_ERROR
            told = {"ErrorCategory": category, "Retryable": False, "ErrorMessage": message}
            execution.end("FAILED", f"{name}: {message}", told)
        except Exception as error:
            execution.end("FAILED", f"GENERIC_INTERNAL_ERROR: {error}")
        else:
            execution.end("SUCCEEDED")

    def _statements(self, execution: Execution) -> list[str]:
        """Translate what Athena words otherwise than Trino."""
        query = execution.query.strip().rstrip(";")
        optimize = re.fullmatch(r"(?is)OPTIMIZE\s+(\S+)\s+REWRITE\s+DATA\s+USING\s+BIN_PACK", query)
        if optimize:
            size = "file_size_threshold => '512MB'"
            return [f"ALTER TABLE {optimize[1]} EXECUTE optimize({size})"]
        vacuum = re.fullmatch(r"(?is)VACUUM\s+(\S+)", query)
        if vacuum:
            age = f"retention_threshold => '{self._vacuum_age(execution, vacuum[1])}s'"
            named = ("expire_snapshots", "remove_orphan_files")
            return [f"ALTER TABLE {vacuum[1]} EXECUTE {name}({age})" for name in named]
        if execution.parameters:
            quoted = query.replace("'", "''")
            return [f"EXECUTE IMMEDIATE '{quoted}' USING {', '.join(execution.parameters)}"]
        return [query]

    def _vacuum_age(self, execution: Execution, table: str) -> str:
        name = table.strip('"').rpartition(".")[2]
        found = Execution(
            f"""SELECT value FROM "{name}$properties"
            WHERE key = 'vacuum_max_snapshot_age_seconds'""",
            *([], execution.context, execution.group, execution.location, None, execution.script),
        )
        self._answer(found, found.query)
        return str(found.rows[0][0]) if found.rows else _VACUUM_SECONDS

    def _answer(self, execution: Execution, statement: str) -> None:
        """Run one statement to its end; Athena always has a node for it."""
        while True:
            try:
                return self._run(execution, statement)
            except Failure as failure:
                # For seconds after its start it answers, but knows of no node with the catalog.
                if failure.args[0] != "NO_NODES_AVAILABLE":
                    raise

    def _run(self, execution: Execution, statement: str) -> None:
        """Run one statement; it may be stopped between two pages."""
        headers = {
            "Catalog": CATALOG,
            "Schema": execution.context.get("Database", "default").lower(),
            "Time_Zone": "UTC",
        }
        limit = self._limit(execution)
        if limit:
            headers["Session"] = f"query_max_scan_physical_bytes={limit}B"
        page = self._ask("POST", "/v1/statement", statement, **headers)
        while True:
            self._take(execution, page)
            following = page.get("nextUri")
            if following is None:
                break
            path = urlsplit(following).path
            if execution.id in self._stopped:
                self._ask("DELETE", path)
                raise Failure("USER_CANCELED", "Query was cancelled by user", True)
            page = self._ask("GET", path)
        if "updateType" in page:
            execution.columns, execution.rows = [], []
            execution.updated = int(page["updateCount"]) if "updateCount" in page else None

    def _limit(self, execution: Execution) -> int | None:
        return self.limit or execution.limit

    def _take(self, execution: Execution, page: dict[str, Any]) -> None:
        execution.scanned = max(
            execution.scanned, int(page.get("stats", {}).get("physicalInputBytes", 0))
        )
        if "error" in page:
            error = page["error"]
            ours = error.get("errorType") == "USER_ERROR"
            raise Failure(error["errorName"], error.get("message", ""), ours)
        # Trino itself looks once a second only.
        if execution.scanned > (self._limit(execution) or execution.scanned):
            raise Failure("EXCEEDED_SCAN_LIMIT", "", True)
        if page.get("columns"):
            execution.columns = [(c["name"], _type(c["type"])) for c in page["columns"]]
        execution.rows += [[_text(value) for value in row] for row in page.get("data") or []]


def _type(name: str) -> str:
    """Return Athena's name of a type: without its precision, and arrays without their elements."""
    return re.sub(r"\(.*?\)", "", name) if not name.startswith("row") else "row"


def _text(value: Any) -> str | None:
    """Return a value as Athena passes it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_text(item) or "null" for item in value) + "]"
    if isinstance(value, dict):
        pairs = (f"{key}={_text(item) or 'null'}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    return str(value)
