"""Calls of DuckDB that a signal ends, whatever DuckDB is doing.

Python's signal handlers run between two of its own instructions, so none while DuckDB works in the
main thread. It works in another one instead, and the main thread waits, which a signal ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from stedi_cli.questions.duckdb_errors import own_errors

if TYPE_CHECKING:
    import duckdb

_Result = TypeVar("_Result")
_AGAIN_SECONDS = 0.05
_PATIENCE_SECONDS = 2.0


class Calls:
    """The calls that work on a connection or its cursors, one at a time.

    Args:
        connection: The connection; closing this closes it.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._running: Future[Any] = Future()
        self._on = connection
        self._running.cancel()

    def run(
        self,
        call: Callable[[], _Result],
        on: duckdb.DuckDBPyConnection | None = None,
        meanwhile: Callable[[], object] | None = None,
    ) -> _Result:
        """Return what a call gives; on a signal, end its statement first, where it lets itself.

        Args:
            call: The call.
            on: The cursor that it works on, where it is not the connection itself.
            meanwhile: What is done while it works.

        Raises:
            duckdb.Error: If it fails.
        """
        running: Future[_Result] = Future()
        self._running, self._on = running, on or self.connection
        try:
            # Nobody waits for its end when the process ends: one function of a row may take hours,
            # and DuckDB notices an interrupt between two blocks of rows only.
            Thread(target=_settle, args=(running, call), daemon=True).start()
            if meanwhile is not None:
                meanwhile()
            with own_errors():
                return running.result()
        except BaseException:
            self.interrupt()
            raise

    def interrupt(self) -> None:
        """End the call that runs, or give up after a while."""
        given_up = time.monotonic() + _PATIENCE_SECONDS
        # Again and again, since a statement that is just beginning does not notice.
        while not self._running.done() and time.monotonic() < given_up:
            self._on.interrupt()
            wait([self._running], _AGAIN_SECONDS)

    def close(self) -> None:
        """Close the connection, unless a call is still at work on it, which would crash."""
        if self._running.done():
            self.connection.close()


def _settle(running: Future[_Result], call: Callable[[], _Result]) -> None:
    try:
        result = call()
    except BaseException as error:
        running.set_exception(error)
    else:
        running.set_result(result)
