"""Errors that a user can cause: one line that says what and where, a hint that says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process's exit status means."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    BAD_DATA = 3
    FOUND = 4
    NOBODY = 5
    INTERRUPTED = 130


class StediError(Exception):
    """Base of every error that is shown without a traceback.

    Args:
        message: One line: what went wrong, and where.
        hint: What to do about it.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def quantity(number: int, one: str, several: str = "") -> str:
    """Return a number and what it counts, as messages say it: ``1 row``, ``1,234 rows``.

    Args:
        number: How many.
        one: What one is called, and what is said of it.
        several: The same of several, or none; where empty, with an s behind it.
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def some(names: Sequence[object], most: int) -> str:
    """Return names as messages list them: the first ones, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(map(str, names[:most]))}{more}"


def said(error: StediError) -> str:
    """Return what an error says and what to do about it, as one text beside others."""
    if not error.hint:
        return error.message
    # What DuckDB says ends without a full stop.
    end = "" if error.message.endswith((".", "?", "!")) else "."
    return f"{error.message}{end} {error.hint}"


class BusyError(StediError):
    """Somebody else is changing the lakehouse, and this command does not wait."""


class UsageError(StediError):
    """A wrong argument, or a configuration that cannot be used."""

    exit_code = ExitCode.USAGE


class BadDataError(StediError):
    """Data that breaks a rule: too many unusable lines, wrong counts, a failed check."""

    exit_code = ExitCode.BAD_DATA


class Terminated(KeyboardInterrupt):
    """This process was told to end by someone who waits for no answer, as by SIGTERM."""
