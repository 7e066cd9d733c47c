"""The command in a process that the fork server starts: killed, failed, stopped, or left alone."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Ended:
    """What a command left.

    Args:
        code: Exit code, or minus the signal that ended it.
        out: What it printed.
        err: What it said.
        changes: Each change it was about to make to a file.
    """

    code: int
    out: str
    err: str
    changes: list[str]

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    def json(self) -> Any:
        assert self.code in (0, 3), self.err
        return json.loads(self.out)

    def told(self) -> list[str]:
        """What it says beside its first line; no traceback, no warning."""
        assert "Traceback" not in self.err, self.err
        return [line for line in self.err.splitlines() if not line.startswith("stedi: ")]


class Started:
    """A command at work."""

    def __init__(self, launcher: Launcher, pid: int, files: list[Path]) -> None:
        self._launcher = launcher
        self.pid = pid
        self._files = files

    def until_stopped(self) -> Started:
        """Wait until it has stopped itself."""
        done = self._launcher.ask({"pid": self.pid, "stopped": True})
        assert done["stopped"], self._texts()
        return self

    def go_on(self) -> Started:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)
        return self

    def kill(self) -> Started:
        """Kill it, whatever it does."""
        os.kill(self.pid, signal.SIGKILL)
        return self

    def end(self) -> Ended:
        """Wait for its end."""
        code = self._launcher.ask({"pid": self.pid, "stopped": False})["code"]
        out, err, log = self._texts()
        return Ended(code, out, err, log.splitlines())

    def _texts(self) -> list[str]:
        return [p.read_text(errors="replace") if p.exists() else "" for p in self._files]


class Launcher:
    """Starts commands from a process that has imported everything.

    Args:
        folder: Where output is kept.
        env: Variables of every command's environment.
    """

    def __init__(self, folder: Path, **env: str) -> None:
        self._folder = folder
        self._env = env
        self._count = 0
        self._server = subprocess.Popen(
            [sys.executable, "-m", "fire.killer"],
            cwd=TESTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the server."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(timeout=60)
        assert self._server.stdout is not None
        self._server.stdout.close()

    def ask(self, request: dict[str, Any]) -> Any:
        """Ask the server."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())

    def start(
        self,
        *argv: str | Path,
        action: str = "count",
        at: int = 0,
        match: str = "",
        reads: bool = False,
        folder: Path | None = None,
        cwd: Path | None = None,
        error: int = errno.ENOSPC,
        largest: int = 0,
        uid: int = 0,
        ignored: bool = False,
        **env: str,
    ) -> Started:
        """Start a command.

        Args:
            argv: Its arguments; the first ones should name the root.
            action: What happens ``at`` a change below ``folder``; see Boundaries.
            at: Ordinal of the change.
            match: Text of the changes that count.
            reads: Whether files opened for reading count as changes.
            folder: Folder whose changes count [default: the one above the outputs].
            cwd: Its current folder.
            error: The error of action ``fail`` and ``full``.
            largest: Size in bytes that no file may exceed, or 0.
            uid: User to be, or 0.
            ignored: Whether it is started so that it ignores Ctrl-C and the end of its terminal.
            env: Variables of its environment.
        """
        self._count += 1
        files = [self._folder / f"{self._count}.{kind}" for kind in ("out", "err", "log")]
        request = {
            "argv": [str(word) for word in argv],
            "action": action,
            "at": at,
            "match": match,
            "reads": reads,
            "folder": str(folder or argv[1]),
            "cwd": str(cwd or Path.cwd()),
            "errno": error,
            "largest": largest,
            "uid": uid,
            "ignored": ignored,
            "env": self._env | env,
            **dict(zip(("out", "err", "log"), map(str, files), strict=True)),
        }
        return Started(self, self.ask(request)["pid"], files)

    def run(self, *argv: str | Path, **how: Any) -> Ended:
        """Run a command to its end."""
        return self.start(*argv, **how).end()
