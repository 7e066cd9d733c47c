"""Whole processes, measured from outside: time, processor time, peak memory, temporary disk.

The process that measures imports nothing big: a child's peak memory is never less than what its
parent had when it started it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
_LONGEST = 1800.0
_POLL_SECONDS = 0.02


class Failed(Exception):  # noqa: N818 - reads well where it is raised
    """Raised for a process that did not exit with 0; its text is the end of what it wrote."""


@dataclass(frozen=True)
class Run:
    """What one process took.

    Args:
        seconds: From start to exit.
        cpu: Seconds of processor time, in user and kernel mode.
        memory: Peak resident memory in MB.
        temp: Peak size of the watched folder in MB.
    """

    seconds: float
    cpu: float
    memory: float
    temp: float = 0.0


@dataclass(frozen=True)
class Contender:
    """A command that is measured.

    Args:
        name: What tables call it.
        command: Program and arguments.
        prepare: Called before each run; not measured.
        watch: A folder whose peak size is measured.
    """

    name: str
    command: Sequence[str | Path]
    prepare: Callable[[], None] | None = None
    watch: Path | None = None


def measure(contender: Contender, cwd: Path, log: Path) -> Run:
    """Run a command to its end.

    Args:
        contender: The command.
        cwd: Where it runs.
        log: Takes what it writes.

    Returns:
        What it took.

    Raises:
        Failed: If it does not exit with 0.
    """
    if contender.prepare:
        contender.prepare()
    with log.open("wb") as stream, _Watch(contender.watch) as watch:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in contender.command],
            cwd=cwd,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        usage = _wait(process)
        seconds = time.perf_counter() - started
    if process.returncode:
        raise Failed(f"{contender.name} exited with {process.returncode}:\n{_tail(log)}")
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    cpu = usage.ru_utime + usage.ru_stime
    return Run(seconds, cpu, usage.ru_maxrss * unit / 1e6, watch.peak / 1e6)


def _wait(process: subprocess.Popen[bytes]) -> resource.struct_rusage:
    """Wait for a process, and kill it where that takes too long or is interrupted."""
    end = threading.Timer(_LONGEST, process.kill)
    end.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        end.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def output_of(command: Sequence[str | Path], cwd: Path, *, allowed: Sequence[int] = (0,)) -> str:
    """Run a command that is not measured and return what it writes on stdout.

    Raises:
        Failed: If it exits with a code that is not allowed.
    """
    return _call(command, cwd, allowed).stdout


def errors_of(command: Sequence[str | Path], cwd: Path) -> str:
    """Run a command that is not measured and return what it writes on stderr."""
    return _call(command, cwd, (0,)).stderr


def _call(
    command: Sequence[str | Path], cwd: Path, allowed: Sequence[int]
) -> subprocess.CompletedProcess[str]:
    words = [str(part) for part in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in allowed:
        written = (done.stdout + done.stderr)[-2000:]
        raise Failed(f"{' '.join(words[:6])} exited with {done.returncode}:\n{written}")
    return done


def environment() -> dict[str, str]:
    """Return the environment of every process: nothing that steers the product, no telemetry."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("STEDI_", "PYTHON", "POLARS_", "DBT_"))
    }
    return {**kept, "DO_NOT_TRACK": "1"}


def helper(module: str, *arguments: str | Path) -> list[str | Path]:
    """Return the command of a helper module of this package."""
    code = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); sys.argv[0] = {module!r}; "
    code += f"import runpy; runpy.run_module({module!r}, run_name='__main__')"
    return [sys.executable, "-c", code, *arguments]


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


class _Watch:
    """Follows the size of a folder while a process runs."""

    def __init__(self, folder: Path | None) -> None:
        self.peak = 0
        self._folder = folder
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> _Watch:
        if self._folder is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._folder is not None:
            self._thread.join()

    def _follow(self) -> None:
        assert self._folder is not None
        while not self._over.wait(_POLL_SECONDS):
            self.peak = max(self.peak, _size(self._folder))


def _size(folder: Path) -> int:
    """The disk space below a folder whose files come and go."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_blocks * 512
        except OSError:
            continue
    return size
