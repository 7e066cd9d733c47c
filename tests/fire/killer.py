"""Runs the command in forked processes that are killed, failed or stopped where they change files.

A process of its own (``python -m fire.killer``): it imports everything once, then takes one JSON
request a line and answers each with one line. The product knows nothing of it: an audit hook and
wrappers around the libraries that write files see each change just before it is made.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
WRAPPED = {"fire.copy", "fire.parquet", "fire.sql", "fire.commit"}
MAKES_ROOM = {"os.remove", "os.rmdir"}
"""What succeeds on a full disk."""


class Boundaries:
    """Counts the changes that a process is about to make below a folder, and acts at one of them.

    Args:
        request: ``folder``; ``reads``: whether files opened for reading count too; ``action``:
            ``count``, ``kill``, ``stop``, ``interrupt``, ``fail`` (this one change) or ``full``
            (this and every later one that needs room); ``at``: ordinal of the change, from 1;
            ``match``: text of the changes that count; ``errno``: of the failures.
        log: Descriptor that takes a line for each change.
    """

    def __init__(self, request: dict[str, Any], log: int) -> None:
        self._folder = request["folder"]
        self._reads = request["reads"]
        self._action = request["action"]
        self._at = request["at"]
        self._match = request["match"]
        self._errno = request["errno"]
        self._log = log
        self._seen = 0
        self._counting = threading.Lock()

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """Look at an audit event."""
        if event == "open":
            path, _, flags = args
            if not (isinstance(flags, int) and (flags & WRITES or self._reads)):
                return
        elif event == "sqlite3.connect" and self._reads:
            path = args[0]
        elif event in CHANGES or event in WRAPPED:
            path = _full(event, args)
        else:
            return
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if isinstance(path, str | os.PathLike) and self._folder in str(path):
            self._change(event, str(path))

    def _change(self, event: str, path: str) -> None:
        if self._match not in f"{event} {path}":
            return
        with self._counting:
            self._seen += 1
            seen = self._seen
            os.write(self._log, f"{event} {path.replace(chr(10), ' ')[:300]}\n".encode())
        here = seen == self._at
        if here and self._action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif here and self._action == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif here and self._action == "interrupt":
            raise KeyboardInterrupt
        elif (here and self._action == "fail") or (
            seen >= self._at and self._action == "full" and event not in MAKES_ROOM
        ):
            if event in ("fire.sql", "fire.commit"):
                raise sqlite3.OperationalError("database or disk is full")
            raise OSError(self._errno, os.strerror(self._errno), path)


def _full(event: str, args: tuple[Any, ...]) -> Any:
    """Return the path of a change; `shutil.rmtree` gives names in an open folder."""
    if event in ("os.remove", "os.rmdir", "os.mkdir") and args[-1] >= 0:
        return f"{Path(f'/proc/self/fd/{args[-1]}').readlink()}/{os.fsdecode(args[0])}"
    return args[0]


# --- What writes files without an audit event ----------------------------------------------------


class Connection(sqlite3.Connection):
    """Says what it is about to write."""

    place = ""

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if not sql.lstrip().upper().startswith(("SELECT", "PRAGMA")):
            sys.audit("fire.sql", f"{self.place} {sql[:40]}")
        return super().execute(sql, *args)

    def __exit__(self, *args: Any) -> Any:
        if self.in_transaction and args[0] is None:
            sys.audit("fire.commit", self.place)
        return super().__exit__(*args)


class Duck:
    """A DuckDB connection that says when it is about to write a file."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, sql: str, *args: Any) -> Any:
        if sql.startswith("COPY"):
            sys.audit("fire.copy", sql[sql.rfind(" TO '") :])
        return self._connection.execute(sql, *args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def wrap_libraries() -> None:
    """Make the libraries that write without Python's knowledge raise audit events."""
    import duckdb
    import pyarrow.parquet as pq

    connect, duck, write = sqlite3.connect, duckdb.connect, pq.write_table

    def connect_(database: Any, *args: Any, **kwargs: Any) -> Any:
        made = connect(database, *args, factory=Connection, **kwargs)
        made.place = str(database)
        return made

    def write_(table: Any, where: Any, *args: Any, **kwargs: Any) -> Any:
        sys.audit("fire.parquet", str(where))
        return write(table, where, *args, **kwargs)

    sqlite3.connect = connect_  # type: ignore[assignment]
    duckdb.connect = lambda *args, **kwargs: Duck(duck(*args, **kwargs))  # type: ignore[assignment]
    pq.write_table = write_


def import_everything() -> None:
    """Import what the command may need, so that each fork starts at once."""
    import importlib

    import stedi_cli

    package = Path(stedi_cli.__file__).parent
    for path in sorted(package.rglob("*.py")):
        name = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        if not name.endswith("__main__"):
            importlib.import_module(name.removesuffix(".__init__"))
    for name in ("console", "live", "progress", "status", "table", "text"):
        importlib.import_module(f"rich.{name}")
    # Python looks for it when text is first read by it: by then as somebody else, perhaps.
    importlib.import_module("encodings.utf_8_sig")
    # Imported late, by whoever may not read where Python itself lies.
    for name in ("encodings.utf_8_sig", "typer._adapters"):
        importlib.import_module(name)


# --- The server ---------------------------------------------------------------------------------


def run(request: dict[str, Any]) -> NoReturn:
    """Be the command."""
    from stedi_cli.cli import main

    os.setpgid(0, 0)
    for name, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.chdir(request["cwd"])
    os.environ.update(request["env"])
    sys.argv = ["stedi", *request["argv"]]
    if request["largest"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest"], resource.RLIM_INFINITY))
    if request["uid"]:
        os.setgroups([])
        os.setgid(request["uid"])
        os.setuid(request["uid"])
    sys.addaudithook(Boundaries(request, log).hook)
    # As on a terminal, whatever the tests themselves were started from.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if request["ignored"]:
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    try:
        main()
    except BaseException:
        import traceback

        traceback.print_exc()
    os._exit(70)


def serve() -> None:
    """Answer requests until the pipe closes."""
    wrap_libraries()
    import_everything()
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any] = {}
        if "argv" in request:
            answer["pid"] = os.fork()
            if answer["pid"] == 0:
                run(request)
        else:
            flags = os.WUNTRACED if request["stopped"] else 0
            status = os.waitpid(request["pid"], flags)[1]
            answer["stopped"] = os.WIFSTOPPED(status)
            answer["code"] = None if answer["stopped"] else os.waitstatus_to_exitcode(status)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
