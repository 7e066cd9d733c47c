"""The command on a terminal, with keys pressed where it asks."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
from pathlib import Path

from conftest import Result

_SECONDS = 120
_PRESS_AGAIN_SECONDS = 5


def on_terminal(*words: str | Path, keys: str = "", columns: int = 80) -> Result:
    """Run the command on a terminal, and press keys once it has asked for them."""
    return type_in([sys.executable, "-m", "stedi_cli", *map(str, words)], keys, columns)


def type_in(command: list[str], keys: str = "", columns: int = 80) -> Result:
    """Run what somebody types on a terminal, and press keys each time that it asks for them."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
    process = subprocess.Popen(
        command,
        env=env | {"TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        # Ctrl-C and Ctrl-D need a terminal that is the session's own.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one call
    )
    os.close(theirs)
    shown, pressed = b"", 0
    tries = _SECONDS // _PRESS_AGAIN_SECONDS
    try:
        while tries:
            if not select.select([ours], [], [], _PRESS_AGAIN_SECONDS)[0]:
                # Python loses a Ctrl-C between its look for signals and its read; one presses
                # it again.
                tries -= 1
                if b"[y/N]" in shown:
                    os.write(ours, keys.encode())
                continue
            try:
                shown += os.read(ours, 1 << 16)
            except OSError:
                # What Linux says once the other end is closed.
                break
            if pressed < shown.count(b"[y/N]"):
                os.write(ours, keys.encode())
                pressed += 1
        code = process.wait(timeout=_SECONDS)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return Result(code, shown.decode().replace("\r\n", "\n"), "")
