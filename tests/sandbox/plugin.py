"""Fixtures: an account that is none, alone, with job runs that run, and with queries that run."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import pytest

from sandbox import archives

if TYPE_CHECKING:
    from sandbox.server import Sandbox
    from sandbox.spark import Spark
    from sandbox.trino import Trino

SERVICES = ("athena", "ec2", "glue", "iam", "lakeformation", "logs", "s3", "sts")


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[Sandbox]:
    """The server, one for a session of tests; only for the fixtures below."""
    # moto is heavy, and most tests need none of it.
    import botocore.session

    from sandbox.server import Sandbox

    server = Sandbox()
    with pytest.MonkeyPatch.context() as patch:
        # Each command has a session of its own, which would read again what the services are.
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        for service in SERVICES:
            server.client(service)
        # What is loaded by now is no garbage; to look through it would take most of the time.
        gc.collect()
        gc.freeze()
        yield server
        gc.unfreeze()
    server.close()


@pytest.fixture
def sandbox(sandbox_server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """An empty account, and an environment in which boto3 reaches it and nothing else.

    Job runs and queries go by script; by default they succeed, having done nothing.
    """
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in sandbox_server.environment.items():
        monkeypatch.setenv(name, value)
    sandbox_server.reset()
    yield sandbox_server
    sandbox_server.reset()


@pytest.fixture(scope="session")
def sandbox_spark(
    sandbox_server: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Spark]:
    """Spark, one warm JVM for a session of tests."""
    _demand(archives.missing_for_spark())
    from sandbox.spark import Spark

    engine = Spark(sandbox_server, tmp_path_factory.mktemp("spark"))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def sandbox_trino(
    sandbox_server: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trino]:
    """Trino, one server for a session of tests."""
    _demand(archives.missing_for_trino())
    from sandbox.trino import Trino

    engine = Trino(sandbox_server, tmp_path_factory.mktemp("trino"))
    yield engine
    engine.close()


@pytest.fixture
def glue(sandbox: Sandbox, sandbox_spark: Spark) -> Spark:
    """Job runs in the account of `sandbox` really run, as the job's role."""
    sandbox.runs.engine = sandbox_spark
    return sandbox_spark


@pytest.fixture
def athena(sandbox: Sandbox, sandbox_trino: Trino) -> Trino:
    """Queries in the account of `sandbox` are really answered."""
    sandbox.queries.engine = sandbox_trino
    return sandbox_trino


def _demand(missing: str | None) -> None:
    if missing is None:
        return
    if archives.IN_CI:
        pytest.fail(missing)
    pytest.skip(missing)


__all__ = ["athena", "glue", "sandbox", "sandbox_server", "sandbox_spark", "sandbox_trino"]
