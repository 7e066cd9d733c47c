"""Spark's JVM, kept warm between job runs."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from sandbox import archives

_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Duser.timezone=UTC"


class Jvm:
    """Spark's JVM, kept warm: a run connects to it with a Python of its own.

    Args:
        folder: For its log and temporary files.
        environment: Endpoint and region, without credentials.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        found = archives.java(archives.SPARK_JAVA)
        assert found is not None
        self.log = folder / "jvm.log"
        info = folder / f"connection-{time.monotonic_ns()}"
        options = f"{_OPTIONS} -Djava.io.tmpdir={folder}"
        command = [
            str(_pyspark() / "bin" / "spark-submit"),
            *("--master", "local[2]"),
            *("--driver-memory", "1g"),
            *("--driver-class-path", ":".join(map(str, archives.jars()))),
            *("--driver-java-options", options),
            "pyspark-shell",
        ]
        more = {"JAVA_HOME": str(found), "_PYSPARK_DRIVER_CONN_INFO_PATH": str(info)}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                # The JVM ends when this pipe does.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**environment, **more},
                start_new_session=True,
                cwd=folder,
            )
        while not info.exists():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
                raise RuntimeError(f"Spark's JVM did not start: {self.log.read_text()[-2000:]}")
        content = info.read_bytes()
        port, length = struct.unpack(">ii", content[:8])
        self.environment = {
            "PYSPARK_GATEWAY_PORT": str(port),
            "PYSPARK_GATEWAY_SECRET": content[8 : 8 + length].decode(),
            "JAVA_HOME": str(found),
        }

    @property
    def lives(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it at once."""
        if self.lives:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()


def _pyspark() -> Path:
    found = find_spec("pyspark")
    assert found is not None and found.origin is not None
    return Path(found.origin).parent
