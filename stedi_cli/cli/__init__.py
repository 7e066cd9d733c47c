"""The command line: parse, call, render. Nothing below this package prints or exits."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line as a process of its own."""
    # One short run: collecting its garbage costs more than keeping it.
    gc.disable()
    from stedi_cli.cli.app import app

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
