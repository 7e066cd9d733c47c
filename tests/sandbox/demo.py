"""The four commands in an account that is none, narrated; and such an account to try others on."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from sandbox import archives
from sandbox.server import Sandbox

CHECKOUT = Path(__file__).resolve().parents[2]
CONFIG = CHECKOUT / "configs" / "aws.yaml"
STEPS = (
    ("infra plan", "what would be made, what it may cost, and nothing is"),
    ("infra up", "bucket, role, database, tables and jobs; then the sample is uploaded"),
    ("infra status", "what is there, and whether it is as it should be"),
    ("jobs run --all", "the five jobs on Glue, which Spark here really runs, as the job's role"),
    ("jobs run --all", "again: nothing changed since, so that nothing is started and paid for"),
    ("validate", "row counts and every rule, by queries to Athena, which Trino answers"),
    ("flow", "where every row went"),
    ("infra down --yes", "remove it all; nothing of it stays in the account"),
)


def demo(sandbox: Sandbox) -> None:
    """Run the commands on the sample in an empty account.

    Raises:
        SystemExit: With the exit code of a command that fails.
    """
    environment = {**os.environ, **sandbox.environment}
    for number, (command, meaning) in enumerate(STEPS, 1):
        print(f"\n{number}. {command}: {meaning}\n", flush=True)
        words = ["--config", str(CONFIG), *shlex.split(command)]
        done = subprocess.run(
            [sys.executable, "-m", "stedi_cli", *words], check=False, env=environment
        )
        if done.returncode:
            raise SystemExit(done.returncode)


@contextmanager
def account() -> Iterator[Sandbox]:
    """Yield an empty account whose jobs run and whose queries are answered.

    Raises:
        SystemExit: If Spark or Trino is not here.
    """
    lacking = archives.missing_for_spark() or archives.missing_for_trino()
    if lacking is not None:
        raise SystemExit(lacking)
    from sandbox.spark import Spark
    from sandbox.trino import Trino

    sandbox = Sandbox()
    with ExitStack() as stack:
        spark = Spark(sandbox, Path(stack.enter_context(TemporaryDirectory())))
        stack.callback(spark.close)
        trino = Trino(sandbox, Path(stack.enter_context(TemporaryDirectory())))
        stack.callback(trino.close)
        stack.callback(sandbox.close)
        sandbox.runs.engine, sandbox.queries.engine = spark, trino
        yield sandbox


def serve() -> None:
    """Say how an account is reached, and keep it until somebody ends this."""
    with account() as sandbox:
        print("An account that is none, until Ctrl-C. In another shell:\n")
        for name, value in sandbox.environment.items():
            print(f"export {name}={shlex.quote(value)}")
        print("\nstedi --config configs/aws.yaml infra up", flush=True)
        with suppress(KeyboardInterrupt):
            Event().wait()
