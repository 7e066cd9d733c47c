"""The command line: parse, call, render. Nothing below this package prints or exits."""

from __future__ import annotations

import gc
import io
import os
import sys


def main() -> None:
    """Run the command line as a process of its own."""
    # One short run: collecting its garbage costs more than keeping it.
    gc.disable()
    from stedi_cli.cli.app import app

    # What a terminal cannot show is shown escaped rather than ending the command.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    status = 0
    try:
        app()
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else 1
    # Taking down the interpreter with its loaded libraries costs a fifth of a small run; every
    # file is closed and every lock released by now.
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        status = status or 1
    os._exit(status)
