"""Glue job runs that run: the script from the bucket, on Spark, as the job's role."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sandbox.job_runs import LOGS, Run
from sandbox.jvm import Jvm

if TYPE_CHECKING:
    from sandbox.server import Credentials, Sandbox

_ICEBERG = "org.apache.iceberg"


@dataclass
class Underway:
    """A run that is carried out: its process once there is one, and how it is ended."""

    run: Run
    process: subprocess.Popen[bytes] | None = None
    verdict: tuple[str, str | None] | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def end(self, state: str, error: str | None = None) -> None:
        """End it with this state, whether it has begun or not."""
        with self.lock:
            self.verdict = self.verdict or (state, error)
            if self.process is not None and self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)


class Spark:
    """Runs job runs one after another; one that has to wait is STARTING.

    Args:
        sandbox: The account.
        folder: For logs and temporary files.

    Attributes:
        minute: Seconds in a minute of a job's timeout.
    """

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._sandbox = sandbox
        self._folder = folder
        self._jvm: Jvm | None = None
        self._turn = threading.Lock()
        self._underway: list[Underway] = []
        self.minute = 60.0

    def start(self, run: Run) -> None:
        """Start a run in the background."""
        underway = Underway(run)
        run.stop = lambda: underway.end("STOPPED")
        run.thread = threading.Thread(target=self._carry_out, args=(underway,), daemon=True)
        self._underway.append(underway)
        run.thread.start()

    def reset(self) -> None:
        """End every run."""
        for underway in self._underway:
            underway.end("STOPPED")
        for underway in self._underway:
            underway.run.wait()
        self._underway.clear()
        self.minute = 60.0

    def close(self) -> None:
        """Stop Spark."""
        self.reset()
        if self._jvm is not None:
            self._jvm.kill()
            self._jvm = None

    # --- One run -----------------------------------------------------------------------------

    def _carry_out(self, underway: Underway) -> None:
        run = underway.run
        with self._turn:
            began = time.monotonic()
            try:
                held = self._assume(run.job.role)
                state, error = self._run(underway, held)
                self._write_logs(run, held)
            except Exception as failure:
                state, error = "FAILED", str(failure)
            run.end(state, error, max(1, round(time.monotonic() - began)))

    def _assume(self, role: str) -> Credentials:
        """Take the job's role as Glue does, if it lets Glue."""
        name = role.rpartition("/")[2]
        refused = RuntimeError(
            f"Service is unable to assume role {role}. Please verify role's TrustPolicy"
        )
        try:
            found = self._sandbox.client("iam").get_role(RoleName=name)["Role"]
        except ClientError as error:
            raise refused from error
        if "glue.amazonaws.com" not in json.dumps(found["AssumeRolePolicyDocument"]):
            raise refused
        return self._sandbox.assume(found["Arn"])

    def _run(self, underway: Underway, held: Credentials) -> tuple[str, str | None]:
        run = underway.run
        folder = self._folder / run.job_run_id
        folder.mkdir()
        jvm = self._warm()
        before = jvm.log.stat().st_size
        receiver, sender = os.pipe()
        order = folder / "order.json"
        order.write_text(json.dumps(self._order(run, held, folder, sender)), encoding="utf-8")
        environment = {**self._environment(), **held.environment, **jvm.environment}
        with (folder / "output").open("wb") as out:
            with underway.lock:
                if underway.verdict is None:
                    underway.process = subprocess.Popen(
                        [sys.executable, str(Path(__file__).parent / "launcher.py"), str(order)],
                        stdin=subprocess.DEVNULL,
                        # As on Glue: what a script prints, its traceback too, is its output.
                        stdout=out,
                        stderr=out,
                        env={**environment, "PYSPARK_PYTHON": sys.executable},
                        cwd=folder,
                        pass_fds=(sender,),
                        start_new_session=True,
                    )
            os.close(sender)
            told = self._follow(underway, receiver)
        with jvm.log.open("rb") as log, (folder / "error").open("wb") as err:
            log.seek(before)
            err.write(log.read())
        return self._judge(underway, told)

    def _follow(self, underway: Underway, receiver: int) -> dict[str, Any]:
        """Wait for the end; what was told last says how it was."""
        told: dict[str, Any] = {}
        run = underway.run
        minutes = run.request.get("timeout") or run.job.timeout or 480
        timer = threading.Timer(
            minutes * self.minute, underway.end, ("TIMEOUT", "The job run has timed out.")
        )
        timer.daemon = True
        timer.start()
        try:
            with os.fdopen(receiver, encoding="utf-8") as lines:
                for line in lines:
                    told = json.loads(line)
                    with run.lock:
                        if "running" in told and run.status == "STARTING":
                            run.status = "RUNNING"
            if underway.process is not None:
                told["exit"] = underway.process.wait()
        finally:
            timer.cancel()
            timer.join()
        return told

    def _judge(self, underway: Underway, told: dict[str, Any]) -> tuple[str, str | None]:
        if "error" in told and underway.verdict is None:
            error = told["error"]
            return ("SUCCEEDED", None) if error is None else ("FAILED", str(error))
        # Killed in the midst of it: what the JVM was doing ends with the JVM.
        if self._jvm is not None:
            self._jvm.kill()
            self._jvm = None
        died = f"Command failed with exit code {told.get('exit')}"
        return underway.verdict or ("FAILED", died)

    def _warm(self) -> Jvm:
        if self._jvm is None or not self._jvm.lives:
            self._jvm = Jvm(self._folder, self._environment())
        return self._jvm

    # --- What a run is given -------------------------------------------------------------------

    def _environment(self) -> dict[str, str]:
        """Return an environment with endpoint and region, but no credentials."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        hidden = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        given = {n: v for n, v in self._sandbox.environment.items() if n not in hidden}
        return {
            **kept,
            **given,
            "HOME": str(self._folder),
            "TZ": "UTC",
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_CONNECT_MODE": "0",
        }

    def _order(self, run: Run, held: Credentials, folder: Path, report: int) -> dict[str, Any]:
        arguments = dict(run.arguments)
        formats = arguments.get("--datalake-formats", "")
        asked = _settings(arguments.pop("--conf", ""))
        if any(_ICEBERG in value for value in asked.values()) and "iceberg" not in formats:
            raise RuntimeError("java.lang.ClassNotFoundException: org.apache.iceberg.…")
        files = [uri for uri in arguments.pop("--extra-py-files", "").split(",") if uri]
        own = {"--JOB_NAME": run.job.name, "--JOB_ID": f"j_{run.job.name}"}
        own |= {"--JOB_RUN_ID": run.job_run_id}
        listed = [part for pair in {**arguments, **own}.items() for part in pair if part != ""]
        return {
            "script": run.job.command["ScriptLocation"],
            "files": files,
            "arguments": listed,
            "settings": {
                "spark.app.name": run.job.name,
                **self._own_settings(held, folder),
                **asked,
            },
            "folder": str(folder),
            "report": report,
        }

    def _own_settings(self, held: Credentials, folder: Path) -> dict[str, str]:
        s3a = {
            "endpoint": self._sandbox.url,
            "endpoint.region": self._sandbox.region,
            "path.style.access": "true",
            "connection.ssl.enabled": "false",
            "access.key": held.key,
            "secret.key": held.secret,
            "session.token": str(held.token),
            "aws.credentials.provider": (
                "org.apache.hadoop.fs.s3a.TemporaryAWSCredentialsProvider"
            ),
        }
        return {
            "aws.accessKeyId": held.key,
            "aws.secretAccessKey": held.secret,
            "aws.sessionToken": str(held.token),
            "spark.master": "local[2]",
            "spark.submit.deployMode": "client",
            "spark.ui.enabled": "false",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.local.dir": str(folder),
            "spark.log.level": "WARN",
            # A cluster's 200 would be 200 files of each task on one disk.
            "spark.sql.shuffle.partitions": "4",
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
            # A file system that was made with another run's credentials is not taken.
            "spark.hadoop.fs.s3.impl.disable.cache": "true",
            "spark.hadoop.fs.s3a.impl.disable.cache": "true",
            **{f"spark.hadoop.fs.s3a.{name}": value for name, value in s3a.items()},
        }

    def _write_logs(self, run: Run, held: Credentials) -> None:
        folder = self._folder / run.job_run_id
        for kind in LOGS:
            text = (folder / kind).read_text(encoding="utf-8", errors="replace")
            # A role that may not write logs leaves none; the run is as it was.
            with contextlib.suppress(ClientError):
                self._sandbox.runs.log(run, kind, text, self._sandbox.client("logs", held))


def _settings(conf: str) -> dict[str, str]:
    """Split the one --conf of a job into settings."""
    parts = re.split(r"\s*--conf\s+", conf.strip().removeprefix("--conf "))
    return dict(part.split("=", 1) for part in map(str.strip, parts) if part)
