"""Calls of DuckDB, out of which nothing comes but its own errors, and which a signal ends.

Python's signal handlers run between two of its own instructions, so none while DuckDB works in the
main thread. It works in another one instead, and the main thread waits, which a signal ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import duckdb

_Result = TypeVar("_Result")
_AGAIN_SECONDS = 0.05


def interruptible(connection: duckdb.DuckDBPyConnection, call: Callable[[], _Result]) -> _Result:
    """Return what a call gives that works on a connection; on Ctrl-C, end its statement first.

    Raises:
        duckdb.Error: If it fails.
    """
    with ThreadPoolExecutor(max_workers=1) as worker:
        running: Future[_Result] | None = None
        try:
            running = worker.submit(call)
            with own_errors():
                return running.result()
        except BaseException:
            # Again and again, since a statement that is just beginning does not notice.
            while running is not None and not running.done():
                connection.interrupt()
                wait([running], _AGAIN_SECONDS)
            raise


@contextmanager
def own_errors() -> Iterator[None]:
    """Let nothing out of DuckDB but its own errors, whatever Python makes of them."""
    import duckdb

    try:
        yield
    except duckdb.Error:
        raise
    except UnicodeDecodeError as error:
        # DuckDB cuts what it quotes inside a character.
        raise duckdb.Error(error.object.decode(errors="replace")) from error
    except Exception as error:
        raise duckdb.Error(f"{type(error).__name__}: {error}") from error
