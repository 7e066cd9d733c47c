"""The command line: parse, call, render. Nothing below this package prints or exits."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType

_FAILED = 1
_INTERRUPTED = 130
_AT_ONCE_SECONDS = 1.0
_terminated_at: dict[int, float] = {}


def main() -> None:
    """Run the command line as a process of its own."""
    # One short run: collecting its garbage costs more than keeping it.
    gc.disable()
    _open_closed_streams()
    # What a terminal cannot show is shown escaped rather than ending the command.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _terminate)
    status = 0
    try:
        from stedi_cli.cli.app import app

        app()
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else _FAILED
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except OSError:
        # Of the streams alone: every other one was told, and there is nobody left to tell.
        status = _FAILED
    except Exception:
        status = _FAILED
        _tell_of_defect()
    # Taking down the interpreter with its loaded libraries costs a fifth of a small run; every
    # file is closed and every lock released by now.
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status = status or _FAILED
    os._exit(status)


def _tell_of_defect() -> None:
    """Print the traceback that is at hand, without the values that a library may quote in it."""
    import traceback

    from stedi_cli.masking import masked

    with suppress(OSError):
        sys.stderr.write(masked(traceback.format_exc()))


def _open_closed_streams() -> None:
    """Let a standard stream that is closed be one of nothing.

    The next file that is opened would take its number, and what is printed would go into it.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            setattr(sys, name, os.fdopen(number, mode))


def _terminate(number: int, _frame: FrameType | None) -> None:
    """End as on Ctrl-C: nothing is left lying about, and what runs elsewhere is ended."""
    from stedi_cli.errors import Terminated

    # `timeout` and others send it twice at once, which would interrupt the tidying; who sends it
    # again later wants the tidying ended as well.
    now = time.monotonic()
    if number not in _terminated_at or now > _terminated_at[number] + _AT_ONCE_SECONDS:
        _terminated_at[number] = now
        raise Terminated
